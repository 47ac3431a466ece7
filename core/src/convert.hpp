// SPDX-License-Identifier: Apache-2.0
// Convert: rows of stored numbers (bytes, whole numbers of 16 bits, half types) to float, which holds each of them exactly, and
// back: rounded once, half to even; whole numbers kept to their type's range, with 0 for NaN. Eight numbers at a time, by
// the machine's own conversions where the target has them. Row by row through a table of functions, so that no loop is
// compiled once more for each type.
#pragma once
#include "job.hpp"
#include "simd.hpp"

namespace gridsample::GS_TARGET {

typedef float Floats __attribute__((vector_size(32)));
typedef int32_t Ints __attribute__((vector_size(32)));
typedef uint32_t Bits __attribute__((vector_size(32)));
typedef uint32_t FourBits __attribute__((vector_size(16)));
typedef uint8_t Bytes __attribute__((vector_size(16)));
typedef uint16_t Words __attribute__((vector_size(16)));

inline constexpr int eight = 8;

GS_INLINE Bits joined(FourBits low, FourBits high) { return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7); }

// Eight numbers of 16 bits, or the first eight of 8 bits, at the upper ends of 32 bits; at the lower ends is anything.
GS_INLINE Bits raised(Words v) {
  return joined((FourBits)__builtin_shufflevector(v, v, 0, 0, 1, 1, 2, 2, 3, 3),
                (FourBits)__builtin_shufflevector(v, v, 4, 4, 5, 5, 6, 6, 7, 7));
}
GS_INLINE Bits raised(Bytes v) {
  return raised((Words)__builtin_shufflevector(v, v, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7));
}
// The lower ends of eight numbers of 32 bits, whose upper ends are zero or, of negative ones, all ones.
GS_INLINE Words lowered(Bits v) {
  const Words low = (Words)__builtin_shufflevector(v, v, 0, 1, 2, 3), high = (Words)__builtin_shufflevector(v, v, 4, 5, 6, 7);
  return __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14);
}
GS_INLINE Bytes lowered(Words low, Words high) {
  return __builtin_shufflevector((Bytes)low, (Bytes)high, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}

// Whole numbers of a range, which has 0 in it; 0 for NaN.
template <int lowest, int highest> GS_INLINE Bits kept(Floats x) {
#if defined(__AVX2__)  // of a NaN and another number, these take the second
  if constexpr (lowest != 0) x = (Floats)_mm256_and_ps((__m256)x, _mm256_cmp_ps((__m256)x, (__m256)x, _CMP_ORD_Q));
  x = (Floats)_mm256_min_ps(_mm256_max_ps((__m256)x, _mm256_set1_ps(lowest)), _mm256_set1_ps(highest));
  return (Bits)_mm256_cvtps_epi32((__m256)x);
#else
  x = x >= float(lowest) ? x : x == x ? Floats{} + float(lowest) : Floats{};
  x = x > float(highest) ? Floats{} + float(highest) : x;
  const Floats bound = Floats{} + float(3 << 22);  // adding it leaves no room for fractions
  return (Bits)__builtin_convertvector((x + bound) - bound, Ints);
#endif
}

// A stored type. A vector of it has 16 bytes: of `widened`, the first eight numbers are taken, as many as `narrowed` gives.
template <bool is_signed, int lowest, int highest> struct OneByte {
  using Packed = Bytes;
  static GS_INLINE Floats widened(Bytes v) {
#if defined(__AVX2__)
    return (Floats)_mm256_cvtepi32_ps(is_signed ? _mm256_cvtepi8_epi32((__m128i)v) : _mm256_cvtepu8_epi32((__m128i)v));
#else
    return __builtin_convertvector(is_signed ? (Ints)raised(v) >> 24 : (Ints)(raised(v) >> 24), Floats);
#endif
  }
  static GS_INLINE Words narrowed(Floats x) { return lowered(kept<lowest, highest>(x)); }  // to be lowered once more
};
template <bool is_signed, int lowest, int highest> struct TwoBytes {
  using Packed = Words;
  static GS_INLINE Floats widened(Words v) {
#if defined(__AVX2__)
    return (Floats)_mm256_cvtepi32_ps(is_signed ? _mm256_cvtepi16_epi32((__m128i)v) : _mm256_cvtepu16_epi32((__m128i)v));
#else
    return __builtin_convertvector(is_signed ? (Ints)raised(v) >> 16 : (Ints)(raised(v) >> 16), Floats);
#endif
  }
  static GS_INLINE Words narrowed(Floats x) { return lowered(kept<lowest, highest>(x)); }
};
struct Half {
  using Packed = Words;
#if defined(__F16C__)
  static GS_INLINE Floats widened(Words v) { return (Floats)_mm256_cvtph_ps((__m128i)v); }
  static GS_INLINE Words narrowed(Floats x) { return (Words)_mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT); }
#else
  static GS_INLINE Floats widened(Words v) {
    const Bits half = raised(v) >> 16, sign = (half & 0x8000u) << 16, size = (half & 0x7FFFu) << 13;
    const Bits exponent = size & (0x1Fu << 23), first = Bits{} + (113u << 23);  // 2^-14, the smallest that is not subnormal
    const Bits plain = size + (112u << 23), endless = size + (224u << 23);
    const Bits small = (Bits)((Floats)(size + first) - (Floats)first);  // with the hidden one, and without it
    Bits made = exponent == Bits{} ? small : plain;
    made = exponent == (Bits{} + (0x1Fu << 23)) ? endless : made;
    return (Floats)(made | sign);
  }
  static GS_INLINE Words narrowed(Floats x) {
    const Bits all = (Bits)x, sign = all & 0x80000000u, size = all ^ sign, one_half = Bits{} + (126u << 23);
    const Bits small = (Bits)((Floats)size + (Floats)one_half) - one_half;  // whose last place is that of subnormal numbers
    const Bits plain = (size + 0xFFFu + ((size >> 13) & 1u) - (112u << 23)) >> 13;
    Bits made = size < (113u << 23) ? small : plain;
    made = size >= (143u << 23) ? Bits{} + 0x7C00u : made;  // infinity, from 2^16 on; what rounds up to it carries
    made = size > (255u << 23) ? Bits{} + 0x7E00u : made;
    return lowered(made | sign >> 16);
  }
#endif
};
struct BrainHalf {
  using Packed = Words;
  static GS_INLINE Floats widened(Words v) { return (Floats)(raised(v) & 0xFFFF0000u); }
  static GS_INLINE Words narrowed(Floats x) {
    const Bits all = (Bits)x, rounded = (all + 0x7FFFu + ((all >> 16) & 1u)) >> 16;
    return lowered(x == x ? rounded : Bits{} + 0x7FC0u);
  }
};

