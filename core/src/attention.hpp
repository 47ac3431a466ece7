// SPDX-License-Identifier: Apache-2.0
// Attention's job, as job.hpp has that of the other verbs, and its loops of each instruction set. Plain data only.
#pragma once
#include "job.hpp"

namespace gridsample {

// Points at hand at a time: their places stay in the first cache or the second. A query has no more points than `most`.
inline constexpr std::int64_t attention_points = 512, attention_most = 4096, attention_levels = 64;

struct Attention : Job {
  // Bytes from one to the next; of value and its gradient by batch, pixel and head.
  struct Rows {
    char* data;
    std::int64_t batch, row, head;
  };
  Rows value, to_value;
  Rows out;  // or what comes back
  Rows places, shares, to_places, to_shares;
  std::int64_t queries, heads, levels, points, pixels;
  const std::int64_t* sizes;
};

inline constexpr int attention_ways = 2;  // forward, backward
using AttentionLoops = Loop[attention_ways][2][max_axes];  // [way][locations in double][axes - 1]

// Tasks of the forward pass: this many rows (a query of a head) each; of the backward one, a level of a head of an image.
inline constexpr std::int64_t attention_rows = 64;

}  // namespace gridsample
