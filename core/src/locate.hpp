// SPDX-License-Identifier: Apache-2.0
// Locate: from coordinates to first taps and fractions,
//   x = (g + offset) * scale + shift,   i = floor(x) + first tap,   t = x - floor(x)   (one tap: x rounded)
// for the points of one tile, one axis at a time. The arithmetic is done in C, the coordinates' own type or better.
// Assumes nothing of the coordinates: what is not finite or huge is tamed in floating point, before any integer cast.
#pragma once
#include "made.hpp"

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
        Vec<C> components[D];
        load_components<C, D>(row + done * D * int64_t(sizeof(C)), components);
        for (int d = 0; d < D; ++d) store(out[d] + done, components[d]);
      }
  }
  for (int d = 0; d < D; ++d) {
    for (int p = done; p < cols; ++p) out[d][p] = C(peek<G>(row + p * col_stride + d * component_stride));
    for (int p = cols; p < pitch; ++p) out[d][p] = out[d][cols - 1];
  }
}

inline constexpr int near = 1 << 22;  // below it a float has room for a half

// The remainder where float has no room for whole turns: in double every product here is exact.
template <class C> __attribute__((noinline)) Vec<C> far_rest(Vec<C> away, Vec<C> period) {
  for (int l = 0; l < lanes<C>; ++l) {
    const double length = period[l];
    double rest = double(away[l]) - double(int64_t(double(away[l]) / length)) * length;
    away[l] = C(rest < 0 ? rest + length : rest);
  }
  return away;
}

// The folded position and the derivative of folding it: -1 or 1 by the number of reflections, 0 on and beyond the
// outermost pixel centres (closed, as torch has it). NEAR: every |x| is below `near`.
template <class C, Fold F, bool NEAR = false> GS_INLINE void fold_position(Vec<C> n, Vec<C>& x, Vec<C>& slope) {
  const Vec<C> zero{}, one = splat<C>(1), last = n - one;
  slope = one;
  if constexpr (F == Fold::none) return;
  if constexpr (F == Fold::half_pixel || F == Fold::whole_pixel) {
    const Vec<C> low = F == Fold::half_pixel ? splat<C>(C(-0.5)) : zero;
    const Vec<C> period = F == Fold::half_pixel ? n + n : last + last;
    const Vec<C> shifted = x - low, away = absolute<C>(shifted);
    const Vec<C> turns = __builtin_convertvector(to_index<C>(away / period), Vec<C>);
    Vec<C> rest = away - turns * period;
    rest = rest < zero ? rest + period : rest;  // the quotient may have been rounded up to a whole turn
    if (!NEAR && sizeof(C) == 4 && any(away >= splat<C>(C(near)))) rest = far_rest<C>(away, period);
    const Vec<C> back = period - rest;
    slope = shifted < zero ? -one : one;
    slope = rest > back ? -slope : slope;
    x = smaller<C>(rest, back) + low;
  }
  slope = x <= zero ? zero : x >= last ? zero : slope;
  x = smaller<C>(larger<C>(x, zero), last);
}

// What one axis asks of every vector of coordinates.
template <class C> struct Ruler {
  Vec<C> offset, scale, shift, n;
  bool ties_up, careful;
  int32_t first_tap;
  NotANumber nan;
  bool has_outside;

  Ruler() = default;
  Ruler(const Problem& problem, int d, int64_t size)
      : offset(splat<C>(C(problem.axis[d].offset))), scale(splat<C>(C(problem.axis[d].scale))),
        shift(splat<C>(C(problem.axis[d].shift))), n(splat<C>(C(size))), 
        ties_up(problem.ties == Ties::up), careful(problem.nan != NotANumber::minus_one || problem.has_outside),
        first_tap(1 - problem.kernel.taps / 2), nan(problem.nan), has_outside(problem.has_outside) {}
};

