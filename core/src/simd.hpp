// SPDX-License-Identifier: Apache-2.0
// Vectors: the operations the loops need, for the instruction set this file is compiled for.
// Contract: GS_TARGET names the target's namespace and GS_BYTES its register width. Arithmetic, comparison and
// `mask ? a : b` come from the compiler's vector extensions (GCC and Clang); what those lack stands here. The generic
// versions are correct everywhere; an instruction set replaces only those it does better.
// No header with inline functions is included: a copy compiled for a newer machine must not reach an older one.
#pragma once
#include <cstddef>
#include <cstdint>
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

#define GS_INLINE inline __attribute__((always_inline))

namespace gridsample::GS_TARGET {

using std::int32_t;
using std::int64_t;
using std::uint8_t;

template <class T> inline constexpr int lanes = GS_BYTES / int(sizeof(T));

template <bool, class Yes, class No> struct If { using type = Yes; };
template <class Yes, class No> struct If<false, Yes, No> { using type = No; };

template <int bytes> struct IntegerOf { using type = int64_t; };
template <> struct IntegerOf<4> { using type = int32_t; };
template <class T> using MaskLane = typename IntegerOf<sizeof(T)>::type;  // one lane of a mask: 0 or -1

template <class T> struct Vector {
  typedef T type __attribute__((vector_size(GS_BYTES)));
  typedef int32_t index __attribute__((vector_size(4 * lanes<T>)));
  typedef uint32_t unsigned_index __attribute__((vector_size(4 * lanes<T>)));
};
template <class T> using Vec = typename Vector<T>::type;
template <class T> using Index = typename Vector<T>::index;
template <class T> using Mask = decltype(Vec<T>{} < Vec<T>{});

// What tells lanes apart where it is kept: whole lanes of 0 or -1, or, where the machine chooses by them, bits.
template <class T> struct FlagsOf { using type = Mask<T>; };
#if defined(__AVX512VL__) && GS_BYTES == 32
template <> struct FlagsOf<float> { using type = uint8_t; };
template <> struct FlagsOf<double> { using type = uint8_t; };
#endif
template <class T> using Flags = typename FlagsOf<T>::type;

template <class T> GS_INLINE T peek(const char* p) {
  T value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}
template <class T> GS_INLINE void poke(char* p, T value) { __builtin_memcpy(p, &value, sizeof value); }
template <class V> GS_INLINE V load(const void* p) {
  V value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}
template <class V> GS_INLINE void store(void* p, V value) { __builtin_memcpy(p, &value, sizeof value); }

// A store past the caches, to memory aligned to a whole vector; `settle` before anybody else reads it.
template <class V> GS_INLINE void stream(void* p, V value) {
#if defined(__AVX2__) && GS_BYTES == 32
  _mm256_stream_si256((__m256i*)p, (__m256i)value);
#elif defined(__SSE2__) && GS_BYTES == 16
  _mm_stream_si128((__m128i*)p, (__m128i)value);
#else
  store(p, value);
#endif
}
GS_INLINE void settle() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}
GS_INLINE bool aligned(const void* p) { return (unsigned long long)p % GS_BYTES == 0; }

// x - 0 keeps every x, negative zero and NaN included, so this is a plain broadcast.
template <class T> GS_INLINE Vec<T> splat(T x) { return x - Vec<T>{}; }

// a < b ? a : b, and a > b ? a : b: the second where either is NaN, as x86's instructions have it.
template <class T> GS_INLINE Vec<T> smaller(Vec<T> a, Vec<T> b);
template <class T> GS_INLINE Vec<T> larger(Vec<T> a, Vec<T> b);
template <class T> GS_INLINE Vec<T> absolute(Vec<T> a) {
  return (Vec<T>)((Mask<T>)a & ~(Mask<T>)(-Vec<T>{}));  // all but the sign
}

template <class T> GS_INLINE Flags<T> flags_of(Mask<T> m) { return m; }
template <class T> GS_INLINE Vec<T> choose(Flags<T> f, Vec<T> yes, Vec<T> no) { return f ? yes : no; }
template <class T> GS_INLINE Vec<T> keep(Flags<T> f, Vec<T> value) { return (Vec<T>)((Mask<T>)value & f); }  // else zero

