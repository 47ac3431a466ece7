// SPDX-License-Identifier: Apache-2.0
// Made: coordinates that no array holds, computed row by row from the matrix of a map,
//   g = (M [o, 1])_c                       affine
//   g = (M [o, 1])_c / (M [o, 1])_last     homography; NaN on and beyond the horizon, where the divisor is not above 0
//   g = o_c + u[o]_c                       displacements (displaced.hpp), or control points of such (lattice.hpp)
// with o a point's place in the output, its components in the order that the coordinates' have. And the gradient of the
// matrix from the coordinates'. A row's constant part is computed in double; the rest in C, the matrix's own type or better.
#pragma once
#include "lattice.hpp"

namespace gridsample::GS_TARGET {

// The matrix of one batch element, in double, columns by memory axis; the last one is the translation.
template <int D> struct Matrix {
  double entry[D + 1][D + 1];
  bool divides;

  Matrix(const Job& job, int64_t batch) : divides(job.problem->given == Given::homography) {
    const char* from = job.coords.data + (job.coords_batches == 1 ? 0 : batch) * job.coords.batch;
    for (int c = 0; c < D + divides; ++c)
      for (int d = 0; d <= D; ++d) {
        const int column = d == D ? D : job.problem->axis[d].component;
        const char* at = from + c * job.coords.row + column * job.coords.col;
        entry[c][d] = job.coords_f64 ? peek<double>(at) : double(peek<float>(at));
      }
  }
};

// One row of output points, `col0` on: what its coordinates share, and how they grow along the row.
template <class C, int D> struct MadeRow {
  Vec<C> start[D + 1], step[D + 1], first;
  bool divides;

  template <class B> MadeRow(const Matrix<D>& matrix, const B& block, int row) : divides(matrix.divides) {
    double place[3];
    block.place_row(row, place);
    for (int c = 0; c < D + divides; ++c) {
      double constant = matrix.entry[c][D];
      for (int d = 0; d + 1 < D; ++d) constant += matrix.entry[c][d] * place[d];
      start[c] = splat<C>(C(constant));
      step[c] = splat<C>(C(matrix.entry[c][D - 1]));
    }
    for (int l = 0; l < lanes<C>; ++l) first[l] = C(block.place[2] + l);
  }
  GS_INLINE Vec<C> column(int col) const { return first + splat<C>(C(col)); }
  GS_INLINE Vec<C> at(int c, int col) const { return mul_add<C>(step[c], column(col), start[c]); }
};

// Packed coordinates of one row of the tile, in block.made.
template <class C, int D, class B> const char* make_row(const Job& job, B& block, int row) {
  if (job.problem->given == Given::displaced) return displaced_row<C, D>(job, block, row);
  if (job.problem->given == Given::control) return lattice_row<C, D>(job, block, row);
  const MadeRow<C, D> made(Matrix<D>(job, block.batch), block, row);
  char* to = reinterpret_cast<char*>(block.made);
  for (int col = 0; col < block.cols; col += lanes<C>, to += D * sizeof(Vec<C>)) {
    Vec<C> g[D];
    for (int c = 0; c < D; ++c) g[c] = made.at(c, col);
    if (made.divides) {
      const Vec<C> below = made.at(D, col);
      for (int c = 0; c < D; ++c) g[c] = below > Vec<C>{} ? g[c] / below : splat<C>(C(__builtin_nan("")));
    }
    store_points<C, D>(to, g);
  }
  return reinterpret_cast<const char*>(block.made);
}

// Where a row of the tile's coordinates stands: in the caller's array, or just made.
template <class C, int D, class B> GS_INLINE const char* coords_row(const Job& job, B& block, int row) {
  if (job.problem->given == Given::points) return job.coords.data + block.outer_coords + block.row_offset(job.coords, row);
  return make_row<C, D>(job, block, row);
}
GS_INLINE int64_t coords_col(const Job& job, int64_t packed) {
  return job.problem->given == Given::points ? job.coords.col : packed;
}
GS_INLINE int64_t coords_component(const Job& job, int64_t packed) {
  return job.problem->given == Given::points ? job.coords.component : packed;
}

// The matrix's gradient of one tile, from the points' gradients by memory axis, to `out` ((D + 1) x (D + 1), columns by
// memory axis). Row by row in vectors, the rows' sums in double: one order, and no sum of thousands of floats.
template <class T, int D, class B>
void matrix_gradient(const Job& job, const B& block, int64_t batch, const T (*along)[B::capacity], double* out) {
  for (int i = 0; i < (D + 1) * (D + 1); ++i) out[i] = 0;
  const Matrix<D> matrix(job, batch);
  for (int row = 0; row < block.rows; ++row) {
    const MadeRow<T, D> made(matrix, block, row);
    Vec<T> sum[D + 1] = {}, moment[D + 1] = {};
    for (int col = 0; col < block.cols; col += lanes<T>) {
      const Vec<T> place = made.column(col);
      Mask<T> real{};
      for (int l = 0; l < lanes<T>; ++l) real[l] = col + l < block.cols ? -1 : 0;
      const Vec<T> below = made.divides ? made.at(D, col) : splat<T>(1);
      Vec<T> last{};
      for (int d = 0; d < D; ++d) {
        const int c = job.problem->axis[d].component;
        Vec<T> part = load<Vec<T>>(along[d] + row * block.pitch + col) * splat<T>(T(job.problem->axis[d].scale));
        Mask<T> counts = real & (part != Vec<T>{});  // a point without a gradient may lie at infinity
        part = counts ? part / below : Vec<T>{};
        sum[c] += part;
        moment[c] += part * place;
        if (made.divides) last -= counts ? part * (made.at(c, col) / below) : Vec<T>{};
      }
      sum[D] += last;
      moment[D] += last * place;
    }
    double places[3];
    block.place_row(row, places);
    for (int c = 0; c < D + made.divides; ++c) {
      double whole = 0, grown = 0;
      for (int l = 0; l < lanes<T>; ++l) whole += double(sum[c][l]), grown += double(moment[c][l]);
      for (int d = 0; d + 1 < D; ++d) out[c * (D + 1) + d] += whole * places[d];
      out[c * (D + 1) + D - 1] += grown;
      out[c * (D + 1) + D] += whole;
    }
  }
}

// The gradient of what is given for all points, of one tile.
template <class T, int D, class B> void map_gradient(const Job& job, B& block, int64_t batch, double* part) {
  if (job.problem->given == Given::control) return lattice_gradient<T, D>(job, block, part);
  matrix_gradient<T, D>(job, block, batch, block.total, part);
}

}  // namespace gridsample::GS_TARGET
