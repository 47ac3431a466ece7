// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "second_job.hpp"

namespace gridsample {

Loop lines_loop(Scalar scalar);
Loop second_loop(int axes, int taps, Scalar scalar);  // of 2 or 4 taps

}  // namespace gridsample
