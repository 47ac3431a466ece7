// SPDX-License-Identifier: Apache-2.0
// A fuzz of the B-splines' prefilter: random shapes, strides, axes and boundaries, short lines and very long ones, on every
// target. The coefficients are put back through the spline, which must give the pixels; the adjoint is compared by products;
// every call with itself on three threads and in place, bit for bit.
//   fuzz_prefilter [rounds] [seed]
#include <cmath>

#include "arrays.hpp"
#include "oracle.hpp"

using namespace test;

namespace {

// The B-spline of a degree at a distance from its middle, by the recursion over degrees (Cox and de Boor).
double b_spline(int degree, double x) {
  if (degree == 0) return x >= -0.5 && x < 0.5;
  const double half = (degree + 1) / 2.0;
  return ((x + half) * b_spline(degree - 1, x + 0.5) + (half - x) * b_spline(degree - 1, x - 0.5)) / degree;
}

Spline random_spline(Random& random) {
  const int degree = int(pick(random, 2, 7));
  Spline spline{degree / 2, {}};
  for (int k = 0; k <= spline.reach; ++k) spline.weight[k] = b_spline(degree, k);
  return spline;
}

// The spline at its own pixels.
double through(const Spline& spline, const table::BoundaryRow& rule, const View& coefficients, Shape at, int axis) {
  const std::int64_t n = coefficients.shape[axis], i = at[std::size_t(axis)];
  double sum = 0;
  for (int k = -spline.reach; k <= spline.reach; ++k) {
    const oracle::Tap tap = oracle::fold(rule, i + k, n);
    if (tap.pixel < 0) continue;
    at[std::size_t(axis)] = tap.pixel;
    sum += tap.weight * spline.weight[std::abs(k)] * read(coefficients, at);
  }
  return sum;
}

double product(const View& a, const View& b) {
  double sum = 0;
  each(shape_of(a), [&](const Shape& at) { sum += read(a, at) * read(b, at); });
  return sum;
}

void round_trip(Random& random) {
  const Scalar scalar = random() % 2 ? Scalar::f32 : Scalar::f64;
  const int rank = int(pick(random, 1, 4)), axis = int(random() % std::uint64_t(rank));
  Shape shape;
  for (int d = 0; d < rank; ++d) shape.push_back(random() % 30 == 0 ? 0 : random() % 4 == 0 ? 1 : pick(random, 1, d == axis ? 70 : 12));
  if (random() % 200 == 0) shape.assign(shape.size(), 1), shape[std::size_t(axis)] = pick(random, 40000, 70000);
  const Spline spline = random_spline(random);
  const auto& rule = table::boundaries[random() % (sizeof table::boundaries / sizeof *table::boundaries)];
  Array image(random, shape, scalar, Layout::any), other(random, shape, scalar, Layout::any);
  fill(random, image, -1, 1), fill(random, other, -1, 1);

  const auto filtered = [&](const Array& from, bool adjoint, int threads) {
    Array to = from.another();
    prefilter(spline, rule, adjoint, from.view, to.view, axis, threads);
    return to;
  };
  const Array found = filtered(image, false, 1);
  same_bits(filtered(image, false, 3).view, found.view, "prefilter by threads");
  Array same = image.another(), elsewhere(random, shape, scalar, Layout::any);
  each(shape, [&](const Shape& at) { same.set(at, read(image.view, at)); });
  prefilter(spline, rule, false, same.view, same.view, axis, 2);
  same_bits(same.view, found.view, "prefilter in place");
  prefilter(spline, rule, false, image.view, elsewhere.view, axis, 2);
  const double bound = scalar == Scalar::f32 ? 2e-4 : 1e-11;
  nearly_same(elsewhere.view, found.view, bound, "prefilter to another layout");
  double largest = 1;  // splines of high degrees have large coefficients
  each(shape, [&](const Shape& at) { largest = std::max(largest, std::abs(read(found.view, at))); });
  each(shape, [&](const Shape& at) {
    const double got = through(spline, rule, found.view, at, axis), want = read(image.view, at);
    CHECK(std::abs(got - want) <= bound * largest, "spline of reach %d, %s, %d pixels: %.9g through its pixel %.9g", spline.reach,
          rule.name, int(shape[std::size_t(axis)]), got, want);
  });
  const Array back = filtered(other, true, 2);
  same_bits(filtered(other, true, 3).view, back.view, "the adjoint by threads");
  const double there = product(found.view, other.view), again = product(image.view, back.view);
  CHECK(std::abs(there - again) <= bound * largest * (1 + std::sqrt(product(image.view, image.view) * product(other.view, other.view))),
        "the adjoint: %.9g and %.9g", again, there);
}

}  // namespace

int main(int count, char** words) { run_rounds(count, words, 2000, round_trip); }
