// SPDX-License-Identifier: Apache-2.0
// A view: where an array lies. The core owns no memory; it reads and writes through views only.
// Strides are in bytes, of any sign and size (zero repeats an element), and data need not be aligned.
#pragma once
#include <cstdint>

namespace gridsample {

inline constexpr int max_rank = 16;

// What is computed in, f32 and f64; and what `pull` reads and rounds to besides, which it computes in f32.
enum class Scalar : int { f32, f64, f16, bf16, u8, i8, u16, i16, boolean };

constexpr std::int64_t bytes_of(Scalar scalar) {
  switch (scalar) {
    case Scalar::f64: return 8;
    case Scalar::f32: return 4;
    case Scalar::f16: case Scalar::bf16: case Scalar::u16: case Scalar::i16: return 2;
    case Scalar::u8: case Scalar::i8: case Scalar::boolean: return 1;
  }
  return 0;
}

struct View {
  char* data;
  Scalar scalar;
  int rank;
  std::int64_t shape[max_rank];
  std::int64_t stride[max_rank];
};

}  // namespace gridsample
