// SPDX-License-Identifier: Apache-2.0
// Loops: the table of every specialised loop of one instruction set and one scalar. CMakeLists.txt compiles this file once
// for each pair, with GS_TARGET (the namespace), GS_BYTES (the register width) and GS_SCALAR. Read in this order: block.hpp (what is known of a tile's
// points), locate.hpp (coordinates to taps), weights.hpp, fold.hpp (taps outside), reduce.hpp (the sum), pull.hpp and
// push.hpp (the tasks). Specialised by verb, scalar, axes and taps only; everything else is data.
#include "push.hpp"

namespace gridsample::GS_TARGET {

#define GS_TAPS(task, D) {task<GS_SCALAR, D, 1>, task<GS_SCALAR, D, 2>, task<GS_SCALAR, D, 4>}
#define GS_AXES(task) {GS_TAPS(task, 1), GS_TAPS(task, 2), GS_TAPS(task, 3)}
#define GS_SLOPES(task, D) {nullptr, task<GS_SCALAR, D, 2>, task<GS_SCALAR, D, 4>}  // one tap has none
#define GS_SLOPED(task) {GS_SLOPES(task, 1), GS_SLOPES(task, 2), GS_SLOPES(task, 3)}
#define GS_JOIN(scalar) scalar##_loops
#define GS_NAME(scalar) GS_JOIN(scalar)

extern const Loops GS_NAME(GS_SCALAR);
const Loops GS_NAME(GS_SCALAR) = {GS_AXES(pull_task), GS_AXES(pull_grad_task), GS_AXES(push_task),
                                  GS_SLOPED(grid_gradient_task), GS_SLOPED(both_gradients_task)};

}  // namespace gridsample::GS_TARGET
