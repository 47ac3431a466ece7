// SPDX-License-Identifier: Apache-2.0
// Pull: values = S(coords) image, and its derivative along the coordinates (pull_grad), one tile per task.
// Every output is computed by one task, with the same operations wherever it stands.
#pragma once
#include "channels.hpp"
#include "fill.hpp"
#include "reduce.hpp"

namespace gridsample::GS_TARGET {

// The first `count` lanes to an array with any stride, and from it.
template <class T> GS_INLINE void store_lanes(char* to, int64_t stride, Vec<T> value, int count) {
  if (stride == int64_t(sizeof(T))) return count == lanes<T> ? store(to, value) : store_first<T>(to, value, count);
  alignas(64) T lane[lanes<T>];
  store(lane, value);
  for (int l = 0; l < count; ++l) poke<T>(to + l * stride, lane[l]);
}
template <class T> GS_INLINE Vec<T> load_lanes(const char* from, int64_t stride, int count) {
  if (stride == int64_t(sizeof(T))) return count == lanes<T> ? load<Vec<T>>(from) : load_first<T>(from, count);
  alignas(64) T lane[lanes<T>] = {};
  for (int l = 0; l < count; ++l) lane[l] = peek<T>(from + l * stride);
  return load<Vec<T>>(lane);
}

// Lanes that are answered without sampling: NaN, or the outside value.
template <class T, int D, int K>
__attribute__((noinline)) Vec<T> answer_dead(const Block<T, D, K>& block, int p, Vec<T> value) {
  for (int l = 0; l < lanes<T>; ++l) {
    if (block.dead[p + l] == Dead::nan) value[l] = T(__builtin_nan(""));
    else if (block.dead[p + l] == Dead::outside) value[l] = block.outside;
    else if (block.dead[p + l] == Dead::fill) value[l] = block.fill;
  }
  return value;
}
template <class T, int D, int K> GS_INLINE Vec<T> silence_dead(const Block<T, D, K>& block, int p, Vec<T> value) {
  for (int l = 0; l < lanes<T>; ++l)
    if (block.dead[p + l] != Dead::no) value[l] = 0;
  return value;
}

// Calls visit(p, where, count, row, col) for each vector of the tile, in order.
template <class T, class B, class Visit> GS_INLINE void each_vector(const B& block, Visit visit) {
  for (int r = 0; r < block.run_count; ++r) {
    const Run& run = block.runs[r];
    for (int v = 0; v < run.vectors; ++v)
      visit(run.point + v * lanes<T>, run.where, v == run.vectors - 1 ? run.last : lanes<T>, run.row,
            run.col + v * lanes<T>);
  }
}

// One row's run of vectors of one kind. Whole vectors to adjacent memory take the first loop, which decides nothing.
template <class T, class B, class Value>
GS_INLINE void pull_run(const Job& job, const B& block, const Run& run, char* to, Value value) {
  const int64_t col_stride = job.values.col;
  int p = run.point, whole = 0;
  if (col_stride == int64_t(sizeof(T)) && !block.any_dead) {
    whole = run.last == lanes<T> ? run.vectors : run.vectors - 1;
    if (job.streams && aligned(to))
      for (int v = 0; v < whole; ++v, p += lanes<T>, to += sizeof(Vec<T>)) stream(to, value(p));
    else
      for (int v = 0; v < whole; ++v, p += lanes<T>, to += sizeof(Vec<T>)) store(to, value(p));
  }
  for (int v = whole; v < run.vectors; ++v, p += lanes<T>, to += lanes<T> * col_stride) {
    const Vec<T> sample = value(p);
    store_lanes<T>(to, col_stride, block.any_dead ? answer_dead(block, p, sample) : sample,
                   v == run.vectors - 1 ? run.last : lanes<T>);
  }
}

template <class T, int D, int K, bool UNIT>
void pull_channels(const Job& job, const Block<T, D, K>& block, int64_t from, int64_t to) {
  const char* image = job.image + block.batch * job.image_batch;
  const Interior<T, D, K, UNIT> interior(job, block);
  for (int64_t c = from; c < to; ++c) {
    char* out = block.values(job, c);
    const char* base = image + c * job.image_channel;
    for (int r = 0; r < block.run_count; ++r) {
      const Run& run = block.runs[r];
      char* start = out + block.row_offset(job.values, run.row) + run.col * job.values.col;
      if (run.where == Where::interior) {
        pull_run<T>(job, block, run, start, [&](int p) {
          interior.ask_ahead(base, p);
          return value_from<0, T, D, K>(interior, block, p, interior.start(base));
        });
      } else if (run.where == Where::edge) {
        with_edge(job, block, [&](const auto& edge) {
          pull_run<T>(job, block, run, start,
                      [&](int p) { return value_from<0, T, D, K>(edge, block, p, edge.start(base)); });
        });
      } else {
        pull_run<T>(job, block, run, start, [&](int) { return splat<T>(block.fill); });
      }
    }
  }
}

// Derivatives along every axis, in pixels. Nothing changes where every tap is a hole.
template <class T, int D, int K, bool UNIT>
GS_INLINE Jet<T, D> jet_at(const Job& job, const Block<T, D, K>& block, const char* base, int p, Where where) {
  if constexpr (K == 1) return Jet<T, D>{};
  if (where == Where::interior) {
    const Interior<T, D, K, UNIT> source(job, block);
    return jet_from<0, T, D, K>(source, block, p, source.start(base));
  }
  if (where == Where::outside) return Jet<T, D>{};
  Jet<T, D> jet;
  with_edge(job, block, [&](const auto& edge) { jet = jet_from<0, T, D, K>(edge, block, p, edge.start(base)); });
  return jet;
}

template <class T, int D, int K, bool UNIT>
void pull_grad_channels(const Job& job, const Block<T, D, K>& block, int64_t from, int64_t to) {
  const char* image = job.image + block.batch * job.image_batch;
  for (int64_t c = from; c < to; ++c) {
    char* out = block.values(job, c);
    const char* base = image + c * job.image_channel;
    each_vector<T>(block, [&](int p, Where where, int count, int row, int col) {
      const Jet<T, D> jet = jet_at<T, D, K, UNIT>(job, block, base, p, where);
      for (int d = 0; d < D; ++d) {
        const Axis& axis = job.problem->axis[d];
        const Vec<T> folded = K == 1 ? Vec<T>{} : load<Vec<T>>(block.slope[d] + p);
        Vec<T> slope = jet.along[d] * folded * splat<T>(T(axis.scale));
        slope = folded == Vec<T>{} ? Vec<T>{} : slope;  // zero even beside an infinite pixel
        if (block.any_dead) slope = silence_dead<T, D, K>(block, p, slope);
        slope = slope + Vec<T>{};  // no -0: which zero it is would depend on a point's neighbours
        store_lanes<T>(out + block.row_offset(job.values, row) + col * job.values.col + axis.component * job.values.component,
                       job.values.col, slope, count);
      }
    });
  }
}

template <class T, int D, int K> GS_INLINE Block<T, D, K>& block_in(Scratch& scratch) {
  static_assert(sizeof(Block<T, D, K>) <= sizeof scratch.memory);
  return *reinterpret_cast<Block<T, D, K>*>(scratch.memory);
}

template <class T, int D, int K> void pull_task(const Job& job, int64_t task, Scratch& scratch) {
  Block<T, D, K>& block = block_in<T, D, K>(scratch);
  const int64_t part = task % job.channel_blocks, tile = task / job.channel_blocks % job.tiles;
  const int64_t from = part * job.channels / job.channel_blocks, to = (part + 1) * job.channels / job.channel_blocks;
  fill_block<T, D, K, false>(job, task / job.channel_blocks / job.tiles, tile, block);
  if (job.channels_last) pull_channels_last<T, D, K>(job, block);
  else if (job.unit_column) pull_channels<T, D, K, true>(job, block, from, to);
  else pull_channels<T, D, K, false>(job, block, from, to);
  if (job.streams) settle();
}

template <class T, int D, int K> void pull_grad_task(const Job& job, int64_t task, Scratch& scratch) {
  Block<T, D, K>& block = block_in<T, D, K>(scratch);
  fill_block<T, D, K, true>(job, task / job.tiles, task % job.tiles, block);
  if (job.unit_column) pull_grad_channels<T, D, K, true>(job, block, 0, job.channels);
  else pull_grad_channels<T, D, K, false>(job, block, 0, job.channels);
}

}  // namespace gridsample::GS_TARGET