// Notes the lanes that are answered without sampling. Out of line, and all by value: the loops keep their registers.
template <class C, class B>
__attribute__((noinline)) void note_dead(NotANumber rule, bool has_outside, Vec<C> n, Vec<C> g, Vec<C> x, B& block, int p) {
  const Vec<C> finite = splat<C>(sizeof(C) == 4 ? C(__FLT_MAX__) : C(__DBL_MAX__)), half = splat<C>(C(0.5));
  const Mask<C> nan = g != g;
  const Mask<C> lost = rule == NotANumber::outside ? (nan | (absolute<C>(g) > finite)) : nan;
  const Mask<C> beyond = has_outside ? ((x < -half) | (x > n - half)) : (nan ^ nan);
  if (!any(lost | beyond)) return;
  block.any_dead = true;
  for (int l = 0; l < lanes<C>; ++l) {
    Dead& dead = block.dead[p + l];
    if (lost[l] && rule == NotANumber::propagate) dead = Dead::nan;
    else if (((lost[l] && rule == NotANumber::outside) || beyond[l]) && dead == Dead::no) dead = Dead::outside;
  }
}

// The pixel a one-tap kernel takes.
template <class C> GS_INLINE Vec<C> nearest_pixel(const Ruler<C>& ruler, Vec<C> x) {
  if (!ruler.ties_up) return round_even<C>(x);
  const Vec<C> down = round_down<C>(x);
  return x - down >= splat<C>(C(0.5)) ? down + splat<C>(1) : down;
}

template <class C> struct Placed {
  Index<C> first;
  Vec<C> fraction, slope;
};

template <class C> GS_INLINE Vec<C> position(const Ruler<C>& ruler, Vec<C> g) {
  return (g + ruler.offset) * ruler.scale + ruler.shift;  // three roundings, torch's own: nearest ties agree
}

// Positions that an index has room for.
template <class C> GS_INLINE Mask<C> calm(Vec<C> x) { return absolute<C>(x) < splat<C>(C(far_away)); }

// First tap, fraction and slope of one vector of calm positions.
template <class C, Fold F, bool ONE_TAP> GS_INLINE Placed<C> settle(const Ruler<C>& ruler, Vec<C> x) {
  Placed<C> placed;
  fold_position<C, F>(ruler.n, x, placed.slope);
  if constexpr (ONE_TAP) {
    placed.first = to_index<C>(nearest_pixel<C>(ruler, x));
    placed.fraction = Vec<C>{};
  } else {
    const Vec<C> down = round_down<C>(x);
    placed.fraction = x - down;
    placed.first = to_index<C>(down) + ruler.first_tap;  // in integers: far away a float has no room for it
  }
  return placed;
}

// The same for any coordinates; notes dead points from `p` on.
template <class C, Fold F, bool ONE_TAP, class B>
GS_INLINE Placed<C> place(const Ruler<C>& ruler, Vec<C> g, B& block, int p) {
  Mask<C> nan{};
  Vec<C> x = position(ruler, g);
  const bool tame = all(calm<C>(x));
  if (__builtin_expect(!tame, 0)) {
    const Vec<C> far = splat<C>(C(far_away)), huge = splat<C>(C(1e18));  // infinity times 0 is NaN
    nan = g != g;
    x = position(ruler, nan ? splat<C>(C(-1)) : smaller<C>(larger<C>(g, -huge), huge));
    x = smaller<C>(larger<C>(x, -far), far);
  }
  if (ruler.careful && (ruler.has_outside || !tame))
    note_dead<C>(ruler.nan, ruler.has_outside, ruler.n, g, x, block, p);
  Placed<C> placed = settle<C, F, ONE_TAP>(ruler, x);
  placed.slope = nan ? Vec<C>{} : placed.slope;
  return placed;
}

template <class T, class C, Fold F, bool ONE_TAP, class B>
void locate_axis(const Job& job, int d, B& block, bool gradient) {
  const Ruler<C> ruler(*job.problem, d, job.size[d]);
  const C* g = reinterpret_cast<const C*>(block.coordinate[job.problem->axis[d].component]);
  for (int p = 0; p < block.points; p += lanes<C>) {
    const Placed<C> placed = place<C, F, ONE_TAP>(ruler, load<Vec<C>>(g + p), block, p);
    store(block.index[d] + p, placed.first);
    if constexpr (sizeof(C) == sizeof(T)) {
      store(block.fraction[d] + p, placed.fraction);
      if (gradient) store(block.slope[d] + p, placed.slope);
    } else {
      for (int l = 0; l < lanes<C>; ++l) {
        block.fraction[d][p + l] = T(placed.fraction[l]);
        if (gradient) block.slope[d][p + l] = T(placed.slope[l]);
      }
    }
  }
}