template <class M> GS_INLINE bool any_generic(M m) {
  bool found = false;
  for (unsigned l = 0; l < sizeof(m) / sizeof(m[0]); ++l) found |= m[l] != 0;
  return found;
}

// a * b + c, in one rounding where the machine has it. Always this function, never a bare product and sum, so that
// every path of one target rounds alike.
template <class T> GS_INLINE Vec<T> mul_add(Vec<T> a, Vec<T> b, Vec<T> c);
// Round to the nearest integer, half to even; round down. For |x| up to 2^30.
template <class T> GS_INLINE Vec<T> round_even(Vec<T> x);
template <class T> GS_INLINE Vec<T> round_down(Vec<T> x);
template <class M> GS_INLINE bool any(M m);
template <class M> GS_INLINE bool all(M m);

template <class T> GS_INLINE Index<T> to_index(Vec<T> x) { return __builtin_convertvector(x, Index<T>); }

// One 64-bit offset per lane, in one register or two. (Named members: the compiler keeps those in registers.)
typedef int64_t Long __attribute__((vector_size(GS_BYTES)));
struct OneLong { Long low; };
struct TwoLongs { Long low, high; };
template <int bytes> struct OffsetOf { using type = OneLong; };
template <> struct OffsetOf<4> { using type = TwoLongs; };
template <class T> using Offset = typename OffsetOf<sizeof(T)>::type;

GS_INLINE OneLong operator+(OneLong a, OneLong b) { return {a.low + b.low}; }
GS_INLINE TwoLongs operator+(TwoLongs a, TwoLongs b) { return {a.low + b.low, a.high + b.high}; }
GS_INLINE void store_offset(int64_t* p, OneLong offset) { store(p, offset.low); }
GS_INLINE void store_offset(int64_t* p, TwoLongs offset) {
  store(p, offset.low);
  store(p + GS_BYTES / 8, offset.high);
}
template <class T> GS_INLINE Offset<T> load_offset(const int64_t* p) {
  if constexpr (sizeof(T) == 4) return {load<Long>(p), load<Long>(p + GS_BYTES / 8)};
  else return {load<Long>(p)};
}
template <class T> GS_INLINE Offset<T> widen_generic(Index<T> index) {
  int64_t lane[lanes<T>];
  for (int l = 0; l < lanes<T>; ++l) lane[l] = index[l];
  return load_offset<T>(lane);
}
template <class T> GS_INLINE Offset<T> widen(Index<T> i) { return widen_generic<T>(i); }

// The first `count` lanes, from and to memory that may end behind them; the other lanes are zero.
template <class T> GS_INLINE Vec<T> load_first(const char* from, int count) {
  Vec<T> value{};
  for (int l = 0; l < count; ++l) value[l] = peek<T>(from + l * int64_t(sizeof(T)));
  return value;
}
template <class T> GS_INLINE void store_first(char* to, Vec<T> value, int count) {
  alignas(64) T lane[lanes<T>];
  store(lane, value);
  for (int l = 0; l < count; ++l) poke<T>(to + l * int64_t(sizeof(T)), lane[l]);
}

// Lane `last`, in every lane behind it too.
template <class T> GS_INLINE Vec<T> hold(Vec<T> value, int last) {
  alignas(64) T lane[lanes<T>];
  store(lane, value);
  for (int l = last + 1; l < lanes<T>; ++l) lane[l] = lane[last];
  return load<Vec<T>>(lane);
}

