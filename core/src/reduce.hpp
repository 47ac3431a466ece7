// SPDX-License-Identifier: Apache-2.0
// Reduce: the sum over taps itself, axis by axis, from the slowest to the fastest. One body for any number of axes.
// A source says how a vector of taps is read: Interior from adjacent memory, Edge tap by tap with holes. Both run the
// same operations in the same order, so a point's bits do not depend on which of its neighbours lie at an edge.
#pragma once
#include "block.hpp"

namespace gridsample::GS_TARGET {

// Taps of interior points. UNIT: the fastest axis is contiguous, and K adjacent taps are read at once.
template <class T, int D, int K, bool UNIT> class Interior {
 public:
  Interior(const Job& job, const Block<T, D, K>& block) : block_(block), origin_(block.origin) {
    for (int d = 0; d < D; ++d) stride_[d] = job.image_stride[d];
    for (int d = 0; d + 1 < D; ++d) last_row_ += (K - 1) * stride_[d];
  }

  struct Cursor { const char* base; };
  GS_INLINE Cursor start(const char* base) const { return {base + origin_}; }
  template <int d> GS_INLINE Cursor step(Cursor c, int, int k) const { return {c.base + k * stride_[d]}; }
  GS_INLINE void taps(Cursor c, int p, Vec<T>* out) const {
    const int32_t* offset = block_.offset + p;
    const char* base = c.base;
    asm("" : "+r"(base));  // one register for each row of taps: else the compiler adds its parts to every lane's offset
    if constexpr (UNIT && K == 2) gather_pair<T>(base, offset, out);
    else if constexpr (UNIT && K == 4) gather_four<T>(base, offset, out);
    else
      for (int k = 0; k < K; ++k) out[k] = gather<T>(base + k * stride_[D - 1], offset);
  }
  GS_INLINE Vec<T> only_tap(Cursor c, int p) const { return gather<T>(c.base, block_.offset + p); }
  // Asks for the first and the last row of taps of a point some vectors further on. (If it is none, any address will do.)
  GS_INLINE void ask_ahead(const char* base, int p) const {
    const char* at = base + origin_ + block_.offset[p + Block<T, D, K>::ahead];
    __builtin_prefetch(at);
    if constexpr (K > 1 && D > 1) __builtin_prefetch(at + last_row_);
  }
  // What is read in the place of both taps, or rows, along axis d of points within: themselves.
  template <int d> GS_INLINE void pick(int, Vec<T>*) const {}

 private:
  const Block<T, D, K>& block_;
  int64_t origin_, stride_[D], last_row_ = 0;  // copies: what is stored could be the job, for all the compiler knows
};

// Taps of edge points as two pixels within the image, of which each tap picks one or none: job.picks.
template <class T, int D> class Picked : public Interior<T, D, 2, true> {
 public:
  Picked(const Job& job, const Block<T, D, 2>& block) : Interior<T, D, 2, true>(job, block), block_(block) {}

  template <int d> GS_INLINE void pick(int p, Vec<T>* tap) const {
    const Picks<T>& picks = block_.picks[d][p / lanes<T>];
    const Vec<T> first = tap[0], second = tap[1];
    tap[0] = keep<T>(picks.live[0], choose<T>(picks.crossed[0], second, first));
    tap[1] = keep<T>(picks.live[1], choose<T>(picks.crossed[1], first, second));
  }

 private:
  const Block<T, D, 2>& block_;
};

// How taps of edge points are read. In a window: the two taps along the fastest axis are among two adjacent pixels, read
// at once as an interior point's are.
enum class Reading { window, near, far };

// Taps of edge points: folded offsets add up axis by axis, and a hole on any axis reads the fill.
template <class T, int D, int K, Reading READING> class Edge {
 public:
  Edge(const Job& job, const Block<T, D, K>& block)
      : block_(block), fill_(splat<T>(block.fill)), signs_(job.buries),
        last_pair_(Index<T>{} + int32_t((job.size[D - 1] - 2) * sizeof(T))) {}

  using Offsets = typename If<READING == Reading::far, Offset<T>, Index<T>>::type;
  struct Cursor { const char* base; Offsets offset; Mask<T> hole; };
  GS_INLINE Cursor start(const char* base) const { return {base, Offsets{}, Mask<T>{}}; }
  template <int d> GS_INLINE Cursor step(const Cursor& c, int p, int k) const {
    return {c.base, c.offset + along<d>(p, k), c.hole | load<Mask<T>>(block_.hole[d][k] + p)};
  }
  GS_INLINE void taps(const Cursor& c, int p, Vec<T>* out) const {
    if constexpr (READING == Reading::window) {
      const Index<T> first = along<D - 1>(p, 0), second = along<D - 1>(p, 1);
      const Index<T> window = first > last_pair_ ? last_pair_ : first;
      alignas(64) int32_t at[lanes<T>];
      store(at, c.offset + window);
      Vec<T> pair[2];
      gather_pair<T>(c.base, at, pair);
      out[0] = as_mask(first == window) ? pair[0] : pair[1];
      out[1] = as_mask(second == window) ? pair[0] : pair[1];
      for (int k = 0; k < 2; ++k) out[k] = (c.hole | load<Mask<T>>(block_.hole[D - 1][k] + p)) ? fill_ : out[k];
    } else {
      for (int k = 0; k < K; ++k) {
        const Cursor tap = step<D - 1>(c, p, k);
        out[k] = tap.hole ? fill_ : gather_at(tap.base, tap.offset);
      }
    }
  }

  GS_INLINE void ask_ahead(const char*, int) const {}
  template <int d> GS_INLINE void pick(int, Vec<T>*) const {}
  GS_INLINE Vec<T> only_tap(const Cursor& c, int p) const {
    Vec<T> value;
    if constexpr (READING == Reading::far) value = gather<T>(c.base, block_.tap_offset.far[0][0] + p);
    else value = gather<T>(c.base, block_.tap_offset.near[0][0] + p);
    if (signs_) value *= load<Vec<T>>(block_.weight[0][0] + p);
    return load<Mask<T>>(block_.hole[0][0] + p) ? fill_ : value;
  }

 private:
  template <int d> GS_INLINE Offsets along(int p, int k) const {
    if constexpr (READING == Reading::far) return load_offset<T>(block_.tap_offset.far[d][k] + p);
    else return load<Index<T>>(block_.tap_offset.near[d][k] + p);
  }
  static GS_INLINE Mask<T> as_mask(Index<T> m) { return __builtin_convertvector(m, Mask<T>); }
  static GS_INLINE Vec<T> gather_at(const char* base, const Offset<T>& offset) {
    alignas(64) int64_t at[lanes<T>];
    store_offset(at, offset);
    return gather<T>(base, at);
  }
  static GS_INLINE Vec<T> gather_at(const char* base, const Index<T>& offset) {
    alignas(64) int32_t at[lanes<T>];
    store(at, offset);
    return gather<T>(base, at);
  }

  const Block<T, D, K>& block_;
  const Vec<T> fill_;
  const bool signs_;  // a boundary may turn a tap's sign, which a single tap's weight keeps
  const Index<T> last_pair_;
};

// Calls visit(edge) with the Edge this job's blocks are read through.
template <class T, int D, int K, class Visit>
GS_INLINE void with_edge(const Job& job, const Block<T, D, K>& block, Visit visit) {
  if constexpr (K == 2)
    if (job.picks) return visit(Picked<T, D>(job, block));
  if constexpr (K == 2)
    if (job.windowed) return visit(Edge<T, D, K, Reading::window>(job, block));
  if (job.short_offsets) return visit(Edge<T, D, K, Reading::near>(job, block));
  visit(Edge<T, D, K, Reading::far>(job, block));
}

template <class T, int D, int K> GS_INLINE Vec<T> weight_at(const Block<T, D, K>& b, int d, int k, int p) {
  return load<Vec<T>>(b.weight[d][k] + p);
}

// The value: axes d .. D-1 reduced.
template <int d, class T, int D, int K, class Source>
GS_INLINE Vec<T> value_from(const Source& source, const Block<T, D, K>& block, int p, typename Source::Cursor cursor) {
  if constexpr (K == 1) {
    return source.only_tap(cursor, p);
  } else {
    Vec<T> part[K];  // taps, or rows of them
    if constexpr (d == D - 1) source.taps(cursor, p, part);
    else
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k)
        part[k] = value_from<d + 1, T, D, K>(source, block, p, source.template step<d>(cursor, p, k));
    source.template pick<d>(p, part);
    Vec<T> sum = part[0] * weight_at(block, d, 0, p);
    for (int k = 1; k < K; ++k) sum = mul_add<T>(part[k], weight_at(block, d, k, p), sum);
    return sum;
  }
}

