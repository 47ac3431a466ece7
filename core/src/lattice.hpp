// SPDX-License-Identifier: Apache-2.0
// Lattice: coordinates that are the points' own places, moved by a spline of control points,
//   g = o + sum over i, j, k  w_i w_j w_k u[first + (i, j, k)]
// For each row of a tile the outer axes are summed once, over the few control points near it; then along the row, in vectors.
// The gradient goes the other way: outer axes first, in vectors, so that few rows are left for the last axis.
// Places among control points and their weights are computed in double; the sums in C, the coordinates' type.
#pragma once
#include "displaced.hpp"

namespace gridsample::GS_TARGET {

// The first of the degree + 1 control points that a place reads, and what they weigh.
struct Knot {
  int64_t first;
  double weight[4];
};

GS_INLINE Knot knot_at(const Job& job, int d, int64_t place) {
  const int degree = job.problem->control.degree;
  const int64_t spans = job.lattice.count[d] - degree;
  const double along = double(place) * job.lattice.per_pixel[d], end = double(spans);
  const double c = along < end ? along : end;  // beyond the ends the spline goes on as it is there
  Knot knot{};
  knot.first = int64_t(c) < spans - 1 ? int64_t(c) : spans - 1;
  const double t = c - double(knot.first), s = 1 - t;
  if (degree == 1) {
    knot.weight[0] = s;
    knot.weight[1] = t;
  } else {
    knot.weight[0] = s * s * s / 6;
    knot.weight[1] = 2.0 / 3 - t * t * (1 - t / 2);
    knot.weight[2] = 2.0 / 3 - s * s * (1 - s / 2);
    knot.weight[3] = t * t * t / 6;
  }
  return knot;
}

// What all rows of the tile share; columns behind the last one are as that one.
template <class C, int D, class B> __attribute__((noinline)) void lay_columns(const Job& job, B& block) {
  auto& knots = block.knots;
  const int degree = job.problem->control.degree, whole = (block.cols + padding - 1) / padding * padding;
  Knot knot{};
  for (int p = 0; p < whole; ++p) {
    if (p < block.cols) knot = knot_at(job, D - 1, block.place[2] + p);
    if (p == 0) knots.first = knot.first;
    knots.from[p] = int32_t((knot.first - knots.first) * int64_t(sizeof(C)));
    for (int k = 0; k <= degree; ++k) reinterpret_cast<C*>(knots.weight[k])[p] = C(knot.weight[k]);
  }
  knots.count = int(knot.first - knots.first) + degree + 1;
}

// The control points near one row of the tile, summed over the outer axes, to knots.row.
template <class C, int D, class B> void sum_outer(const Job& job, B& block, int row) {
  const Lattice& lattice = job.lattice;
  const int taps = job.problem->control.degree + 1;
  constexpr int64_t item = sizeof(C);
  const int64_t pitch = lattice.pitch * item;
  Knot outer[2] = {};
  int64_t rows = 1, first = 0;
  for (int d = 0; d + 1 < D; ++d) {
    outer[d] = knot_at(job, d, d == D - 2 ? block.place[1] + row % block.plane_rows : block.place[0] + row / block.plane_rows);
    rows *= lattice.count[d];
    first = first * lattice.count[d] + outer[d].first;
  }
  const char* from = lattice.data + ((job.coords_batches == 1 ? 0 : block.batch) * D * rows + first) * pitch + block.knots.first * item;
  for (int c = 0; c < D; ++c, from += rows * pitch) {
    C* to = reinterpret_cast<C*>(block.knots.row[c]);
    for (int k = 0; k < block.knots.count; k += lanes<C>) {
      const char* at = from + k * item;
      Vec<C> sum{};
      if constexpr (D == 1) {
        sum = load<Vec<C>>(at);
      } else if constexpr (D == 2) {
        for (int j = 0; j < taps; ++j) sum = mul_add<C>(splat<C>(C(outer[0].weight[j])), load<Vec<C>>(at + j * pitch), sum);
      } else {
        for (int i = 0; i < taps; ++i) {
          Vec<C> plane{};
          for (int j = 0; j < taps; ++j)
            plane = mul_add<C>(splat<C>(C(outer[1].weight[j])), load<Vec<C>>(at + (i * lattice.count[1] + j) * pitch), plane);
          sum = mul_add<C>(splat<C>(C(outer[0].weight[i])), plane, sum);
        }
      }
      store(to + k, sum);
    }
  }
}

template <class C, int D, int TAPS, class B> void moved_row(const Job& job, B& block, int row) {
  const auto& knots = block.knots;
  const OwnPlaces<C, D> places(block, row);
  char* to = reinterpret_cast<char*>(block.made);
  for (int col = 0; col < block.cols; col += lanes<C>, to += D * sizeof(Vec<C>)) {
    Vec<C> u[D] = {}, g[D];
    for (int d = 0; d < D; ++d) {
      Vec<C> near[TAPS], sum{};
      const char* from = reinterpret_cast<const char*>(knots.row[d]);
      if constexpr (TAPS == 2) gather_pair<C>(from, knots.from + col, near);
      else gather_four<C>(from, knots.from + col, near);
      for (int k = 0; k < TAPS; ++k)
        sum = mul_add<C>(load<Vec<C>>(reinterpret_cast<const C*>(knots.weight[k]) + col), near[k], sum);
      for (int c = 0; c < D; ++c) u[c] = c == job.problem->axis[d].component ? sum : u[c];
    }
    places.move(*job.problem, col, u, g);
    store_points<C, D>(to, g);
  }
}

// Packed coordinates of one row of the tile, in block.made; its rows are asked for from the first on.
template <class C, int D, class B> __attribute__((noinline)) const char* lattice_row(const Job& job, B& block, int row) {
  if (row == 0) lay_columns<C, D>(job, block);
  sum_outer<C, D>(job, block, row);
  if (job.problem->control.degree == 1) moved_row<C, D, 2>(job, block, row);
  else moved_row<C, D, 4>(job, block, row);
  return reinterpret_cast<const char*>(block.made);
}

// Adds to each of the tile's control points along the last axis its columns' numbers, as they weigh it.
template <class T, int TAPS, class B> void add_columns(const B& block, const T* column, double scale, double* to) {
  const auto& knots = block.knots;
  for (int col = 0; col < block.cols;) {
    const int32_t from = knots.from[col];
    double sum[TAPS] = {};
    for (; col < block.cols && knots.from[col] == from; ++col)
      for (int k = 0; k < TAPS; ++k) sum[k] += double(reinterpret_cast<const T*>(knots.weight[k])[col]) * double(column[col]);
    for (int k = 0; k < TAPS; ++k) to[from / int(sizeof(T)) + k] += scale * sum[k];
  }
}

// The indices, `count` of them from `start` on along an outer axis, that read each control point near them.
template <class T> class Reached {
 public:
  Reached(const Job& job, int d, int64_t start, int count) : count_(count), taps_(job.problem->control.degree + 1) {
    for (int i = 0; i < count; ++i) knots_[i] = knot_at(job, d, start + i);
  }
  int64_t origin() const { return knots_[0].first; }

  // Calls visit(control point from the first, how many indices read it, the first of those, their weights).
  template <class Visit> void each(Visit visit) const {
    int low = 0;
    T weight[most];
    for (int64_t point = origin(); point < knots_[count_ - 1].first + taps_; ++point) {
      while (knots_[low].first + taps_ <= point) ++low;
      int reached = 0;
      for (; low + reached < count_ && knots_[low + reached].first <= point; ++reached)
        weight[reached] = T(knots_[low + reached].weight[point - knots_[low + reached].first]);
      visit(point - origin(), reached, low, weight);
    }
  }

 private:
  static constexpr int most = tile_points(1, 1) / padding;  // rows of a tile
  int count_, taps_;
  Knot knots_[most];
};

// One vector of a weighted sum of rows.
template <class T> GS_INLINE Vec<T> sum_rows(const T* from, int64_t pitch, int rows, const T* weight) {
  Vec<T> sum{};
  for (int r = 0; r < rows; ++r, from += pitch) sum = mul_add<T>(splat<T>(weight[r]), load<Vec<T>>(from), sum);
  return sum;
}

template <class T, int D, int TAPS, class B> void lattice_part(const Job& job, B& block, double* part) {
  const int64_t* box = job.lattice.box;
  const int plane_rows = block.plane_rows, planes = block.rows / plane_rows, pitch = block.pitch;
  int64_t each = 1;
  for (int d = 0; d < D; ++d) each *= box[d];
  double* sums = part + D;  // by memory axis of the component
  __builtin_memset(sums, 0, std::size_t(D * each) * sizeof(double));
  part[D - 1] = double(block.knots.first);
  const auto scale = [&](int d) { return job.problem->axis[d].scale; };
  if constexpr (D == 1) {
    add_columns<T, TAPS>(block, block.total[0], scale(0), sums);
  } else {
    T* column = block.slope[0];  // which is not needed any more, nor is block.sum
    const Reached<T> rows(job, D - 2, block.place[1], plane_rows);
    part[D - 2] = double(rows.origin());
    rows.each([&](int64_t j, int count, int low, const T* weight) {
      for (int d = 0; d < D; ++d) {
        for (int z = 0; z < planes; ++z)
          for (int p = 0; p < pitch; p += lanes<T>)
            store(block.sum[d] + z * pitch + p, sum_rows<T>(block.total[d] + (z * plane_rows + low) * pitch + p, pitch, count, weight));
        if constexpr (D == 2) add_columns<T, TAPS>(block, block.sum[d], scale(d), sums + d * each + j * box[1]);
      }
      if constexpr (D == 3)
        Reached<T>(job, 0, block.place[0], planes).each([&](int64_t i, int among, int first, const T* share) {
          for (int d = 0; d < D; ++d) {
            for (int p = 0; p < pitch; p += lanes<T>) store(column + p, sum_rows<T>(block.sum[d] + first * pitch + p, pitch, among, share));
            add_columns<T, TAPS>(block, column, scale(d), sums + d * each + (i * box[1] + j) * box[2]);
          }
        });
    });
    if constexpr (D == 3) part[0] = double(knot_at(job, 0, block.place[0]).first);
  }
}

// The control points' gradient of one tile, from block.total to `part`: the first of those near it along each axis, then
// (D by memory axis, *box).
template <class T, int D, class B> __attribute__((noinline)) void lattice_gradient(const Job& job, B& block, double* part) {
  lay_columns<T, D>(job, block);
  if (job.problem->control.degree == 1) lattice_part<T, D, 2>(job, block, part);
  else lattice_part<T, D, 4>(job, block, part);
}

}  // namespace gridsample::GS_TARGET
