// SPDX-License-Identifier: Apache-2.0
// Arrays for the tests: memory of exactly the size that is needed, so that a sanitizer sees any step beyond it.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "gridsample/sample.hpp"

namespace test {

using namespace gridsample;
using Shape = std::vector<std::int64_t>;
using Random = std::mt19937_64;

inline std::int64_t pick(Random& random, std::int64_t low, std::int64_t high) {
  return low + std::int64_t(random() % std::uint64_t(high - low + 1));
}
inline double real(Random& random) { return double(random() >> 11) / double(1ull << 53); }

enum class Layout { plain, any };

struct Array {
  std::unique_ptr<char[]> memory;
  View view{};

  // Layout::any: axes in any memory order, gaps, negative steps, and an odd address.
  Array(Random& random, const Shape& shape, Scalar scalar, Layout layout) {
    const std::int64_t item = scalar == Scalar::f32 ? 4 : 8;
    view.scalar = scalar;
    view.rank = int(shape.size());
    std::vector<int> order;
    for (int i = view.rank - 1; i >= 0; --i) order.push_back(i);
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
    memory.reset(new char[std::size_t(step + odd)]);
    view.data = memory.get() + odd + first;
  }

  char* at(const Shape& index) const {
    char* p = view.data;
    for (int i = 0; i < view.rank; ++i) p += index[std::size_t(i)] * view.stride[i];
    return p;
  }
  void set(const Shape& index, double value) const {
    if (view.scalar == Scalar::f32) {
      const float f = float(value);
      std::memcpy(at(index), &f, 4);
    } else {
      std::memcpy(at(index), &value, 8);
    }
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

#define CHECK(condition, ...)                                                    \
  do {                                                                           \
    if (!(condition)) {                                                          \
      std::printf("%s:%d: %s failed: ", __FILE__, __LINE__, #condition);         \
      std::printf(__VA_ARGS__);                                                  \
      std::printf("\n");                                                         \
      std::exit(1);                                                              \
    }                                                                            \
  } while (0)

}  // namespace test
