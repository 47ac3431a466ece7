// SPDX-License-Identifier: Apache-2.0
// The formula for one output, in double, one tap after the other: slow, plain, and nothing of the engine's.
#pragma once
#include <cmath>
#include <functional>
#include <vector>

#include "gridsample/sample.hpp"

namespace oracle {

using namespace gridsample;

struct Tap {
  std::int64_t pixel;  // -1: a hole
  double weight, derivative;
};

struct Place {
  std::vector<Tap> taps;
  bool buried = true;  // no tap is a pixel
};

inline Tap fold(const table::BoundaryRow& rule, std::int64_t i, std::int64_t n) {
  if (i >= 0 && i < n) return {i, 1, 1};
  if (rule.family == table::Family::clamp) return {i < 0 ? 0 : n - 1, 1, 1};
  if (rule.family == table::Family::hole) return {-1, 1, 1};
  const std::int64_t period = std::max<std::int64_t>(rule.p1 * n + rule.p0, 1);
  const std::int64_t j = ((i + rule.shift) % period + period) % period;
  if (j - rule.shift >= 0 && j - rule.shift < n) return {j - rule.shift, 1, 1};
  const std::int64_t mirrored = period - rule.c - j;
  if (mirrored >= 0 && mirrored < n) return {mirrored, double(rule.sign), double(rule.sign)};
  return {-1, 1, 1};
}

// Finite coordinates, boundary applied to taps. The position is rounded as the engine's coordinate type has it.
inline Place place(const Problem& problem, int d, std::int64_t n, double g, bool in_float) {
  const Axis& axis = problem.axis[d];
  double x = (g + axis.offset) * axis.scale + axis.shift;
  if (in_float) {
    float f = float(g) + float(axis.offset);
    f = f * float(axis.scale);
    x = f + float(axis.shift);
    x = float(x);
  }
  x = std::min(std::max(x, -double(far_away)), double(far_away));
  const int taps = problem.kernel.taps;
  double down = std::floor(x), t = x - down;
  if (taps == 1) down = problem.ties == Ties::up ? down + (t >= 0.5) : std::nearbyint(x);
  Place out;
  for (int k = 0; k < taps; ++k) {
    Tap tap = fold(axis.rule, std::int64_t(down) + (taps == 1 ? 0 : 1 - taps / 2) + k, n);
    double w = 0, dw = 0;
    for (int p = problem.kernel.degree; p >= 0; --p) w = w * t + problem.kernel.coefficient[k][p];
    for (int p = problem.kernel.degree; p >= 1; --p) dw = dw * t + p * problem.kernel.coefficient[k][p];
    tap.weight *= w;
    tap.derivative *= dw * axis.scale;
    out.buried = out.buried && tap.pixel < 0;
    out.taps.push_back(tap);
  }
  return out;
}

// Calls visit(pixel, weight, derivative along each axis) for every tap of a point; pixel is empty for a hole.
using Visit = std::function<void(const std::vector<std::int64_t>&, double, const double*)>;
inline void each_tap(const std::vector<Place>& places, const Visit& visit) {
  const std::size_t axes = places.size();
  std::vector<std::size_t> k(axes, 0);
  for (;;) {
    std::vector<std::int64_t> pixel;
    double weight = 1, along[max_axes] = {1, 1, 1};
    bool hole = false;
    for (std::size_t d = 0; d < axes; ++d) {
      const Tap& tap = places[d].taps[k[d]];
      hole = hole || tap.pixel < 0;
      pixel.push_back(tap.pixel);
      weight *= tap.weight;
      for (std::size_t e = 0; e < axes; ++e) along[e] *= e == d ? tap.derivative : tap.weight;
    }
    if (hole) pixel.clear();
    visit(pixel, weight, along);
    std::size_t d = axes;
    while (d > 0 && ++k[d - 1] == places[d - 1].taps.size()) k[--d] = 0;
    if (d == 0) return;
  }
}

}  // namespace oracle