template <class S> inline constexpr int item_of = int(sizeof(typename S::Packed{}[0]));
template <class S> inline constexpr int packed_of = 16 / item_of<S>;  // numbers in a vector

// All of a vector.
template <class S> GS_INLINE void widen(typename S::Packed v, float* to) {
  store(to, S::widened(v));
  if constexpr (item_of<S> == 1)
    store(to + eight, S::widened(__builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15)));
}
template <class S> GS_INLINE typename S::Packed narrowed(const float* from) {
  const Words low = S::narrowed(load<Floats>(from));
  if constexpr (item_of<S> == 1) return lowered(low, S::narrowed(load<Floats>(from + eight)));
  else return low;
}

// Calls step(i) so that vectors of n numbers from i on are all of `count`, the last of them once more if they do not end
// with it; false if there are fewer.
template <int n, class Step> GS_INLINE bool in_vectors(int count, Step step) {
  if (count < n) return false;
  int i = 0;
  for (; i + n <= count; i += n) step(i);
  if (i < count) step(count - n);
  return true;
}

// A row of `count` numbers, `step` bytes apart, to float; and back.
template <class S> void widen_row(const char* from, int64_t step, int count, float* to) {
  using V = typename S::Packed;
  constexpr int item = item_of<S>, n = packed_of<S>;
  if (step == item && in_vectors<n>(count, [&](int i) { widen<S>(load<V>(from + i * item), to + i); })) return;
  for (int i = 0; i < count; i += n) {
    const int these = count - i < n ? count - i : n;
    char some[16] = {};
    float made[n];
    for (int j = 0; j < these; ++j) __builtin_memcpy(some + j * item, from + (i + j) * step, item);
    widen<S>(load<V>(some), made);
    for (int j = 0; j < these; ++j) to[i + j] = made[j];
  }
}
template <class S> void narrow_row(const float* from, int count, char* to, int64_t step) {
  constexpr int item = item_of<S>, n = packed_of<S>;
  if (step == item && in_vectors<n>(count, [&](int i) { store(to + i * item, narrowed<S>(from + i)); })) return;
  for (int i = 0; i < count; i += n) {
    const int these = count - i < n ? count - i : n;
    char some[16];
    float made[n] = {};
    for (int j = 0; j < these; ++j) made[j] = from[i + j];
    store(some, narrowed<S>(made));
    for (int j = 0; j < these; ++j) __builtin_memcpy(to + (i + j) * step, some + j * item, item);
  }
}

