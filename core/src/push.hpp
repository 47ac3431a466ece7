// SPDX-License-Identifier: Apache-2.0
// Push: image = S(coords)^T values, and the backward pass, which pushes the output's gradient to the image and reduces
// it over channels to the coordinates.
// Determinism: what a tile adds to a channel is added at once, tile after tile, and in one order within the tile. So every
// pixel's sum has one order, however the work is cut (turns.hpp). The coordinates' gradient of a point is summed by one task
// in ascending order of batch and channel.
#pragma once
#include "channels_push.hpp"
#include "clear.hpp"
#include "pull.hpp"
#include "scatter.hpp"
#include "window.hpp"

namespace gridsample::GS_TARGET {

template <class T, int D, int K> GS_INLINE Window<T, D>& window_in(Scratch& scratch) {
  constexpr std::size_t after = (sizeof(Block<T, D, K>) + 63) / 64 * 64;
  static_assert(after + sizeof(Window<T, D>) <= sizeof scratch.memory);
  return *reinterpret_cast<Window<T, D>*>(scratch.memory + after);
}

// Adds one tile's values to an image, channel by channel, each in its turn.
template <class T, int D, int K> class Adder {
 public:
  // `turn` counts the tiles that are added to this image.
  Adder(const Job& job, const Block<T, D, K>& block, Scratch& scratch, int64_t image, int64_t turn)
      : job_(job), block_(block), window_(window_in<T, D, K>(scratch)), image_(image), turn_(turn) {
    if constexpr (K == 2) windowed_ = job.windows && window_.open(job, block, scratch);
  }

  void add_channel(int64_t channel) {
    const char* values = block_.values(job_, channel);
    char* target = job_.target + image_ * job_.image_batch + channel * job_.image_channel;
    if constexpr (K == 2)
      if (windowed_) window_.add(job_, block_, channel);
    in_turn(job_, image_ * job_.channels + channel, turn_, [&] {
      if (windowed_) return window_.merge(job_, target);
      Scatter<T, D, K> scatter(job_, block_, target);
      each_vector<T>(block_, [&](int p, Where where, int count, int row, int col) {
        if (where == Where::outside) return;
        scatter.add(p, where, count,
                    load_lanes<T>(values + block_.row_offset(job_.values, row) + col * job_.values.col, job_.values.col, count));
      });
    });
  }

 private:
  const Job& job_;
  const Block<T, D, K>& block_;
  Window<T, D>& window_;
  int64_t image_, turn_;
  bool windowed_ = false;
};

// Channels that are adjacent are added some at a time, so that the next tile's turn comes soon.
template <class T, int D, int K> void add_channels_last(const Job& job, Block<T, D, K>& block, int64_t image, int64_t turn) {
  constexpr int64_t together = 64;
  char* target = job.target + image * job.image_batch;
  for (int64_t from = 0; from < job.channels; from += together) {
    const int64_t to = from + together < job.channels ? from + together : job.channels;
    in_turn(job, image * job.channels + from, turn,
            [&] { backward_channels_last<T, D, K, false, true>(job, block, nullptr, target, from, to); });
  }
}

template <class T, int D, int K>
void push_tile(const Job& job, int64_t n, int64_t tile, int64_t turn, Scratch& scratch) {
  Block<T, D, K>& block = block_in<T, D, K>(scratch);
  fill_block<T, D, K, false>(job, n, tile, block);
  const int64_t image = job.image_batches == 1 ? 0 : n;
  if (job.channels_last) return add_channels_last(job, block, image, turn);
  Adder<T, D, K> adder(job, block, scratch, image, turn);
  for (int64_t c = 0; c < job.channels; ++c) adder.add_channel(c);
}

// task = (batch element, tile) where tasks take turns, else one image of the target
template <class T, int D, int K> void push_task(const Job& job, int64_t task, Scratch& scratch) {
  const bool shared = job.image_batches == 1;
  if (job.turns) {
    const int64_t tile = task % job.tiles;
    return push_tile<T, D, K>(job, task / job.tiles, tile, shared ? task : tile, scratch);
  }
  clear_image(job, task);
  for (int64_t n = shared ? 0 : task; n < (shared ? job.batch : task + 1); ++n)
    for (int64_t tile = 0; tile < job.tiles; ++tile) push_tile<T, D, K>(job, n, tile, 0, scratch);
}

// Adds one channel's part of the coordinates' gradient to block.sum.
template <class T, int D, int K, bool UNIT> void gradient_channel(const Job& job, Block<T, D, K>& block, int64_t channel) {
  const Interior<T, D, K, UNIT> interior(job, block);
  const char* values = block.values(job, channel);
  const char* base = job.image + block.batch * job.image_batch + channel * job.image_channel;
  for (int r = 0; r < block.run_count; ++r) {
    const Run& run = block.runs[r];
    ask_for_values<T>(job, block, channel, r);
    const auto add_run = [&](const auto& taps) {
      const auto source = taps;  // copies: what is stored could be any of these, for all the compiler knows
      const int64_t col = job.values.col;
      const int vectors = run.vectors, last = run.last;
      const char* from = values + block.row_offset(job.values, run.row) + run.col * col;
      for (int v = 0, p = run.point; v < vectors; ++v, p += lanes<T>, from += lanes<T> * col) {
        const int count = v == vectors - 1 ? last : lanes<T>;
        const Vec<T> grad = load_lanes<T>(from, col, count);
        source.ask_ahead(base, p);
        const Jet<T, D> jet = jet_from<0, T, D, K>(source, block, p, source.start(base));
        for (int d = 0; d < D; ++d)
          store(block.sum[d] + p, mul_add<T>(grad, jet.along[d], load<Vec<T>>(block.sum[d] + p)));
      }
    };
    if (run.where == Where::interior) add_run(interior);
    else if (run.where == Where::edge) with_edge(job, block, add_run);
  }
}

// The gradient along axis d of one vector of points, in the coordinates' units.
template <class T, int D, int K> GS_INLINE Vec<T> gradient_along(const Block<T, D, K>& block, int d, int p) {
  const Vec<T> slope = load<Vec<T>>(block.slope[d] + p);
  Vec<T> part = load<Vec<T>>(block.sum[d] + p) * slope;
  // a point that reads nothing, or no point at all, has no derivative, whatever its gradient holds
  part = slope == Vec<T>{} ? Vec<T>{} : part;
  return block.any_dead ? silence_dead<T, D, K>(block, p, part) : part;
}

// Writes the coordinates' gradient, component by component.
template <class T, int D> class GradientWriter {
 public:
  explicit GradientWriter(const Job& job) : job_(job) {
    for (int d = 0; d < D; ++d) {
      const Axis& axis = job.problem->axis[d];
      axis_of_[axis.component] = d;
      scale_[axis.component] = splat<T>(T(axis.scale));
    }
  }
  // One vector of points, of which `count` are written; along(d) is their gradient along axis d in pixels.
  template <class Along> GS_INLINE void write(char* to, int count, Along along) const {
    Vec<T> grad[D];
#pragma GCC unroll 3
    for (int c = 0; c < D; ++c) grad[c] = along(axis_of_[c]) * scale_[c];
    const PointArray& out = job_.grad_coords;
    const int64_t item = sizeof(T);
    if (count == lanes<T> && job_.coords_f64 == (item == 8)) {
      if (out.component == item && out.col == D * item) {
        if (job_.streams && aligned(to)) store_points<T, D, true>(to, grad);
        else store_points<T, D>(to, grad);
        return;
      }
      if (out.col == item) {
        for (int c = 0; c < D; ++c) store(to + c * out.component, grad[c]);
        return;
      }
    }
    for (int c = 0; c < D; ++c)
      for (int l = 0; l < count; ++l) {
        char* at = to + l * out.col + c * out.component;
        if (job_.coords_f64) poke<double>(at, double(grad[c][l]));
        else poke<float>(at, float(grad[c][l]));
      }
  }

 private:
  const Job& job_;
  int axis_of_[D];
  Vec<T> scale_[D];
};

// Where a tile's part of a map's gradient stands.
GS_INLINE int64_t task_of(const Job& job, int64_t n, int64_t tile) {
  return (job.coords_batches == 1 ? 0 : n) * job.tiles + tile;
}

// The coordinates' gradient of one tile, summed over the batch elements `first` to `last`; with SCATTER the image's as well.
template <class T, int D, int K, bool SCATTER>
void gradient_tile(const Job& job, int64_t first, int64_t last, int64_t tile, Scratch& scratch) {
  Block<T, D, K>& block = block_in<T, D, K>(scratch);
  find_tile(job, first, tile, block);  // even if there is no batch to sum over
  const std::size_t bytes = std::size_t(block.points) * sizeof(T);
  const bool single = last - first == 1 && by_point(job.problem->given);  // nothing to add up
  if (first == last)
    for (int d = 0; d < D; ++d) __builtin_memset(block.total[d], 0, bytes);
  for (int64_t n = first; n < last; ++n) {
    fill_block<T, D, K, true>(job, n, tile, block);
    for (int d = 0; d < D; ++d) __builtin_memset(block.sum[d], 0, bytes);
    if (job.channels_last) {
      const char* image = job.image + block.batch * job.image_batch;
      if (SCATTER && !job.turns) {
        backward_channels_last<T, D, K, true, true>(job, block, image, job.target + n * job.image_batch, 0, job.channels);
      } else {
        backward_channels_last<T, D, K, true, false>(job, block, image, nullptr, 0, job.channels);
        if constexpr (SCATTER) add_channels_last(job, block, n, tile);
      }
    } else {
      const auto each_channel = [&](auto add) {
        for (int64_t c = 0; c < job.channels; ++c) {
          if (job.unit_column) gradient_channel<T, D, K, true>(job, block, c);
          else gradient_channel<T, D, K, false>(job, block, c);
          add(c);
        }
      };
      if constexpr (SCATTER) {
        Adder<T, D, K> adder(job, block, scratch, n, tile);
        each_channel([&](int64_t c) { adder.add_channel(c); });
      } else {
        each_channel([](int64_t) {});
      }
    }
    for (int d = 0; d < D && !single; ++d)
      for (int p = 0; p < block.points; p += lanes<T>) {
        const Vec<T> before = n == first ? Vec<T>{} : load<Vec<T>>(block.total[d] + p);
        store(block.total[d] + p, before + gradient_along(block, d, p));
      }
  }
  if (!by_point(job.problem->given))
    return map_gradient<T, D>(job, block, first, job.parts + task_of(job, first, tile) * job.part);
  // by rows, not runs: without a batch to sum over the block was never filled
  const PointArray& out = job.grad_coords;
  const GradientWriter<T, D> writer(job);
  constexpr int ahead = 4;  // rows between asking for one and writing it
  for (int row = 0; row < block.rows; ++row) {
    char* to = out.data + block.outer_grad_coords + block.row_offset(out, row);
    const int64_t next = row + ahead < block.rows ? block.row_offset(out, row + ahead) - block.row_offset(out, row) : 0;
    // bytes of a vector's points, if they are neighbours and wanted in a cache
    const int64_t asked = out.col <= 64 && !(job.streams && aligned(to)) ? lanes<T> * out.col : 0;
    for (int col = 0; col < block.cols; col += lanes<T>) {
      for (int64_t line = 0; line < asked; line += 64) __builtin_prefetch(to + col * out.col + next + line, 1);
      const int p = row * block.pitch + col, left = block.cols - col;
      writer.write(to + col * out.col, left < lanes<T> ? left : lanes<T>, [&](int d) {
        return single ? Vec<T>{} + gradient_along(block, d, p) : load<Vec<T>>(block.total[d] + p);
      });
    }
  }
  if (job.streams) settle();
}

// task = (batch of the coordinates, tile)
template <class T, int D, int K> void grid_gradient_task(const Job& job, int64_t task, Scratch& scratch) {
  const int64_t n = task / job.tiles;
  const bool shared = job.coords_batches == 1;
  gradient_tile<T, D, K, false>(job, shared ? 0 : n, shared ? job.batch : n + 1, task % job.tiles, scratch);
}

// task = one batch element, both of whose sides are its own, or, where tasks take turns, one of its tiles
template <class T, int D, int K> void both_gradients_task(const Job& job, int64_t task, Scratch& scratch) {
  if (job.turns) {
    const int64_t n = task / job.tiles;
    return gradient_tile<T, D, K, true>(job, n, n + 1, task % job.tiles, scratch);
  }
  clear_image(job, task);
  for (int64_t tile = 0; tile < job.tiles; ++tile) gradient_tile<T, D, K, true>(job, task, task + 1, tile, scratch);
}

}  // namespace gridsample::GS_TARGET
