// SPDX-License-Identifier: Apache-2.0
// Fill: one tile's points located, weighed and folded, by one pass over vectors of packed points where the call allows
// it (which is nearly always), else by three passes over arrays. Both run the same arithmetic.
#pragma once
#include "fold.hpp"
#include "locate.hpp"
#include "weights.hpp"

namespace gridsample::GS_TARGET {

// Can coordinates be taken from memory as whole vectors of points, with one way to fold positions for all axes?
template <class T, int D> GS_INLINE bool packed(const Job& job, Band band) {
  const PointArray& coords = job.coords;
  bool fits = job.coords_f64 == (sizeof(T) == 8) && job.short_offsets && band.all(job);
  fits = fits && coords.component == int64_t(sizeof(T)) && coords.col == int64_t(sizeof(T)) * D;
  for (int d = 1; d < D; ++d)
    fits = fits && fold_of(job.problem.axis[d], job.size[d]) == fold_of(job.problem.axis[0], job.size[0]);
  return fits;
}

template <class T, int D> struct Points { Vec<T> component[D]; };

// One vector of points from memory; of the last ones of a row, `count` are left and the last is repeated.
template <class T, int D> GS_INLINE Points<T, D> load_points(const char* from, int count) {
  alignas(64) T tail[D * lanes<T>];
  if (__builtin_expect(count < lanes<T>, 0)) {
    for (int p = 0; p < lanes<T>; ++p)
      for (int d = 0; d < D; ++d)
        tail[p * D + d] = peek<T>(from + ((p < count ? p : count - 1) * D + d) * int64_t(sizeof(T)));
    from = reinterpret_cast<const char*>(tail);
  }
  Vec<T> together[D];
  for (int d = 0; d < D; ++d) together[d] = load<Vec<T>>(from + d * int64_t(sizeof(Vec<T>)));
  Points<T, D> points;
  points.component[0] = component<T, D, 0>(together);
  if constexpr (D > 1) points.component[1] = component<T, D, 1>(together);
  if constexpr (D > 2) points.component[2] = component<T, D, 2>(together);
  return points;
}

// The polynomials of all taps and, if asked for, of their derivatives. Most kernels of K taps have degree K - 1.
template <class T, int K, bool GRADIENT> struct Weights {
  int degree;
  T value[K][table::max_degree + 1], slope[K][table::max_degree + 1];

  explicit Weights(const table::KernelRow& kernel) : degree(kernel.degree) {
    for (int k = 0; k < K; ++k) {
      for (int power = 0; power <= degree; ++power) value[k][power] = T(kernel.coefficient[k][power]);
      slope[k][0] = 0;
      for (int power = 1; power <= degree; ++power) slope[k][power - 1] = T(power * kernel.coefficient[k][power]);
    }
  }
  template <class B> GS_INLINE void store_at(B& block, int d, int p, Vec<T> t) const {
    for (int k = 0; k < K; ++k) {
      const bool plain = degree == K - 1;
      store(block.weight[d][k] + p, plain ? polynomial_of<T, K - 1>(value[k], t) : polynomial<T>(value[k], degree, t));
      if constexpr (GRADIENT && K > 1)
        store(block.derivative[d][k] + p,
              plain ? polynomial_of<T, K - 2>(slope[k], t) : polynomial<T>(slope[k], degree - 1, t));
    }
  }
};

template <class T, int D, int K, Fold F, bool GRADIENT> void fill_packed(const Job& job, Block<T, D, K>& block, Band band) {
  using Unsigned = typename Vector<T>::unsigned_index;
  const Weights<T, K, GRADIENT> weights(job.problem.kernel);
  Folder<T, D, K> folder{job, block, band};
  Ruler<T> ruler[3] = {{job.problem, 0, job.size[0]}, {job.problem, D > 1, job.size[D > 1]},
                       {job.problem, D > 2 ? 2 : 0, job.size[D > 2 ? 2 : 0]}};
  // copies: what is stored into the block could be the job itself, for all the compiler knows
  Index<T> last[D];
  Unsigned stride[D];
  int from_component[D];
  for (int d = 0; d < D; ++d) {
    last[d] = Index<T>{} + (int32_t(job.size[d]) - K);
    stride[d] = Unsigned{} + uint32_t(job.image_stride[d]);
    from_component[d] = job.problem.axis[d].component;
  }
  const int rows = block.rows, cols = block.cols, pitch = block.pitch;
  const int64_t row_stride = job.coords.row, col_stride = job.coords.col;
  const char* from = job.coords.data + block.outer_coords;
  for (int row = 0; row < rows; ++row, from += row_stride) {
    int p = row * pitch;
    for (int col = 0; col < pitch; col += lanes<T>, p += lanes<T>) {
      // vectors wholly of padding repeat the last point as well
      const int at = col < cols ? col : cols - 1;
      const Points<T, D> points = load_points<T, D>(from + at * col_stride, cols - at);
      __builtin_prefetch(from + (at + cols) * col_stride);  // the tile to the right, which is next
      Index<T> inside = ~Index<T>{}, index[D];
      Unsigned offset{};
#pragma GCC unroll 3
      for (int d = 0; d < D; ++d) {
        Vec<T> g = points.component[0];
        if constexpr (D > 1) g = from_component[d] == 1 ? points.component[1] : g;
        if constexpr (D > 2) g = from_component[d] == 2 ? points.component[2] : g;
        const Placed<T> placed = place<T, F, K == 1>(ruler[d], g, block, p);
        const Index<T> i = index[d] = placed.first;
        if constexpr (GRADIENT) store(block.slope[d] + p, placed.slope);
        if constexpr (K > 1) weights.store_at(block, d, p, placed.fraction);
        inside &= (i >= 0) & (i <= last[d]);
        offset += (Unsigned)i * stride[d];
      }
      if (!any(~inside)) {
        store_offset(block.offset + p, widen<T>((Index<T>)offset));
        block.where[p / lanes<T>] = Where::interior;
      } else {
        for (int d = 0; d < D; ++d) store(block.index[d] + p, index[d]);
        if constexpr (K == 1)  // the weight of a single tap is its sign, and only at the rim
          for (int d = 0; d < D; ++d) store(block.weight[d][0] + p, splat<T>(1));
        block.where[p / lanes<T>] = folder.classify_rim(p, false);
      }
    }
  }
}

template <class T, int D, int K, bool GRADIENT>
void fill_block(const Job& job, int64_t batch, int64_t tile, Block<T, D, K>& block, Band band) {
  find_tile(job, batch, tile, block);
  if (packed<T, D>(job, band)) {
    switch (fold_of(job.problem.axis[0], job.size[0])) {
      case Fold::none: fill_packed<T, D, K, Fold::none, GRADIENT>(job, block, band); break;
      case Fold::clip: fill_packed<T, D, K, Fold::clip, GRADIENT>(job, block, band); break;
      case Fold::half_pixel: fill_packed<T, D, K, Fold::half_pixel, GRADIENT>(job, block, band); break;
      case Fold::whole_pixel: fill_packed<T, D, K, Fold::whole_pixel, GRADIENT>(job, block, band); break;
    }
  } else {
    locate<T, D, K>(job, block, GRADIENT);
    weigh<T, D, K>(job.problem, block, GRADIENT);
    Folder<T, D, K>{job, block, band}.classify();
  }
  list_runs(block);
}

}  // namespace gridsample::GS_TARGET
