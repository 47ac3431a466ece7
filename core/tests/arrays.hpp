// SPDX-License-Identifier: Apache-2.0
// What the tests share: arrays in memory of exactly the size that is needed, so that a sanitizer sees any step beyond it,
// what is compared of them, and the rounds of a fuzz.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gridsample/sample.hpp"
#include "stored.hpp"

namespace test {

using namespace gridsample;
using Shape = std::vector<std::int64_t>;
using Random = std::mt19937_64;

inline std::int64_t pick(Random& random, std::int64_t low, std::int64_t high) {
  return low + std::int64_t(random() % std::uint64_t(high - low + 1));
}
inline double real(Random& random) { return double(random() >> 11) / double(1ull << 53); }

enum class Layout { plain, last, any };  // last: the second axis, of channels, fastest

struct Array {
  std::unique_ptr<char[]> memory;
  std::size_t bytes;
  View view{};

  // Layout::any: axes in any memory order, gaps, negative steps, and an odd address.
  Array(Random& random, const Shape& shape, Scalar scalar, Layout layout) {
    const std::int64_t item = bytes_of(scalar);
    view.scalar = scalar;
    view.rank = int(shape.size());
    std::vector<int> order;
    for (int i = view.rank - 1; i >= 0; --i) order.push_back(i);
    if (layout == Layout::last) std::rotate(order.begin(), order.end() - 2, order.end() - 1);
    if (layout == Layout::any)
      for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
    std::int64_t step = item, first = 0;
    for (int axis : order) {
      view.shape[axis] = shape[std::size_t(axis)];
      if (layout == Layout::any && random() % 4 == 0) step += pick(random, 0, 9);
      const bool back = layout == Layout::any && random() % 3 == 0;
      view.stride[axis] = back ? -step : step;
      const std::int64_t reach = step * std::max<std::int64_t>(shape[std::size_t(axis)] - 1, 0);
      if (back) first += reach;
      step += reach;
    }
    const std::int64_t odd = layout == Layout::any ? pick(random, 0, 7) : 0;
    bytes = std::size_t(step + odd);
    memory.reset(new char[bytes]);
    view.data = memory.get() + odd + first;
  }

  // Memory of its own, laid out alike.
  Array another() const { return Array(*this, 0); }

  Array(Array&&) = default;
  Array& operator=(Array&&) = default;

  char* at(const Shape& index) const {
    char* p = view.data;
    for (int i = 0; i < view.rank; ++i) p += index[std::size_t(i)] * view.stride[i];
    return p;
  }
  void set(const Shape& index, double value) const { stored::put(view.scalar, value, at(index)); }

 private:
  Array(const Array& like, int) : memory(new char[like.bytes]), bytes(like.bytes), view(like.view) {
    view.data = memory.get() + (like.view.data - like.memory.get());
  }
};

// Calls visit(index) for every element.
template <class Visit> void each(const Shape& shape, Visit visit) {
  for (std::int64_t n : shape)
    if (n == 0) return;
  Shape at(shape.size(), 0);
  for (;;) {
    visit(at);
    std::size_t d = shape.size();
    while (d > 0 && ++at[d - 1] == shape[d - 1]) at[--d] = 0;
    if (d == 0) return;
  }
}

inline Shape shape_of(const View& v) { return Shape(v.shape, v.shape + v.rank); }

inline double read(const View& v, const Shape& at) {
  const char* p = v.data;
  for (int i = 0; i < v.rank; ++i) p += at[std::size_t(i)] * v.stride[i];
  return stored::get(v.scalar, p);
}

inline void fill(Random& random, const Array& a, double low, double high) {
  each(shape_of(a.view), [&](const Shape& at) { a.set(at, low + (high - low) * real(random)); });
}

#define CHECK(condition, ...)                                                    \
  do {                                                                           \
    if (!(condition)) {                                                          \
      std::printf("%s:%d: %s failed: ", __FILE__, __LINE__, #condition);         \
      std::printf(__VA_ARGS__);                                                  \
      std::printf("\n");                                                         \
      std::exit(1);                                                              \
    }                                                                            \
  } while (0)

inline void same_bits(const View& a, const View& b, const char* what) {
  each(shape_of(a), [&](const Shape& at) {
    const double x = read(a, at), y = read(b, at);
    CHECK(std::memcmp(&x, &y, 8) == 0 || (x != x && y != y), "%s: %.17g and %.17g", what, x, y);
  });
}

inline void nearly_same(const View& a, const View& b, double bound, const char* what) {
  each(shape_of(a), [&](const Shape& at) {
    const double x = read(a, at), y = read(b, at);
    CHECK(x == y || (x != x && y != y) || std::abs(x - y) <= bound * std::max(1.0, std::abs(y)), "%s: %.17g, expected %.17g",
          what, x, y);
  });
}

// The program of a fuzz: PROGRAM [rounds] [seed], on every instruction set.
inline void run_rounds(int count, char** words, int rounds, void (*round)(Random&)) {
  if (count > 1) rounds = std::atoi(words[1]);
  const unsigned long seed = count > 2 ? std::strtoul(words[2], nullptr, 10) : 1;
  for (const std::string& name : targets()) {
    set_target(name);
    for (int i = 0; i < rounds; ++i) {
      Random random(seed * 1000003 + std::uint64_t(i));
      round(random);
    }
    std::printf("%s: %d rounds\n", name.c_str(), rounds);
  }
}

}  // namespace test
