// SPDX-License-Identifier: Apache-2.0
// What AVX-512 has for vectors of 256 bits: a bit for each lane. All else is as simd_avx2.hpp has it, compiled for twice as many
// registers. Vectors of 512 bits were slower (docs/design/0001): what these loops wait for are loads of single taps.
#pragma once

namespace gridsample::GS_TARGET {

template <> GS_INLINE uint8_t flags_of<float>(Mask<float> m) { return (uint8_t)_mm256_movepi32_mask((__m256i)m); }
template <> GS_INLINE uint8_t flags_of<double>(Mask<double> m) { return (uint8_t)_mm256_movepi64_mask((__m256i)m); }
template <> GS_INLINE Vec<float> choose<float>(uint8_t f, Vec<float> yes, Vec<float> no) {
  return (Vec<float>)_mm256_mask_blend_ps(f, (__m256)no, (__m256)yes);
}
template <> GS_INLINE Vec<double> choose<double>(uint8_t f, Vec<double> yes, Vec<double> no) {
  return (Vec<double>)_mm256_mask_blend_pd(f, (__m256d)no, (__m256d)yes);
}
template <> GS_INLINE Vec<float> keep<float>(uint8_t f, Vec<float> value) {
  return (Vec<float>)_mm256_maskz_mov_ps(f, (__m256)value);
}
template <> GS_INLINE Vec<double> keep<double>(uint8_t f, Vec<double> value) {
  return (Vec<double>)_mm256_maskz_mov_pd(f, (__m256d)value);
}

GS_INLINE __mmask8 first_bits(int count) { return (__mmask8)((1u << count) - 1); }
template <> GS_INLINE Vec<float> load_first<float>(const char* from, int count) {
  return (Vec<float>)_mm256_maskz_loadu_ps(first_bits(count), from);
}
template <> GS_INLINE Vec<double> load_first<double>(const char* from, int count) {
  return (Vec<double>)_mm256_maskz_loadu_pd(first_bits(count), from);
}
template <> GS_INLINE void store_first<float>(char* to, Vec<float> value, int count) {
  _mm256_mask_storeu_ps(to, first_bits(count), (__m256)value);
}
template <> GS_INLINE void store_first<double>(char* to, Vec<double> value, int count) {
  _mm256_mask_storeu_pd(to, first_bits(count), (__m256d)value);
}

}  // namespace gridsample::GS_TARGET
