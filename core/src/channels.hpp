// SPDX-License-Identifier: Apache-2.0
// Channels: pull for images whose channels are adjacent in memory (channels_last). One point at a time, its weights
// spread over a vector of channels; the same operations in the same order as reduce.hpp, so the same bits.
#pragma once
#include "fill.hpp"

namespace gridsample::GS_TARGET {

// One vector of channels: the first `count`, from memory that may end there.
template <class T, bool WHOLE> GS_INLINE Vec<T> load_channels(const char* from, int count) {
  if constexpr (WHOLE) return load<Vec<T>>(from);
  else return load_first<T>(from, count);
}

// One point's taps. Its numbers are copied once: results are stored between the reads of it, and could be them.
template <class T, int D, int K, bool INTERIOR> struct PointTaps {
  const Job& job;
  const Block<T, D, K>& block;
  const int p;
  int64_t stride[D];
  Vec<T> weight[D][K];

  GS_INLINE PointTaps(const Job& job_, const Block<T, D, K>& block_, int p_) : job(job_), block(block_), p(p_) {
    for (int d = 0; d < D; ++d) {
      stride[d] = job.image_stride[d];
      for (int k = 0; k < K && K > 1; ++k) weight[d][k] = splat<T>(block.weight[d][k][p]);
    }
  }

  // Axes d .. D-1 reduced, for the channels at `base`; `hole` is set once an axis has missed the image.
  template <int d, bool WHOLE>
  GS_INLINE Vec<T> value(const char* base, bool hole, int count) const {
    if constexpr (K == 1) return only_tap<WHOLE>(base, count);
    Vec<T> sum{};
    for (int k = 0; k < K; ++k) {
      bool missed = hole;
      const char* at = base;
      if constexpr (INTERIOR) {
        at += k * stride[d];
      } else {
        missed |= block.hole[d][k][p] != 0;
        at += job.short_offsets ? block.tap_offset.near[d][k][p] : block.tap_offset.far[d][k][p];
      }
      Vec<T> tap;
      if constexpr (d == D - 1) tap = missed ? splat<T>(block.fill) : load_channels<T, WHOLE>(at, count);
      else tap = value<d + 1, WHOLE>(at, missed, count);
      sum = k == 0 ? tap * weight[d][k] : mul_add<T>(tap, weight[d][k], sum);
    }
    return sum;
  }

  template <bool WHOLE> GS_INLINE Vec<T> only_tap(const char* base, int count) const {
    if constexpr (INTERIOR) return load_channels<T, WHOLE>(base, count);
    if (block.hole[0][0][p]) return splat<T>(block.fill);
    const auto& offset = block.tap_offset;
    base += job.short_offsets ? offset.near[0][0][p] : offset.far[0][0][p];
    const Vec<T> tap = load_channels<T, WHOLE>(base, count);
    return job.buries ? tap * splat<T>(block.weight[0][0][p]) : tap;
  }

  GS_INLINE void all(const char* base, char* out, int64_t channels) const {
    int64_t c = 0;
    if (job.streams && aligned(out))
      for (; c + lanes<T> <= channels; c += lanes<T>, base += sizeof(Vec<T>), out += sizeof(Vec<T>))
        stream(out, value<0, true>(base, false, lanes<T>));
    else
      for (; c + lanes<T> <= channels; c += lanes<T>, base += sizeof(Vec<T>), out += sizeof(Vec<T>))
        store(out, value<0, true>(base, false, lanes<T>));
    const int left = int(channels - c);
    if (left > 0) store_first<T>(out, value<0, false>(base, false, left), left);
  }
};

template <class T, int D, int K> void pull_channels_last(const Job& job, const Block<T, D, K>& block) {
  constexpr int ahead = 8;  // points between asking for a pixel of the last row of taps and reading it
  const char* image = job.image + block.batch * job.image_batch;
  int64_t last_row = block.origin;
  for (int d = 0; d + 1 < D; ++d) last_row += (K - 1) * job.image_stride[d];
  for (int r = 0; r < block.run_count; ++r) {
    const Run& run = block.runs[r];
    const int count = (run.vectors - 1) * lanes<T> + run.last;
    for (int i = 0; i < count; ++i) {
      const int p = run.point + i;
      char* out = block.values(job, 0) + block.row_offset(job.values, run.row) + (run.col + i) * job.values.col;
      const Dead dead = block.any_dead ? block.dead[p] : Dead::no;
      if (dead != Dead::no || run.where == Where::outside) {
        const T answer = dead == Dead::nan ? T(__builtin_nan("")) : dead == Dead::outside ? block.outside : block.fill;
        for (int64_t c = 0; c < job.channels; ++c) poke<T>(out + c * int64_t(sizeof(T)), answer);
      } else if (run.where == Where::interior) {
        const char* first = image + block.origin + block.offset[p];
        const char* next = image + last_row + block.offset[p + ahead];
        for (int64_t line = 0; line < job.channels * int64_t(sizeof(T)); line += 64) __builtin_prefetch(next + line);
        PointTaps<T, D, K, true>(job, block, p).all(first, out, job.channels);
      } else {
        PointTaps<T, D, K, false>(job, block, p).all(image, out, job.channels);
      }
    }
  }
}

}  // namespace gridsample::GS_TARGET
