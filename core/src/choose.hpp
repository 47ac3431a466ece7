// SPDX-License-Identifier: Apache-2.0
// The registry of instruction sets: which were built, which this machine can run, which is in use, and its loops. The only
// place that decides between loops.
#pragma once
#include "attention.hpp"
#include "second_job.hpp"

namespace gridsample {

Loop verb_loop(Verb verb, int axes, int taps, Scalar scalar);
Loop staged_loop(int axes, int taps);
Loop lines_loop(Scalar scalar);
Loop second_loop(int axes, int taps, Scalar scalar);  // of 2 or 4 taps
Loop attention_loop(int way, bool locations_in_double, int axes, Scalar scalar);

}  // namespace gridsample
