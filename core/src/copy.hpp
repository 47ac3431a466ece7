// SPDX-License-Identifier: Apache-2.0
// Copy: with one tap a sample is a pixel as it is stored, or one of a few answers, and nothing is computed of it.
#pragma once
#include "convert.hpp"
#include "pull.hpp"

namespace gridsample::GS_TARGET {

// `bytes` adjacent ones of each of `count` points.
template <int bytes> GS_INLINE void copy_points(const char* from, const int32_t* offset, char* to, int64_t step, int count) {
  for (int i = 0; i < count; ++i) __builtin_memcpy(to + i * step, from + offset[i], bytes);
}
inline void copy_points(const char* from, const int32_t* offset, char* to, int64_t step, int count, int64_t bytes) {
  switch (bytes) {
    case 1: return copy_points<1>(from, offset, to, step, count);
    case 2: return copy_points<2>(from, offset, to, step, count);
    case 3: return copy_points<3>(from, offset, to, step, count);
    case 4: return copy_points<4>(from, offset, to, step, count);
    case 6: return copy_points<6>(from, offset, to, step, count);
    case 8: return copy_points<8>(from, offset, to, step, count);
  }
  for (int i = 0; i < count; ++i) __builtin_memcpy(to + i * step, from + offset[i], std::size_t(bytes));
}

// Whether a tile's samples are such: no signs, no points that are answered apart, offsets of 32 bits.
template <int D> bool only_copies(const Job& job, const Block<float, D, 1>& block) {
  return job.short_offsets && !job.buries && !block.any_dead;
}

// Channels `from` to `to` of a tile; those that are adjacent on both sides go together.
template <int D> void copy_tile(const Job& job, const Block<float, D, 1>& block, int64_t from, int64_t to) {
  const bool together = job.image_channel == job.item && job.values.channel == job.item;
  const int64_t bytes = job.item * (together ? to - from : 1);
  const float fill = block.fill;
  char answer[2];
  converter_of(job.pixel).narrow(&fill, 1, answer, job.item);
  for (int64_t c = from; c < to; c += together ? to - from : 1) {
    const char* image = job.image + block.batch * job.image_batch + c * job.image_channel;
    char* values = block.values(job, c);
    for (int r = 0; r < block.run_count; ++r) {
      const Run& run = block.runs[r];
      const int count = (run.vectors - 1) * lanes<float> + run.last;
      const bool at_rim = run.where == Where::edge;
      char* out = values + block.row_offset(job.values, run.row) + run.col * job.values.col;
      const int32_t* offset = at_rim ? block.tap_offset.near[0][0] + run.point : block.offset + run.point;
      if (run.where != Where::outside) copy_points(image, offset, out, job.values.col, count, bytes);
      for (int i = 0; i < count && run.where != Where::interior; ++i)
        if (!at_rim || block.hole[0][0][run.point + i])
          for (int64_t b = 0; b < bytes; ++b) out[i * job.values.col + b] = answer[b % job.item];
    }
  }
}

}  // namespace gridsample::GS_TARGET
