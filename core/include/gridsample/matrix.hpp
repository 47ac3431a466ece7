// SPDX-License-Identifier: Apache-2.0
// Matrices of affine maps, written in a frame, in pixels.
#pragma once
#include "view.hpp"

namespace gridsample {

// matrix and out are (N, D, D + 1), float32 or float64, each row [M_i | b_i]; numbers (D, 2 D + 2) float64, each row what
// src/gridsample/maps/pixels.py says of it. Computed in float64, rounded once; throws std::invalid_argument if shapes differ.
void into_pixels(const View& matrix, const View& numbers, const View& out);

}  // namespace gridsample
