// SPDX-License-Identifier: Apache-2.0
// Calls that must be refused before memory is touched, calls from many threads at once, and calls after a fork.
#include <cstring>
#include <functional>
#include <stdexcept>
#include <thread>

#include "arrays.hpp"
#include "gridsample/blocks.hpp"
#include "oracle.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace test;

namespace {

Problem linear(int axes) {
  Problem problem{};
  problem.axes = axes;
  problem.kernel = kernel_named("linear");
  for (int d = 0; d < axes; ++d) problem.axis[d] = {boundary_named("mirror"), false, d, 0, 1, 0};
  return problem;
}

void refused(const char* what, const std::function<void()>& call) {
  try {
    call();
  } catch (const std::invalid_argument&) {
    return;
  }
  CHECK(false, "%s was not refused", what);
}

Array filled(Random& random, const Shape& shape, Scalar scalar = Scalar::f32) {
  Array array(random, shape, scalar, Layout::plain);
  each(shape, [&](const Shape& at) { array.set(at, real(random) * 5); });
  return array;
}

void test_refusals() {
  Random random(1);
  const Array image = filled(random, {2, 3, 4, 5}), coords = filled(random, {2, 6, 2}), out = filled(random, {2, 3, 6});
  const Problem good = linear(2);
  pull(good, image.view, coords.view, out.view, 1);
  const auto with_out = [&](const Shape& shape, Scalar scalar = Scalar::f32) {
    refused("values that do not fit", [&] { pull(good, image.view, coords.view, filled(random, shape, scalar).view, 1); });
  };
  with_out({2, 3, 5});
  with_out({2, 2, 6});
  with_out({1, 3, 6});
  with_out({2, 3, 6, 1});
  with_out({2, 3, 6}, Scalar::f64);
  refused("another batch", [&] { pull(good, image.view, filled(random, {3, 6, 2}).view, out.view, 1); });
  refused("three components", [&] { pull(good, image.view, filled(random, {2, 6, 3}).view, out.view, 1); });
  refused("an empty axis", [&] { pull(good, filled(random, {2, 3, 0, 5}).view, coords.view, out.view, 1); });
  refused("another rank", [&] { pull(linear(3), image.view, coords.view, out.view, 1); });
  Problem bad = good;
  bad.axis[1].component = 0;
  refused("one component twice", [&] { pull(bad, image.view, coords.view, out.view, 1); });
  bad = good;
  bad.axis[1].component = 7;
  refused("a component that is not there", [&] { pull(bad, image.view, coords.view, out.view, 1); });
  bad = good;
  bad.kernel.taps = 3;
  refused("three taps", [&] { pull(bad, image.view, coords.view, out.view, 1); });
  for (const Scalar narrow : {Scalar::f16, Scalar::u8, Scalar::i16}) {  // pull's images alone
    const Array pixels = filled(random, {2, 3, 4, 5}, narrow), samples = filled(random, {2, 3, 6}, narrow);
    pull(good, pixels.view, coords.view, samples.view, 1);
    refused("values in float32", [&] { pull(good, pixels.view, coords.view, out.view, 1); });
    refused("an image in float32", [&] { pull(good, image.view, coords.view, samples.view, 1); });
    refused("whole coordinates", [&] { pull(good, pixels.view, filled(random, {2, 6, 2}, narrow).view, samples.view, 1); });
    refused("a jacobian", [&] { pull_grad(good, pixels.view, coords.view, filled(random, {2, 3, 6, 2}, narrow).view, 1); });
    refused("pixels to add to", [&] { push(good, samples.view, coords.view, pixels.view, 1); });
    refused("a gradient", [&] { backward(good, samples.view, pixels.view, coords.view, &pixels.view, nullptr, 1); });
    refused("coefficients", [&] { prefilter({1, {0.75, 0.125}}, boundary_named("mirror"), false, pixels.view, pixels.view, 3, 1); });
  }
  const Array smaller = filled(random, {2, 3, 4, 4});
  refused("a gradient of another shape", [&] { backward(good, out.view, image.view, coords.view, &smaller.view, nullptr, 1); });
  const Array none = filled(random, {1, 1, 2, 0, 64, 3}), few = filled(random, {1, 1, 2, 2, 2});
  push(linear(3), filled(random, {1, 1, 2, 0, 64}).view, View{none.view.data, Scalar::f32, 5, {1, 2, 0, 64, 3}, {0, 0, 0, 12, 4}}, few.view, 1);
  each(shape_of(few.view), [&](const Shape& at) { CHECK(read(few.view, at) == 0, "nothing was added"); });
  refused("an unknown kernel", [] { kernel_named("liner"); });
  refused("an unknown boundary", [] { boundary_named("mirrored"); });
  refused("an unknown target", [] { set_target("sse9"); });
}

// Sums of a result, as bits, so that runs can be compared.
double checksum(int threads) {
  Random random(7);
  const Array image = filled(random, {1, 4, 60, 70}), coords = filled(random, {1, 90, 100, 2});
  const Array out(random, {1, 4, 90, 100}, Scalar::f32, Layout::plain);
  pull(linear(2), image.view, coords.view, out.view, threads);
  double sum = 0;
  each(shape_of(out.view), [&](const Shape& at) { sum += read(out.view, at); });
  return sum;
}

void test_many_threads(double expected) {
  std::vector<std::thread> crowd;
  for (int i = 0; i < 8; ++i)
    crowd.emplace_back([=] {
      for (int turn = 0; turn < 5; ++turn) CHECK(checksum(1 + (i + turn) % 4) == expected, "from thread %d", i);
    });
  for (std::thread& one : crowd) one.join();
}

void test_fork(double expected) {
#if defined(__unix__) || defined(__APPLE__)
  CHECK(checksum(4) == expected, "before the fork");  // the pool is running
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);  // a hang ends the child, and the test
    _exit(checksum(4) == expected ? 0 : 1);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child, "waitpid");
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with status %d", status);
  CHECK(checksum(4) == expected, "after the fork");
