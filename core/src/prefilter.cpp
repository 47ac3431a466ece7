// SPDX-License-Identifier: Apache-2.0
// Prefilter: from pixels to the coefficients of the spline that goes through them, along one axis. What a spline weighs the
// pixels on their own centres is a banded matrix, its ends folded by the boundary; it is factored once for the axis, in
// double and without pivots (B-splines' are well conditioned), and every line is then a recursion forth and back.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "choose.hpp"
#include "gridsample/sample.hpp"
#include "lines.hpp"
#include "threads.hpp"
#include "views.hpp"

namespace gridsample {

namespace {

// The boundary's rule for an index: its pixel and sign; false for a hole.
bool fold(const table::BoundaryRow& rule, std::int64_t n, std::int64_t i, std::int64_t& pixel, double& sign) {
  sign = 1;
  pixel = std::clamp<std::int64_t>(i, 0, n - 1);
  if (rule.family != table::Family::periodic) return rule.family == table::Family::clamp || pixel == i;
  const std::int64_t period = std::max<std::int64_t>(rule.p1 * n + rule.p0, 1);
  const std::int64_t j = ((i + rule.shift) % period + period) % period;
  pixel = j - rule.shift;
  if (pixel >= 0 && pixel < n) return true;
  pixel = period - rule.c - j;
  sign = rule.sign;
  return pixel >= 0 && pixel < n;
}

// Calls add(row, column, weight) for every tap of every pixel's centre; the adjoint's with row and column exchanged.
template <class Add>
void each_entry(const Spline& spline, const table::BoundaryRow& rule, std::int64_t n, bool adjoint, Add add) {
  for (std::int64_t i = 0; i < n; ++i)
    for (int k = -spline.reach; k <= spline.reach; ++k) {
      std::int64_t j;
      double sign;
      if (!fold(rule, n, i + k, j, sign)) continue;
      const double weight = sign * spline.weight[std::abs(k)];
      if (adjoint) add(j, i, weight);
      else add(i, j, weight);
    }
}

// The inverse of a small matrix (n, n), by elimination with pivots.
std::vector<double> inverted(std::vector<double> a, std::size_t n) {
  std::vector<double> inverse(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) inverse[i * n + i] = 1;
  for (std::size_t c = 0; c < n; ++c) {
    std::size_t best = c;
    for (std::size_t r = c + 1; r < n; ++r)
      if (std::abs(a[r * n + c]) > std::abs(a[best * n + c])) best = r;
    expect(a[best * n + c] != 0, "a spline that this boundary leaves solvable");
    for (std::size_t k = 0; k < n; ++k) {
      std::swap(a[c * n + k], a[best * n + k]);
      std::swap(inverse[c * n + k], inverse[best * n + k]);
    }
    const double pivot = a[c * n + c];
    for (std::size_t k = 0; k < n; ++k) a[c * n + k] /= pivot, inverse[c * n + k] /= pivot;
    for (std::size_t r = 0; r < n; ++r) {
      const double part = a[r * n + c];
      if (r == c || part == 0) continue;
      for (std::size_t k = 0; k < n; ++k) {
        a[r * n + k] -= part * a[c * n + k];
        inverse[r * n + k] -= part * inverse[c * n + k];
      }
    }
  }
  return inverse;
}

// The factors' memory, in double while they are found, in the arrays' type for the loops.
struct Tables {
  std::vector<double> lower, upper, scale, bottom, right, corner, inverse;
  bool border = false;
};

Tables factored(const Spline& spline, const table::BoundaryRow& rule, std::int64_t n, bool adjoint) {
  Tables t;
  const std::int64_t R = spline.reach;
  const auto size = [](std::int64_t count) { return std::size_t(count); };
  if (n <= shortest) {
    std::vector<double> matrix(size(n * n), 0);
    each_entry(spline, rule, n, adjoint, [&](std::int64_t i, std::int64_t j, double w) { matrix[size(i * n + j)] += w; });
    t.inverse = inverted(matrix, size(n));
    return t;
  }
  each_entry(spline, rule, n, adjoint, [&](std::int64_t i, std::int64_t j, double) { t.border |= std::abs(i - j) > R; });
  const std::int64_t m = t.border ? n - R : n, width = 2 * R + 1;
  std::vector<double> band(size(m * width), 0);  // of row i, column j at j - i + R
  const auto at = [&](std::int64_t i, std::int64_t j) -> double& { return band[size(i * width + j - i + R)]; };
  t.lower.assign(size(n * R), 0), t.upper.assign(size(n * R), 0), t.scale.assign(size(n), 0);
  t.bottom.assign(size(m * R), 0), t.right.assign(size(m * R), 0), t.corner.assign(size(R * R), 0);
  each_entry(spline, rule, n, adjoint, [&](std::int64_t i, std::int64_t j, double w) {
    if (i < m && j < m) at(i, j) += w;
    else if (i < m) t.right[size(i * R + j - m)] += w;
    else if (j < m) t.bottom[size(j * R + i - m)] += w;
    else t.corner[size((i - m) * R + j - m)] += w;
  });
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t p = std::max<std::int64_t>(i - R, 0); p < i; ++p) {
      const double part = at(i, p) / at(p, p);
      for (std::int64_t q = p + 1; q <= std::min(p + R, m - 1); ++q) at(i, q) -= part * at(p, q);
      for (std::int64_t k = 0; k < R; ++k) t.right[size(i * R + k)] -= part * t.right[size(p * R + k)];
      t.lower[size(i * R + i - p - 1)] = -part;
    }
  for (std::int64_t j = 0; j < m; ++j)
    for (std::int64_t k = 0; k < R; ++k) {
      double& entry = t.bottom[size(j * R + k)];
      for (std::int64_t p = std::max<std::int64_t>(j - R, 0); p < j; ++p) entry -= t.bottom[size(p * R + k)] * at(p, j);
      entry /= at(j, j);
    }
  for (std::int64_t k = 0; k < R; ++k)
    for (std::int64_t l = 0; l < R; ++l)
      for (std::int64_t i = 0; i < m; ++i) t.corner[size(k * R + l)] -= t.bottom[size(i * R + k)] * t.right[size(i * R + l)];
  if (t.border) t.corner = inverted(t.corner, size(R));
  for (double& entry : t.bottom) entry = -entry;
  for (std::int64_t i = 0; i < m; ++i) {
    t.scale[size(i)] = 1 / at(i, i);
    for (std::int64_t k = 0; k < R; ++k) t.right[size(i * R + k)] *= -t.scale[size(i)];
    for (std::int64_t k = 1; k <= R && i + k < m; ++k) t.upper[size(i * R + k - 1)] = -at(i, i + k) * t.scale[size(i)];
  }
  return t;
}

// Where the factors stand in the arrays' type.
struct Numbers {
  std::vector<double> doubles;
  std::vector<float> floats;

