// SPDX-License-Identifier: Apache-2.0
// Locate: from coordinates to first taps and fractions,
//   x = (g + offset) * scale + shift,   i = floor(x) + first tap,   t = x - floor(x)   (one tap: x rounded)
// for the points of one tile, one axis at a time. The arithmetic is done in C, the coordinates' own type or better.
// Assumes nothing of the coordinates: what is not finite or huge is tamed in floating point, before any integer cast.
#pragma once
#include "block.hpp"

namespace gridsample::GS_TARGET {

enum class Fold { none, clip, half_pixel, whole_pixel };  // how a position is folded before its taps are chosen

GS_INLINE Fold fold_of(const Axis& axis, int64_t n) {
  if (!axis.fold_coordinate || axis.rule.family == table::Family::hole) return Fold::none;
  // with one pixel the mirror has no span, and every position reads that pixel
  if (axis.rule.family == table::Family::clamp || n == 1) return Fold::clip;
  return axis.rule.c == 1 ? Fold::half_pixel : Fold::whole_pixel;
}

// Copies one row of coordinates, component by component, converting from G to C.
template <class G, class C, int D>
GS_INLINE void load_row(const char* row, int64_t col_stride, int64_t component_stride, int cols, int pitch,
                        C* (&out)[D]) {
  int done = 0;
  if constexpr (sizeof(G) == sizeof(C)) {
    if (component_stride == int64_t(sizeof(G)) && col_stride == int64_t(sizeof(G)) * D)
      for (; done + lanes<C> <= cols; done += lanes<C>) {
        Vec<C> packed[D];
        for (int d = 0; d < D; ++d)
          packed[d] = load<Vec<C>>(row + (done * D + d * lanes<C>) * int64_t(sizeof(C)));
        store(out[0] + done, component<C, D, 0>(packed));
        if constexpr (D > 1) store(out[1] + done, component<C, D, 1>(packed));
        if constexpr (D > 2) store(out[2] + done, component<C, D, 2>(packed));
      }
  }
  for (int d = 0; d < D; ++d) {
    for (int p = done; p < cols; ++p) out[d][p] = C(peek<G>(row + p * col_stride + d * component_stride));
    for (int p = cols; p < pitch; ++p) out[d][p] = out[d][cols - 1];
  }
}

// The folded position and the derivative of folding it: -1 or 1 by the number of reflections, 0 on and beyond the
// outermost pixel centres (closed, as torch has it).
template <class C, Fold F> GS_INLINE void fold_position(Vec<C> n, Vec<C>& x, Vec<C>& slope) {
  const Vec<C> zero{}, one = splat<C>(1), last = n - one;
  slope = one;
  if constexpr (F == Fold::none) return;
  if constexpr (F == Fold::half_pixel || F == Fold::whole_pixel) {
    const Vec<C> low = F == Fold::half_pixel ? splat<C>(C(-0.5)) : zero;
    const Vec<C> period = F == Fold::half_pixel ? n + n : last + last;
    const Vec<C> shifted = x - low, away = absolute<C>(shifted);
    const Vec<C> turns = __builtin_convertvector(to_index<C>(away / period), Vec<C>);
    const Vec<C> rest = away - turns * period, back = period - rest;
    slope = shifted < zero ? -one : one;
    slope = rest > back ? -slope : slope;
    x = smaller(rest, back) + low;
  }
  slope = x <= zero ? zero : x >= last ? zero : slope;
  x = smaller(larger(x, zero), last);
}

template <class T, class C, Fold F, class B>
void locate_axis(const Job& job, int d, B& block, bool gradient) {
  const Problem& problem = job.problem;
  const Axis& axis = problem.axis[d];
  const C* g_array = reinterpret_cast<const C*>(block.coordinate[axis.component]);
  const Vec<C> offset = splat<C>(C(axis.offset)), scale = splat<C>(C(axis.scale)), shift = splat<C>(C(axis.shift));
  const Vec<C> n = splat<C>(C(job.size[d])), half = splat<C>(C(0.5)), zero{};
  const Vec<C> finite = splat<C>(sizeof(C) == 4 ? C(__FLT_MAX__) : C(__DBL_MAX__));
  const Vec<C> huge = splat<C>(C(1e18)), far = splat<C>(C(far_away));
  const Vec<C> first_tap = splat<C>(C(1 - problem.kernel.taps / 2));
  const bool one_tap = problem.kernel.taps == 1, ties_up = problem.ties == Ties::up;
  for (int p = 0; p < block.points; p += lanes<C>) {
    Vec<C> g = load<Vec<C>>(g_array + p);
    const Mask<C> nan = g != g, infinite = absolute<C>(g) > finite;
    g = nan ? splat<C>(C(-1)) : g;
    g = smaller(larger(g, -huge), huge);  // an infinite coordinate on an axis of scale 0 is not NaN
    Vec<C> x = (g + offset) * scale + shift;  // three roundings, torch's own: nearest ties agree with it
    x = smaller(larger(x, -far), far);
    if (problem.nan != NotANumber::minus_one || problem.has_outside) {
      const Mask<C> lost = problem.nan == NotANumber::outside ? (nan | infinite) : nan;
      const Mask<C> beyond = problem.has_outside ? ((x < -half) | (x > n - half)) : (nan ^ nan);
      if (any(lost | beyond)) {
        for (int l = 0; l < lanes<C>; ++l) {
          if (lost[l] && problem.nan == NotANumber::propagate) block.dead[p + l] = Dead::nan;
          else if ((lost[l] && problem.nan == NotANumber::outside) || beyond[l])
            if (block.dead[p + l] == Dead::no) block.dead[p + l] = Dead::outside;
        }
        block.any_dead = true;
      }
    }
    Vec<C> slope;
    fold_position<C, F>(n, x, slope);
    Vec<C> i, t = zero;
    if (one_tap) {
      const Vec<C> down = round_down<C>(x);
      i = ties_up ? (x - down >= half ? down + splat<C>(1) : down) : round_even<C>(x);
    } else {
      const Vec<C> down = round_down<C>(x);
      t = x - down;
      i = down + first_tap;
    }
    store(block.index[d] + p, to_index<C>(i));
    slope = nan ? zero : slope;
    if constexpr (sizeof(C) == sizeof(T)) {
      store(block.fraction[d] + p, t);
      if (gradient) store(block.slope[d] + p, slope);
    } else {
      for (int l = 0; l < lanes<C>; ++l) {
        block.fraction[d][p + l] = T(t[l]);
        if (gradient) block.slope[d][p + l] = T(slope[l]);
      }
    }
  }
}

template <class T, class C, int D, class B> void locate_as(const Job& job, B& block, bool gradient) {
  C* rows[D];
  for (int r = 0; r < block.rows; ++r) {
    for (int d = 0; d < D; ++d) rows[d] = reinterpret_cast<C*>(block.coordinate[d]) + r * block.pitch;
    const char* row = job.coords.data + block.outer_coords + r * job.coords.row;
    if (job.coords_f64)
      load_row<double, C, D>(row, job.coords.col, job.coords.component, block.cols, block.pitch, rows);
    else
      load_row<float, C, D>(row, job.coords.col, job.coords.component, block.cols, block.pitch, rows);
  }
  for (int d = 0; d < D; ++d) switch (fold_of(job.problem.axis[d], job.size[d])) {
      case Fold::none: locate_axis<T, C, Fold::none>(job, d, block, gradient); break;
      case Fold::clip: locate_axis<T, C, Fold::clip>(job, d, block, gradient); break;
      case Fold::half_pixel: locate_axis<T, C, Fold::half_pixel>(job, d, block, gradient); break;
      case Fold::whole_pixel: locate_axis<T, C, Fold::whole_pixel>(job, d, block, gradient); break;
    }
}

// Finds the tile in the output, then locates its points. `gradient` also keeps the derivative of each position.
template <class T, int D, int K>
void locate(const Job& job, int64_t batch, int64_t tile, Block<T, D, K>& block, bool gradient) {
  const int64_t col0 = tile % job.col_tiles * job.tile_cols;
  const int64_t row0 = tile / job.col_tiles % job.row_tiles * job.tile_rows;
  int64_t outer = tile / job.col_tiles / job.row_tiles;
  const auto start = [&](const PointArray& a, int64_t b) { return b * a.batch + row0 * a.row + col0 * a.col; };
  block.batch = batch;
  block.outer_coords = start(job.coords, job.coords_batches == 1 ? 0 : batch);
  block.outer_values = start(job.values, batch);
  block.outer_grad_coords = start(job.grad_coords, job.coords_batches == 1 ? 0 : batch);
  for (int a = job.outer_rank - 1; a >= 0; --a) {
    const int64_t at = outer % job.outer_shape[a];
    outer /= job.outer_shape[a];
    block.outer_coords += at * job.coords.outer[a];
    block.outer_values += at * job.values.outer[a];
    block.outer_grad_coords += at * job.grad_coords.outer[a];
  }
  block.rows = int(job.rows - row0 < job.tile_rows ? job.rows - row0 : job.tile_rows);
  block.cols = int(job.cols - col0 < job.tile_cols ? job.cols - col0 : job.tile_cols);
  block.pitch = (block.cols + padding - 1) / padding * padding;
  block.points = block.rows * block.pitch;
  block.any_dead = false;
  block.fill = T(job.problem.fill);
  block.outside = T(job.problem.has_outside ? job.problem.outside : job.problem.fill);
  for (int p = 0; p < block.points; ++p) block.dead[p] = Dead::no;
  if (sizeof(T) == 8 || job.coords_f64) locate_as<T, double, D>(job, block, gradient);
  else locate_as<T, float, D>(job, block, gradient);
}

}  // namespace gridsample::GS_TARGET
