// SPDX-License-Identifier: Apache-2.0
// AVX-512's own instructions, where they do better than the generic functions of simd.hpp, which includes this.
#pragma once

namespace gridsample::GS_TARGET {

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

}  // namespace gridsample::GS_TARGET
