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
#if defined(__AVX512F__) && GS_BYTES == 64
  _mm512_stream_si512((__m512i*)p, (__m512i)value);
#elif defined(__AVX2__) && GS_BYTES == 32
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
template <class T, int D> GS_INLINE void store_points(char* to, const Vec<T>* v) {
  using All = typename Count<lanes<T>>::type;
  if constexpr (D == 1) return store(to, v[0]);
  else {
    store(to, mixed_of<Vec<T>, D, lanes<T>, 0>(v, All{}));
    store(to + sizeof(Vec<T>), mixed_of<Vec<T>, D, lanes<T>, 1>(v, All{}));
    if constexpr (D == 3) store(to + 2 * sizeof(Vec<T>), mixed_of<Vec<T>, D, lanes<T>, 2>(v, All{}));
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

#if defined(__AVX512F__) && GS_BYTES == 64
#define GS_MIN_MAX(T, V, suffix)                                                                       \
  template <> GS_INLINE Vec<T> smaller<T>(Vec<T> a, Vec<T> b) { return (Vec<T>)_mm512_min_##suffix((V)a, (V)b); } \
  template <> GS_INLINE Vec<T> larger<T>(Vec<T> a, Vec<T> b) { return (Vec<T>)_mm512_max_##suffix((V)a, (V)b); }
GS_MIN_MAX(float, __m512, ps)
GS_MIN_MAX(double, __m512d, pd)

template <> GS_INLINE Vec<float> mul_add<float>(Vec<float> a, Vec<float> b, Vec<float> c) {
  return (Vec<float>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
template <> GS_INLINE Vec<double> mul_add<double>(Vec<double> a, Vec<double> b, Vec<double> c) {
  return (Vec<double>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
template <> GS_INLINE Vec<float> round_even<float>(Vec<float> x) {
  return (Vec<float>)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
template <> GS_INLINE Vec<double> round_even<double>(Vec<double> x) {
  return (Vec<double>)_mm512_roundscale_pd((__m512d)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
template <> GS_INLINE Vec<float> round_down<float>(Vec<float> x) {
  return (Vec<float>)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
template <> GS_INLINE Vec<double> round_down<double>(Vec<double> x) {
  return (Vec<double>)_mm512_roundscale_pd((__m512d)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
template <class M> GS_INLINE bool any(M m) {
  if constexpr (sizeof(M) == 64) return _mm512_test_epi64_mask((__m512i)m, (__m512i)m) != 0;
  else return any_generic(m);
}
template <class M> GS_INLINE bool all(M m) { return !any(~m); }
template <> GS_INLINE Index<double> to_index<double>(Vec<double> x) {
  return (Index<double>)_mm512_cvttpd_epi32((__m512d)x);
}
template <> GS_INLINE Offset<float> widen<float>(Index<float> i) {
  const __m512i both = (__m512i)i;
  return {(Long)_mm512_cvtepi32_epi64(_mm512_castsi512_si256(both)),
          (Long)_mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(both, 1))};
}
template <> GS_INLINE Offset<double> widen<double>(Index<double> i) { return {(Long)_mm512_cvtepi32_epi64((__m256i)i)}; }
template <> GS_INLINE Vec<float> gather<float>(const char* base, const int32_t* offset) {
  return (Vec<float>)_mm512_i32gather_ps(_mm512_loadu_si512(offset), base, 1);
}
template <> GS_INLINE Vec<double> gather<double>(const char* base, const int32_t* offset) {
  return (Vec<double>)_mm512_i32gather_pd(_mm256_loadu_si256((const __m256i*)offset), base, 1);
}
template <> GS_INLINE Vec<float> gather<float>(const char* base, const int64_t* offset) {
  const __m256 low = _mm512_i64gather_ps(_mm512_loadu_si512(offset), base, 1);
  const __m256 high = _mm512_i64gather_ps(_mm512_loadu_si512(offset + 8), base, 1);
  return (Vec<float>)_mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
}
template <> GS_INLINE Vec<double> gather<double>(const char* base, const int64_t* offset) {
  return (Vec<double>)_mm512_i64gather_pd(_mm512_loadu_si512(offset), base, 1);
}
// Two floats are gathered as one double, which halves the gathers; the even and odd halves are then told apart.
template <> GS_INLINE void gather_pair<float>(const char* base, const int32_t* offset, Vec<float>* out) {
  const auto eight = [=](const int32_t* o) {
    return _mm512_castpd_ps(_mm512_i32gather_pd(_mm256_loadu_si256((const __m256i*)o), base, 1));
  };
  const __m512 low = eight(offset), high = eight(offset + 8);
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  out[0] = (Vec<float>)_mm512_permutex2var_ps(low, even, high);
  out[1] = (Vec<float>)_mm512_permutex2var_ps(low, odd, high);
}

#elif defined(__AVX2__) && GS_BYTES == 32
#define GS_MIN_MAX(T, V, suffix)                                                                       \
  template <> GS_INLINE Vec<T> smaller<T>(Vec<T> a, Vec<T> b) { return (Vec<T>)_mm256_min_##suffix((V)a, (V)b); } \
  template <> GS_INLINE Vec<T> larger<T>(Vec<T> a, Vec<T> b) { return (Vec<T>)_mm256_max_##suffix((V)a, (V)b); }
GS_MIN_MAX(float, __m256, ps)
GS_MIN_MAX(double, __m256d, pd)

template <> GS_INLINE Vec<float> mul_add<float>(Vec<float> a, Vec<float> b, Vec<float> c) {
  return (Vec<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
template <> GS_INLINE Vec<double> mul_add<double>(Vec<double> a, Vec<double> b, Vec<double> c) {
  return (Vec<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
template <> GS_INLINE Vec<float> round_even<float>(Vec<float> x) {
  return (Vec<float>)_mm256_round_ps((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
template <> GS_INLINE Vec<double> round_even<double>(Vec<double> x) {
  return (Vec<double>)_mm256_round_pd((__m256d)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
template <> GS_INLINE Vec<float> round_down<float>(Vec<float> x) { return (Vec<float>)_mm256_floor_ps((__m256)x); }
template <> GS_INLINE Vec<double> round_down<double>(Vec<double> x) { return (Vec<double>)_mm256_floor_pd((__m256d)x); }
template <class M> GS_INLINE bool any(M m) {
  if constexpr (sizeof(M) == 32) return !_mm256_testz_si256((__m256i)m, (__m256i)m);
  else if constexpr (sizeof(M) == 16) return !_mm_testz_si128((__m128i)m, (__m128i)m);
  else return any_generic(m);
}
template <class M> GS_INLINE bool all(M m) {
  if constexpr (sizeof(M) == 32) return _mm256_testc_si256((__m256i)m, _mm256_set1_epi32(-1));
  else if constexpr (sizeof(M) == 16) return _mm_testc_si128((__m128i)m, _mm_set1_epi32(-1));
  else return !any_generic(~m);
}
template <> GS_INLINE Index<double> to_index<double>(Vec<double> x) {
  return (Index<double>)_mm256_cvttpd_epi32((__m256d)x);
}
template <> GS_INLINE Offset<float> widen<float>(Index<float> i) {
  const __m256i both = (__m256i)i;
  return {(Long)_mm256_cvtepi32_epi64(_mm256_castsi256_si128(both)),
          (Long)_mm256_cvtepi32_epi64(_mm256_extracti128_si256(both, 1))};
}
template <> GS_INLINE Offset<double> widen<double>(Index<double> i) { return {(Long)_mm256_cvtepi32_epi64((__m128i)i)}; }
template <> GS_INLINE Vec<float> component<float, 2, 0>(const Vec<float>* v) {
  return (Vec<float>)_mm256_permute4x64_pd((__m256d)_mm256_shuffle_ps((__m256)v[0], (__m256)v[1], 0x88), 0xD8);
}
template <> GS_INLINE Vec<float> component<float, 2, 1>(const Vec<float>* v) {
  return (Vec<float>)_mm256_permute4x64_pd((__m256d)_mm256_shuffle_ps((__m256)v[0], (__m256)v[1], 0xDD), 0xD8);
}
// From quarters that lie so in two registers that no element has to cross from one half to the other.
template <> GS_INLINE void load_components<float, 2>(const char* from, Vec<float>* out) {
  const auto halves = [=](int first, int second) {
    const float* at = (const float*)from;
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(at + first)), _mm_loadu_ps(at + second), 1);
  };
  const __m256 even = halves(0, 8), odd = halves(4, 12);
  out[0] = (Vec<float>)_mm256_shuffle_ps(even, odd, 0x88);
  out[1] = (Vec<float>)_mm256_shuffle_ps(even, odd, 0xDD);
}
// Plain loads, not AVX2's gather: on Zen 3 a gather of 8 costs about as much as the 8 loads and the inserts twice over.
template <class I> GS_INLINE Vec<float> gather_eight(const char* base, const I* o) {
  const auto at = [=](int l) { return peek<float>(base + o[l]); };
  return (Vec<float>)_mm256_setr_ps(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7));
}
template <class I> GS_INLINE Vec<double> gather_doubles(const char* base, const I* o) {
  const auto at = [=](int l) { return peek<double>(base + o[l]); };
  return (Vec<double>)_mm256_setr_pd(at(0), at(1), at(2), at(3));
}
template <> GS_INLINE Vec<float> gather<float>(const char* base, const int32_t* o) { return gather_eight(base, o); }
template <> GS_INLINE Vec<float> gather<float>(const char* base, const int64_t* o) { return gather_eight(base, o); }
template <> GS_INLINE Vec<double> gather<double>(const char* base, const int32_t* o) { return gather_doubles(base, o); }
template <> GS_INLINE Vec<double> gather<double>(const char* base, const int64_t* o) { return gather_doubles(base, o); }
// Each pair is one 64-bit load; lanes are loaded in the order that leaves them sorted after one shuffle per half.
template <> GS_INLINE void gather_pair<float>(const char* base, const int32_t* o, Vec<float>* out) {
  const auto two = [=](int first, int second) {
    return _mm_castpd_ps(_mm_loadh_pd(_mm_set_sd(peek<double>(base + o[first])), (const double*)(base + o[second])));
  };
  const __m256 a = _mm256_insertf128_ps(_mm256_castps128_ps256(two(0, 1)), two(4, 5), 1);
  const __m256 b = _mm256_insertf128_ps(_mm256_castps128_ps256(two(2, 3)), two(6, 7), 1);
  out[0] = (Vec<float>)_mm256_shuffle_ps(a, b, 0x88);
  out[1] = (Vec<float>)_mm256_shuffle_ps(a, b, 0xDD);
}
template <> GS_INLINE void gather_pair<double>(const char* base, const int32_t* o, Vec<double>* out) {
  const auto two = [=](int first, int second) {
    const __m128d low = _mm_loadu_pd((const double*)(base + o[first]));
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(low), _mm_loadu_pd((const double*)(base + o[second])), 1);
  };
  const __m256d a = two(0, 2), b = two(1, 3);
  out[0] = (Vec<double>)_mm256_unpacklo_pd(a, b);
  out[1] = (Vec<double>)_mm256_unpackhi_pd(a, b);
}
// Four taps of one lane are one 128-bit load; a 4 x 4 transpose per half turns lanes into taps.
template <> GS_INLINE void gather_four<float>(const char* base, const int32_t* o, Vec<float>* out) {
  const auto two = [=](int first, int second) {
    const __m128 low = _mm_loadu_ps((const float*)(base + o[first]));
    return _mm256_insertf128_ps(_mm256_castps128_ps256(low), _mm_loadu_ps((const float*)(base + o[second])), 1);
  };
  const __m256 r0 = two(0, 4), r1 = two(1, 5), r2 = two(2, 6), r3 = two(3, 7);
  const __m256 a = _mm256_unpacklo_ps(r0, r1), b = _mm256_unpackhi_ps(r0, r1);
  const __m256 c = _mm256_unpacklo_ps(r2, r3), d = _mm256_unpackhi_ps(r2, r3);
  out[0] = (Vec<float>)_mm256_shuffle_ps(a, c, 0x44);
  out[1] = (Vec<float>)_mm256_shuffle_ps(a, c, 0xEE);
  out[2] = (Vec<float>)_mm256_shuffle_ps(b, d, 0x44);
  out[3] = (Vec<float>)_mm256_shuffle_ps(b, d, 0xEE);
}

#else  // the machine's baseline: SSE2, or NEON

template <class T> GS_INLINE Vec<T> smaller(Vec<T> a, Vec<T> b) { return a < b ? a : b; }
template <class T> GS_INLINE Vec<T> larger(Vec<T> a, Vec<T> b) { return a > b ? a : b; }
template <class T> GS_INLINE Vec<T> mul_add(Vec<T> a, Vec<T> b, Vec<T> c) { return a * b + c; }
template <class T> GS_INLINE Vec<T> round_even(Vec<T> x) { return round_even_generic<T>(x); }
template <class T> GS_INLINE Vec<T> round_down(Vec<T> x) { return round_down_generic<T>(x); }
template <class M> GS_INLINE bool any(M m) { return any_generic(m); }
template <class M> GS_INLINE bool all(M m) { return !any(~m); }

#endif

}  // namespace gridsample::GS_TARGET
