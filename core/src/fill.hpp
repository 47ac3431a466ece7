// SPDX-License-Identifier: Apache-2.0
// Fill: one tile's points located, weighed and folded, by one pass over vectors of packed points where the call allows
// it (which is nearly always), else by three passes over arrays. Both run the same arithmetic.
#pragma once
#include "fold.hpp"
#include "locate.hpp"
#include "weights.hpp"

namespace gridsample::GS_TARGET {

// Can coordinates be taken from memory as whole vectors of points, with one way to fold positions for all axes?
template <class T, int D> GS_INLINE bool packed(const Job& job) {
  const PointArray& coords = job.coords;
  bool fits = job.coords_f64 == (sizeof(T) == 8) && job.short_offsets;
  fits = fits && (job.problem->given != Given::points ||
                  (coords.component == int64_t(sizeof(T)) && coords.col == int64_t(sizeof(T)) * D));
  for (int d = 1; d < D; ++d)
    fits = fits && fold_of(job.problem->axis[d], job.size[d]) == fold_of(job.problem->axis[0], job.size[0]);
  return fits;
}

template <class T, int D> struct Points { Vec<T> component[D]; };

// One vector of points from memory; of the last ones of a row, `count` are left and the last is repeated.
template <class T, int D> GS_INLINE Points<T, D> load_points(const char* from, int count) {
  Points<T, D> points;
  if (__builtin_expect(count >= lanes<T>, 1)) {
    load_components<T, D>(from, points.component);
    return points;
  }
  alignas(64) T together[D * lanes<T>];
  for (int d = 0, left = count * D; d < D; ++d, left -= lanes<T>, from += sizeof(Vec<T>))
    store(together + d * lanes<T>, left >= lanes<T> ? load<Vec<T>>(from) : left > 0 ? load_first<T>(from, left) : Vec<T>{});
  load_components<T, D>(reinterpret_cast<const char*>(together), points.component);
  for (int d = 0; d < D; ++d) points.component[d] = hold<T>(points.component[d], count - 1);
  return points;
}

// The polynomials of all taps and, if asked for, of their derivatives. Most kernels of K taps have degree K - 1.
template <class T, int K, bool GRADIENT> struct Weights {
  int degree;
  bool straight;  // and no tap turns its sign: derivatives are the same everywhere, and stored once
  T value[K][table::max_degree + 1], slope[K][table::max_degree + 1];

  Weights(const table::KernelRow& kernel, bool signs) : degree(kernel.degree), straight(degree == 1 && !signs) {
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
        if (!straight)
          store(block.derivative[d][k] + p,
                plain ? polynomial_of<T, K - 2>(slope[k], t) : polynomial<T>(slope[k], degree - 1, t));
    }
  }
  template <class B> void start(B& block) const {
    block.bends = straight ? 0 : -1;
    for (auto& axis : block.derivative)
      for (int k = 0; k < K && straight; ++k) store(axis[k], splat<T>(slope[k][0]));
  }
};

// The largest T not above a whole number, and the smallest not below it: a float has not every one beyond 2^24.
template <class T> GS_INLINE T not_above(int64_t number) {
  int64_t at = number;
  while (int64_t(T(at)) > number) --at;
  return T(at);
}
template <class T> GS_INLINE T not_below(int64_t number) { return -not_above<T>(-number); }

