// SPDX-License-Identifier: Apache-2.0
// Attention's loops of one instruction set and one scalar: CMakeLists.txt compiles this file as it does loops.cpp. A row is
// one head's sum for one query.
//   forward   a row's channels are added up in registers, over all levels and points, and stored once
//   backward  a task has one level of one head: it alone adds to those pixels, query by query, so sums have one order for any
//             number of threads; a point's pixels are read once for the gradients of its place and of its weight
#include "attention_places.hpp"

namespace gridsample::GS_TARGET {

// Bytes from a point's first tap to tap k of a level.
template <int D> struct Steps {
  int64_t step[1 << D];
  GS_INLINE void find(const Attention& job, int64_t level, int64_t pixel) {
    const int64_t* sizes = job.sizes + level * D;
    for (int k = 0; k < 1 << D; ++k) {
      int64_t pitch = pixel, at = 0;
      for (int d = D - 1; d >= 0; --d) {
        if (k >> (D - 1 - d) & 1) at += pitch;
        pitch *= sizes[d];
      }
      step[k] = at;
    }
  }
};

// V vectors of channels of a row, from its points on.
template <class T, class G, int D, int V, bool WHOLE>
GS_INLINE void add_up(const Attention& job, const Places<T, G, D>& block, const Steps<D>* steps, int i, const char* value,
                      char* out, int count) {
  constexpr int taps = 1 << D;
  Vec<T> sum[V] = {};
  for (int64_t l = 0; l < job.levels; ++l) {
    const int64_t* step = steps[l].step;
    for (int64_t p = 0; p < job.points; ++p, ++i) {
      const At at = block.at[i];
      const char* first = value + block.pixel[i] * job.value.row;
      if (__builtin_expect(at == At::inside, 1)) {
        Vec<T> sample[V];
        for (int k = 0; k < taps; ++k) {
          const Vec<T> weight = splat<T>(block.weight[k][i]);
          for (int v = 0; v < V; ++v) {
            const Vec<T> tap = load_channels<T, WHOLE>(first + step[k] + v * int64_t(sizeof(Vec<T>)), count);
            sample[v] = k == 0 ? tap * weight : mul_add<T>(tap, weight, sample[v]);
          }
        }
        for (int v = 0; v < V; ++v) sum[v] += sample[v];
      } else if (at == At::rim) {
        for (int k = 0; k < taps; ++k) {
          if (!block.holds(k, i)) continue;
          const Vec<T> weight = splat<T>(block.weight[k][i]);
          for (int v = 0; v < V; ++v)
            sum[v] = mul_add<T>(load_channels<T, WHOLE>(first + step[k] + v * int64_t(sizeof(Vec<T>)), count), weight, sum[v]);
        }
      } else if (at == At::nowhere) {
        for (int v = 0; v < V; ++v) sum[v] += splat<T>(T(__builtin_nan("")));
      }
    }
  }
  if constexpr (WHOLE)
    for (int v = 0; v < V; ++v) store(out + v * int64_t(sizeof(Vec<T>)), sum[v]);
  else
    store_first<T>(out, sum[0], count);
}

template <class T, class G, int D> void attention_forward(const Job& base, int64_t task, Scratch& scratch) {
  const Attention& job = static_cast<const Attention&>(base);
  auto& block = *reinterpret_cast<Places<T, G, D>*>(scratch.memory);
  static_assert(sizeof(Places<T, G, D>) <= sizeof scratch.memory);
  const int64_t all = job.queries * job.heads, parts = (all + attention_rows - 1) / attention_rows;
  const int64_t n = task / parts, begin = task % parts * attention_rows;
  const int64_t end = begin + attention_rows < all ? begin + attention_rows : all;
  const int each = int(job.levels * job.points);
  int64_t some = each == 0 ? end - begin : attention_points / each;
  some = some < 1 ? 1 : some > end - begin ? end - begin : some;
  block.know(job, 0, job.levels, some);
  Steps<D> steps[attention_levels];
  for (int64_t l = 0; l < job.levels; ++l) steps[l].find(job, l, job.value.row);
  for (int64_t from = begin; from < end; from += some) {
    const int rows = int(from + some < end ? some : end - from);
    for (int r = 0; r < rows; ++r) {
      const int64_t q = (from + r) / job.heads, h = (from + r) % job.heads;
      block.take(job.places.data + n * job.places.batch + q * job.places.row + h * job.places.head,
                 job.shares.data + n * job.shares.batch + q * job.shares.row + h * job.shares.head, r * each, each, job.coords_f64);
    }
    block.locate(rows * each);
    for (int r = 0; r < rows; ++r) {
      const int64_t q = (from + r) / job.heads, h = (from + r) % job.heads;
      const char* value = job.value.data + n * job.value.batch + h * job.value.head;
      char* out = job.out.data + n * job.out.batch + q * job.out.row + h * job.out.head;
      int64_t c = 0;
      const auto at = [&](auto* p) { return p + c * int64_t(sizeof(T)); };
      for (; c + 4 * lanes<T> <= job.channels; c += 4 * lanes<T>)
        add_up<T, G, D, 4, true>(job, block, steps, r * each, at(value), at(out), 0);
      for (; c + lanes<T> <= job.channels; c += lanes<T>)
        add_up<T, G, D, 1, true>(job, block, steps, r * each, at(value), at(out), 0);
      if (c < job.channels) add_up<T, G, D, 1, false>(job, block, steps, r * each, at(value), at(out), int(job.channels - c));
    }
  }
}

// The sums of the lanes of `count` vectors, in this order, one after another in the first vectors.
template <class T, int count, int left = lanes<T>> GS_INLINE void sum_lanes(Vec<T>* v) {
  if constexpr (left > 1) {
    constexpr int after = count > 1 ? count / 2 : 1;
    for (int i = 0; i < after; ++i) {
      Vec<T> a = v[count > 1 ? 2 * i : 0], b = v[count > 1 ? 2 * i + 1 : 0];
      unzip<T>(a, b);
      v[i] = a + b;
    }
    sum_lanes<T, after, left / 2>(v);
  }
}

// What one vector of channels of what comes back gives to a point's taps, and has of them.
template <class T, class G, int D, bool SUMS, bool ADDS, bool INSIDE, bool WHOLE>
GS_INLINE void give(const Places<T, G, D>& block, const Steps<D>& steps, int i, const char* value, char* to, Vec<T> grad,
                    int count, Vec<T>* sum) {
  for (int k = 0; k < 1 << D; ++k) {
    if (!INSIDE && !block.holds(k, i)) continue;
    if constexpr (SUMS) sum[k] = mul_add<T>(load_channels<T, WHOLE>(value + steps.step[k], count), grad, sum[k]);
    if constexpr (ADDS) {
      char* at = to + steps.step[k];
      const Vec<T> weight = splat<T>(block.weight[k][i]);
      if constexpr (WHOLE) store(at, mul_add<T>(grad, weight, load<Vec<T>>(at)));
      else add_channels<T, false>(at, grad * weight, count);
    }
  }
}

template <class T, class G, int D, bool SUMS, bool ADDS, bool INSIDE>
GS_INLINE void point_back(const Attention& job, Places<T, G, D>& block, const Steps<D>& steps, int i, const char* value,
                          char* to, const char* grad) {
  constexpr int taps = 1 << D;
  const char* from = SUMS ? value + block.pixel[i] * job.value.row : nullptr;
  char* into = ADDS ? to + block.pixel[i] * job.value.row : nullptr;
  Vec<T> sum[taps] = {};
  int64_t c = 0;
  const auto at = [&](auto* p) { return p + c * int64_t(sizeof(T)); };
  for (; c + lanes<T> <= job.channels; c += lanes<T>)
    give<T, G, D, SUMS, ADDS, INSIDE, true>(block, steps, i, SUMS ? at(from) : from, ADDS ? at(into) : into, load<Vec<T>>(at(grad)),
                                            0, sum);
  if (c < job.channels) {
    const int count = int(job.channels - c);
    give<T, G, D, SUMS, ADDS, INSIDE, false>(block, steps, i, SUMS ? at(from) : from, ADDS ? at(into) : into,
                                             load_channels<T, false>(at(grad), count), count, sum);
  }
  if constexpr (SUMS) {
    sum_lanes<T, taps>(sum);
    constexpr int vectors = taps > lanes<T> ? taps / lanes<T> : 1;
    for (int v = 0; v < vectors; ++v) store(block.sum + i * taps + v * lanes<T>, sum[v]);  // what is beyond is written next
  }
}

// The gradients of places and shares of `count` points from `i` on, from what their taps gave.
template <class T, class G, int D>
GS_INLINE void slopes(const Attention& job, const Places<T, G, D>& block, int i, int count, char* to_places, char* to_shares) {
  for (int p = 0; p < count; ++p, ++i) {
    T sum[1 << D], along[D][1 << D];
    for (int k = 0; k < 1 << D; ++k) sum[k] = block.sum[i * (1 << D) + k];
    for (int d = D - 1, n = 1 << (D - 1); d >= 0; --d, n /= 2)
      for (int j = 0; j < n; ++j) {
        const T t = block.fraction[d][i], rise = sum[2 * j + 1] - sum[2 * j];
        for (int e = d + 1; e < D; ++e) along[e][j] = along[e][2 * j] + (along[e][2 * j + 1] - along[e][2 * j]) * t;
        along[d][j] = rise;
        sum[j] = sum[2 * j] + rise * t;
      }
    const bool nowhere = block.at[i] == At::nowhere;
    if (to_shares) poke<T>(to_shares + p * int64_t(sizeof(T)), nowhere ? T(__builtin_nan("")) : sum[0]);
    if (to_places)
      for (int d = 0; d < D; ++d) {
        const G slope = nowhere ? G(0) : G(along[d][0] * block.share[i]) * block.scale[d][i];
        const int64_t at = int64_t(p) * D + (D - 1 - d);
        if (job.coords_f64) poke<double>(to_places + at * 8, double(slope));
        else poke<float>(to_places + at * 4, float(slope));
      }
  }
}

template <class T, class G, int D, bool SUMS, bool ADDS>
void attention_back(const Attention& job, int64_t n, int64_t h, int64_t level, Places<T, G, D>& block) {
  constexpr int taps = 1 << D;
  const int points = int(job.points);
  const int64_t row = level * points, place = int64_t(D) * (job.coords_f64 ? 8 : 4);
  const char* value = SUMS ? job.value.data + n * job.value.batch + h * job.value.head : nullptr;
  char* to = ADDS ? job.to_value.data + n * job.to_value.batch + h * job.to_value.head : nullptr;
  int64_t some = points == 0 ? job.queries : attention_points / points;
  some = some < 1 ? 1 : some > job.queries ? job.queries : some;
  block.know(job, level, level + 1, some);
  Steps<D> steps;
  steps.find(job, level, job.value.row);
  if constexpr (ADDS) {
    int64_t start = 0, pixels = 1;
    for (int64_t l = 0; l <= level; ++l) {
      start += l == 0 ? 0 : pixels;
      pixels = 1;
      for (int d = 0; d < D; ++d) pixels *= job.sizes[l * D + d];
    }
    for (int64_t i = start; i < start + pixels; ++i)
      __builtin_memset(to + i * job.to_value.row, 0, std::size_t(job.channels) * sizeof(T));
  }
  for (int64_t from = 0; from < job.queries; from += some) {
    const int rows = int(from + some < job.queries ? some : job.queries - from);
    for (int r = 0; r < rows; ++r) {
      const int64_t q = from + r;
      block.take(job.places.data + n * job.places.batch + q * job.places.row + h * job.places.head + row * place,
                 job.shares.data + n * job.shares.batch + q * job.shares.row + h * job.shares.head + row * int64_t(sizeof(T)),
                 r * points, points, job.coords_f64);
    }
    block.locate(rows * points);
    for (int r = 0; r < rows; ++r) {
      const int64_t q = from + r;
      const char* grad = job.out.data + n * job.out.batch + q * job.out.row + h * job.out.head;
      for (int i = r * points; i < (r + 1) * points; ++i) {
        if (__builtin_expect(block.at[i] == At::inside, 1)) {
          point_back<T, G, D, SUMS, ADDS, true>(job, block, steps, i, value, to, grad);
        } else if (block.at[i] == At::rim) {
          point_back<T, G, D, SUMS, ADDS, false>(job, block, steps, i, value, to, grad);
        } else if constexpr (SUMS) {
          for (int k = 0; k < taps; ++k) block.sum[i * taps + k] = 0;
        }
      }
      if constexpr (SUMS)
        slopes(job, block, r * points, points,
               job.to_places.data ? job.to_places.data + n * job.to_places.batch + q * job.to_places.row + h * job.to_places.head + row * place
                                  : nullptr,
               job.to_shares.data ? job.to_shares.data + n * job.to_shares.batch + q * job.to_shares.row + h * job.to_shares.head +
                                        row * int64_t(sizeof(T))
                                  : nullptr);
    }
  }
}

template <class T, class G, int D> void attention_backward(const Job& base, int64_t task, Scratch& scratch) {
  const Attention& job = static_cast<const Attention&>(base);
  auto& block = *reinterpret_cast<Places<T, G, D>*>(scratch.memory);
  const int64_t level = task % job.levels, h = task / job.levels % job.heads, n = task / job.levels / job.heads;
  const bool sums = job.to_places.data || job.to_shares.data, adds = job.to_value.data;
  if (sums && adds) attention_back<T, G, D, true, true>(job, n, h, level, block);
  else if (sums) attention_back<T, G, D, true, false>(job, n, h, level, block);
  else attention_back<T, G, D, false, true>(job, n, h, level, block);
}

#define GS_AXES(task, G) {task<GS_SCALAR, G, 1>, task<GS_SCALAR, G, 2>, task<GS_SCALAR, G, 3>}
#define GS_JOIN(scalar) scalar##_attention
#define GS_NAME(scalar) GS_JOIN(scalar)

extern const AttentionLoops GS_NAME(GS_SCALAR);
const AttentionLoops GS_NAME(GS_SCALAR) = {{GS_AXES(attention_forward, GS_SCALAR), GS_AXES(attention_forward, double)},
                                           {GS_AXES(attention_backward, GS_SCALAR), GS_AXES(attention_backward, double)}};

}  // namespace gridsample::GS_TARGET
