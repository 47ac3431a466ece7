// SPDX-License-Identifier: Apache-2.0
// Places: where the points of some rows of attention lie, as arrays; found once for all channels.
//   x = g * n - 1/2,   first = floor(x),   fraction = x - first
// The arithmetic is done in G, the locations' own type or the pixels', the wider. Nothing is assumed of locations: they are
// tamed in floating point, before any integer cast.
#pragma once
#include "attention.hpp"
#include "channels_push.hpp"

namespace gridsample::GS_TARGET {

enum class At : unsigned char { inside, rim, outside, nowhere };  // all taps are pixels; some; none; not a number

template <class T, class G, int D> struct Places {
  static constexpr int taps = 1 << D, room = int(attention_most) + 64;
  alignas(64) G location[D][room], scale[D][room];  // axes in memory order
  int32_t first[D][room], last[D][room];            // last: the index of an axis's last pixel
  T fraction[D][room], share[room];                 // share: the point's weight
  T weight[taps][room];                             // of each tap, times share; the last axis's taps alternate first
  T sum[taps * room];                               // products of taps and what comes back, [point][tap]
  int64_t pixel[room];                              // of the first tap, which may be outside
  int64_t start[room], pitch[D][room];              // in pixels: where the level begins, and from one to the next
  At at[room];

  // What points know of their level, for `rows` rows of the levels `from` to `to`.
  void know(const Attention& job, int64_t from, int64_t to, int64_t rows) {
    int64_t begin[2] = {0, 0};
    int i = 0;
    for (int64_t r = 0; r < rows; ++r) {
      begin[0] = 0;
      for (int64_t l = 0; l < to; ++l) {
        const int64_t* sizes = job.sizes + l * D;
        int64_t pixels = 1, pitches[D];
        for (int d = D - 1; d >= 0; --d) pitches[d] = pixels, pixels *= sizes[d];
        if (l >= from)
          for (int64_t p = 0; p < job.points; ++p, ++i) {
            start[i] = begin[0];
            for (int d = 0; d < D; ++d) {
              scale[d][i] = G(sizes[d]);
              last[d][i] = int32_t(sizes[d] - 1);
              pitch[d][i] = pitches[d];
            }
          }
        begin[0] += pixels;
      }
    }
  }

  // One row's `count` points, after the `i` there are. (Components are stored last axis first.)
  GS_INLINE void take(const char* places, const char* shares, int i, int count, bool doubles) {
    for (int p = 0; p < count; ++p)
      for (int d = 0; d < D; ++d) {
        const int64_t at = int64_t(p) * D + (D - 1 - d);
        location[d][i + p] = doubles ? G(peek<double>(places + at * 8)) : G(peek<float>(places + at * 4));
      }
    __builtin_memcpy(share + i, shares, std::size_t(count) * sizeof(T));
  }

  // All of them.
  void locate(int count) {
    const G far = G(far_away);
    for (int d = 0; d < D; ++d)
      for (int i = 0; i < count; ++i) {
        G x = location[d][i] * scale[d][i] - G(0.5);
        x = x > -far ? x : -far;  // also where it is not a number
        x = x < far ? x : far;
        const G down = sizeof(G) == 4 ? G(__builtin_floorf(float(x))) : G(__builtin_floor(double(x)));
        first[d][i] = int32_t(down);
        fraction[d][i] = T(x - down);
      }
    for (int i = 0; i < count; ++i) {
      int64_t found = start[i];
      bool whole = true, some = true, number = true;
      for (int d = 0; d < D; ++d) {
        found += first[d][i] * pitch[d][i];
        whole &= (first[d][i] >= 0) & (first[d][i] < last[d][i]);
        some &= (first[d][i] >= -1) & (first[d][i] <= last[d][i]);
        number &= location[d][i] == location[d][i];
      }
      pixel[i] = found;
      at[i] = !number ? At::nowhere : whole ? At::inside : some ? At::rim : At::outside;
    }
    for (int k = 0; k < taps; ++k)
      for (int i = 0; i < count; ++i) {
        T product = share[i];
        for (int d = 0; d < D; ++d) product *= k >> (D - 1 - d) & 1 ? fraction[d][i] : T(1) - fraction[d][i];
        weight[k][i] = product;
      }
  }

  // Is tap k of point i a pixel?
  GS_INLINE bool holds(int k, int i) const {
    bool found = true;
    for (int d = 0; d < D; ++d) {
      const int32_t index = first[d][i] + (k >> (D - 1 - d) & 1);
      found &= (index >= 0) & (index <= last[d][i]);
    }
    return found;
  }
};

}  // namespace gridsample::GS_TARGET
