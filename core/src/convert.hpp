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
typedef uint8_t Bytes __attribute__((vector_size(16)));
typedef uint16_t Words __attribute__((vector_size(16)));
typedef uint32_t FourBits __attribute__((vector_size(16)));

inline constexpr int eight = 8;

// Two times four lanes of 32 bits, and their halves.
GS_INLINE Bits joined(FourBits low, FourBits high) { return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7); }
GS_INLINE FourBits low_half(Bits v) { return __builtin_shufflevector(v, v, 0, 1, 2, 3); }
GS_INLINE FourBits high_half(Bits v) { return __builtin_shufflevector(v, v, 4, 5, 6, 7); }

// Eight numbers of 16 and of 8 bits to the upper ends of 32 bits; the lower ends are anybody's.
GS_INLINE Bits words_up(const char* from) {
  const Words v = load<Words>(from);
  return joined((FourBits)__builtin_shufflevector(v, v, 0, 0, 1, 1, 2, 2, 3, 3),
                (FourBits)__builtin_shufflevector(v, v, 4, 4, 5, 5, 6, 6, 7, 7));
}
GS_INLINE Bits bytes_up(const char* from) {
  Bytes v{};
  __builtin_memcpy(&v, from, eight);
  const Words pairs = (Words)__builtin_shufflevector(v, v, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
  return joined((FourBits)__builtin_shufflevector(pairs, pairs, 0, 0, 1, 1, 2, 2, 3, 3),
                (FourBits)__builtin_shufflevector(pairs, pairs, 4, 4, 5, 5, 6, 6, 7, 7));
}
// The lower ends of eight numbers of 32 bits, whose upper ends are zero.
GS_INLINE void store_words(char* to, Bits v) {
#if defined(__AVX2__)
  store(to, _mm_packus_epi32((__m128i)low_half(v), (__m128i)high_half(v)));
#else
  const Words low = (Words)low_half(v), high = (Words)high_half(v);
  store(to, __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14));
#endif
}
GS_INLINE void store_bytes(char* to, Bits v) {
  Words words;
  store_words(reinterpret_cast<char*>(&words), v);
  const Bytes packed = __builtin_shufflevector((Bytes)words, (Bytes)words, 0, 2, 4, 6, 8, 10, 12, 14, 0, 0, 0, 0, 0, 0, 0, 0);
  __builtin_memcpy(to, &packed, eight);
}