#endif
}

// Blocks belong to one holder at a time: each writes all of its own, and finds it as it was.
void hold_blocks(std::uint64_t mark) {
  struct Held {
    char* memory;
    std::int64_t bytes;
    std::uint64_t mark;
  };
  std::vector<Held> held;
  Random random(mark);
  for (int turn = 0; turn < 60; ++turn) {
    if (held.size() < 4 && random() % 3) {
      const std::int64_t bytes = least_block + pick(random, 0, 3) * (1 << 20);
      char* const memory = static_cast<char*>(take_block(bytes));
      if (!memory) return;  // not on this system
      held.push_back({memory, bytes, mark << 32 | std::uint64_t(turn)});
      for (std::int64_t at = 0; at + 8 <= bytes; at += 512) std::memcpy(memory + at, &held.back().mark, 8);
    } else if (!held.empty()) {
      const Held one = held.front();
      held.erase(held.begin());
      for (std::int64_t at = 0; at + 8 <= one.bytes; at += 512)
        CHECK(std::memcmp(one.memory + at, &one.mark, 8) == 0, "another wrote into a block");
      give_block(one.memory, one.bytes);
    }
  }
  for (const Held& one : held) give_block(one.memory, one.bytes);
}

void test_blocks() {
  if (void* const block = take_block(least_block)) {
    give_block(block, least_block);
    CHECK(take_block(least_block) == block, "what was given back was not kept");
    void* const other = take_block(least_block);
    CHECK(other != block, "one block twice");
    give_block(block, least_block);
    give_block(other, least_block);
  }
  std::vector<std::thread> crowd;
  for (int i = 0; i < 4; ++i) crowd.emplace_back([i] { hold_blocks(std::uint64_t(i) + 1); });
#if defined(__unix__) || defined(__APPLE__)
  const pid_t child = fork();  // perhaps while one of them has the lock
  if (child == 0) {
    alarm(60);
    hold_blocks(9);
    _exit(0);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0, "blocks after a fork: %d", status);
#endif
  for (std::thread& one : crowd) one.join();
}

}  // namespace

int main() {
  test_refusals();
  const double expected = checksum(1);
  test_many_threads(expected);
  test_fork(expected);
  test_blocks();
  std::puts("calls: ok");
}