// One element, and N adjacent elements, from each lane's own address base + offset[lane].
template <class T, class I> GS_INLINE Vec<T> gather_generic(const char* base, const I* offset) {
  Vec<T> out;
  for (int l = 0; l < lanes<T>; ++l) out[l] = peek<T>(base + offset[l]);
  return out;
}
template <class T> GS_INLINE Vec<T> gather(const char* base, const int32_t* o) { return gather_generic<T>(base, o); }
template <class T> GS_INLINE Vec<T> gather(const char* base, const int64_t* o) { return gather_generic<T>(base, o); }
template <class T> GS_INLINE void gather_pair(const char* base, const int32_t* offset, Vec<T>* out) {
  for (int k = 0; k < 2; ++k) out[k] = gather<T>(base + k * sizeof(T), offset);
}
template <class T> GS_INLINE void gather_four(const char* base, const int32_t* offset, Vec<T>* out) {
  for (int k = 0; k < 4; ++k) out[k] = gather<T>(base + k * sizeof(T), offset);
}

// Every D-th element, from the `first`, of D adjacent vectors: one component of D-component points. (Clang and GCC from
// 12 on turn constant shuffles into the machine's own.)
template <int... I> struct Sequence {};
template <int N, int... I> struct Count : Count<N - 1, N - 1, I...> {};
template <int... I> struct Count<0, I...> { using type = Sequence<I...>; };
template <class V, int D, int first, int n, int... I> GS_INLINE V component_of(const V* v, Sequence<I...>) {
  if constexpr (D == 1) return v[0];
  else if constexpr (D == 2) return __builtin_shufflevector(v[0], v[1], (first + D * I)...);
  else {
    // each lane holds that component in one of the three vectors: take it from there, then sort the lanes
    const V low = __builtin_shufflevector(v[0], v[1], (I % D == first ? I : n + I)...);
    const V all = __builtin_shufflevector(low, v[2], ((2 * n + I) % D == first ? n + I : I)...);
    return __builtin_shufflevector(all, all, ((first + D * I) % n)...);
  }
}
template <class T, int D, int first> GS_INLINE Vec<T> component(const Vec<T>* v) {
  return component_of<Vec<T>, D, first, lanes<T>>(v, typename Count<lanes<T>>::type{});
}
// The components of one vector of points that are adjacent in memory.
template <class T, int D> GS_INLINE void load_components(const char* from, Vec<T>* out) {
  Vec<T> together[D];
  for (int d = 0; d < D; ++d) together[d] = load<Vec<T>>(from + d * int64_t(sizeof(Vec<T>)));
  out[0] = component<T, D, 0>(together);
  if constexpr (D > 1) out[1] = component<T, D, 1>(together);
  if constexpr (D > 2) out[2] = component<T, D, 2>(together);
}

// Adjacent elements of two vectors, alternately: a0 b0 a1 b1 ...; and the reverse of it.
template <class V, int n, int... I> GS_INLINE void zip_as(V& a, V& b, Sequence<I...>) {
  const V low = __builtin_shufflevector(a, b, (I / 2 + I % 2 * n)...);
  b = __builtin_shufflevector(a, b, (n / 2 + I / 2 + I % 2 * n)...);
  a = low;
}
template <class T> GS_INLINE void zip(Vec<T>& a, Vec<T>& b) {
  zip_as<Vec<T>, lanes<T>>(a, b, typename Count<lanes<T>>::type{});
}
template <class T> GS_INLINE void unzip(Vec<T>& a, Vec<T>& b) {
  const Vec<T> both[2] = {a, b};
  a = component<T, 2, 0>(both);
  b = component<T, 2, 1>(both);
}

// From `count` vectors of one component each (a power of two) to points whose components are adjacent; and back.
template <class T, int count> GS_INLINE void mix(Vec<T>* v) {
  if constexpr (count > 1) {
    Vec<T> even[count / 2], odd[count / 2];
    for (int i = 0; i < count / 2; ++i) even[i] = v[2 * i], odd[i] = v[2 * i + 1];
    mix<T, count / 2>(even);
    mix<T, count / 2>(odd);
    for (int i = 0; i < count / 2; ++i) {
      zip<T>(even[i], odd[i]);
      v[2 * i] = even[i], v[2 * i + 1] = odd[i];
    }
  }
}
template <class T, int count> GS_INLINE void part(Vec<T>* v) {
  if constexpr (count > 1) {
    Vec<T> even[count / 2], odd[count / 2];
    for (int i = 0; i < count / 2; ++i) {
      even[i] = v[2 * i], odd[i] = v[2 * i + 1];
      unzip<T>(even[i], odd[i]);
    }
    part<T, count / 2>(even);
    part<T, count / 2>(odd);
    for (int i = 0; i < count / 2; ++i) v[2 * i] = even[i], v[2 * i + 1] = odd[i];
  }
}

