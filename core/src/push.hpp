// SPDX-License-Identifier: Apache-2.0
// Push: image = S(coords)^T values, and the backward pass, which pushes the output's gradient to the image and reduces
// it over channels to the coordinates.
// Determinism: a task of push owns some channels, or a band of the first axis, of one image, and adds to its pixels in
// ascending order of points, and of taps within a point. So every pixel's sum has one order, however the work is cut.
// The grid gradient of a point is summed by one task in ascending order of batch and channel.
#pragma once
#include "channels_push.hpp"
#include "pull.hpp"

namespace gridsample::GS_TARGET {

// value times the product of weights, for each of the K^D taps, in memory order.
template <int d, class T, int D, int K>
GS_INLINE void spread(const Block<T, D, K>& block, int p, Vec<T> value, Vec<T>*& out) {
  for (int k = 0; k < K; ++k) {
    const Vec<T> part = value * load<Vec<T>>(block.weight[d][k] + p);
    if constexpr (d == D - 1) *out++ = part;
    else spread<d + 1, T, D, K>(block, p, part, out);
  }
}

constexpr int power(int base, int exponent) { return exponent == 0 ? 1 : base * power(base, exponent - 1); }

template <int d, class T, int D, int K> GS_INLINE void tap_steps(const Job& job, int64_t at, int64_t*& out) {
  for (int k = 0; k < K; ++k) {
    const int64_t next = at + k * job.image_stride[d];
    if constexpr (d == D - 1) *out++ = next;
    else tap_steps<d + 1, T, D, K>(job, next, out);
  }
}

// One lane's part of each tap. With one tap per axis all of it stands under the first.
template <int d, class T, int D, int K>
GS_INLINE void add_edge_lane(const Job& job, const Block<T, D, K>& block, int p, int lane, char* at, const T*& part) {
  for (int k = 0; k < K; ++k) {
    const auto& offset = block.tap_offset;
    char* next = at + (job.short_offsets ? offset.near[d][k][p + lane] : offset.far[d][k][p + lane]);
    if (block.hole[d][k][p + lane]) {
      int skipped = 1;
      for (int e = d + 1; e < D; ++e) skipped *= K;
      part += skipped * lanes<T>;
    } else if constexpr (d == D - 1 || K == 1) {
      poke<T>(next, peek<T>(next) + part[lane]);
      part += lanes<T>;
    } else {
      add_edge_lane<d + 1, T, D, K>(job, block, p, lane, next, part);
    }
  }
}

// Each tap's part of one vector of values, a vector per tap.
template <class T, int D, int K>
GS_INLINE void parts_of(const Job& job, const Block<T, D, K>& block, int p, Where where, Vec<T> value, T* part) {
  Vec<T> parts[power(K, D)];
  [[maybe_unused]] Vec<T>* out = parts;
  if (block.any_dead) value = silence_dead<T, D, K>(block, p, value);
  if constexpr (K > 1) spread<0, T, D, K>(block, p, value, out);
  else parts[0] = where == Where::edge && job.buries ? value * load<Vec<T>>(block.weight[0][0] + p) : value;
  __builtin_memcpy(part, parts, sizeof parts);
}

template <class T, int D, int K>
__attribute__((noinline)) void scatter_edge(const Job& job, const Block<T, D, K>& block, char* base, int p, int count,
                                            Vec<T> value) {
  alignas(64) T part[power(K, D) * lanes<T>];
  parts_of(job, block, p, Where::edge, value, part);
  for (int l = 0; l < count; ++l) {
    const T* next = part;
    if (!block.any_dead || block.dead[p + l] == Dead::no) add_edge_lane<0, T, D, K>(job, block, p, l, base, next);
  }
}

// Adds vectors of values, in the order of their points, to one channel of the target. (Keeping the sums under one point's
// taps in registers while the next point shares them was tried: its branches cost more than the stores it saves.)
template <class T, int D, int K> class Scatter {
 public:
  Scatter(const Job& job, const Block<T, D, K>& block, char* base) : job_(job), block_(block), base_(base) {
    int64_t* end = step_;
    tap_steps<0, T, D, K>(job, 0, end);
  }
  GS_INLINE void add(int p, Where where, int count, Vec<T> value) {
    if (where == Where::edge) return scatter_edge<T, D, K>(job_, block_, base_, p, count, value);
    alignas(64) T part[taps * lanes<T>];
    parts_of(job_, block_, p, where, value, part);
    char* const base = base_ + block_.origin;
    const int32_t* offset = block_.offset + p;
    __builtin_prefetch(base + offset[Block<T, D, K>::ahead], 1);
    __builtin_prefetch(base + offset[Block<T, D, K>::ahead] + step_[taps - 1], 1);
    for (int l = 0; l < count; ++l)
      for (int k = 0; k < taps; ++k) {
        char* at = base + offset[l] + step_[k];
        poke<T>(at, peek<T>(at) + part[k * lanes<T> + l]);
      }
  }

 private:
  static constexpr int taps = power(K, D);
  const Job& job_;
  const Block<T, D, K>& block_;
  char* base_;
  int64_t step_[taps];
};

// Sets pixels of the band to zero: one channel, or, where channels are adjacent, `together` of them.
template <class T, int D> void clear(const Job& job, char* base, Band band, int64_t together = 1) {
  int64_t size[3] = {1, 1, 1}, stride[3] = {0, 0, 0};
  for (int d = 0; d < D; ++d) size[3 - D + d] = job.size[d], stride[3 - D + d] = job.image_stride[d];
  size[3 - D] = band.high - band.low;
  base += band.low * job.image_stride[0];
  for (int64_t a = 0; a < size[0]; ++a)
    for (int64_t b = 0; b < size[1]; ++b) {
      char* row = base + a * stride[0] + b * stride[1];
      const std::size_t bytes = std::size_t(together) * sizeof(T);
      if (stride[2] == int64_t(bytes)) __builtin_memset(row, 0, std::size_t(size[2]) * bytes);
      else
        for (int64_t c = 0; c < size[2]; ++c) __builtin_memset(row + c * stride[2], 0, bytes);
    }
}

// Sets channels `from` to `to` of one image of the target to zero.
template <class T, int D> void clear_channels(const Job& job, char* target, Band band, int64_t from, int64_t to) {
  if (job.channels_last) return clear<T, D>(job, target + from * job.image_channel, band, to - from);
  for (int64_t c = from; c < to; ++c) clear<T, D>(job, target + c * job.image_channel, band);
}

// task = (image of the target, block of channels, band of the first axis)
template <class T, int D, int K> void push_task(const Job& job, int64_t task, char* scratch) {
  Block<T, D, K>& block = block_in<T, D, K>(scratch);
  const int64_t b = task % job.bands, part = task / job.bands % job.channel_blocks;
  const int64_t image = task / job.bands / job.channel_blocks;
  const Band band{b * job.size[0] / job.bands, (b + 1) * job.size[0] / job.bands};
  const int64_t from = part * job.channels / job.channel_blocks, to = (part + 1) * job.channels / job.channel_blocks;
  char* target = job.target + image * job.image_batch;
  clear_channels<T, D>(job, target, band, from, to);
  const bool shared = job.image_batches == 1;
  for (int64_t n = shared ? 0 : image; n < (shared ? job.batch : image + 1); ++n)
    for (int64_t tile = 0; tile < job.tiles; ++tile) {
      fill_block<T, D, K, false>(job, n, tile, block, band);
      if (job.channels_last) {
        backward_channels_last<T, D, K, false, true>(job, block, nullptr, target, from, to);
        continue;
      }
      for (int64_t c = from; c < to; ++c) {
        const char* values = job.values.data + block.outer_values + c * job.values.channel;
        char* base = target + c * job.image_channel;
        Scatter<T, D, K> scatter(job, block, base);
        each_vector<T>(block, [&](int p, Where where, int count, int row, int col) {
          if (where == Where::outside) return;
          const char* from_values = values + row * job.values.row + col * job.values.col;
          scatter.add(p, where, count, load_lanes<T>(from_values, job.values.col, count));
        });
      }
    }
}

// The coordinates' gradient of one tile, summed over channels into block.sum; with SCATTER the image's as well.
template <class T, int D, int K, bool UNIT, bool SCATTER>
void gradient_channels(const Job& job, Block<T, D, K>& block) {
  const char* image = job.image + block.batch * job.image_batch;
  const Interior<T, D, K, UNIT> interior(job, block);
  for (int64_t c = 0; c < job.channels; ++c) {
    const char* values = job.values.data + block.outer_values + c * job.values.channel;
    const char* base = image + c * job.image_channel;
    char* target = SCATTER ? job.target + block.batch * job.image_batch + c * job.image_channel : nullptr;
    Scatter<T, D, K> scatter(job, block, target);
    for (int r = 0; r < block.run_count; ++r) {
      const Run& run = block.runs[r];
      const char* from = values + run.row * job.values.row + run.col * job.values.col;
      const auto add_run = [&](const auto& source) {
        for (int v = 0, p = run.point; v < run.vectors; ++v, p += lanes<T>, from += lanes<T> * job.values.col) {
          const int count = v == run.vectors - 1 ? run.last : lanes<T>;
          const Vec<T> grad = load_lanes<T>(from, job.values.col, count);
          if constexpr (K > 1) {
            source.ask_ahead(base, p);
            const Jet<T, D> jet = jet_from<0, T, D, K>(source, block, p, source.start(base));
            for (int d = 0; d < D; ++d)
              store(block.sum[d] + p, mul_add<T>(grad, jet.along[d], load<Vec<T>>(block.sum[d] + p)));
          }
          if constexpr (SCATTER) scatter.add(p, run.where, count, grad);
        }
      };
      if (run.where == Where::interior) add_run(interior);
      else if (run.where == Where::edge) with_edge(job, block, add_run);
    }
  }
}

// By rows, not runs: without a batch to sum over the block was never filled.
template <class T, int D, int K>
void store_gradient(const Job& job, const Block<T, D, K>& block) {
  for (int row = 0; row < block.rows; ++row)
    for (int d = 0; d < D; ++d) {
      const Axis& axis = job.problem.axis[d];
      const T* total = block.total[d] + row * block.pitch;
      char* to = job.grad_coords.data + block.outer_grad_coords + row * job.grad_coords.row +
                 axis.component * job.grad_coords.component;
      for (int col = 0; col < block.cols; ++col, to += job.grad_coords.col) {
        const T grad = total[col] * T(axis.scale);
        if (job.coords_f64) poke<double>(to, double(grad));
        else poke<float>(to, float(grad));
      }
    }
}

template <class T, int D, int K, bool SCATTER>
void gradient_tile(const Job& job, int64_t first, int64_t last, int64_t tile, char* scratch) {
  Block<T, D, K>& block = block_in<T, D, K>(scratch);
  find_tile(job, first, tile, block);  // even if there is no batch to sum over
  const auto clear_points = [&](T (*of)[Block<T, D, K>::capacity]) {
    for (int d = 0; d < D; ++d) __builtin_memset(of[d], 0, std::size_t(block.points) * sizeof(T));
  };
  clear_points(block.total);
  for (int64_t n = first; n < last; ++n) {
    fill_block<T, D, K, true>(job, n, tile, block, {0, job.size[0]});
    clear_points(block.sum);
    if (job.channels_last) {
      const int64_t image = block.batch * job.image_batch;
      backward_channels_last<T, D, K, true, SCATTER>(job, block, job.image + image, SCATTER ? job.target + image : nullptr,
                                                     0, job.channels);
    } else if (job.unit_column) gradient_channels<T, D, K, true, SCATTER>(job, block);
    else gradient_channels<T, D, K, false, SCATTER>(job, block);
    for (int d = 0; d < D; ++d)
      for (int p = 0; p < block.points; p += lanes<T>) {
        Vec<T> part = load<Vec<T>>(block.sum[d] + p) * load<Vec<T>>(block.slope[d] + p);
        // a point that reads nothing, or no point at all, has no derivative, whatever its gradient holds
        part = load<Vec<T>>(block.slope[d] + p) == Vec<T>{} ? Vec<T>{} : part;
        if (block.any_dead) part = silence_dead<T, D, K>(block, p, part);
        store(block.total[d] + p, load<Vec<T>>(block.total[d] + p) + part);
      }
  }
  store_gradient<T, D, K>(job, block);
}

// task = (batch of the coordinates, tile)
template <class T, int D, int K> void grid_gradient_task(const Job& job, int64_t task, char* scratch) {
  const int64_t n = task / job.tiles;
  const bool shared = job.coords_batches == 1;
  gradient_tile<T, D, K, false>(job, shared ? 0 : n, shared ? job.batch : n + 1, task % job.tiles, scratch);
}

// task = one batch element, both of whose sides are its own
template <class T, int D, int K> void both_gradients_task(const Job& job, int64_t task, char* scratch) {
  clear_channels<T, D>(job, job.target + task * job.image_batch, {0, job.size[0]}, 0, job.channels);
  for (int64_t tile = 0; tile < job.tiles; ++tile) gradient_tile<T, D, K, true>(job, task, task + 1, tile, scratch);
}

}  // namespace gridsample::GS_TARGET