  Factors of(const Tables& t, std::int64_t n, int reach, Scalar scalar) {
    const std::vector<double>* all[] = {&t.lower, &t.upper, &t.scale, &t.bottom, &t.right, &t.corner, &t.inverse};
    const void* to[7];
    for (const auto* part : all) doubles.insert(doubles.end(), part->begin(), part->end());
    if (scalar == Scalar::f32) floats.assign(doubles.begin(), doubles.end());
    std::size_t offset = 0;
    for (int i = 0; i < 7; ++i) {
      to[i] = scalar == Scalar::f32 ? static_cast<const void*>(floats.data() + offset) : doubles.data() + offset;
      offset += all[i]->size();
    }
    return {n, reach, t.border, to[0], to[1], to[2], to[3], to[4], to[5], t.inverse.empty() ? nullptr : to[6]};
  }
};

// The axes other than the lines' own: those that can be walked as one joined, then the one whose lines are solved together.
void lay_out(Lines& work, const View& from, const View& to, int axis) {
  for (int a = 0; a < to.rank; ++a) {
    if (a == axis || to.shape[a] == 1) continue;
    const int last = work.outer - 1;
    if (last >= 0 && work.from_outer[last] == from.stride[a] * to.shape[a] && work.to_outer[last] == to.stride[a] * to.shape[a]) {
      work.outer_size[last] *= to.shape[a];
      work.from_outer[last] = from.stride[a];
      work.to_outer[last] = to.stride[a];
    } else {
      work.outer_size[work.outer] = to.shape[a];
      work.from_outer[work.outer] = from.stride[a];
      work.to_outer[work.outer++] = to.stride[a];
    }
  }
  if (work.outer == 0) work.outer_size[work.outer++] = 1;  // and strides of zero
  int nearest = 0;
  for (int a = 1; a < work.outer; ++a)
    if (std::abs(work.to_outer[a]) < std::abs(work.to_outer[nearest])) nearest = a;
  work.lines = work.outer_size[nearest], work.from_line = work.from_outer[nearest], work.to_line = work.to_outer[nearest];
  for (int a = nearest + 1; a < work.outer; ++a) {
    work.outer_size[a - 1] = work.outer_size[a];
    work.from_outer[a - 1] = work.from_outer[a];
    work.to_outer[a - 1] = work.to_outer[a];
  }
  --work.outer;
}

// Found by measuring: rows of several cache lines where they are adjacent, while all of a block's stay in the first cache.
constexpr std::int64_t narrow = 64, broad = 256, near_bytes = 64 << 10;

}  // namespace

void prefilter(const Spline& spline, const table::BoundaryRow& rule, bool adjoint, const View& from, const View& to, int axis,
               int threads) {
  expect(spline.reach >= 1 && spline.reach <= max_reach, "a spline that reaches 1 to 3 pixels");
  expect(same_shape(from, to) && !is_narrow(to.scalar), "coefficients shaped like the image, float32 or float64");
  expect(axis >= 0 && axis < to.rank, "one of the image's axes");
  expect(rule.family != table::Family::periodic || (rule.shift >= 0 && rule.p1 >= 1), "a boundary whose period is a pixel or more");
  double count = 1;
  for (int a = 0; a < to.rank; ++a) {
    expect(to.shape[a] <= 1 || to.stride[a] != 0, "memory for every coefficient");
    count *= double(to.shape[a]);
  }
  if (count == 0) return;
  const std::int64_t n = to.shape[axis];
  expect(n <= far_away, "axes of 1 to 2^30 pixels");

  Lines work{};
  Numbers numbers;
  work.factors = numbers.of(factored(spline, rule, n, adjoint), n, spline.reach, to.scalar);
  work.from = from.data, work.to = to.data;
  work.from_step = from.stride[axis], work.to_step = to.stride[axis];
  lay_out(work, from, to, axis);
  const std::int64_t item = bytes_of(to.scalar);
  work.row_bytes = int(work.to_line == item && n * broad <= near_bytes ? broad : narrow);
  work.long_lines = n * work.row_bytes > std::int64_t(sizeof(Scratch::memory));
  const std::int64_t wide = work.long_lines ? 1 : work.row_bytes / item;
  work.blocks = (work.lines + wide - 1) / wide;
  std::int64_t tasks = work.blocks;
  for (int a = 0; a < work.outer; ++a) tasks *= work.outer_size[a];
  run_tasks(work, lines_loop(to.scalar), tasks, worthwhile(count, threads));
}

}  // namespace gridsample