GS_INLINE Floats nearest_whole(Floats x) {
#if defined(__AVX2__)
  return (Floats)_mm256_round_ps((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else  // of |x| below 2^22
  const Floats bound = Floats{} + float(3 << 22);
  return (x + bound) - bound;
#endif
}
// Whole numbers in a range; 0 for NaN.
GS_INLINE Bits kept(Floats x, float low, float high) {
#if defined(__AVX2__)
  x = (Floats)_mm256_and_ps((__m256)x, _mm256_cmp_ps((__m256)x, (__m256)x, _CMP_ORD_Q));
  x = (Floats)_mm256_max_ps(_mm256_min_ps((__m256)x, _mm256_set1_ps(high)), _mm256_set1_ps(low));
#else
  x = x == x ? x : Floats{};
  x = x < low ? Floats{} + low : x;
  x = x > high ? Floats{} + high : x;
#endif
  return (Bits)__builtin_convertvector(nearest_whole(x), Ints);
}

// A stored type: `widened` of eight adjacent numbers, `narrowed` to as many.
template <int bytes, bool is_signed, int lowest, int highest> struct Whole {
  static constexpr int item = bytes;
  static GS_INLINE Floats raised(Bits top) {  // from the upper ends
    constexpr int spare = 32 - 8 * bytes;
    if constexpr (is_signed) return __builtin_convertvector((Ints)top >> spare, Floats);
    else return __builtin_convertvector((Ints)(top >> spare), Floats);
  }
  static GS_INLINE Floats widened(const char* from) {
#if defined(__AVX2__)
    __m128i v{};
    __builtin_memcpy(&v, from, eight * bytes);
    if constexpr (bytes == 1) return _mm256_cvtepi32_ps(is_signed ? _mm256_cvtepi8_epi32(v) : _mm256_cvtepu8_epi32(v));
    else return _mm256_cvtepi32_ps(is_signed ? _mm256_cvtepi16_epi32(v) : _mm256_cvtepu16_epi32(v));
#else
    return raised(bytes == 1 ? bytes_up(from) : words_up(from));
#endif
  }
  static GS_INLINE Bits rounded(Floats x) { return kept(x, lowest, highest) & (bytes == 1 ? 0xFFu : 0xFFFFu); }
  static GS_INLINE void narrowed(Floats x, char* to) {
    if constexpr (bytes == 1) store_bytes(to, rounded(x));
    else store_words(to, rounded(x));
  }
};

struct Half {
  static constexpr int item = 2;
#if defined(__F16C__)
  static GS_INLINE Floats widened(const char* from) { return (Floats)_mm256_cvtph_ps(load<__m128i>(from)); }
  static GS_INLINE void narrowed(Floats x, char* to) { store(to, _mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT)); }
#else
  static GS_INLINE Floats widened(const char* from) {
    const Bits half = words_up(from) >> 16, sign = (half & 0x8000u) << 16, size = (half & 0x7FFFu) << 13;
    const Bits exponent = size & (0x1Fu << 23), first = Bits{} + (113u << 23);  // 2^-14, the smallest that is not subnormal
    const Bits plain = size + (112u << 23), endless = size + (224u << 23);
    const Bits small = (Bits)((Floats)(size + first) - (Floats)first);  // with the hidden one, and without it
    Bits v = exponent == Bits{} ? small : plain;
    v = exponent == (Bits{} + (0x1Fu << 23)) ? endless : v;
    return (Floats)(v | sign);
  }
  static GS_INLINE void narrowed(Floats x, char* to) {
    const Bits all = (Bits)x, sign = all & 0x80000000u, size = all ^ sign, one_half = Bits{} + (126u << 23);
    const Bits small = (Bits)((Floats)size + (Floats)one_half) - one_half;  // whose last place is that of subnormal numbers
    const Bits plain = (size + 0xFFFu + ((size >> 13) & 1u) - (112u << 23)) >> 13;
    Bits v = size < (113u << 23) ? small : plain;
    v = size >= (143u << 23) ? Bits{} + 0x7C00u : v;  // infinity, from 2^16 on; what rounds up to it carries
    v = size > (255u << 23) ? Bits{} + 0x7E00u : v;
    store_words(to, v | sign >> 16);
  }
#endif
};

struct BrainHalf {
  static constexpr int item = 2;
  static GS_INLINE Floats widened(const char* from) { return (Floats)(words_up(from) & 0xFFFF0000u); }
  static GS_INLINE void narrowed(Floats x, char* to) {
    const Bits all = (Bits)x, round = (all + 0x7FFFu + ((all >> 16) & 1u)) >> 16;
    store_words(to, x == x ? round : Bits{} + 0x7FC0u);
  }
};

// Elements `step` apart to adjacent ones, and back.
template <int item> GS_INLINE void pick(const char* from, int64_t step, int count, char* to) {
  for (int i = 0; i < count; ++i) __builtin_memcpy(to + i * item, from + i * step, item);
}
template <int item> GS_INLINE void spread(const char* from, int count, char* to, int64_t step) {
  for (int i = 0; i < count; ++i) __builtin_memcpy(to + i * step, from + i * item, item);
}

template <class S> GS_INLINE void widen_eights(const char* from, int count, float* to) {
  for (int i = 0; i < count; i += eight) store(to + i, S::widened(from + i * S::item));
}
// A row of `count` numbers, `step` bytes apart.
template <class S> void widen_row(const char* from, int64_t step, int count, float* to) {
  int i = 0;
  if (step == S::item) {
    for (; i + eight <= count; i += eight) store(to + i, S::widened(from + i * S::item));
    if (i == count) return;
    if (count >= eight) return store(to + count - eight, S::widened(from + (count - eight) * S::item));
  }
  constexpr int most = 64;
  char some[most * S::item] = {};
  float made[most];
  for (; i < count; i += most) {
    const int these = count - i < most ? count - i : most;
    pick<S::item>(from + i * step, step, these, some);
    widen_eights<S>(some, these, made);
    __builtin_memcpy(to + i, made, std::size_t(these) * sizeof(float));
  }
}
template <class S> void narrow_row(const float* from, int count, char* to, int64_t step) {
  int i = 0;
  if (step == S::item) {
    for (; i + eight <= count; i += eight) S::narrowed(load<Floats>(from + i), to + i * S::item);
    if (i == count) return;
    if (count >= eight) return S::narrowed(load<Floats>(from + count - eight), to + (count - eight) * S::item);
  }
  constexpr int most = 64;
  char some[most * S::item];
  float these[most] = {};
  for (; i < count; i += most) {
    const int left = count - i < most ? count - i : most;
    __builtin_memcpy(these, from + i, std::size_t(left) * sizeof(float));
    for (int j = 0; j < left; j += eight) S::narrowed(load<Floats>(these + j), some + j * S::item);
    spread<S::item>(some, left, to + i * step, step);
  }
}

// Byte c of four pixels of C bytes each, that start at byte `first` of 16, to the upper end of four lanes.
template <int C, int c, int first> GS_INLINE FourBits byte_of_four(Bytes v) {
  constexpr int a = first + c, b = a + C, d = b + C, e = d + C;
  return (FourBits)__builtin_shufflevector(v, v, a, a, a, a, b, b, b, b, d, d, d, d, e, e, e, e);
}
// Rows of pixels whose 2 to 4 channels, of a byte each, are adjacent: one row per channel, `apart` numbers from the one before.
// The two loads of eight pixels begin and end with them, so that nothing around them is read.
template <class S, int C, int c> GS_INLINE void part_channel(Bytes begin, Bytes end, float* to, int64_t apart) {
  store(to + c * apart, S::raised(joined(byte_of_four<C, c, 0>(begin), byte_of_four<C, c, 16 - 4 * C>(end))));
  if constexpr (c + 1 < C) part_channel<S, C, c + 1>(begin, end, to, apart);
}
template <class S, int C> GS_INLINE void part_bytes(const char* from, int count, float* to, int64_t apart) {
  for (int i = 0; i < count; i += eight) {
    const int at = i + eight <= count ? i : count - eight;  // the last ones once more
    const char* pixels = from + at * C;
    part_channel<S, C, 0>(load<Bytes>(pixels), load<Bytes>(pixels + eight * C - 16), to + at, apart);
  }
}
template <class S> void part_row(const char* from, int channels, int count, float* to, int64_t apart) {
  if constexpr (S::item == 1)
    if (count >= eight) {
      if (channels == 2) return part_bytes<S, 2>(from, count, to, apart);
      if (channels == 3) return part_bytes<S, 3>(from, count, to, apart);
      if (channels == 4) return part_bytes<S, 4>(from, count, to, apart);
    }
  for (int c = 0; c < channels; ++c) widen_row<S>(from + c * S::item, channels * S::item, count, to + c * apart);
}

// The first C bytes of each of four lanes, adjacent.
template <int C> GS_INLINE void store_four(char* to, FourBits v) {
  const Bytes b = (Bytes)v;
  constexpr int z = 0;  // not stored
  if constexpr (C == 2) {
    const Bytes out = __builtin_shufflevector(b, b, 0, 1, 4, 5, 8, 9, 12, 13, z, z, z, z, z, z, z, z);
    __builtin_memcpy(to, &out, 8);
  } else if constexpr (C == 3) {
    const Bytes out = __builtin_shufflevector(b, b, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, z, z, z, z);
    __builtin_memcpy(to, &out, 8);
    const uint32_t rest = ((FourBits)out)[2];
    __builtin_memcpy(to + 8, &rest, 4);
  } else {
    store(to, v);
  }
}
template <class S, int C> GS_INLINE void mix_bytes(const float* from, int64_t apart, int count, char* to) {
  for (int i = 0; i < count; i += eight) {
    const int at = i + eight <= count ? i : count - eight;
    Bits pixels = S::rounded(load<Floats>(from + at));
    for (int c = 1; c < C; ++c) pixels |= S::rounded(load<Floats>(from + c * apart + at)) << 8 * c;
    store_four<C>(to + at * C, low_half(pixels));
    store_four<C>(to + (at + 4) * C, high_half(pixels));
  }
}
// The reverse of `part`, which rounds.
template <class S> void mix_row(const float* from, int64_t apart, int channels, int count, char* to) {
  if constexpr (S::item == 1)
    if (count >= eight) {
      if (channels == 2) return mix_bytes<S, 2>(from, apart, count, to);
      if (channels == 3) return mix_bytes<S, 3>(from, apart, count, to);
      if (channels == 4) return mix_bytes<S, 4>(from, apart, count, to);
    }
  for (int c = 0; c < channels; ++c) narrow_row<S>(from + c * apart, count, to + c * S::item, channels * S::item);
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
    case Scalar::u8: return converter_for<Whole<1, false, 0, 255>>();
    case Scalar::i8: return converter_for<Whole<1, true, -128, 127>>();
    case Scalar::u16: return converter_for<Whole<2, false, 0, 65535>>();
    case Scalar::i16: return converter_for<Whole<2, true, -32768, 32767>>();
    case Scalar::boolean: return converter_for<Whole<1, false, 0, 1>>();
    case Scalar::f32: case Scalar::f64: break;
  }
  __builtin_unreachable();
}

}  // namespace gridsample::GS_TARGET