// The reverse of `component`: D vectors of one component each to D adjacent vectors of points.
template <class V, int D, int n, int j, int... I> GS_INLINE V mixed_of(const V* v, Sequence<I...>) {
  const V two = __builtin_shufflevector(v[0], v[1], ((j * n + I) % D * n % (2 * n) + (j * n + I) / D)...);
  if constexpr (D == 2) return two;
  else return __builtin_shufflevector(two, v[D - 1], ((j * n + I) % D == 2 ? n + (j * n + I) / D : I)...);
}
template <class T, int D, bool STREAM = false> GS_INLINE void store_points(char* to, const Vec<T>* v) {
  using All = typename Count<lanes<T>>::type;
  const auto put = [=](int at, Vec<T> value) { STREAM ? stream(to + at * sizeof value, value) : store(to + at * sizeof value, value); };
  if constexpr (D == 1) put(0, v[0]);
  else {
    put(0, mixed_of<Vec<T>, D, lanes<T>, 0>(v, All{}));
    put(1, mixed_of<Vec<T>, D, lanes<T>, 1>(v, All{}));
    if constexpr (D == 3) put(2, mixed_of<Vec<T>, D, lanes<T>, 2>(v, All{}));
  }
}

// The last element of one vector, then all but the last of the next.
template <class V, int n, int... I> GS_INLINE V slid_as(V before, V next, Sequence<I...>) {
  return __builtin_shufflevector(before, next, (n - 1 + I)...);
}
template <class T> GS_INLINE Vec<T> slid(Vec<T> before, Vec<T> next) {
  return slid_as<Vec<T>, lanes<T>>(before, next, typename Count<lanes<T>>::type{});
}

// Rounding without an instruction for it: from 2^23 (2^52) on every value is whole; below, adding that bound and taking
// it away leaves the nearest integer of |x|.
template <class T> GS_INLINE Vec<T> round_even_generic(Vec<T> x) {
  const Vec<T> bound = splat<T>(sizeof(T) == 4 ? T(1 << 23) : T(int64_t(1) << 52)), size = absolute<T>(x);
  const Vec<T> rounded = (size + bound) - bound;
  return size < bound ? (x < Vec<T>{} ? -rounded : rounded) : x;
}
template <class T> GS_INLINE Vec<T> round_down_generic(Vec<T> x) {
  const Vec<T> r = round_even_generic<T>(x);
  return r > x ? r - splat<T>(1) : r;
}

}  // namespace gridsample::GS_TARGET

#if defined(__AVX2__) && GS_BYTES == 32  // not where a compiler is told to use AVX2 for the baseline, too
#include "simd_avx2.hpp"
#if defined(__AVX512VL__)
#include "simd_avx512.hpp"
#endif
#else  // the machine's baseline: SSE2, or NEON
namespace gridsample::GS_TARGET {

template <class T> GS_INLINE Vec<T> smaller(Vec<T> a, Vec<T> b) { return a < b ? a : b; }
template <class T> GS_INLINE Vec<T> larger(Vec<T> a, Vec<T> b) { return a > b ? a : b; }
template <class T> GS_INLINE Vec<T> mul_add(Vec<T> a, Vec<T> b, Vec<T> c) { return a * b + c; }
template <class T> GS_INLINE Vec<T> round_even(Vec<T> x) { return round_even_generic<T>(x); }
template <class T> GS_INLINE Vec<T> round_down(Vec<T> x) { return round_down_generic<T>(x); }
template <class M> GS_INLINE bool any(M m) { return any_generic(m); }
template <class M> GS_INLINE bool all(M m) { return !any(~m); }

}  // namespace gridsample::GS_TARGET
#endif
