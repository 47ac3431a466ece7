// SPDX-License-Identifier: Apache-2.0
// What is to be computed: the core's mirror of a Plan. Everything the formula
//   out[n, c, o] = sum over taps, prod over axes  w_k(t) * s * image[n, c, fold(i + k)]
// leaves open, resolved to numbers; the arrays themselves come as views.
#pragma once
#include <cstdint>

#include "table.gen.hpp"

namespace gridsample {

inline constexpr int max_axes = 3;
// Positions saturate here (in pixels), so that a tap index always fits 32 bits; no axis may be longer.
inline constexpr std::int64_t far_away = std::int64_t(1) << 30;

enum class Ties : int { even, up };  // the pixel a one-tap kernel takes half-way between two

enum class NotANumber : int {
  minus_one,  // a NaN coordinate is read as -1 (torch's documented rule)
  propagate,  // its sample is NaN
  outside,    // its sample, and that of an infinite coordinate, is the outside (or fill) value
};

// What stands in place of coordinates: themselves, or a map that takes a place in the output to its coordinates: a matrix;
// displacements from that place, one for each point, or control points of a spline that they are read from.
enum class Given : int { points, affine, homography, displaced, control };

__attribute__((always_inline)) constexpr bool by_matrix(Given given) { return given == Given::affine || given == Given::homography; }
// Has each point numbers of its own?
__attribute__((always_inline)) constexpr bool by_point(Given given) { return given == Given::points || given == Given::displaced; }

struct Axis {
  table::BoundaryRow rule;
  bool fold_coordinate;         // torch: the position is folded before the taps are chosen
  int component;                // which entry of the last coordinate axis belongs to this memory axis
  double offset, scale, shift;  // x = (g + offset) * scale + shift
};

// Control points of a spline, spread over an output so that (degree - 1) / 2 of them lie outside at each end of an axis:
//   o + sum over k  B(c - k) u[k],   c = (degree - 1) / 2 + o (m - degree) / (length - 1), kept between the ends
// with m the points along an axis, B the B-spline. There are no more of them than output points.
struct Control {
  int degree;  // 1 or 3
  std::int64_t length[max_axes];  // of the output that they are laid for, in memory order
};

struct Problem {
  int axes;
  table::KernelRow kernel;
  Axis axis[max_axes];  // in memory order: the slowest axis first
  double fill;          // what a hole reads
  Ties ties;
  NotANumber nan;
  bool has_outside;
  double outside;  // the sample of a point whose centre is outside, if has_outside
  Given given;
  Control control;  // if that is given
};

}  // namespace gridsample
