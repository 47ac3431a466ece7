// SPDX-License-Identifier: Apache-2.0
// AVX-512's instructions that core/src names, computed lane by lane: so that its loops can be tried, with their own width and
// order of operations, on a machine that has AVX2 only. CMake's GRIDSAMPLE_EMULATE_AVX512 includes this before them. Slow.
#pragma once
#include <immintrin.h>

#undef __AVX512F__
#define __AVX512F__ 1

namespace emulated {

typedef float Floats __attribute__((vector_size(64)));
typedef double Doubles __attribute__((vector_size(64)));
typedef int Ints __attribute__((vector_size(64)));
typedef long long Longs __attribute__((vector_size(64)));
typedef float EightFloats __attribute__((vector_size(32)));
typedef int EightInts __attribute__((vector_size(32)));
typedef long long FourLongs __attribute__((vector_size(32)));

#define EMULATE static inline __attribute__((always_inline))

template <class V, class Lane> EMULATE V each(Lane lane) {
  V out;
  for (int l = 0; l < int(sizeof(V) / sizeof(out[0])); ++l) out[l] = lane(l);
  return out;
}
template <class T> EMULATE T peek(const void* p) {
  T value;
  __builtin_memcpy(&value, p, sizeof value);
  return value;
}
template <class V> EMULATE V smaller(V a, V b) { return each<V>([=](int l) { return a[l] < b[l] ? a[l] : b[l]; }); }
template <class V> EMULATE V larger(V a, V b) { return each<V>([=](int l) { return a[l] > b[l] ? a[l] : b[l]; }); }
EMULATE Floats mul_add(Floats a, Floats b, Floats c) { return each<Floats>([=](int l) { return __builtin_fmaf(a[l], b[l], c[l]); }); }
EMULATE Doubles mul_add(Doubles a, Doubles b, Doubles c) { return each<Doubles>([=](int l) { return __builtin_fma(a[l], b[l], c[l]); }); }
template <int how, class V> EMULATE V rounded(V a) {
  static_assert((how & 3) == _MM_FROUND_TO_NEAREST_INT || (how & 3) == _MM_FROUND_TO_NEG_INF);
  return each<V>([=](int l) { return (how & 3) == _MM_FROUND_TO_NEG_INF ? __builtin_floor(a[l]) : __builtin_rint(a[l]); });
}
EMULATE unsigned test(Longs a, Longs b) {
  unsigned mask = 0;
  for (int l = 0; l < 8; ++l) mask |= unsigned((a[l] & b[l]) != 0) << l;
  return mask;
}
EMULATE EightInts truncated(Doubles a) { return each<EightInts>([=](int l) { return _mm_cvttsd_si32(_mm_set_sd(a[l])); }); }
EMULATE Longs widened(EightInts a) { return each<Longs>([=](int l) { return (long long)a[l]; }); }
EMULATE __m256i half(Longs a, int which) { return (__m256i)each<FourLongs>([=](int l) { return a[4 * which + l]; }); }
EMULATE Floats with_half(Floats a, __m256 b, int which) {
  return each<Floats>([=](int l) { return l / 8 == which ? ((EightFloats)b)[l % 8] : a[l]; });
}
template <class V, class T, class I> EMULATE V gathered(I offset, const void* base) {
  return each<V>([=](int l) { return peek<T>((const char*)base + offset[l]); });
}
EMULATE Floats permuted(Floats a, Ints at, Floats b) { return each<Floats>([=](int l) { return at[l] & 16 ? b[at[l] & 15] : a[at[l] & 15]; }); }
EMULATE void put(void* p, Longs value) { __builtin_memcpy(p, &value, sizeof value); }

}  // namespace emulated

// some of them are macros already, where optimisation is off
#undef _mm512_roundscale_ps
#undef _mm512_roundscale_pd
#undef _mm512_extracti64x4_epi64
#undef _mm512_insertf32x8
#undef _mm512_i32gather_ps
#undef _mm512_i32gather_pd
#undef _mm512_i64gather_ps
#undef _mm512_i64gather_pd

#define _mm512_min_ps(a, b) (__m512)emulated::smaller((emulated::Floats)(a), (emulated::Floats)(b))
#define _mm512_max_ps(a, b) (__m512)emulated::larger((emulated::Floats)(a), (emulated::Floats)(b))
#define _mm512_min_pd(a, b) (__m512d)emulated::smaller((emulated::Doubles)(a), (emulated::Doubles)(b))
#define _mm512_max_pd(a, b) (__m512d)emulated::larger((emulated::Doubles)(a), (emulated::Doubles)(b))
#define _mm512_fmadd_ps(a, b, c) (__m512)emulated::mul_add((emulated::Floats)(a), (emulated::Floats)(b), (emulated::Floats)(c))
#define _mm512_fmadd_pd(a, b, c) (__m512d)emulated::mul_add((emulated::Doubles)(a), (emulated::Doubles)(b), (emulated::Doubles)(c))
#define _mm512_roundscale_ps(a, how) (__m512)emulated::rounded<how>((emulated::Floats)(a))
#define _mm512_roundscale_pd(a, how) (__m512d)emulated::rounded<how>((emulated::Doubles)(a))
#define _mm512_test_epi64_mask(a, b) emulated::test((emulated::Longs)(a), (emulated::Longs)(b))
#define _mm512_cvttpd_epi32(a) (__m256i)emulated::truncated((emulated::Doubles)(a))
#define _mm512_cvtepi32_epi64(a) (__m512i)emulated::widened((emulated::EightInts)(a))
#define _mm512_castsi512_si256(a) emulated::half((emulated::Longs)(a), 0)
#define _mm512_extracti64x4_epi64(a, which) emulated::half((emulated::Longs)(a), which)
#define _mm512_castps256_ps512(a) (__m512)emulated::with_half(emulated::Floats{}, a, 0)
#define _mm512_insertf32x8(a, b, which) (__m512)emulated::with_half((emulated::Floats)(a), b, which)
#define _mm512_castpd_ps(a) (__m512)(a)
#define _mm512_setr_epi32(...) (__m512i)(emulated::Ints{__VA_ARGS__})
#define _mm512_permutex2var_ps(a, at, b) (__m512)emulated::permuted((emulated::Floats)(a), (emulated::Ints)(at), (emulated::Floats)(b))
#define _mm512_loadu_si512(p) (__m512i)emulated::peek<emulated::Longs>(p)
#define _mm512_stream_si512(p, v) emulated::put((void*)(p), (emulated::Longs)(v))
#define _mm512_i32gather_ps(o, base, scale) (__m512)emulated::gathered<emulated::Floats, float>((emulated::Ints)(o), base)
#define _mm512_i32gather_pd(o, base, scale) (__m512d)emulated::gathered<emulated::Doubles, double>((emulated::EightInts)(o), base)
#define _mm512_i64gather_ps(o, base, scale) (__m256)emulated::gathered<emulated::EightFloats, float>((emulated::Longs)(o), base)
#define _mm512_i64gather_pd(o, base, scale) (__m512d)emulated::gathered<emulated::Doubles, double>((emulated::Longs)(o), base)
