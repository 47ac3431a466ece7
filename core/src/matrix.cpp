// SPDX-License-Identifier: Apache-2.0
#include "gridsample/matrix.hpp"

#include "views.hpp"

namespace gridsample {

void into_pixels(const View& matrix, const View& numbers, const View& out) {
  expect(matrix.rank == 3 && matrix.shape[2] == matrix.shape[1] + 1, "matrices (N, D, D + 1)");
  expect(!is_narrow(matrix.scalar) && same_shape(matrix, out), "matrices of float32 or float64, and out like them");
  const std::int64_t axes = matrix.shape[1];
  expect(numbers.rank == 2 && numbers.scalar == Scalar::f64 && numbers.shape[0] == axes && numbers.shape[1] == 2 * axes + 2,
         "numbers (D, 2 D + 2) of float64");
  for (std::int64_t n = 0; n < matrix.shape[0]; ++n)
    for (std::int64_t i = 0; i < axes; ++i) {
      const char* const from = matrix.data + n * matrix.stride[0] + i * matrix.stride[1];
      char* const to = out.data + n * out.stride[0] + i * out.stride[1];
      const auto entry = [&](std::int64_t j) { return number_at(from + j * matrix.stride[2], matrix.scalar); };
      const auto number = [&](std::int64_t k) {
        return number_at(numbers.data + i * numbers.stride[0] + k * numbers.stride[1], numbers.scalar);
      };
      double last = entry(axes) * number(2 * axes) + number(2 * axes + 1);
      for (std::int64_t j = 0; j < axes; ++j) {
        last -= entry(j) * number(axes + j);
        put_number(to + j * out.stride[2], out.scalar, entry(j) * number(j));
      }
      put_number(to + axes * out.stride[2], out.scalar, last);
    }
}

}  // namespace gridsample
