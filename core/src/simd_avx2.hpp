// SPDX-License-Identifier: Apache-2.0
// AVX2's own instructions, where they do better than the generic functions of simd.hpp, which includes this.
#pragma once

namespace gridsample::GS_TARGET {

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
template <> GS_INLINE Vec<float> hold<float>(Vec<float> value, int last) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return (Vec<float>)_mm256_permutevar8x32_ps((__m256)value, _mm256_min_epi32(lane, _mm256_set1_epi32(last)));
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

}  // namespace gridsample::GS_TARGET
