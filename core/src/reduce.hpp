// SPDX-License-Identifier: Apache-2.0
// Reduce: the sum over taps itself, axis by axis, from the slowest to the fastest. One body for any number of axes.
// A source says how a vector of taps is read: Interior from adjacent memory, Edge tap by tap with holes. Both run the
// same operations in the same order, so a point's bits do not depend on which of its neighbours lie at an edge.
#pragma once
#include "block.hpp"

namespace gridsample::GS_TARGET {

// Taps of interior points. UNIT: the fastest axis is contiguous, and K adjacent taps are read at once.
template <class T, int D, int K, bool UNIT> struct Interior {
  static constexpr bool plain = true;  // a single tap's weight is 1: at an edge it may carry a sign
  const Job& job;
  const Block<T, D, K>& block;
  int p;

  struct Cursor { const char* base; };
  GS_INLINE Cursor start(const char* base) const { return {base + block.origin}; }
  template <int d> GS_INLINE Cursor step(Cursor c, int k) const { return {c.base + k * job.image_stride[d]}; }
  GS_INLINE void taps(Cursor c, Vec<T>* out) const {
    const int32_t* offset = block.offset + p;
    if constexpr (K == 1) out[0] = gather<T>(c.base, offset);
    else if constexpr (UNIT && K == 2) gather_pair<T>(c.base, offset, out);
    else if constexpr (UNIT && K == 4) gather_four<T>(c.base, offset, out);
    else
      for (int k = 0; k < K; ++k) out[k] = gather<T>(c.base + k * job.image_stride[D - 1], offset);
  }
};

// Taps of edge points: folded offsets add up axis by axis, and a hole on any axis reads the fill.
template <class T, int D, int K> struct Edge {
  static constexpr bool plain = false;
  const Job& job;
  const Block<T, D, K>& block;
  int p;
  Vec<T> fill;

  struct Cursor { const char* base; Offset<T> offset; Mask<T> hole; };
  GS_INLINE Cursor start(const char* base) const { return {base, Offset<T>{}, Mask<T>{}}; }
  template <int d> GS_INLINE Cursor step(const Cursor& c, int k) const {
    return {c.base, c.offset + load_offset<T>(block.tap_offset[d][k] + p),
            c.hole | load<Mask<T>>(block.hole[d][k] + p)};
  }
  GS_INLINE void taps(const Cursor& c, Vec<T>* out) const {
    for (int k = 0; k < K; ++k) {
      const Cursor tap = step<D - 1>(c, k);
      alignas(64) int64_t at[lanes<T>];
      store_offset(at, tap.offset);
      out[k] = tap.hole ? fill : gather<T>(tap.base, at);
    }
  }
};

template <class T, int D, int K> GS_INLINE Vec<T> weight_at(const Block<T, D, K>& b, int d, int k, int p) {
  return load<Vec<T>>(b.weight[d][k] + p);
}

// The value: axes d .. D-1 reduced.
template <int d, class T, int D, int K, class Source>
GS_INLINE Vec<T> value_from(const Source& source, const Block<T, D, K>& block, int p, typename Source::Cursor cursor) {
  if constexpr (d == D - 1) {
    Vec<T> tap[K];
    source.taps(cursor, tap);
    if constexpr (K == 1 && Source::plain) return tap[0];
    Vec<T> sum = tap[0] * weight_at(block, d, 0, p);
    for (int k = 1; k < K; ++k) sum = mul_add<T>(tap[k], weight_at(block, d, k, p), sum);
    return sum;
  } else {
    Vec<T> sum{};
    if constexpr (K == 1 && Source::plain)
      return value_from<d + 1, T, D, K>(source, block, p, source.template step<d>(cursor, 0));
    for (int k = 0; k < K; ++k) {
      const Vec<T> row = value_from<d + 1, T, D, K>(source, block, p, source.template step<d>(cursor, k));
      sum = k == 0 ? row * weight_at(block, d, 0, p) : mul_add<T>(row, weight_at(block, d, k, p), sum);
    }
    return sum;
  }
}

// The value and its derivative along each of the axes d .. D-1, in pixels.
template <class T, int D> struct Jet { Vec<T> value, along[D]; };

template <int d, class T, int D, int K, class Source>
GS_INLINE Jet<T, D> jet_from(const Source& source, const Block<T, D, K>& block, int p, typename Source::Cursor cursor) {
  Jet<T, D> sum;
  Vec<T> tap[K];
  if constexpr (d == D - 1) source.taps(cursor, tap);
  for (int k = 0; k < K; ++k) {
    const Vec<T> w = load<Vec<T>>(block.weight[d][k] + p), dw = load<Vec<T>>(block.derivative[d][k] + p);
    if constexpr (d == D - 1) {
      sum.value = k == 0 ? tap[k] * w : mul_add<T>(tap[k], w, sum.value);
      sum.along[d] = k == 0 ? tap[k] * dw : mul_add<T>(tap[k], dw, sum.along[d]);
    } else {
      const Jet<T, D> row = jet_from<d + 1, T, D, K>(source, block, p, source.template step<d>(cursor, k));
      sum.value = k == 0 ? row.value * w : mul_add<T>(row.value, w, sum.value);
      sum.along[d] = k == 0 ? row.value * dw : mul_add<T>(row.value, dw, sum.along[d]);
      for (int e = d + 1; e < D; ++e)
        sum.along[e] = k == 0 ? row.along[e] * w : mul_add<T>(row.along[e], w, sum.along[e]);
    }
  }
  return sum;
}

}  // namespace gridsample::GS_TARGET
