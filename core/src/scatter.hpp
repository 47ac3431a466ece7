// SPDX-License-Identifier: Apache-2.0
// Scatter: adding to an image one tap at a time, in the order of points, and of taps within a point.
#pragma once
#include "reduce.hpp"
#include "turns.hpp"

namespace gridsample::GS_TARGET {

// Calls add() when its turn has come, where tasks take turns.
template <class Add> GS_INLINE void in_turn(const Job& job, int64_t slot, int64_t turn, Add add) {
  if (job.turns) await_turn(*job.turns, slot, turn);
  add();
  if (job.turns) end_turn(*job.turns, slot);
}

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

// From each tap's part, of taps `step` apart, to that of each of the pixels they are picked from.
template <class T> GS_INLINE void unpick(const Picks<T>& picks, int step, int count, Vec<T>* part) {
  for (int k = 0; k < count; ++k) {
    if (k & step) continue;
    const Vec<T> none{}, first = keep<T>(picks.live[0], part[k]), second = keep<T>(picks.live[1], part[k + step]);
    part[k] = choose<T>(picks.crossed[0], none, first) + choose<T>(picks.crossed[1], second, none);
    part[k + step] = choose<T>(picks.crossed[0], first, none) + choose<T>(picks.crossed[1], none, second);
  }
}

// Each tap's part of one vector of values, a vector per tap; or each pixel's, where points at the rim pick theirs.
template <class T, int D, int K>
GS_INLINE void parts_of(const Job& job, const Block<T, D, K>& block, int p, Where where, Vec<T> value, T* part) {
  Vec<T> parts[power(K, D)];
  [[maybe_unused]] Vec<T>* out = parts;
  if (block.any_dead) value = silence_dead<T, D, K>(block, p, value);
  if constexpr (K > 1) spread<0, T, D, K>(block, p, value, out);
  else parts[0] = where == Where::edge && job.buries ? value * load<Vec<T>>(block.weight[0][0] + p) : value;
  if constexpr (K == 2)
    if (where == Where::edge && job.picks)
      for (int d = 0; d < D; ++d) unpick(block.picks[d][p / lanes<T>], 1 << (D - 1 - d), power(2, D), parts);
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
    if constexpr (K == 1) if (where == Where::edge && job_.short_offsets && !block_.any_dead) return add_pixels(p, count, value);
    if (where == Where::edge && !(K == 2 && job_.picks)) return scatter_edge<T, D, K>(job_, block_, base_, p, count, value);
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
  // A pixel or a hole for each point. Where holes are is hard to foresee: theirs is some pixel's offset, which gets nothing.
  GS_INLINE void add_pixels(int p, int count, Vec<T> value) {
    const Mask<T> hole = load<Mask<T>>(block_.hole[0][0] + p);
    if (all(hole)) return;
    alignas(64) T part[lanes<T>];
    parts_of(job_, block_, p, Where::edge, hole ? Vec<T>{} : value, part);
    const auto add = [&](int l) {
      char* at = base_ + block_.tap_offset.near[0][0][p + l];
      poke<T>(at, peek<T>(at) + part[l]);
    };
    if (count == lanes<T>)
      for (int l = 0; l < lanes<T>; ++l) add(l);
    else
      for (int l = 0; l < count; ++l) add(l);
  }

  static constexpr int taps = power(K, D);
  const Job& job_;
  const Block<T, D, K>& block_;
  char* base_;
  int64_t step_[taps];
};

}  // namespace gridsample::GS_TARGET
