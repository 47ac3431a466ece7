// SPDX-License-Identifier: Apache-2.0
// Fold: which pixel a tap outside the image reads. Each vector of points is first told apart into interior, edge and
// outside; only edge vectors pay for folding, tap by tap, into a pixel and a sign or a hole.
#pragma once
#include "block.hpp"

namespace gridsample::GS_TARGET {

// Two taps at the rim as the reading of pixels within picks them.
template <class T, int D> GS_INLINE void set_picks(const Job& job, Block<T, D, 2>& block, const Index<T>* first, int p) {
  const auto flags = [](Index<T> m) { return flags_of<T>(__builtin_convertvector(m, Mask<T>)); };
  Index<T> offset{};
#pragma GCC unroll 3
  for (int d = 0; d < D; ++d) {
    const Axis& axis = job.problem->axis[d];
    const int32_t last = int32_t(job.size[d]) - 2;  // first pixel of two
    const Index<T> i = first[d], before = i < 0, behind = i > last;
    // a position already folded needs no tap beyond the rim
    const Index<T> clamps = Index<T>{} - int32_t(axis.rule.family == table::Family::clamp && !axis.fold_coordinate);
    Picks<T>& pick = block.picks[d][p / lanes<T>];
    pick.crossed[0] = flags(behind);
    pick.crossed[1] = flags(before);
    pick.live[0] = flags(clamps | (~before & (i <= last + 1)));
    pick.live[1] = flags(clamps | (~behind & (i >= -1)));
    const Index<T> pixel = before ? Index<T>{} : behind ? Index<T>{} + last : i;
    offset += pixel * int32_t(job.image_stride[d]);
  }
  store(block.offset + p, offset);
}

template <class T, int D, int K> struct Folder {
  const Job& job;
  Block<T, D, K>& block;

  // A periodic rule, in double, where every index and product is exact; false for a hole.
  static bool fold_periodic(const table::BoundaryRow& rule, int64_t n, int32_t& j, T& sign) {
    double period = double(rule.p1) * double(n) + double(rule.p0);
    if (period < 1) period = 1;
    double rest = double(j) + rule.shift;
    rest -= double(int64_t(rest / period)) * period;
    if (rest < 0) rest += period;
    const double direct = rest - rule.shift, mirrored = period - rule.c - rest;
    const bool straight = direct >= 0 && direct < double(n);
    sign = straight ? T(1) : T(rule.sign);
    j = int32_t(straight ? direct : mirrored);
    return straight || (mirrored >= 0 && mirrored < double(n));
  }

  // One axis of one edge vector: every tap's pixel and sign, or a hole.
  GS_INLINE void fold_axis(int d, int p) {
    const Axis& axis = job.problem->axis[d];
    const int32_t n = int32_t(job.size[d]);
    // a position already folded needs no tap beyond the rim
    const table::Family family = axis.fold_coordinate ? table::Family::hole : axis.rule.family;
    for (int k = 0; k < K; ++k) {
      Index<T> j = load<Index<T>>(block.index[d] + p) + k;
      Index<T> hole = (j < 0) | (j >= n);
      if (family == table::Family::clamp) {
        j = j < 0 ? Index<T>{} : j;
        j = j >= n ? Index<T>{} + (n - 1) : j;
        hole = Index<T>{};
      } else if (family == table::Family::periodic && any(hole)) {
        for (int l = 0; l < lanes<T>; ++l) {
          if (!hole[l]) continue;
          int32_t pixel = j[l];
          T sign = 1;
          if (!fold_periodic(axis.rule, n, pixel, sign)) continue;  // a hole has no sign either
          hole[l] = 0;
          j[l] = pixel;
          if (sign == 1) continue;
          block.weight[d][k][p + l] *= sign;
          block.derivative[d][k][p + l] *= sign;
        }
      }
      store(block.hole[d][k] + p, __builtin_convertvector(hole, Mask<T>));
      j = j < 0 ? Index<T>{} : j;
      j = j >= n ? Index<T>{} + (n - 1) : j;
      if (job.short_offsets) {
        store(block.tap_offset.near[d][k] + p, j * int32_t(job.image_stride[d]));
      } else {
        for (int l = 0; l < lanes<T>; ++l) block.tap_offset.far[d][k][p + l] = int64_t(j[l]) * job.image_stride[d];
      }
    }
  }

  // A point none of whose taps is a pixel is the fill itself, not the fill times weights that add up to almost one.
  // (A fill of zero needs no such care, unless a sign could make it -0.)
  void bury(int p) {
    Mask<T> buried{};
    for (int d = 0; d < D; ++d) {
      Mask<T> missed = ~Mask<T>{};
      for (int k = 0; k < K; ++k) missed &= load<Mask<T>>(block.hole[d][k] + p);
      buried |= missed;
    }
    if (!any(buried)) return;
    for (int l = 0; l < lanes<T>; ++l)
      if (buried[l] && block.dead[p + l] == Dead::no) {
        block.dead[p + l] = Dead::fill;
        block.any_dead = true;
      }
  }

  // Lanes all of whose taps are pixels.
  GS_INLINE Index<T> inside(int p) const {
    Index<T> found = ~Index<T>{};
    for (int d = 0; d < D; ++d) {
      const Index<T> i = load<Index<T>>(block.index[d] + p);
      found &= (i >= 0) & (i <= int32_t(job.size[d]) - K);
    }
    return found;
  }

  // Offsets of interior points; false if they lie too far apart for 32 bits.
  GS_INLINE bool set_offsets(int p) {
    if (job.short_offsets) {
      typename Vector<T>::unsigned_index at{};
      for (int d = 0; d < D; ++d)
        at += (typename Vector<T>::unsigned_index)load<Index<T>>(block.index[d] + p) * uint32_t(job.image_stride[d]);
      store(block.offset + p, (Index<T>)at);
      return true;
    }
    bool near = true;
    for (int l = 0; l < lanes<T>; ++l) {
      int64_t at = -block.origin;
      for (int d = 0; d < D; ++d) at += int64_t(block.index[d][p + l]) * job.image_stride[d];
      block.offset[p + l] = int32_t(at);
      near &= at == int32_t(at);
    }
    return near;
  }

  // In a large image offsets count from the tile's first point.
  void set_origin() {
    for (int d = 0; d < D; ++d) {
      const int64_t i = block.index[d][0], last = job.size[d] - 1;
      block.origin += (i < 0 ? 0 : i > last ? last : i) * job.image_stride[d];
    }
  }

  Where classify_rim(int p) {
    Index<T> beyond{};  // no tap is a pixel
    for (int d = 0; d < D; ++d) {
      const Index<T> i = load<Index<T>>(block.index[d] + p);
      if (job.problem->axis[d].rule.family == table::Family::hole) beyond |= (i <= -K) | (i >= int32_t(job.size[d]));
    }
    if (!any(~beyond)) return Where::outside;
    fold(p);
    return Where::edge;
  }

  GS_INLINE void fold(int p) {
    if constexpr (K == 2)
      if (job.picks) {
        Index<T> first[D];
        for (int d = 0; d < D; ++d) first[d] = load<Index<T>>(block.index[d] + p);
        return set_picks(job, block, first, p);
      }
    for (int d = 0; d < D; ++d) fold_axis(d, p);
    if constexpr (K == 1) join_axes(p);
    else if (job.buries) bury(p);
  }

  // The only tap of a point, under the first axis.
  GS_INLINE void join_axes(int p) {
    for (int d = 1; d < D; ++d) {
      add_to(block.hole[0][0] + p, block.hole[d][0] + p, [](auto a, auto b) { return a | b; });
      add_to(block.weight[0][0] + p, block.weight[d][0] + p, [](auto a, auto b) { return a * b; });
      const auto sum = [](auto a, auto b) { return a + b; };
      if (job.short_offsets) add_to(block.tap_offset.near[0][0] + p, block.tap_offset.near[d][0] + p, sum);
      else add_to(block.tap_offset.far[0][0] + p, block.tap_offset.far[d][0] + p, sum);
    }
  }
  template <class I, class Join> static GS_INLINE void add_to(I* to, const I* from, Join join) {
    for (int l = 0; l < lanes<T>; ++l) to[l] = join(to[l], from[l]);
  }

  Where classify_vector(int p) {
    if (!any(~inside(p)) && set_offsets(p)) return Where::interior;
    return classify_rim(p);
  }

  void classify() {
    if (!job.short_offsets) set_origin();
    for (int row = 0; row < block.rows; ++row)
      for (int col = 0; col < block.cols; col += lanes<T>)
        block.note(row, col, 1, classify_vector(row * block.pitch + col));
  }
};

}  // namespace gridsample::GS_TARGET
