// SPDX-License-Identifier: Apache-2.0
// Turns: tasks that run at once and add to the same pixels do so one after the other, in the order of the tasks, whichever
// thread has them. Tasks are handed out in order, so the one whose turn it is always runs.
#pragma once
#include <cstdint>

namespace gridsample {

struct Turns;
void await_turn(Turns&, std::int64_t slot, std::int64_t turn);  // until all earlier turns of this slot have ended
void end_turn(Turns&, std::int64_t slot);

}  // namespace gridsample
