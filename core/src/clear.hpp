// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "job.hpp"

namespace gridsample {

// Sets every element to zero.
void clear(const View& view);
// Sets an image of the target to zero: all of its channels.
void clear_image(const Job& job, std::int64_t image);
// As a task, one of job.batch images' channels, or rows of the first axis where channels are adjacent: clear_tasks in all.
void clear_task(const Job& job, std::int64_t task, Scratch& scratch);
std::int64_t clear_tasks(const Job& job);

}  // namespace gridsample