// Fills the block from packed coordinates. Vectors all of whose taps are pixels, or none, are nearly all of them and
// take the quick way: there no coordinate is NaN, and nothing has to be tamed or folded. The others take the careful way.
template <class T, int D, int K, Fold F, bool GRADIENT> struct Filler {
  using Unsigned = typename Vector<T>::unsigned_index;
  const Job& job;
  Block<T, D, K>& block;
  Weights<T, K, GRADIENT> weights;
  Ruler<T> ruler[D];
  Vec<T> low[D], high[D];      // of a pixel whose taps all are pixels
  Vec<T> before[D], behind[D];  // the next pixels none of whose taps is one of the image
  Unsigned stride[D];
  Index<T> last[D];  // pixel
  int component[D];
  bool clamps[D];  // or there are holes beyond it
  bool inside_quickly, outside_quickly, rim_everywhere, rim_pays;
  Vec<T> step[D];          // the stride as a T
  bool offsets_in_floats;  // T has every offset as a whole number
  bool indexes;  // first taps are asked for, not only the offset they come to

  Filler(const Job& job, Block<T, D, K>& block) : job(job), block(block), weights(job.problem->kernel, job.buries) {
    if constexpr (GRADIENT && K > 1) weights.start(block);
    indexes = (K == 2 && job.windows && job.target) || (K > 1 && sizeof(T) == 4 && job.narrow);
    // what is folded has left the image all the same, and is not sampled if there is an outside value
    inside_quickly = F == Fold::none || !job.problem->has_outside;
    outside_quickly = F == Fold::none && !job.problem->has_outside;
    bool rims = K <= 2 && !job.buries && !job.problem->has_outside;  // can every point be treated as one at the rim?
    const T never = T(__builtin_nan(""));
    double extent = 0;
    for (int d = 0; d < D; ++d) {
      ruler[d] = Ruler<T>(*job.problem, d, job.size[d]);
      const int64_t n = job.size[d], back = K == 1 ? 0 : -ruler[d].first_tap;  // taps before the pixel
      low[d] = splat<T>(T(back));
      high[d] = splat<T>(not_above<T>(n - K + back));
      const bool hole = job.problem->axis[d].rule.family == table::Family::hole;
      before[d] = splat<T>(hole ? T(back - K) : never);
      behind[d] = splat<T>(hole ? not_below<T>(n + back) : never);
      stride[d] = Unsigned{} + uint32_t(job.image_stride[d]);
      step[d] = splat<T>(T(job.image_stride[d]));
      last[d] = Index<T>{} + int32_t(n - 1);
      // a position already folded needs no tap beyond the rim
      clamps[d] = job.problem->axis[d].rule.family == table::Family::clamp && !job.problem->axis[d].fold_coordinate;
      rims &= clamps[d] == clamps[0] && (clamps[d] || hole || job.problem->axis[d].fold_coordinate);
      component[d] = job.problem->axis[d].component;
      extent += double(job.size[d]) * double(job.image_stride[d] < 0 ? -job.image_stride[d] : job.image_stride[d]);
    }
    rim_everywhere = rims && job.small;
    rim_pays = rims && !job.target && !job.channels_last;
    offsets_in_floats = sizeof(T) == 8 || extent < double(1 << 24);
  }

  GS_INLINE Vec<T> along(const Points<T, D>& points, int d) const {
    if constexpr (D > 1) if (component[d] == 1) return points.component[1];
    if constexpr (D > 2) if (component[d] == 2) return points.component[2];
    return points.component[0];
  }

  // Where points lie, and which of them have nothing but pixels for taps.
  GS_INLINE Mask<T> find(const Points<T, D>& points, Vec<T>* x, Vec<T>* pixel, Vec<T>* slope) const {
    Mask<T> inside = ~Mask<T>{};
#pragma GCC unroll 3
    for (int d = 0; d < D; ++d) {
      x[d] = position(ruler[d], along(points, d));
      if constexpr (F != Fold::none) inside &= absolute<T>(x[d]) < splat<T>(T(near));
      fold_position<T, F, true>(ruler[d].n, x[d], slope[d]);
      pixel[d] = K == 1 ? nearest_pixel<T>(ruler[d], x[d]) : round_down<T>(x[d]);
      inside &= (pixel[d] >= low[d]) & (pixel[d] <= high[d]);
    }
    return inside;
  }

  // Interior, and filled; or outside; or edge, which stands for anything, and nothing done.
  GS_INLINE Where fill_quickly(const Points<T, D>& points, int p) const {
    Vec<T> x[D], pixel[D], slope[D];
    const Mask<T> inside = find(points, x, pixel, slope);
    if (!all(inside)) {
      Mask<T> outside{}, known = ~Mask<T>{};  // NaN along one axis may have an answer of its own, whatever the others say
      for (int d = 0; d < D; ++d) {
        outside |= (pixel[d] <= before[d]) | (pixel[d] >= behind[d]);
        known &= x[d] == x[d];
      }
      if (!outside_quickly || !all(outside & known)) return Where::edge;
      if constexpr (GRADIENT)
        for (int d = 0; d < D; ++d) store(block.slope[d] + p, Vec<T>{});
      return Where::outside;
    }
    Unsigned offset{};
#pragma GCC unroll 3
    for (int d = 0; d < D; ++d) {
      if constexpr (GRADIENT) store(block.slope[d] + p, slope[d]);
      if constexpr (K > 1) weights.store_at(block, d, p, x[d] - pixel[d]);
      Index<T> first = to_index<T>(pixel[d]);
      if constexpr (K > 2) first += ruler[d].first_tap;
      if (indexes) store(block.index[d] + p, first);
      offset += (Unsigned)first * stride[d];
    }
    store(block.offset + p, (Index<T>)offset);
    return Where::interior;
  }

  GS_INLINE Index<T> store_placed(const Placed<T>& placed, int d, int p) const {
    if constexpr (GRADIENT) store(block.slope[d] + p, placed.slope);
    if (indexes) store(block.index[d] + p, placed.first);
    if constexpr (K > 1) weights.store_at(block, d, p, placed.fraction);
    else if (job.buries) store(block.weight[d][0] + p, splat<T>(1));  // a sign, when it is folded
    return placed.first;
  }
  GS_INLINE Index<T> place_axis(const Points<T, D>& points, int d, int p) const {
    return store_placed(place<T, F, K == 1>(ruler[d], along(points, d), block, p), d, p);
  }

  __attribute__((noinline)) Where fill_carefully(const char* from, int count, int p) const {
    const Points<T, D> points = load_points<T, D>(from, count);
    for (int d = 0; d < D; ++d) store(block.index[d] + p, place_axis(points, d, p));
    return Folder<T, D, K>{job, block}.classify_vector(p);
  }

  // A tap as Folder::fold_axis has it, for boundaries that all clamp, or all have holes.
  struct Tap { Index<T> offset, hole; };
  template <bool CLAMPS> GS_INLINE Tap fold_quickly(Index<T> j, int d) const {
    // what lies before the first pixel is far beyond the last one as an unsigned number
    const Unsigned at = (Unsigned)j, end = (Unsigned)last[d];
    const Index<T> hole = CLAMPS ? Index<T>{} : Index<T>(at > end);
    if (K > 1 || CLAMPS) j = j < 0 ? Index<T>{} : j;  // two taps are read as neighbours, holes too
    const Unsigned pixel = (Unsigned)j < end ? (Unsigned)j : end;
    return {(Index<T>)(pixel * stride[d]), hole};
  }
  GS_INLINE void store_tap(int d, int k, int p, Tap tap) const {
    store(block.hole[d][k] + p, __builtin_convertvector(tap.hole, Mask<T>));
    store(block.tap_offset.near[d][k] + p, tap.offset);
  }

  // Fills points of an image whose boundaries are of these kinds as ones at the rim.
  template <bool CLAMPS> GS_INLINE void store_rim(const Index<T>* first, int p) const {
    if constexpr (K == 2)
      if (job.picks) return set_picks(job, block, first, p);
    Tap joined{};
#pragma GCC unroll 3
    for (int d = 0; d < D; ++d) {
      if constexpr (K == 1) {
        const Tap tap = fold_quickly<CLAMPS>(first[d], d);
        joined = {joined.offset + tap.offset, joined.hole | tap.hole};
      } else {
#pragma GCC unroll 4
        for (int k = 0; k < K; ++k) store_tap(d, k, p, fold_quickly<CLAMPS>(first[d] + k, d));
      }
    }
    if constexpr (K == 1) store_tap(0, 0, p, joined);
  }
  template <bool CLAMPS> __attribute__((noinline)) void fill_rim_carefully(const char* from, int count, int p) const {
    const Points<T, D> points = load_points<T, D>(from, count);
    Index<T> first[D];
    for (int d = 0; d < D; ++d) first[d] = place_axis(points, d, p);
    store_rim<CLAMPS>(first, p);
  }
  template <bool CLAMPS> GS_INLINE bool fill_rim_quickly(const Points<T, D>& points, int p) const {
    Vec<T> x[D];
    Mask<T> tame = ~Mask<T>{};
#pragma GCC unroll 3
    for (int d = 0; d < D; ++d) {
      x[d] = position(ruler[d], along(points, d));
      tame &= calm<T>(x[d]);
    }
    if (__builtin_expect(!all(tame), 0)) return false;
    Index<T> first[D];
#pragma GCC unroll 3
    for (int d = 0; d < D; ++d) first[d] = store_placed(settle<T, F, K == 1>(ruler[d], x[d]), d, p);
    store_rim<CLAMPS>(first, p);
    return true;
  }

  // One tap, and no folding but clipping: pixels may be kept inside, and come to an offset, before they are integers. Then
  // the order of the axes does not matter: rulers and steps are those of the components here.
  template <bool CLAMPS> GS_INLINE bool fill_pixels_quickly(const Points<T, D>& points, int p) const {
    Vec<T> x[D], sum, offset;
    Mask<T> hole{};
#pragma GCC unroll 3
    for (int c = 0; c < D; ++c) {
      x[c] = position(ruler[c], points.component[c]);
      sum = c == 0 ? x[c] : sum + x[c];
    }
    if (__builtin_expect(!all(calm<T>(sum)), 0)) return false;  // infinity may have an answer of its own, as NaN has
#pragma GCC unroll 3
    for (int c = 0; c < D; ++c) {
      const Vec<T> pixel = round_even<T>(x[c]);
      const Vec<T> kept = smaller<T>(larger<T>(pixel, Vec<T>{}), high[c]);
      if constexpr (!CLAMPS && F == Fold::none) hole |= pixel != kept;
      offset = c == 0 ? kept * step[c] : mul_add<T>(kept, step[c], offset);
    }
    store(block.hole[0][0] + p, hole);
    store(block.tap_offset.near[0][0] + p, to_index<T>(offset));
    return true;
  }

  // Treats every point of a stretch as one at the rim: where many are, telling them apart costs more than it saves.
  template <bool CLAMPS, bool PIXELS = false> __attribute__((noinline)) void fill_as_rim(const char* from, int row, int col, int end) const {
    if constexpr (K == 1 && !GRADIENT && !PIXELS && (F == Fold::none || F == Fold::clip))
      if (offsets_in_floats && !ruler[0].ties_up) return fill_as_rim<CLAMPS, true>(from, row, col, end);
    Filler own = *this;  // whose members nothing stored below can be, for all the compiler knows
    if constexpr (PIXELS)
      for (int d = 0; d < D; ++d) own.ruler[component[d]] = ruler[d], own.step[component[d]] = step[d], own.high[component[d]] = high[d];
    block.note(row, col, (end - col + lanes<T> - 1) / lanes<T>, Where::edge);
    for (const int cols = block.cols, first = row * block.pitch; col < end; col += lanes<T>) {
      const char* at = from + col * int64_t(D * sizeof(T));
      const Points<T, D> points = load_points<T, D>(at, cols - col);
      if (!(PIXELS ? own.template fill_pixels_quickly<CLAMPS>(points, first + col)
                   : own.template fill_rim_quickly<CLAMPS>(points, first + col)))
        fill_rim_carefully<CLAMPS>(at, cols - col, first + col);
    }
  }
  void fill_as_rim(const char* from, int row, int col, int end) const {
    clamps[0] ? fill_as_rim<true>(from, row, col, end) : fill_as_rim<false>(from, row, col, end);
  }

  // Do four vectors, spread over a stretch, lie within?
  bool looks_interior(const char* from, int col, int end) const {
    for (int k = 0; k < 4; ++k) {
      Vec<T> x[D], pixel[D], slope[D];
      const char* at = from + (col + (end - col) / lanes<T> * k / 4 * lanes<T>) * point_bytes;
      if (!all(find(load_points<T, D>(at, lanes<T>), x, pixel, slope))) return false;
    }
    return true;
  }

  void fill() const {
    if (rim_everywhere) {
      for (int row = 0; row < block.rows; ++row) fill_as_rim(coords_row<T, D>(job, block, row), row, 0, block.cols);
      return;
    }
    const int rows = block.rows, cols = block.cols, pitch = block.pitch;
    const int whole = inside_quickly ? cols / lanes<T> * lanes<T> : 0;
    // A vector loses 60 ns in the careful way, and gains 6 and a quicker read of each channel in the quick one (Zen 3):
    // it costs so many of the quick ones' gains. What is left of those is kept for a rim, up to two rows of 64 points.
    const int price = !rim_pays ? 0 : job.channels <= 4 ? 8 : 2, most = 16 * price;
    int left = most;
    bool rim = false;
    const Filler own = *this;  // whose members nothing stored below can be, for all the compiler knows
    for (int row = 0; row < rows; ++row) {
      const char* from = coords_row<T, D>(job, block, row);
      for (int col = 0; col < whole;) {
        const int end = col + stretch < whole ? col + stretch : whole;
        if (rim) left = most / 4, rim = !looks_interior(from, col, end);
        if (!rim) col = fill_by_kinds(own, from, row, col, end, price, most, left);
        if (col < end) rim = true, fill_as_rim(from, row, col, end), col = end;
      }
      for (int col = whole; col < cols; col += lanes<T>)
        block.note(row, col, 1, fill_carefully(from + col * point_bytes, cols - col, row * pitch + col));
    }
  }

  // One stretch of whole vectors; where it ended, sooner where too many vectors took the careful way.
  GS_INLINE int fill_by_kinds(const Filler& own, const char* from, int row, int col, int end, int price, int most, int& left) const {
    const int first = row * block.pitch;
    const int64_t ahead = read_next(row);
    int start = col;
    Where now = Where::edge;
    for (; col < end; col += lanes<T>) {
      const char* at = from + col * point_bytes;
      for (int64_t line = 0; line < lanes<T> * point_bytes; line += 64) __builtin_prefetch(at + ahead + line);
      Where where = own.fill_quickly(load_points<T, D>(at, lanes<T>), first + col);
      if (where == Where::edge) {
        left -= price;
        if (left < 0) break;
        where = fill_carefully(at, lanes<T>, first + col);
      } else left += left < most;
      if (where != now && col > start) block.note(row, start, (col - start) / lanes<T>, now), start = col;
      now = where;
    }
    if (col > start) block.note(row, start, (col - start) / lanes<T>, now);
    return col;
  }

  // How far from here what is read next lies: of a box two rows on, else the tile to the right.
  GS_INLINE int64_t read_next(int row) const {
    if (block.rows == block.plane_rows || job.problem->given != Given::points) return block.cols * point_bytes;
    const int next = row + 2 < block.rows ? row + 2 : row;
    return block.row_offset(job.coords, next) - block.row_offset(job.coords, row);
  }

 private:
  static constexpr int stretch = 256;  // points
  static constexpr int64_t point_bytes = D * sizeof(T);
};

template <class T, int D, int K, Fold F, bool GRADIENT>
void fill_packed(const Job& job, Block<T, D, K>& block) {
  Filler<T, D, K, F, GRADIENT>(job, block).fill();
}

template <class T, int D, int K, bool GRADIENT>
void fill_block(const Job& job, int64_t batch, int64_t tile, Block<T, D, K>& block) {
  find_tile(job, batch, tile, block);
  if (packed<T, D>(job)) {
    switch (fold_of(job.problem->axis[0], job.size[0])) {
      case Fold::none: fill_packed<T, D, K, Fold::none, GRADIENT>(job, block); break;
      case Fold::clip: fill_packed<T, D, K, Fold::clip, GRADIENT>(job, block); break;
      case Fold::half_pixel: fill_packed<T, D, K, Fold::half_pixel, GRADIENT>(job, block); break;
      case Fold::whole_pixel: fill_packed<T, D, K, Fold::whole_pixel, GRADIENT>(job, block); break;
    }
  } else {
    locate<T, D, K>(job, block, GRADIENT);
    weigh<T, D, K>(*job.problem, block, GRADIENT);
    Folder<T, D, K>{job, block}.classify();
  }
}

}  // namespace gridsample::GS_TARGET
