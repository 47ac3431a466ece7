// SPDX-License-Identifier: Apache-2.0
// Threads: one pool for the process, started at the first call that can use it, or a borrowed team instead. Tasks are handed
// out in order, in stretches; the calling thread works too. A call that finds the threads taken does its tasks itself rather than
// queue or oversubscribe. A forked child starts with no pool and makes its own.
#pragma once
#include <atomic>
#include <cstdint>
#include <vector>

#include "gridsample/sample.hpp"
#include "job.hpp"

namespace gridsample {

struct Turns {
  std::vector<std::atomic<std::int64_t>> ended;  // of each slot
  explicit Turns(std::int64_t slots) : ended(std::size_t(slots)) {}
};

int worthwhile(double reads, int threads);  // of `threads`, those that so many tap reads are worth waking
void run_tasks(const Job& job, Loop loop, std::int64_t tasks, int threads);

}  // namespace gridsample