template <class T, class C, int D, bool ONE_TAP, class B>
void locate_as(const Job& job, B& block, bool gradient) {
  C* rows[D];
  for (int r = 0; r < block.rows; ++r) {
    for (int d = 0; d < D; ++d) rows[d] = reinterpret_cast<C*>(block.coordinate[d]) + r * block.pitch;
    const auto load = [&](auto zero) {
      using G = decltype(zero);
      load_row<G, C, D>(coords_row<G, D>(job, block, r), coords_col(job, D * sizeof(G)), coords_component(job, sizeof(G)),
                        block.cols, block.pitch, rows);
    };
    if (job.coords_f64) load(0.0);
    else load(0.0f);
  }
  for (int d = 0; d < D; ++d) switch (fold_of(job.problem->axis[d], job.size[d])) {
      case Fold::none: locate_axis<T, C, Fold::none, ONE_TAP>(job, d, block, gradient); break;
      case Fold::clip: locate_axis<T, C, Fold::clip, ONE_TAP>(job, d, block, gradient); break;
      case Fold::half_pixel: locate_axis<T, C, Fold::half_pixel, ONE_TAP>(job, d, block, gradient); break;
      case Fold::whole_pixel: locate_axis<T, C, Fold::whole_pixel, ONE_TAP>(job, d, block, gradient); break;
    }
}

// Finds the tile in the arrays.
template <class T, int D, int K> void find_tile(const Job& job, int64_t batch, int64_t tile, Block<T, D, K>& block) {
  const int64_t col0 = tile % job.col_tiles * job.tile_cols;
  const int64_t row0 = tile / job.col_tiles % job.row_tiles * job.tile_rows;
  int64_t outer = tile / job.col_tiles / job.row_tiles;
  const int64_t plane0 = outer % job.plane_tiles * job.tile_planes, planes = job.outer_rank ? job.outer_shape[job.outer_rank - 1] : 1;
  outer /= job.plane_tiles;
  const auto start = [&](const PointArray& a, int64_t b) { return b * a.batch + row0 * a.row + col0 * a.col; };
  block.batch = batch;
  block.place[1] = row0;
  block.place[2] = col0;
  block.outer_coords = start(job.coords, job.coords_batches == 1 ? 0 : batch);
  block.outer_values = start(job.values, batch);
  block.outer_grad_coords = start(job.grad_coords, job.coords_batches == 1 ? 0 : batch);
  for (int a = job.outer_rank - 1; a >= 0; --a) {
    const bool is_plane = a == job.outer_rank - 1;
    const int64_t at = is_plane ? plane0 : outer % job.outer_shape[a];
    if (!is_plane) outer /= job.outer_shape[a];
    block.place[0] = at;
    block.outer_coords += at * job.coords.outer[a];
    block.outer_values += at * job.values.outer[a];
    block.outer_grad_coords += at * job.grad_coords.outer[a];
  }
  block.plane_rows = int(job.rows - row0 < job.tile_rows ? job.rows - row0 : job.tile_rows);
  block.rows = block.plane_rows * int(planes - plane0 < job.tile_planes ? planes - plane0 : job.tile_planes);
  block.cols = int(job.cols - col0 < job.tile_cols ? job.cols - col0 : job.tile_cols);
  block.pitch = (block.cols + lanes<T> - 1) / lanes<T> * lanes<T>;
  block.points = block.rows * block.pitch;
  block.any_dead = false;
  block.origin = block.run_count = 0;
  block.fill = T(job.problem->fill);
  block.outside = T(job.problem->has_outside ? job.problem->outside : job.problem->fill);
  // only these calls mark points, or ask
  if (job.problem->nan != NotANumber::minus_one || job.problem->has_outside || job.buries)
    for (int p = 0; p < block.points; ++p) block.dead[p] = Dead::no;
}

// Locates all its points.
template <class T, int D, int K> void locate(const Job& job, Block<T, D, K>& block, bool gradient) {
  if (sizeof(T) == 8 || job.coords_f64) locate_as<T, double, D, K == 1>(job, block, gradient);
  else locate_as<T, float, D, K == 1>(job, block, gradient);
}

}  // namespace gridsample::GS_TARGET
