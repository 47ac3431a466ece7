// SPDX-License-Identifier: Apache-2.0
// Loops: the table of every specialised loop of one target. Read in this order: block.hpp (what is known of a tile's
// points), locate.hpp (coordinates to taps), weights.hpp, fold.hpp (taps outside), reduce.hpp (the sum), pull.hpp and
// push.hpp (the tasks). Specialised by verb, scalar, axes and taps only; everything else is data.
#pragma once
#include "push.hpp"

namespace gridsample::GS_TARGET {

#define GS_TAPS(task, T, D) {task<T, D, 1>, task<T, D, 2>, task<T, D, 4>}
#define GS_AXES(task, T) {GS_TAPS(task, T, 1), GS_TAPS(task, T, 2), GS_TAPS(task, T, 3)}
#define GS_SCALARS(task) {GS_AXES(task, float), GS_AXES(task, double)}

#define GS_NAME_TEXT(name) #name
#define GS_NAME(name) GS_NAME_TEXT(name)

extern const Target target;
const Target target = {GS_NAME(GS_TARGET),
                       {GS_SCALARS(pull_task), GS_SCALARS(pull_grad_task), GS_SCALARS(push_task),
                        GS_SCALARS(grid_gradient_task), GS_SCALARS(both_gradients_task)}};

}  // namespace gridsample::GS_TARGET
