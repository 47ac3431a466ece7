// SPDX-License-Identifier: Apache-2.0
#include "gridsample/matrix.hpp"

#include <cstring>

#include "views.hpp"

namespace gridsample {

namespace {

double load(const View& view, std::int64_t offset) {
  if (view.scalar == Scalar::f64) {
    double value;
    std::memcpy(&value, view.data + offset, sizeof value);
    return value;
  }
  float value;
  std::memcpy(&value, view.data + offset, sizeof value);
  return double(value);
}

void store(const View& view, std::int64_t offset, double value) {
  const float rounded = float(value);
  if (view.scalar == Scalar::f64)
    std::memcpy(view.data + offset, &value, sizeof value);
  else
    std::memcpy(view.data + offset, &rounded, sizeof rounded);
}

}  // namespace

void into_pixels(const View& matrix, const View& numbers, const View& out) {
  expect(matrix.rank == 3 && matrix.shape[2] == matrix.shape[1] + 1, "matrices (N, D, D + 1)");
  expect(!is_narrow(matrix.scalar) && same_shape(matrix, out), "matrices of float32 or float64, and out like them");
  const std::int64_t axes = matrix.shape[1];
  expect(numbers.rank == 2 && numbers.scalar == Scalar::f64 && numbers.shape[0] == axes && numbers.shape[1] == 2 * axes + 2,
         "numbers (D, 2 D + 2) of float64");
  for (std::int64_t n = 0; n < matrix.shape[0]; ++n)
    for (std::int64_t i = 0; i < axes; ++i) {
      const std::int64_t row = n * matrix.stride[0] + i * matrix.stride[1], to = n * out.stride[0] + i * out.stride[1];
      const auto number = [&](std::int64_t k) { return load(numbers, i * numbers.stride[0] + k * numbers.stride[1]); };
      double last = load(matrix, row + axes * matrix.stride[2]) * number(2 * axes) + number(2 * axes + 1);
      for (std::int64_t j = 0; j < axes; ++j) {
        const double entry = load(matrix, row + j * matrix.stride[2]);
        last -= entry * number(axes + j);
        store(out, to + j * out.stride[2], entry * number(j));
      }
      store(out, to + axes * out.stride[2], last);
    }
}

}  // namespace gridsample