// The value and its derivative along each of the axes d .. D-1, in pixels.
template <class T, int D> struct Jet { Vec<T> value, along[D]; };

template <int d, class T, int D, int K, class Source>
GS_INLINE Jet<T, D> jet_from(const Source& source, const Block<T, D, K>& block, int p, typename Source::Cursor cursor) {
  Vec<T> value[K], along[D][K];  // of taps, or of rows of them
  if constexpr (d == D - 1) source.taps(cursor, p, value);
  else
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) {
      const Jet<T, D> row = jet_from<d + 1, T, D, K>(source, block, p, source.template step<d>(cursor, p, k));
      value[k] = row.value;
      for (int e = d + 1; e < D; ++e) along[e][k] = row.along[e];
    }
  source.template pick<d>(p, value);
  for (int e = d + 1; e < D; ++e) source.template pick<d>(p, along[e]);
  Jet<T, D> sum;
#pragma GCC unroll 4
  for (int k = 0; k < K; ++k) {
    const Vec<T> w = weight_at(block, d, k, p), dw = block.derivative_at(d, k, p);
    sum.value = k == 0 ? value[k] * w : mul_add<T>(value[k], w, sum.value);
    sum.along[d] = k == 0 ? value[k] * dw : mul_add<T>(value[k], dw, sum.along[d]);
    for (int e = d + 1; e < D; ++e) sum.along[e] = k == 0 ? along[e][k] * w : mul_add<T>(along[e][k], w, sum.along[e]);
  }
  return sum;
}

}  // namespace gridsample::GS_TARGET
