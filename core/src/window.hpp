// SPDX-License-Identifier: Apache-2.0
// Window: adding to an image where neighbouring points share pixels. Taps of a two-tap kernel are adjacent here: the window
// holds a cell of sums for each first tap within the tile's reach, so that a point is a vector added to a cell. In one or two
// axes a cell has all 2^D sums; in three it has those of two taps along the fastest axis, since cells of eight would be too many
// for the caches, and a point is added to one cell in each of its four rows. When all points of a channel are in, each pixel
// gets the sums that belong to it. Points outside the image meet its margin.
#pragma once
#include "reduce.hpp"

namespace gridsample::GS_TARGET {

// What tap k of a point weighs: the product along its axes. (second.hpp has its derivative.)
template <class T, int D> GS_INLINE Vec<T> share_of(const Block<T, D, 2>& block, int p, int k) {
  Vec<T> share = load<Vec<T>>(block.weight[0][k >> (D - 1)] + p);
  if constexpr (D > 1) share *= load<Vec<T>>(block.weight[1][k >> (D - 2) & 1] + p);
  if constexpr (D > 2) share *= load<Vec<T>>(block.weight[D - 1][k & 1] + p);
  return share;
}

// Asks for the values of a run some rows on, or of the next channel's first ones: a tile's rows are too short for the machine
// to foresee the next.
template <class T, class B> GS_INLINE void ask_for_values(const Job& job, const B& block, int64_t channel, int r) {
  constexpr int ahead = 4, most = 1024;  // runs; bytes of a run, behind which it does foresee
  if (job.values.col != int64_t(sizeof(T))) return;
  r += ahead;
  if (r >= block.run_count) {
    r -= block.run_count;
    if (r >= block.run_count || ++channel == job.channels) return;
  }
  const Run& run = block.runs[r];
  const char* from = block.values(job, channel) + block.row_offset(job.values, run.row) + run.col * job.values.col;
  const int bytes = run.vectors * int(sizeof(Vec<T>));
  for (int line = 0; line < bytes && line < most; line += 64) __builtin_prefetch(from + line);
}

template <class T, int D> class Window {
 public:
  static constexpr int all_taps = 1 << D, taps = D == 3 ? 2 : all_taps, rows = all_taps / taps;

  // Makes room for the block's points; false if they are too few for the pixels they reach over, which costs more than
  // adding them one tap at a time. What is decided, and every sum, depends on where this tile's points lie alone.
  template <class B> bool open(const Job& job, const B& block, Scratch& scratch) {
    if (!find_reach(job, block)) return false;
    set_steps();
    stored_ = job.channels > 1;
    for (int r = 0; r < block.run_count && stored_; ++r)
      if (const Run& run = block.runs[r]; run.where != Where::outside)
        weigh(job, block, run.where, run.point, run.vectors, run.point);
    // what a task has merged it leaves at zero, for the job's next one
    if (scratch.job != job.number) scratch.job = job.number, scratch.clean = 0;
    const int64_t bytes = copies_ * size_ * int64_t(sizeof(Cell)), clean = scratch.clean;
    if (bytes > clean) __builtin_memset(reinterpret_cast<char*>(cell_) + clean, 0, std::size_t(bytes - clean));
    scratch.clean = bytes > clean ? bytes : clean;
    return true;
  }

  // Adds one channel's values.
  template <class B> void add(const Job& job, const B& block, int64_t channel) {
    const char* values = block.values(job, channel);
    for (int r = 0; r < block.run_count; ++r) {
      const Run& run = block.runs[r];
      if (run.where == Where::outside) continue;
      if (!job.grad_coords.data) ask_for_values<T>(job, block, channel, r);  // else they have just been read
      const int64_t col = job.values.col;
      const char* from = values + block.row_offset(job.values, run.row) + run.col * col;
      if (stored_) {
        add_points(block, run.point, (run.vectors - 1) * lanes<T> + run.last, run.point, from, col);
        continue;
      }
      for (int v = 0; v < run.vectors; v += stretch) {
        const int left = run.vectors - v, vectors = left < stretch ? left : stretch, p = run.point + v * lanes<T>;
        const int count = left > stretch ? vectors * lanes<T> : (vectors - 1) * lanes<T> + run.last;
        weigh(job, block, run.where, p, vectors, 0);
        add_points(block, p, count, 0, from + v * lanes<T> * col, col);
      }
    }
  }

  // Adds the cells to one channel of the image, and empties them.
  void merge(const Job& job, char* image) {
    if (size_ == 0) return;
    // the rows of pixels that a row of cells belongs to; none where they are holes
    if constexpr (D == 1) {
      char* to[1] = {image};
      merge_row(job, 0, to);
    } else if constexpr (D == 2) {
      for (int64_t row = 0; row < extent_[0]; ++row) {
        char* to[2] = {row_of(job, 0, low_[0] + row, image), row_of(job, 0, low_[0] + row + 1, image)};
        ask_for(job, row_of(job, 0, low_[0] + row + 3, image));
        merge_row(job, row * pitch_, to);
      }
    } else {
      for (int64_t plane = 0; plane < extent_[0]; ++plane) {
        char* from = row_of(job, 0, low_[0] + plane, image);
        for (int64_t row = 0; row < extent_[1]; ++row) {
          char* to[1] = {from ? row_of(job, 1, low_[1] + row, from) : nullptr};
          if (from) ask_for(job, row_of(job, 1, low_[1] + row + 2, from));
          merge_row(job, (plane * extent_[1] + row) * pitch_, to);
        }
      }
    }
  }

 private:
  typedef T Cell __attribute__((vector_size(taps * sizeof(T)), aligned(sizeof(T)), may_alias));
  typedef T Pair __attribute__((vector_size(2 * taps * sizeof(T)), aligned(sizeof(T)), may_alias));
  static constexpr int together = rows > 1 ? 2 : 1;  // cells of a point that are added to at once
  static constexpr int beside = together * taps;     // from a point's shares of them to the next point's
  static constexpr int64_t capacity = (384 << 10) / int64_t(sizeof(Cell));  // cells: a share of the second cache level
  static constexpr int64_t most = D == 3 ? 10 : 3;  // cells for each point
  static constexpr int points = tile_points(D, 2) + padding;
  static constexpr int stretch = 16;  // vectors that are weighed, then added: they stay in the first cache level

  struct Steps {
    int64_t bytes[rows];  // from the first of a point's cells
  };

  // Adds the values at `from` of points from p on, whose spots and shares were stored from `at` on.
  template <class B> GS_INLINE void add_points(const B& block, int p, int count, int at, const char* from, int64_t col) {
    char* const cells = reinterpret_cast<char*>(cell_);
    if (!block.any_dead) {
      const int32_t* spot = spot_ + at;
      const T* share = share_ + at * all_taps;
      const Steps steps = steps_;
      for (; count >= lanes<T>; count -= lanes<T>, spot += lanes<T>, share += lanes<T> * all_taps)
        for (int l = 0; l < lanes<T>; ++l, from += col) add_point(cells + spot[l], steps, share + l * beside, peek<T>(from));
      for (int l = 0; l < count; ++l, from += col) add_point(cells + spot[l], steps, share + l * beside, peek<T>(from));
    } else {
      for (int i = 0; i < count; ++i, ++at, from += col)
        if (block.dead[p + i] == Dead::no)
          add_point(cells + spot_[at], steps_, share_ + at / lanes<T> * lanes<T> * all_taps + at % lanes<T> * beside, peek<T>(from));
    }
  }

  // Adds to a point's cells, to two at once where there are four.
  static GS_INLINE void add_point(char* cell, const Steps& steps, const T* share, T value) {
    if constexpr (rows == 1) {
      store(cell, load<Cell>(cell) + load<Cell>(share) * value);
    } else {
      for (int r = 0; r < rows; r += 2) {
        char *first = cell + steps.bytes[r], *second = cell + steps.bytes[r + 1];
        const Pair sums = joined(first, second) + load<Pair>(share + r * lanes<T> * taps) * value;
        split(sums, first, second);
      }
    }
  }
  static GS_INLINE Pair joined(const char* first, const char* second) {
    if constexpr (sizeof(Cell) == 8) {
      typedef double Two __attribute__((vector_size(16)));
      return (Pair)Two{peek<double>(first), peek<double>(second)};
    } else {
      return __builtin_shufflevector(load<Cell>(first), load<Cell>(second), 0, 1, 2, 3);
    }
  }
  static GS_INLINE void split(Pair sums, char* first, char* second) {
    if constexpr (sizeof(Cell) == 8) {
      typedef double Two __attribute__((vector_size(16)));
      const Two two = (Two)sums;
      poke<double>(first, two[0]);
      poke<double>(second, two[1]);
    } else {
      store(first, (Cell)__builtin_shufflevector(sums, sums, 0, 1));
      store(second, (Cell)__builtin_shufflevector(sums, sums, 2, 3));
    }
  }

  static bool clamps(const Job& job, int d) {
    return job.problem->axis[d].rule.family == table::Family::clamp && !job.problem->axis[d].fold_coordinate;
  }

  // First taps of one vector of points, and which of the points reach a pixel. Clamped ones all do: the last.
  template <Where where, class B> GS_INLINE Index<T> first_taps(const Job& job, const B& block, int p, Index<T>* first) const {
    Index<T> reaches = ~Index<T>{};
    for (int d = 0; d < D; ++d) {
      Index<T> i = load<Index<T>>(block.index[d] + p);
      if constexpr (where != Where::interior) {
        const int32_t last = int32_t(job.size[d]) - 1;
        if (clamps(job, d)) {
          i = i < -1 ? Index<T>{} - 1 : i;
          i = i > last ? Index<T>{} + last : i;
        }
        reaches &= (i >= -1) & (i <= last);
      }
      first[d] = i;
    }
    return reaches;
  }

  template <class B> bool find_reach(const Job& job, const B& block) {
    int64_t count = 0;
    Index<T> low[D], high[D];
    for (int d = 0; d < D; ++d) low[d] = Index<T>{} + INT32_MAX, high[d] = Index<T>{} + INT32_MIN;
    const auto reach = [&]<Where where>(const Run& run) {
      Index<T> found{};
      for (int v = 0; v < run.vectors; ++v) {
        Index<T> first[D];
        Index<T> reaches = first_taps<where>(job, block, run.point + v * lanes<T>, first);
        if (where != Where::interior && v == run.vectors - 1)
          for (int l = run.last; l < lanes<T>; ++l) reaches[l] = 0;
        found -= reaches;
        for (int d = 0; d < D; ++d) {
          low[d] = reaches & (first[d] < low[d]) ? first[d] : low[d];
          high[d] = reaches & (first[d] > high[d]) ? first[d] : high[d];
        }
      }
      for (int l = 0; l < lanes<T>; ++l) count += found[l];
      if (where == Where::interior) count -= lanes<T> - run.last;
    };
    for (int r = 0; r < block.run_count; ++r) {
      const Run& run = block.runs[r];
      if (run.where == Where::interior) reach.template operator()<Where::interior>(run);
      else if (run.where == Where::edge) reach.template operator()<Where::edge>(run);
    }
    size_ = pitch_ = copies_ = 0;
    if (count == 0) return true;
    double cells = 1;
    for (int d = 0; d < D; ++d) {
      int32_t from = low[d][0], to = high[d][0];
      for (int l = 1; l < lanes<T>; ++l) from = low[d][l] < from ? low[d][l] : from, to = high[d][l] > to ? high[d][l] : to;
      low_[d] = d == D - 1 && from < 0 ? -lanes<T> : from;  // so that the first pixel begins a vector
      extent_[d] = to - low_[d] + 1 + (D == 3 && d < 2);     // rows of the second taps
      // rows of whole vectors, and at least one cell that stays empty, for the pixel behind the last cell
      if (d == D - 1) pitch_ = (extent_[d] + lanes<T>) / lanes<T> * lanes<T>;
      cells *= d == D - 1 ? double(pitch_) : double(extent_[d]);
    }
    if (cells > double(capacity) || cells > double(most) * double(count) + 2 * lanes<T>) return false;
    size_ = int64_t(cells);
    // points that come one after the other onto one cell would wait for each other
    copies_ = job.long_rows && 4 * size_ <= count ? 4 : 1;
    return true;
  }

  void set_steps() {
    for (int d = D - 1; d >= 0; --d)
      step_[d] = d == D - 1 ? int32_t(sizeof(Cell)) : d == D - 2 ? int32_t(pitch_ * sizeof(Cell)) : step_[d + 1] * extent_[d + 1];
    steps_.bytes[0] = 0;
    if constexpr (D == 3) steps_.bytes[1] = step_[1], steps_.bytes[2] = step_[0], steps_.bytes[3] = step_[0] + step_[1];
    for (int l = 0; l < lanes<T>; ++l) copy_[l] = copies_ == 4 ? l % 4 * int32_t(size_ * sizeof(Cell)) : 0;
  }

  // Stores spots of vectors of points from p on, from `at` on, and their shares: vector by vector, then by the cells that are
  // added to together, then point by point.
  template <class B> GS_INLINE void weigh(const Job& job, const B& block, Where where, int p, int vectors, int at) {
    if (where == Where::interior) weigh_points<Where::interior>(job, block, p, vectors, at);
    else weigh_points<Where::edge>(job, block, p, vectors, at);
  }
  template <Where where, class B> void weigh_points(const Job& job, const B& block, int p, int vectors, int at) {
    const Index<T> nowhere = Index<T>{} + int32_t(capacity * int64_t(sizeof(Cell)));  // a cell of no pixel
    const Index<T> copy = copy_;
    int32_t step[D], low[D];  // copies: what is stored could be the window's own, for all the compiler knows
    for (int d = 0; d < D; ++d) step[d] = step_[d], low[d] = low_[d];
    for (int v = 0; v < vectors; ++v, p += lanes<T>, at += lanes<T>) {
      Index<T> first[D], spot = copy;
      const Index<T> reaches = first_taps<where>(job, block, p, first);
      for (int d = 0; d < D; ++d) spot += ((first[d] - low[d]) & reaches) * step[d];  // a far point's would overflow
      store(spot_ + at, reaches ? spot : nowhere);
      Vec<T> share[all_taps];
      for (int k = 0; k < all_taps; ++k) share[k] = share_of(block, p, k);
      for (int r = 0; r < rows; r += together) mix<T, beside>(share + r * taps);
      for (int k = 0; k < all_taps; ++k) store(share_ + at * all_taps + k * lanes<T>, share[k]);
    }
  }

  // A pixel along axis d as a place from `from` on; none if it is a hole.
  static char* row_of(const Job& job, int d, int64_t pixel, char* from) {
    const int64_t last = job.size[d] - 1;
    if (clamps(job, d)) pixel = pixel < 0 ? 0 : pixel > last ? last : pixel;
    return pixel < 0 || pixel > last ? nullptr : from + pixel * job.image_stride[d];
  }

  // Asks for the pixels of a row that cells are soon added to.
  GS_INLINE void ask_for(const Job& job, const char* row) const {
    if (!row) return;
    const char* from = row + low_[D - 1] * job.image_stride[D - 1];
    for (int64_t line = 0; line < pitch_ * int64_t(sizeof(T)); line += 64) __builtin_prefetch(from + line, 1);
  }

  // One row of cells to taps / 2 rows of pixels. A pixel's sums stand in its own cell and in the one before.
  GS_INLINE void merge_row(const Job& job, int64_t first, char* const* to) {
    Vec<T> before[taps / 2] = {};
    const int64_t n = job.size[D - 1];
    const int64_t step = job.image_stride[D - 1], pitch = pitch_, low = low_[D - 1];
    const bool unit = job.unit_column, holes = !clamps(job, D - 1);
    for (int64_t at = 0; at < pitch; at += lanes<T>) {
      Vec<T> sum[taps];
      T* cells = reinterpret_cast<T*>(cell_ + first + at);
      Mask<T> some{};
      for (int k = 0; k < taps; ++k) some |= (Mask<T>)(sum[k] = load<Vec<T>>(cells + k * lanes<T>));
      for (int k = 0; k < taps / 2; ++k) some |= (Mask<T>)before[k];
      // those of a box of points that lies askew often are; a sum is never -0, so that nothing is lost
      if (copies_ == 1 && !any(some)) continue;
      for (int k = 0; k < taps; ++k) store(cells + k * lanes<T>, Vec<T>{});
      if (copies_ > 1) add_copies(first + at, sum);
      part<T, taps>(sum);
      const int64_t pixel = low + at;
      for (int k = 0; k < taps / 2; ++k) {
        const Vec<T> value = sum[2 * k] + slid<T>(before[k], sum[2 * k + 1]);
        before[k] = sum[2 * k + 1];
        if (!to[k]) continue;
        char* row = to[k] + pixel * step;
        const int left = n - pixel >= lanes<T> ? lanes<T> : n - pixel > 0 ? int(n - pixel) : 0;
        if (unit && pixel >= 0 && left == lanes<T>) store(row, load<Vec<T>>(row) + value);
        else if (unit && pixel >= 0 && holes) store_first<T>(row, load_first<T>(row, left) + value, left);
        else if (!holes || pixel > -lanes<T>) merge_rim(job, to[k], pixel, value);
      }
    }
  }
  __attribute__((noinline)) void add_copies(int64_t first, Vec<T>* sum) {
    for (int c = 1; c < copies_; ++c) {
      T* cells = reinterpret_cast<T*>(cell_ + c * size_ + first);
      for (int k = 0; k < taps; ++k) {
        sum[k] += load<Vec<T>>(cells + k * lanes<T>);
        store(cells + k * lanes<T>, Vec<T>{});
      }
    }
  }
  static __attribute__((noinline)) void merge_rim(const Job& job, char* row, int64_t pixel, Vec<T> value) {
    alignas(64) T sum[lanes<T>];
    store(sum, value);
    const int64_t n = job.size[D - 1], step = job.image_stride[D - 1];
    const int from = pixel >= 0 ? 0 : pixel < -lanes<T> ? lanes<T> : int(-pixel);
    const int to = pixel + lanes<T> <= n ? lanes<T> : pixel >= n ? 0 : int(n - pixel);
    for (int l = from; l < to; ++l) poke<T>(row + (pixel + l) * step, peek<T>(row + (pixel + l) * step) + sum[l]);
    if (!clamps(job, D - 1)) return;
    for (int l = 0; l < lanes<T>; ++l)
      if (sum[l] != 0 && (l < from || l >= to)) {
        char* at = row_of(job, D - 1, pixel + l, row);
        poke<T>(at, peek<T>(at) + sum[l]);
      }
  }

  alignas(64) int32_t spot_[points];  // of each point's cell, in bytes
  alignas(64) T share_[points * all_taps];
  alignas(64) Cell cell_[capacity * (rows > 1 ? 2 : 1) + lanes<T>];  // and those of no pixel
  int64_t size_, pitch_;  // cells in all, and from row to row
  Steps steps_;
  int copies_;
  int32_t low_[D], extent_[D], step_[D];  // `step_`: from cell to cell, in bytes
  Index<T> copy_;  // where each lane's copy of the cells begins, in bytes
  bool stored_;  // are all points' spots and shares? A single channel, which asks for them once, has a stretch's at a time
};

}  // namespace gridsample::GS_TARGET