// Pixels whose C channels are adjacent, from as many vectors to one for each channel; and back.
template <class V, int C> GS_INLINE void part_vectors(V* v) {
  constexpr int n = int(sizeof(V) / sizeof(v[0][0]));
  using All = typename Count<n>::type;
  if constexpr (C == 4) {
    V even[2], odd[2];
    for (int i = 0; i < 2; ++i) even[i] = component_of<V, 2, 0, n>(v + 2 * i, All{}), odd[i] = component_of<V, 2, 1, n>(v + 2 * i, All{});
    part_vectors<V, 2>(even);
    part_vectors<V, 2>(odd);
    v[0] = even[0], v[1] = odd[0], v[2] = even[1], v[3] = odd[1];
  } else {
    V out[C];
    out[0] = component_of<V, C, 0, n>(v, All{});
    out[1] = component_of<V, C, 1, n>(v, All{});
    if constexpr (C == 3) out[2] = component_of<V, C, 2, n>(v, All{});
    for (int c = 0; c < C; ++c) v[c] = out[c];
  }
}
template <class V, int C> GS_INLINE void mix_vectors(V* v) {
  constexpr int n = int(sizeof(V) / sizeof(v[0][0]));
  using All = typename Count<n>::type;
  if constexpr (C == 4) {
    zip_as<V, n>(v[0], v[2], All{});
    zip_as<V, n>(v[1], v[3], All{});
    zip_as<V, n>(v[0], v[1], All{});
    zip_as<V, n>(v[2], v[3], All{});
  } else {
    V out[C];
    out[0] = mixed_of<V, C, n, 0>(v, All{});
    out[1] = mixed_of<V, C, n, 1>(v, All{});
    if constexpr (C == 3) out[2] = mixed_of<V, C, n, 2>(v, All{});
    for (int c = 0; c < C; ++c) v[c] = out[c];
  }
}
template <class S, int C> GS_INLINE bool part_pixels(const char* from, int count, float* to, int64_t apart) {
  using V = typename S::Packed;
  return in_vectors<packed_of<S>>(count, [&](int i) {
    V v[C];
    for (int c = 0; c < C; ++c) v[c] = load<V>(from + i * C * item_of<S> + c * 16);
    part_vectors<V, C>(v);
    for (int c = 0; c < C; ++c) widen<S>(v[c], to + c * apart + i);
  });
}
template <class S, int C> GS_INLINE bool mix_pixels(const float* from, int64_t apart, int count, char* to) {
  using V = typename S::Packed;
  return in_vectors<packed_of<S>>(count, [&](int i) {
    V v[C];
    for (int c = 0; c < C; ++c) v[c] = narrowed<S>(from + c * apart + i);
    mix_vectors<V, C>(v);
    for (int c = 0; c < C; ++c) store(to + i * C * item_of<S> + c * 16, v[c]);
  });
}

// Rows of pixels whose 2 to 4 channels are adjacent: to a row of floats for each channel, `apart` from the one before; and back.
template <class S> void part_row(const char* from, int channels, int count, float* to, int64_t apart) {
  if (channels == 2 && part_pixels<S, 2>(from, count, to, apart)) return;
  if (channels == 3 && part_pixels<S, 3>(from, count, to, apart)) return;
  if (channels == 4 && part_pixels<S, 4>(from, count, to, apart)) return;
  for (int c = 0; c < channels; ++c) widen_row<S>(from + c * item_of<S>, channels * item_of<S>, count, to + c * apart);
}
template <class S> void mix_row(const float* from, int64_t apart, int channels, int count, char* to) {
  if (channels == 2 && mix_pixels<S, 2>(from, apart, count, to)) return;
  if (channels == 3 && mix_pixels<S, 3>(from, apart, count, to)) return;
  if (channels == 4 && mix_pixels<S, 4>(from, apart, count, to)) return;
  for (int c = 0; c < channels; ++c) narrow_row<S>(from + c * apart, count, to + c * item_of<S>, channels * item_of<S>);
}

struct Converter {
  void (*widen)(const char* from, int64_t step, int count, float* to);
  void (*narrow)(const float* from, int count, char* to, int64_t step);
  void (*part)(const char* from, int channels, int count, float* to, int64_t apart);
  void (*mix)(const float* from, int64_t apart, int channels, int count, char* to);
};
template <class S> GS_INLINE Converter converter_for() { return {widen_row<S>, narrow_row<S>, part_row<S>, mix_row<S>}; }

inline Converter converter_of(Scalar scalar) {
  switch (scalar) {
    case Scalar::f16: return converter_for<Half>();
    case Scalar::bf16: return converter_for<BrainHalf>();
    case Scalar::u8: return converter_for<OneByte<false, 0, 255>>();
    case Scalar::i8: return converter_for<OneByte<true, -128, 127>>();
    case Scalar::u16: return converter_for<TwoBytes<false, 0, 65535>>();
    case Scalar::i16: return converter_for<TwoBytes<true, -32768, 32767>>();
    case Scalar::boolean: return converter_for<OneByte<false, 0, 1>>();
    case Scalar::f32: case Scalar::f64: break;
  }
  __builtin_unreachable();
}

}  // namespace gridsample::GS_TARGET
