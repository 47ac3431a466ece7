// SPDX-License-Identifier: Apache-2.0
// Stage: images of numbers that the loops do not compute in (convert.hpp). What a tile's points read is converted to float in
// the thread's own memory, small enough to stay in its caches; the block's offsets are made to point there, and the loops for
// float run as they are; what they leave is rounded into the result. No bit of it depends on how pixels came to the stage.
//
// Two ways: a box of the image that has all taps in it, or, where most of that box would be read by nobody (coordinates
// without order, an image made much smaller), every point's own taps, one point after the other.
#pragma once
#include "copy.hpp"

namespace gridsample::GS_TARGET {

// So many pixels of a box are taken to cost as much as one tap read by itself: a guess, not tuned.
inline constexpr int64_t box_pixels_per_tap = 3;
inline constexpr int mixed_channels = 4;   // up to so many adjacent channels are parted, more stay adjacent
inline constexpr int staged_channels = 16;  // of those that stay adjacent, at a time

template <int n> inline constexpr int ceiled(int count) { return (count + n - 1) / n * n; }

template <int D, int K> class Stage {
  using B = Block<float, D, K>;
  static constexpr int taps = D == 1 ? K : D == 2 ? K * K : K * K * K;  // of a point
  static constexpr int64_t scratch_bytes = int64_t(sizeof Scratch::memory);
  static constexpr int64_t after = (int64_t(sizeof(B)) + 4095) / 4096 * 4096;
  static constexpr int64_t base_room = int64_t(B::capacity) * 2;  // floats, as all that follows
  static constexpr int64_t result_room = int64_t(mixed_channels) * B::capacity;
  static constexpr int64_t pixel_room = (scratch_bytes - after) / int64_t(sizeof(float)) - base_room - result_room;
  static_assert(pixel_room >= int64_t(taps) * B::capacity && result_room >= int64_t(staged_tile_points(D, K)) * staged_channels &&
                pixel_room >= int64_t(staged_tile_points(D, K)) * staged_channels * taps);

 public:
  Stage(const Job& job, B& block, Scratch& scratch)
      : job_(job), block_(block), as_(converter_of(job.pixel)), inner_(job),
        bases_(reinterpret_cast<int64_t*>(scratch.memory + after)),
        results_(reinterpret_cast<float*>(bases_) + base_room), pixels_(results_ + result_room),
        image_(job.image + block.batch * job.image_batch), values_(block.outer_values),
        adjacent_(job.image_channel == job.item), chunk_(1), each_(job.channels_last ? staged_channels : 1) {
    if (job.channels_last) chunk_ = staged_channels;
    else if (adjacent_ && job.channels <= mixed_channels) chunk_ = int(job.channels);
    boxed_ = K > 1 && find_box();
    if (!boxed_ && !job.channels_last) chunk_ = mixed_channels;
    while (!boxed_ && int64_t(chunk_) * block.points * taps > pixel_room) --chunk_;
    if (boxed_) place_box();
    else place_taps();
    set_inner();
  }

  // Channels `from` to `to`, a few at a time.
  void pull(int64_t from, int64_t to) {
    block_.outer_values = 0;
    for (int64_t c = from; c < to; c += chunk_) {
      const int count = int(to - c < chunk_ ? to - c : chunk_);
      if (reads_) {
        if (boxed_) fetch_box(c, count);
        else fetch_taps(c, count);
      }
      if (job_.channels_last) pull_channels_last<float, D, K>(inner_, block_);
      else pull_channels<float, D, K, true>(inner_, block_, 0, count);
      put(c, count);
    }
    block_.outer_values = values_;
  }

 private:
  // Calls visit(p, where) for each vector of points that reads the image.
  template <class Visit> GS_INLINE void each_read(Visit visit) const {
    for (int r = 0; r < block_.run_count; ++r) {
      const Run& run = block_.runs[r];
      if (run.where == Where::outside) continue;
      for (int v = 0, p = run.point; v < run.vectors; ++v, p += lanes<float>) visit(p, run.where);
    }
  }

  // The box of all taps, and whether it pays. The block has taps as pixels here, axis by axis. Offsets of interior points are
  // made on the way, for a box as wide as one is likely to be, so that they need not be walked twice.
  bool find_box() {
    Index<float> least[D], most[D];  // of first taps
    for (int d = 0; d < D; ++d) least[d] = Index<float>{} + INT32_MAX, most[d] = Index<float>{} + INT32_MIN;
    const auto take = [&](int d, Index<float> tap, int first) {
      least[d] = tap < least[d] ? tap : least[d];
      most[d] = tap - first > most[d] ? tap - first : most[d];
    };
    const int64_t likely = 3 * job_.tile_cols + 16, widest = likely < job_.size[D - 1] ? likely : job_.size[D - 1];
    set_strides(widest, 1);
    guessed_ = D < 3 && !job_.channels_last && job_.size[0] * stride_[0] + job_.size[D - 1] * stride_[D - 1] < INT32_MAX;
    Index<float> step[D];
    for (int d = 0; d < D; ++d) step[d] = Index<float>{} + int32_t(guessed_ ? stride_[d] : 0);
    int64_t points = 0;
    for (int r = 0; r < block_.run_count; ++r) {
      const Run& run = block_.runs[r];
      if (run.where == Where::outside) continue;
      points += run.vectors * lanes<float>;
      const int end = run.point + run.vectors * lanes<float>;
      if (run.where == Where::edge) {
        for (int p = run.point; p < end; p += lanes<float>)
          for (int d = 0; d < D; ++d)
            for (int k = 0; k < K; ++k) take(d, load<Index<float>>(block_.tap_offset.near[d][k] + p), K - 1);
        continue;
      }
      for (int p = run.point; p < end; p += lanes<float>) {
        Index<float> at{};
        for (int d = 0; d < D; ++d) {
          const Index<float> first = load<Index<float>>(block_.index[d] + p);
          take(d, first, 0);
          at += first * step[d];
        }
        store(block_.offset + p, at);
      }
    }
    reads_ = points > 0;
    int64_t pixels = 1;
    for (int d = 0; d < D; ++d) {
      int32_t low = INT32_MAX, high = INT32_MIN;
      for (int l = 0; l < lanes<float>; ++l) {
        low = least[d][l] < low ? least[d][l] : low;
        high = most[d][l] > high ? most[d][l] : high;
      }
      high = reads_ ? high + (K - 1) : 0;
      if (!reads_) low = 0;
      if (d == D - 1 && low == high && job_.size[d] > 1) low > 0 ? --low : ++high;  // a window is two pixels
      low_[d] = low;
      extent_[d] = int64_t(high) - low + 1;
      pixels *= extent_[d];
      if (pixels > pixel_room) pixels = pixel_room + 1;  // no longer than it takes to say so
    }
    if (pixels > points * taps * box_pixels_per_tap) return false;
    guessed_ = guessed_ && extent_[D - 1] <= widest && extent_[0] * stride_[0] * chunk_ <= pixel_room * int64_t(sizeof(float));
    if (!guessed_) set_strides(extent_[D - 1], extent_[D > 1 ? D - 2 : 0]);
    channel_ = extent_[0] * stride_[0];
    return channel_ * (job_.channels_last ? 1 : chunk_) <= pixel_room * int64_t(sizeof(float));
  }

  // Of a box of this size, in bytes; rows are whole vectors.
  void set_strides(int64_t width, int64_t rows) {
    stride_[D - 1] = each_ * int64_t(sizeof(float));
    if constexpr (D > 1) stride_[D - 2] = stride_[D - 1] * ((width + eight - 1) / eight * eight);
    if constexpr (D > 2) stride_[0] = stride_[1] * rows;
  }

  // Offsets into the box, in bytes; where interior points have theirs already, they count from the image's first pixel.
  void place_box() {
    each_read([&](int p, Where where) {
      if (where == Where::edge) {
        for (int d = 0; d < D; ++d)
          for (int k = 0; k < K; ++k) {
            int32_t* tap = block_.tap_offset.near[d][k] + p;
            store(tap, (load<Index<float>>(tap) - first(d)) * int32_t(stride_[d]));
          }
      } else if (!guessed_) {
        Index<float> at{};
        for (int d = 0; d < D; ++d) at += (load<Index<float>>(block_.index[d] + p) - low_[d]) * int32_t(stride_[d]);
        store(block_.offset + p, at);
      }
    });
    for (int d = 0; d < D; ++d) before_ += (low_[d] - first(d)) * stride_[d];
  }
  int32_t first(int d) const { return guessed_ ? 0 : low_[d]; }

  void fetch_box(int64_t c, int count) const {
    const int64_t rows = D > 1 ? extent_[D > 1 ? D - 2 : 0] : 1, planes = D > 2 ? extent_[0] : 1;
    const int width = int(extent_[D - 1]);
    const char* corner = image_ + c * job_.image_channel;
    for (int d = 0; d < D; ++d) corner += low_[d] * job_.pixel_stride[d];
    const int64_t step = job_.pixel_stride[D - 1], bytes = (step < 0 ? 0 : step) * width;
    constexpr int ahead = 8;  // rows between asking for one and reading it
    for (int64_t z = 0; z < planes; ++z)
      for (int64_t y = 0; y < rows; ++y) {
        const char* from = corner;
        int64_t at = 0;
        if constexpr (D > 1) {
          from += y * job_.pixel_stride[D - 2], at += y * stride_[D - 2];
          if (y + ahead < rows)
            for (int64_t x = 0; x < bytes; x += 64) __builtin_prefetch(from + ahead * job_.pixel_stride[D - 2] + x);
        }
        if constexpr (D > 2) from += z * job_.pixel_stride[0], at += z * stride_[0];
        float* to = pixels_ + at / int64_t(sizeof(float));
        if (job_.channels_last) {
          for (int x = 0; x < width; ++x) as_.widen(from + x * step, job_.item, count, to + x * staged_channels);
        } else if (count > 1 && adjacent_ && step == count * job_.item) {
          as_.part(from, count, width, to, channel_ / int64_t(sizeof(float)));
        } else {
          for (int i = 0; i < count; ++i)
            as_.widen(from + i * job_.image_channel, step, width, to + i * channel_ / int64_t(sizeof(float)));
        }
      }
  }

  // Every point's taps one after the other, the next point's behind them: in memory of their own, so that none is at a rim.
  void place_taps() {
    const int64_t step = each_ * int64_t(sizeof(float));
    stride_[D - 1] = step;
    for (int d = D - 2; d >= 0; --d) stride_[d] = stride_[d + 1] * K;
    guessed_ = false;
    for (int d = 0; d < D; ++d) extent_[d] = K;
    channel_ = int64_t(block_.points) * taps * step;
    each_read([&](int p, Where where) {
      for (int l = 0; l < lanes<float>; ++l) {
        bases_[p + l] = where == Where::interior ? first_tap(p + l) : folded_tap(p + l, 0);
        block_.offset[p + l] = int32_t((p + l) * taps * step);
      }
    });
    block_.origin = 0;
    for (int r = 0; r < block_.run_count; ++r) {
      at_rim_[r] = block_.runs[r].where == Where::edge;
      if (at_rim_[r]) block_.runs[r].where = Where::interior;
    }
  }

  // Where a point's taps lie in its channel, in bytes: the first one of an interior point, and any of one at the rim.
  GS_INLINE int64_t first_tap(int p) const {
    if constexpr (K == 1) return block_.origin + block_.offset[p];
    int64_t at = 0;
    for (int d = 0; d < D; ++d) at += block_.index[d][p] * job_.pixel_stride[d];
    return at;
  }
  GS_INLINE int64_t folded_tap(int p, int tap) const {
    if constexpr (K == 1) return job_.short_offsets ? block_.tap_offset.near[0][0][p] : block_.tap_offset.far[0][0][p];
    int64_t at = 0;
    for (int d = D - 1; d >= 0; --d, tap /= K) at += block_.tap_offset.near[d][tap % K][p] * job_.pixel_stride[d];
    return at;
  }
  GS_INLINE bool is_hole(int p, int tap) const {
    bool found = false;
    if constexpr (K == 1) return block_.hole[0][0][p] != 0;
    for (int d = D - 1; d >= 0; --d, tap /= K) found |= block_.hole[d][tap % K][p] != 0;
    return found;
  }

  void fetch_taps(int64_t c, int count) const {
    constexpr int ahead = 64;  // points between asking for the first tap and reading it
    int64_t step[taps] = {}, at[lanes<float> * taps];
    for (int tap = 0; tap < taps; ++tap)
      for (int d = D - 1, rest = tap; d >= 0; --d, rest /= K) step[tap] += rest % K * job_.pixel_stride[d];
    for (int r = 0; r < block_.run_count; ++r) {
      const Run& run = block_.runs[r];
      if (run.where == Where::outside) continue;
      for (int v = 0, p = run.point; v < run.vectors; ++v, p += lanes<float>) {
        for (int l = 0; l < lanes<float>; ++l)
          for (int tap = 0; tap < taps; ++tap)
            at[l * taps + tap] = at_rim_[r] ? folded_tap(p + l, tap) : bases_[p + l] + step[tap];
        float* to = pixels_ + int64_t(p) * taps * each_;
        if (job_.channels_last) {
          const char* from = image_ + c * job_.item;
          for (int i = 0; i < lanes<float> * taps; ++i) as_.widen(from + at[i], job_.item, count, to + i * each_);
          if (at_rim_[r]) fill_holes(p, to, each_);
          continue;
        }
        for (int i = 0; i < count; ++i, to += channel_ / int64_t(sizeof(float))) {
          const char* from = image_ + (c + i) * job_.image_channel;
          if (v + ahead / lanes<float> < run.vectors)
            for (int l = 0; l < lanes<float>; ++l) __builtin_prefetch(from + bases_[p + ahead + l]);
          if (job_.item == 1) take_taps<1>(from, at, to);
          else take_taps<2>(from, at, to);
          if (at_rim_[r]) fill_holes(p, to, 1);
        }
      }
    }
  }
  template <int item> GS_INLINE void take_taps(const char* from, const int64_t* at, float* to) const {
    char found[lanes<float> * taps * item < 16 ? 16 : lanes<float> * taps * item];
    for (int i = 0; i < lanes<float> * taps; ++i) __builtin_memcpy(found + i * item, from + at[i], item);
    as_.widen(found, item, lanes<float> * taps, to);
  }
  // What the loops would have put in the place of taps at the rim, and a single tap's sign, which they read only there.
  void fill_holes(int p, float* to, int count) const {
    for (int l = 0; l < lanes<float>; ++l)
      for (int tap = 0; tap < taps; ++tap, to += count) {
        const bool hole = is_hole(p + l, tap);
        for (int c = 0; c < count; ++c) {
          if (K == 1 && job_.buries) to[c] *= block_.weight[0][0][p + l];
          if (hole) to[c] = block_.fill;
        }
      }
  }

  void set_inner() {
    inner_.image = reinterpret_cast<char*>(pixels_) - before_;
    inner_.image_batch = 0;
    inner_.image_channel = job_.channels_last ? int64_t(sizeof(float)) : channel_;
    for (int d = 0; d < D; ++d) inner_.image_stride[d] = stride_[d], inner_.size[d] = low_[d] - first(d) + extent_[d];
    inner_.short_offsets = inner_.unit_column = true;
    inner_.channels = staged_channels;
    inner_.streams = false;
    PointArray& values = inner_.values;
    values = PointArray{};
    values.data = reinterpret_cast<char*>(results_);
    values.col = each_ * int64_t(sizeof(float));
    values.row = values.col * block_.pitch;
    values.plane = values.row * block_.plane_rows;
    values.channel = job_.channels_last ? int64_t(sizeof(float)) : values.col * block_.points;
  }

  // What the loops left, rounded into the result.
  void put(int64_t c, int count) const {
    const PointArray& values = job_.values;
    const bool mixed = count > 1 && values.channel == job_.item && values.col == count * job_.item;
    for (int row = 0; row < block_.rows; ++row) {
      char* to = values.data + values_ + c * values.channel + block_.row_offset(values, row);
      const float* from = results_ + int64_t(row) * block_.pitch * each_;
      if (job_.channels_last)
        for (int col = 0; col < block_.cols; ++col) as_.narrow(from + col * each_, count, to + col * values.col, job_.item);
      else if (mixed)
        as_.mix(from, block_.points, count, block_.cols, to);
      else
        for (int i = 0; i < count; ++i) as_.narrow(from + int64_t(i) * block_.points, block_.cols, to + i * values.channel, values.col);
    }
  }

  const Job& job_;
  B& block_;
  const Converter as_;
  Job inner_;  // the same, of the stage
  int64_t* bases_;  // where the taps of a point lie in their channel, if every point has its own
  float *results_, *pixels_;
  const char* image_;
  int64_t values_;  // byte offset of the tile's first point in the result
  bool adjacent_, boxed_ = false, reads_ = true, guessed_ = false;
  int chunk_, each_;
  int32_t low_[D] = {};  // the first pixel of the box, and its size
  int64_t extent_[D] = {}, stride_[D] = {}, channel_ = 0;
  int64_t before_ = 0;  // bytes from where offsets count to the box
  bool at_rim_[B::vectors];  // of each run, where its points have their own taps
};

template <int D, int K> void pull_staged_task(const Job& job, int64_t task, Scratch& scratch) {
  Block<float, D, K>& block = block_in<float, D, K>(scratch);
  const int64_t part = task % job.channel_blocks, tile = task / job.channel_blocks % job.tiles;
  const int64_t from = part * job.channels / job.channel_blocks, to = (part + 1) * job.channels / job.channel_blocks;
  fill_block<float, D, K, false>(job, task / job.channel_blocks / job.tiles, tile, block);
  if constexpr (K == 1)
    if (only_copies(job, block)) return copy_tile(job, block, from, to);
  Stage<D, K>(job, block, scratch).pull(from, to);
}

}  // namespace gridsample::GS_TARGET
