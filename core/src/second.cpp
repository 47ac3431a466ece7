// SPDX-License-Identifier: Apache-2.0
// The table of loops of `second_backward`, compiled for each instruction set and scalar as loops.cpp is.
#include "second.hpp"

namespace gridsample::GS_TARGET {

#define GS_TAPS(D) {second_task<GS_SCALAR, D, 2>, second_task<GS_SCALAR, D, 4>}
#define GS_JOIN(scalar) scalar##_second
#define GS_NAME(scalar) GS_JOIN(scalar)

extern const SecondLoops GS_NAME(GS_SCALAR);
const SecondLoops GS_NAME(GS_SCALAR) = {GS_TAPS(1), GS_TAPS(2), GS_TAPS(3)};

}  // namespace gridsample::GS_TARGET
