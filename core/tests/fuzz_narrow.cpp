// SPDX-License-Identifier: Apache-2.0
// A fuzz of `pull` for images of the types that are not computed in: what the same call gives for the same image in float32,
// rounded by the book, is what they must give, bit for bit, however image and result lie in memory, on any number of threads.
// Memory is exactly sized, so the sanitizers see any step beyond it.
//   fuzz_narrow [rounds] [seed]
#include "problems.hpp"

using namespace test;

namespace {

constexpr Scalar types[] = {Scalar::f16, Scalar::bf16, Scalar::u8, Scalar::i8, Scalar::u16, Scalar::i16, Scalar::boolean};
constexpr double infinity = std::numeric_limits<double>::infinity();

Layout layout(Random& random) { return Layout(random() % 3); }

// A pixel of this type: any of its numbers, and what is not finite now and then.
double pixel(Random& random, Scalar scalar, bool wild) {
  static const double strange[] = {infinity, -infinity, std::numeric_limits<double>::quiet_NaN(), 65504, 6e-8, -0.0, 3e38};
  const bool is_float = scalar == Scalar::f16 || scalar == Scalar::bf16;
  if (is_float) return wild && random() % 50 == 0 ? strange[random() % 7] : std::ldexp(real(random) * 2 - 1, int(random() % 12) - 8);
  const stored::Range r = stored::range(scalar);
  return r.low + (r.high - r.low) * real(random);
}

// Coordinates one beside the other, in the image for the most part: what is read in common.
void lay_evenly(Random& random, const Problem& problem, const Shape& sizes, const Array& coords) {
  double step[3][3], start[3];
  const double zoom = std::ldexp(1, int(random() % 4) - 1);
  for (int d = 0; d < problem.axes; ++d) {
    start[d] = (real(random) * 1.4 - 0.2) * double(sizes[std::size_t(d)]);
    for (double& s : step[d]) s = (real(random) - 0.5) * zoom;
  }
  each(shape_of(coords.view), [&](const Shape& at) {
    for (int d = 0; d < problem.axes; ++d) {
      const Axis& axis = problem.axis[d];
      if (axis.component != at.back()) continue;
      double x = start[d];
      for (std::size_t i = 1; i + 1 < at.size(); ++i) x += step[d][i - 1] * double(at[i]);
      coords.set(at, axis.scale == 0 ? x : (x - axis.shift) / axis.scale - axis.offset);
    }
  });
}

struct Setup {
  Problem problem;
  Array image, single, coords;
  Shape values;
};

Setup random_setup(Random& random) {
  const int axes = int(pick(random, 1, 3)), points = int(pick(random, 0, 3));
  const bool wild = random() % 3 == 0, even = random() % 2, long_rows = random() % 4 == 0;
  const auto length = [&](std::int64_t most) { return random() % 4 == 0 ? 1 : pick(random, 1, most); };
  const std::int64_t batch = random() % 20 == 0 ? 0 : length(2);
  const std::int64_t channels = random() % 20 == 0 ? 0 : random() % 5 == 0 ? pick(random, 5, 40) : pick(random, 1, 5);
  Shape image{random() % 3 ? batch : 1, channels}, coords{random() % 3 ? batch : 1};
  for (int d = 0; d < axes; ++d) image.push_back(length(axes == 1 ? 300 : axes == 2 ? 60 : 12));
  for (int i = 0; i < points; ++i) {
    const std::int64_t most = points == 1 ? 700 : i + 1 == points ? (long_rows ? 300 : 80) : random() % 8 == 0 ? 20 : 6;
    coords.push_back(random() % 25 == 0 ? 0 : length(most));
  }
  Shape values{image[0] == 1 ? coords[0] : image[0], channels};
  values.insert(values.end(), coords.begin() + 1, coords.end());
  coords.push_back(axes);
  const Scalar scalar = types[random() % 7];
  const Shape sizes(image.begin() + 2, image.end());
  Setup s{random_problem(random, axes, sizes, wild), Array(random, image, scalar, layout(random)),
          Array(random, image, Scalar::f32, Layout::plain),
          Array(random, coords, random() % 3 ? Scalar::f32 : Scalar::f64, layout(random)), values};
  if (random() % 4 == 0) s.problem.fill = real(random) * 600 - 300;
  each(image, [&](const Shape& at) {
    s.image.set(at, pixel(random, scalar, wild));
    s.single.set(at, read(s.image.view, at));
  });
  if (even) lay_evenly(random, s.problem, sizes, s.coords);
  else
    each(coords, [&](const Shape& at) {
      for (int d = 0; d < axes; ++d)
        if (s.problem.axis[d].component == at.back())
          s.coords.set(at, coordinate(random, s.problem.axis[d], sizes[std::size_t(d)], wild));
    });
  if (points == axes && random() % 4 == 0) {  // a map's matrix in place of coordinates
    s.problem.given = random() % 2 ? Given::affine : Given::homography;
    const std::int64_t rows = axes + (s.problem.given == Given::homography);
    s.coords = Array(random, {coords[0], rows, axes + 1}, s.coords.view.scalar, Layout::plain);
    each(shape_of(s.coords.view), [&](const Shape& at) {
      const bool last = at[1] == axes;
      s.coords.set(at, at[1] == at[2] ? (last ? 1 : 0.8) : real(random) * (last ? 0.02 : at[2] == axes ? 5.0 : 0.3));
    });
  }
  return s;
}

void round_trip(Random& random) {
  const Setup s = random_setup(random);
  const Scalar scalar = s.image.view.scalar;
  const Array expected(random, s.values, Scalar::f32, Layout::plain);
  pull(s.problem, s.single.view, s.coords.view, expected.view, 1);
  for (const int threads : {1, 3}) {
    const Array got(random, s.values, scalar, s.values.size() == 2 && threads > 1 ? Layout::any : layout(random));
    pull(s.problem, s.image.view, s.coords.view, got.view, threads);
    each(s.values, [&](const Shape& at) {
      const double rounded = stored::nearest(scalar, read(expected.view, at)), found = read(got.view, at);
      const bool same = rounded != rounded ? found != found : std::memcmp(&rounded, &found, 8) == 0;
      CHECK(same || (rounded == 0 && found == 0 && scalar != Scalar::f16 && scalar != Scalar::bf16),
            "pull of type %d with %s, %s of %d axes: %.9g, in float32 %.9g", int(scalar), s.problem.kernel.name,
            s.problem.axis[0].rule.name, s.problem.axes, found, read(expected.view, at));
    });
  }
}

}  // namespace

int main(int count, char** words) { run_rounds(count, words, 2000, round_trip); }
