// SPDX-License-Identifier: Apache-2.0
// Random coordinates and problems, wild ones included, for the fuzzes of whole calls.
#pragma once
#include <limits>

#include "arrays.hpp"

namespace test {

inline double coordinate(Random& random, const Axis& axis, std::int64_t n, bool wild) {
  static const double strange[] = {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                                   -std::numeric_limits<double>::infinity(), 1e10, -1e10, 3e38, -3e38, 1e300, 1e-320, 7e7};
  if (wild && random() % 4 == 0) return strange[random() % (sizeof strange / sizeof *strange)];
  double x = real(random) * 4 * double(n) - 1.5 * double(n);
  if (random() % 3 == 0) x = double(pick(random, -4 * n, 8 * n)) / 2;  // pixels and ties
  return axis.scale == 0 ? x : (x - axis.shift) / axis.scale - axis.offset;
}

inline Problem random_problem(Random& random, int axes, const Shape& sizes, bool wild) {
  Problem problem{};
  problem.axes = axes;
  problem.kernel = table::kernels[random() % (sizeof table::kernels / sizeof *table::kernels)];
  problem.ties = random() % 2 ? Ties::even : Ties::up;
  problem.nan = wild ? NotANumber(random() % 3) : NotANumber::minus_one;
  problem.fill = random() % 2 ? 0.0 : 0.75;
  problem.has_outside = wild && random() % 3 == 0;
  problem.outside = -2.5;
  const int turn = int(random() % std::uint64_t(axes));
  for (int d = 0; d < axes; ++d) {
    const double n = double(sizes[std::size_t(d)]);
    const double frames[4][3] = {{0, 1, 0}, {0, n, -0.5}, {1, n / 2, -0.5}, {1, (n - 1) / 2, 0}};
    const double* frame = frames[random() % 4];
    const auto& rule = table::boundaries[random() % (sizeof table::boundaries / sizeof *table::boundaries)];
    const bool folds = wild && problem.kernel.taps <= 2 && random() % 2 && (rule.family == table::Family::clamp || rule.shift == 0);
    problem.axis[d] = {rule, folds, (d + turn) % axes, frame[0], frame[1], frame[2]};
  }
  return problem;
}

}  // namespace test
