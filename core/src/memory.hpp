// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "gridsample/view.hpp"

namespace gridsample {

// Tells the system that a large array is about to be written from end to end, so that fresh memory comes in large pages.
// A hint: nothing but the time it takes depends on it.
void expect_writes(const View& view);

}  // namespace gridsample
