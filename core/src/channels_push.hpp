// SPDX-License-Identifier: Apache-2.0
// Channels, backward: push and the gradients for images whose channels are adjacent in memory (channels_last). One point at
// a time, its weights spread over a vector of channels: no two lanes ever add to the same pixel. A pixel's sum is in ascending
// order of points, and of taps within a point; a point's sum over channels is made lane by lane, and the lanes are added last.
#pragma once
#include "channels.hpp"
#include "reduce.hpp"

namespace gridsample::GS_TARGET {

template <class T, bool WHOLE> GS_INLINE void add_channels(char* to, Vec<T> value, int count) {
  if constexpr (WHOLE) store(to, load<Vec<T>>(to) + value);
  else store_first<T>(to, load_first<T>(to, count) + value, count);
}

// The lanes of one vector, added in pairs: one order, wherever the point stands.
template <class T> GS_INLINE T sum_of_lanes(Vec<T> value) {
  T lane[lanes<T>];
  store(lane, value);
  for (int half = lanes<T> / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) lane[l] += lane[l + half];
  return lane[0];
}

template <bool answer> struct Is { static constexpr bool value = answer; };

template <class T, int D, int K, bool INTERIOR> struct PointBackward {
  const Job& job;
  const Block<T, D, K>& block;
  const int p, bent = p & block.bends;  // where its derivatives stand

  // To tap k along axis d; true if it is a hole.
  GS_INLINE bool step(int d, int k, int64_t& at) const {
    if constexpr (INTERIOR) {
      at += k * job.image_stride[d];
      return false;
    }
    at += job.short_offsets ? block.tap_offset.near[d][k][p] : block.tap_offset.far[d][k][p];
    return block.hole[d][k][p] != 0;
  }

  template <int d, bool WHOLE> GS_INLINE Jet<T, D> jet(const char* image, int64_t at, bool hole, int count) const {
    Jet<T, D> sum{};
    for (int k = 0; k < K; ++k) {
      int64_t next = at;
      const bool missed = step(d, k, next) || hole;
      const Vec<T> w = splat<T>(block.weight[d][k][p]), dw = splat<T>(block.derivative[d][k][bent]);
      if constexpr (d == D - 1) {
        const Vec<T> tap = missed ? splat<T>(block.fill) : load_channels<T, WHOLE>(image + next, count);
        sum.value = k == 0 ? tap * w : mul_add<T>(tap, w, sum.value);
        sum.along[d] = k == 0 ? tap * dw : mul_add<T>(tap, dw, sum.along[d]);
      } else {
        const Jet<T, D> row = jet<d + 1, WHOLE>(image, next, missed, count);
        sum.value = k == 0 ? row.value * w : mul_add<T>(row.value, w, sum.value);
        sum.along[d] = k == 0 ? row.value * dw : mul_add<T>(row.value, dw, sum.along[d]);
        for (int e = d + 1; e < D; ++e)
          sum.along[e] = k == 0 ? row.along[e] * w : mul_add<T>(row.along[e], w, sum.along[e]);
      }
    }
    return sum;
  }

  template <int d, bool WHOLE> GS_INLINE void scatter(char* target, int64_t at, Vec<T> value, int count) const {
    if constexpr (K == 1) {  // all of the only tap stands under the first axis
      if (!INTERIOR && step(0, 0, at)) return;
      if (!INTERIOR && job.buries) value *= splat<T>(block.weight[0][0][p]);
      add_channels<T, WHOLE>(target + at, value, count);
    } else {
      for (int k = 0; k < K; ++k) {
        int64_t next = at;
        if (step(d, k, next)) continue;
        const Vec<T> part = value * splat<T>(block.weight[d][k][p]);
        if constexpr (d == D - 1) add_channels<T, WHOLE>(target + next, part, count);
        else scatter<d + 1, WHOLE>(target, next, part, count);
      }
    }
  }

  // One vector of channels: adds to the point's sums and to the target, each if asked for.
  template <bool GRADIENT, bool SCATTER, bool WHOLE>
  GS_INLINE void visit(const char* image, char* target, const char* grad, int count, Vec<T>* sum) const {
    const int64_t first = INTERIOR ? block.origin + block.offset[p] : 0;
    const Vec<T> value = load_channels<T, WHOLE>(grad, count);
    if constexpr (GRADIENT && K > 1) {
      const Jet<T, D> slope = jet<0, WHOLE>(image, first, false, count);
      for (int d = 0; d < D; ++d) sum[d] = mul_add<T>(value, slope.along[d], sum[d]);
    }
    if constexpr (SCATTER) scatter<0, WHOLE>(target, first, value, count);
  }
};

// The block's points, for the channels `from` to `to`: block.sum and the target's pixels, each if asked for.
template <class T, int D, int K, bool GRADIENT, bool SCATTER>
void backward_channels_last(const Job& job, Block<T, D, K>& block, const char* image, char* target, int64_t from,
                            int64_t to) {
  constexpr int64_t item = sizeof(T);
  const auto visit_point = [&](const auto& point, const char* grad) {
    Vec<T> sum[D] = {};
    int64_t c = from;
    const auto visit = [&](auto whole, int count) {
      const int64_t at = c * item;  // an array not asked for is not there
      point.template visit<GRADIENT, SCATTER, whole.value>(GRADIENT ? image + at : nullptr, SCATTER ? target + at : nullptr,
                                                           grad + at, count, sum);
    };
    for (; c + lanes<T> <= to; c += lanes<T>) visit(Is<true>{}, lanes<T>);
    if (c < to) visit(Is<false>{}, int(to - c));
    if constexpr (GRADIENT && K > 1)
      for (int d = 0; d < D; ++d) block.sum[d][point.p] = sum_of_lanes<T>(sum[d]);
  };
  for (int r = 0; r < block.run_count; ++r) {
    const Run& run = block.runs[r];
    if (run.where == Where::outside) continue;
    const char* grad = block.values(job, 0) + block.row_offset(job.values, run.row) + run.col * job.values.col;
    const int count = (run.vectors - 1) * lanes<T> + run.last;
    for (int i = 0; i < count; ++i, grad += job.values.col) {
      const int p = run.point + i;
      if (block.any_dead && block.dead[p] != Dead::no) continue;
      if (run.where == Where::interior) visit_point(PointBackward<T, D, K, true>{job, block, p}, grad);
      else visit_point(PointBackward<T, D, K, false>{job, block, p}, grad);
    }
  }
}

}  // namespace gridsample::GS_TARGET
