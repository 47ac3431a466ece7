// SPDX-License-Identifier: Apache-2.0
// Numbers of every stored type, one at a time and by the book: what a value is rounded to, and what the bytes say.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "gridsample/view.hpp"

namespace stored {

using gridsample::Scalar;

struct Range { double low, high; };
inline Range range(Scalar scalar) {
  switch (scalar) {
    case Scalar::u8: return {0, 255};
    case Scalar::i8: return {-128, 127};
    case Scalar::u16: return {0, 65535};
    case Scalar::i16: return {-32768, 32767};
    case Scalar::boolean: return {0, 1};
    default: return {0, 0};
  }
}

// A binary number of `digits` bits behind the point, its smallest exponent that of 1, `first`; half to even.
inline double binary(double value, int digits, int first, double most) {
  if (value == 0 || std::isnan(value) || std::isinf(value)) return value;
  const double unit = std::ldexp(1.0, std::max(std::ilogb(value), first) - digits);
  const double rounded = std::nearbyint(value / unit) * unit;
  return std::abs(rounded) > most ? std::copysign(std::numeric_limits<double>::infinity(), value) : rounded;
}

// The nearest number of the type.
inline double nearest(Scalar scalar, double value) {
  if (scalar == Scalar::f64) return value;
  if (scalar == Scalar::f32) return double(float(value));
  if (scalar == Scalar::f16) return binary(value, 10, -14, 65504);
  if (scalar == Scalar::bf16) return binary(value, 7, -126, 3.3895313892515355e38);
  if (std::isnan(value)) return 0;
  const Range r = range(scalar);
  return std::nearbyint(std::clamp(value, r.low, r.high));
}

inline void put(Scalar scalar, double value, char* to) {
  const float single = float(value);
  if (scalar == Scalar::f64) return void(std::memcpy(to, &value, 8));
  if (scalar == Scalar::f32) return void(std::memcpy(to, &single, 4));
  value = nearest(scalar, value);
  std::uint16_t bits = 0;
  if (scalar == Scalar::bf16) {
    const float exact = float(value);
    std::uint32_t all;
    std::memcpy(&all, &exact, 4);
    bits = std::uint16_t(all >> 16);
  } else if (scalar == Scalar::f16) {
    const double size = std::abs(value);
    if (std::isnan(size)) bits = 0x7E00;
    else if (std::isinf(size)) bits = 0x7C00;
    else if (size < std::ldexp(1.0, -14)) bits = std::uint16_t(std::ldexp(size, 24));
    else bits = std::uint16_t(((std::ilogb(size) + 15) << 10) + int(std::ldexp(size, 10 - std::ilogb(size))) - 1024);
    if (std::signbit(value)) bits = std::uint16_t(bits | 0x8000);
  } else {
    bits = std::uint16_t(int(value));  // two's complement; a byte is the lower one
  }
  const bool two = scalar == Scalar::f16 || scalar == Scalar::bf16 || scalar == Scalar::u16 || scalar == Scalar::i16;
  const std::uint8_t byte = std::uint8_t(bits);
  std::memcpy(to, two ? static_cast<const void*>(&bits) : &byte, two ? 2 : 1);
}

inline double get(Scalar scalar, const char* from) {
  const auto as = [from](auto value) {
    std::memcpy(&value, from, sizeof value);
    return value;
  };
  switch (scalar) {
    case Scalar::f64: return as(0.0);
    case Scalar::f32: return double(as(0.0f));
    case Scalar::u8: case Scalar::boolean: return as(std::uint8_t{});
    case Scalar::i8: return as(std::int8_t{});
    case Scalar::u16: return as(std::uint16_t{});
    case Scalar::i16: return as(std::int16_t{});
    case Scalar::bf16: {
      const std::uint32_t all = std::uint32_t(as(std::uint16_t{})) << 16;
      float value;
      std::memcpy(&value, &all, 4);
      return double(value);
    }
    case Scalar::f16: break;
  }
  const std::uint16_t bits = as(std::uint16_t{});
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double size = exponent == 31 ? (fraction ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity())
                      : exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return bits >> 15 ? -size : size;
}

}  // namespace stored
