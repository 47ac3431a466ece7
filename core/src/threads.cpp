// SPDX-License-Identifier: Apache-2.0
#include "threads.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

namespace gridsample {
namespace {

// This thread's working memory, kept between calls: fresh pages would cost more than small calls themselves.
Scratch& scratch() {
  thread_local const std::unique_ptr<Scratch> memory(new Scratch);
  return *memory;
}

// Has this thread waited so long for a turn that there seem to be fewer processors than threads?
thread_local bool stalled = false;

struct Work {
  const Job* job;
  Loop loop;
  std::int64_t tasks;
  int threads;
  std::atomic<std::int64_t> next{0};
  std::atomic<int> busy{0};    // threads
  std::atomic<int> places{0};  // for threads of a borrowed team, which may be larger than was asked for

  // Tasks lie beside each other in memory: a thread takes a stretch of them, ever shorter ones towards the end, so that no
  // thread waits long for the last. Where tasks take turns each waits for the one before, and none may be put off.
  std::int64_t stretch(std::int64_t from) const {
    return job->turns ? 1 : std::max<std::int64_t>(1, (tasks - from) / (2 * threads));
  }

  void drain() {
    Scratch& memory = scratch();
    busy.fetch_add(1);
    for (std::int64_t from = next.load(std::memory_order_relaxed); from < tasks;) {
      const std::int64_t to = from + stretch(from);
      if (!next.compare_exchange_weak(from, to, std::memory_order_relaxed)) continue;
      for (std::int64_t task = from; task < to; ++task) loop(*job, task, memory);
      if (std::exchange(stalled, false) && leave()) return;
      from = next.load(std::memory_order_relaxed);
    }
  }

  // False for the last one, which stays.
  bool leave() {
    int now = busy.load();
    while (now > 1 && !busy.compare_exchange_weak(now, now - 1)) {}
    return now > 1;
  }
};

class Pool {
 public:
  // False if another call holds the pool.
  bool run(Work& work, int helpers) {
    std::unique_lock<std::mutex> one_at_a_time(owner_, std::try_to_lock);
    if (!one_at_a_time.owns_lock()) return false;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      try {
        while (int(threads_.size()) < helpers) threads_.emplace_back([this, me = int(threads_.size())] { serve(me); });
      } catch (const std::system_error&) {
        helpers = int(threads_.size());  // the system grants no more threads: work with those there are
      }
      work_ = &work;
      helpers_ = helpers;
      busy_ = helpers;
      ++round_;
    }
    wake_.notify_all();
    work.drain();
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
    work_ = nullptr;
    return true;
  }

  ~Pool() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
      ++round_;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void serve(int me) {
    std::uint64_t seen = 0;
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return stop_ || (round_ != seen && me < helpers_ && work_); });
      if (stop_) return;
      seen = round_;
      Work* work = work_;
      lock.unlock();
      work->drain();
      lock.lock();
      if (--busy_ == 0) done_.notify_one();
    }
  }

  std::mutex owner_, mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> threads_;
  Work* work_ = nullptr;
  std::uint64_t round_ = 0;
  int helpers_ = 0, busy_ = 0;
  bool stop_ = false;
};

// Never destroyed: a thread may still be sampling while the process exits.
std::atomic<Pool*> the_pool{nullptr};
std::atomic<Team> the_team{nullptr};
std::atomic<bool> team_is_out{false};

void forget_threads() {  // in a forked child: the parent's threads are not here, neither ours nor borrowed ones
  the_pool.store(nullptr);
  the_team.store(nullptr);
  team_is_out.store(false);
}

void forget_after_fork() {
#if defined(__unix__) || defined(__APPLE__)
  static const int registered = pthread_atfork(nullptr, nullptr, forget_threads);
  (void)registered;
#endif
}

Pool& pool() {
  static std::mutex making;
  Pool* found = the_pool.load();
  if (found) return *found;
  std::lock_guard<std::mutex> lock(making);
  if (!(found = the_pool.load())) {
    forget_after_fork();
    the_pool.store(found = new Pool);
  }
  return *found;
}

// False if another call has the team.
bool run_in_team(Team team, Work& work, int threads) {
  if (team_is_out.exchange(true)) return false;
  work.places.store(threads);
  // asked for all its threads: GNU's ends and starts threads whenever the number changes
  team([](void* data) {
    Work& work = *static_cast<Work*>(data);
    if (work.places.fetch_sub(1) > 0) work.drain();
  }, &work, 0, 0);
  team_is_out.store(false);
  return true;
}

}  // namespace

// Turns come soon, and are looked for at first. One that does not come for long belongs to a thread that is not running, on a
// busy machine: it gets this one's processor if this one sleeps.
void await_turn(Turns& turns, std::int64_t slot, std::int64_t turn) {
  using Clock = std::chrono::steady_clock;
  auto& ended = turns.ended[std::size_t(slot)];
  const auto mine = [&] { return ended.load(std::memory_order_acquire) == turn; };
  for (int tries = 0; tries < 4096; ++tries)
    if (mine()) return;
  const Clock::time_point start = Clock::now();
  while (Clock::now() - start < std::chrono::microseconds(200)) {
    std::this_thread::yield();
    if (mine()) return;
  }
  for (auto now = ended.load(std::memory_order_acquire); now != turn; now = ended.load(std::memory_order_acquire))
    ended.wait(now, std::memory_order_acquire);
  stalled = Clock::now() - start > std::chrono::milliseconds(1);
}

void end_turn(Turns& turns, std::int64_t slot) {
  auto& ended = turns.ended[std::size_t(slot)];
  ended.fetch_add(1, std::memory_order_release);
  ended.notify_all();
}

void run_tasks(const Job& job, Loop loop, std::int64_t tasks, int threads) {
  threads = int(std::min<std::int64_t>(threads, tasks));
  Work work{&job, loop, tasks, threads};
  const Team team = threads > 1 ? the_team.load() : nullptr;
  const bool done = team ? run_in_team(team, work, threads) : threads > 1 && pool().run(work, threads - 1);
  if (!done) work.drain();
}

// Threads cost some microseconds to wake, a borrowed team's less.
int worthwhile(double reads, int threads) {
  const double reads_per_thread = the_team.load() ? 1 << 13 : 1 << 15;
  return int(std::clamp(reads / reads_per_thread, 1.0, double(std::max(threads, 1))));
}

void use_team(Team team) {
  forget_after_fork();
  the_team.store(team);
}

int hardware_threads() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, int(std::thread::hardware_concurrency()));
}

}  // namespace gridsample
