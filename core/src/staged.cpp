// SPDX-License-Identifier: Apache-2.0
// The table of loops for images of other types than the loops compute in, compiled for each instruction set, as float alone.
#include "stage.hpp"

namespace gridsample::GS_TARGET {

#define GS_TAPS(D) {pull_staged_task<D, 1>, pull_staged_task<D, 2>, pull_staged_task<D, 4>}

extern const StagedLoops staged;
const StagedLoops staged = {GS_TAPS(1), GS_TAPS(2), GS_TAPS(3)};

}  // namespace gridsample::GS_TARGET
