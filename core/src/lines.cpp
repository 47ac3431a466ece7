// SPDX-License-Identifier: Apache-2.0
// The recursion along lines, compiled for each instruction set and scalar as loops.cpp is. Many lines are solved at once, one
// in each lane: the lines of a block are brought into working memory as rows of lanes, and back. Every line has the same
// operations in the same order wherever it stands.
#include "lines.hpp"
#include "simd.hpp"

namespace gridsample::GS_TARGET {
namespace {

template <class V, class T> GS_INLINE V everywhere(T x) {
  if constexpr (sizeof(V) == sizeof(T)) return x;
  else return splat<T>(x);
}
template <class V, class T> GS_INLINE V add_product(V a, T b, V c) {
  if constexpr (sizeof(V) == sizeof(T)) return a * b + c;
  else return mul_add<T>(a, splat<T>(b), c);
}

// `vectors` vectors V of lines at once, row i of them at rows + i * step; in place.
template <class T, class V> struct Rows {
  char* rows;
  int64_t step;
  int vectors;

  GS_INLINE V get(int64_t i, int v) const { return load<V>(rows + i * step + v * int64_t(sizeof(V))); }
  GS_INLINE void set(int64_t i, int v, V value) const { store(rows + i * step + v * int64_t(sizeof(V)), value); }

  template <int R> void solve(const Factors& f) const {
    const T *lower = static_cast<const T*>(f.lower), *upper = static_cast<const T*>(f.upper);
    const T* scale = static_cast<const T*>(f.scale);
    const int64_t m = f.border ? f.n - R : f.n;
    for (int64_t i = 0; i < m; ++i)
      for (int v = 0; v < vectors; ++v) {
        V y = get(i, v);
        for (int k = R; k >= 1; --k)  // the last one, which is waited for, at the end
          if (i >= k) y = add_product<V, T>(get(i - k, v), lower[i * R + k - 1], y);
        set(i, v, y);
      }
    if (f.border) {
      const T *bottom = static_cast<const T*>(f.bottom), *corner = static_cast<const T*>(f.corner);
      for (int v = 0; v < vectors; ++v) {
        V rest[R];
        for (int k = 0; k < R; ++k) rest[k] = get(m + k, v);
        for (int64_t i = 0; i < m; ++i)
          for (int k = 0; k < R; ++k) rest[k] = add_product<V, T>(get(i, v), bottom[i * R + k], rest[k]);
        for (int k = 0; k < R; ++k) {
          V sum{};
          for (int j = 0; j < R; ++j) sum = add_product<V, T>(rest[j], corner[k * R + j], sum);
          set(m + k, v, sum);
        }
      }
    }
    const T* right = static_cast<const T*>(f.right);
    for (int64_t i = m - 1; i >= 0; --i)
      for (int v = 0; v < vectors; ++v) {
        V x = get(i, v) * everywhere<V, T>(scale[i]);
        if (f.border)
          for (int k = 0; k < R; ++k) x = add_product<V, T>(get(m + k, v), right[i * R + k], x);
        for (int k = R; k >= 1; --k)
          if (i + k < m) x = add_product<V, T>(get(i + k, v), upper[i * R + k - 1], x);
        set(i, v, x);
      }
  }

  void multiply(const Factors& f) const {
    const T* inverse = static_cast<const T*>(f.inverse);
    for (int v = 0; v < vectors; ++v) {
      V old[shortest];
      for (int64_t i = 0; i < f.n; ++i) old[i] = get(i, v);
      for (int64_t i = 0; i < f.n; ++i) {
        V sum{};
        for (int64_t j = 0; j < f.n; ++j) sum = add_product<V, T>(old[j], inverse[i * f.n + j], sum);
        set(i, v, sum);
      }
    }
  }

  void run(const Factors& f) const {
    if (f.inverse) multiply(f);
    else if (f.reach == 1) solve<1>(f);
    else if (f.reach == 2) solve<2>(f);
    else solve<3>(f);
  }
};

// Square after square of lines that are contiguous themselves, to rows of lanes (or back): as many as there are whole ones.
template <class T, bool BACK>
int64_t turn_squares(char* rows, int64_t row_bytes, char* lines, int64_t line, int64_t count, int64_t n) {
  constexpr int L = lanes<T>;
  const int64_t whole = n / L * L;
  for (int64_t l = 0; l + L <= count; l += L)
    for (int64_t i = 0; i < whole; i += L) {
      Vec<T> square[L];
      const auto lane_row = [&](int k) { return rows + (i + k) * row_bytes + l * int64_t(sizeof(T)); };
      const auto own = [&](int k) { return lines + (l + k) * line + i * int64_t(sizeof(T)); };
      for (int k = 0; k < L; ++k) square[k] = load<Vec<T>>(BACK ? lane_row(k) : own(k));
      mix<T, L>(square);
      for (int k = 0; k < L; ++k) store(BACK ? own(k) : lane_row(k), square[k]);
    }
  return whole;
}

// Lines to rows of lanes, or back. Those beyond the last line are copies of nothing: zeros, and never stored.
template <class T, bool BACK>
void turn(char* rows, int64_t row_bytes, char* lines, int64_t step, int64_t line, int64_t count, int64_t n) {
  constexpr int64_t item = sizeof(T);
  if (line == item) {
    for (int64_t i = 0; i < n; ++i) {
      char *row = rows + i * row_bytes, *own = lines + i * step;
      if (count * item == row_bytes) {
        for (int64_t b = 0; b < row_bytes; b += 64) __builtin_memcpy((BACK ? own : row) + b, (BACK ? row : own) + b, 64);
      } else {
        for (int64_t l = 0; l < count; ++l) poke<T>((BACK ? own : row) + l * item, peek<T>((BACK ? row : own) + l * item));
        if (!BACK) __builtin_memset(row + count * item, 0, std::size_t(row_bytes - count * item));
      }
    }
    return;
  }
  const bool squares = step == item;
  const int64_t done = squares ? turn_squares<T, BACK>(rows, row_bytes, lines, line, count, n) : 0;
  const int64_t turned = squares ? count / lanes<T> * lanes<T> : 0;
  const auto one = [&](int64_t l, int64_t i) {
    char *row = rows + i * row_bytes + l * item, *own = lines + l * line + i * step;
    poke<T>(BACK ? own : row, peek<T>(BACK ? row : own));
  };
  for (int64_t l = 0; l < count; ++l)
    for (int64_t i = l < turned ? done : 0; i < n; ++i) one(l, i);
  if (!BACK)
    for (int64_t l = count; l * item < row_bytes; ++l)
      for (int64_t i = 0; i < n; ++i) poke<T>(rows + i * row_bytes + l * item, T(0));
}

template <class T> void solve_lines(const Job& job, int64_t task, Scratch& scratch) {
  const Lines& work = static_cast<const Lines&>(job);
  const int64_t wide = work.long_lines ? 1 : work.row_bytes / int64_t(sizeof(T)), first = task % work.blocks * wide;
  const char* from = work.from + first * work.from_line;
  char* to = work.to + first * work.to_line;
  int64_t rest = task / work.blocks;
  for (int a = work.outer - 1; a >= 0; --a) {
    from += rest % work.outer_size[a] * work.from_outer[a];
    to += rest % work.outer_size[a] * work.to_outer[a];
    rest /= work.outer_size[a];
  }
  const int64_t n = work.factors.n, count = work.lines - first < wide ? work.lines - first : wide;
  if (work.long_lines) {
    if (from != to)
      for (int64_t i = 0; i < n; ++i) poke<T>(to + i * work.to_step, peek<T>(from + i * work.from_step));
    return Rows<T, T>{to, work.to_step, 1}.run(work.factors);
  }
  turn<T, false>(scratch.memory, work.row_bytes, const_cast<char*>(from), work.from_step, work.from_line, count, n);
  Rows<T, Vec<T>>{scratch.memory, work.row_bytes, work.row_bytes / GS_BYTES}.run(work.factors);
  turn<T, true>(scratch.memory, work.row_bytes, to, work.to_step, work.to_line, count, n);
}

}  // namespace

#define GS_JOIN(scalar) scalar##_lines
#define GS_NAME(scalar) GS_JOIN(scalar)
extern const Loop GS_NAME(GS_SCALAR);
const Loop GS_NAME(GS_SCALAR) = solve_lines<GS_SCALAR>;

}  // namespace gridsample::GS_TARGET
