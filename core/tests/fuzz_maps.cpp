// SPDX-License-Identifier: Apache-2.0
// A fuzz of calls whose coordinates no array holds: displacements, and control points, beside the same calls with the
// coordinates written out. Memory is exactly sized, so the sanitizers see any step beyond it.
//   fuzz_maps [rounds] [seed]
#include <limits>

#include "arrays.hpp"

using namespace test;

namespace {

Problem random_problem(Random& random, int axes) {
  Problem problem{};
  problem.axes = axes;
  problem.kernel = table::kernels[random() % (sizeof table::kernels / sizeof *table::kernels)];
  problem.ties = random() % 2 ? Ties::even : Ties::up;
  problem.nan = NotANumber(random() % 3);
  problem.fill = random() % 2 ? 0.0 : 0.75;
  problem.has_outside = random() % 4 == 0;
  problem.outside = -2.5;
  const int turn = int(random() % std::uint64_t(axes));
  for (int d = 0; d < axes; ++d) {
    const auto& rule = table::boundaries[random() % (sizeof table::boundaries / sizeof *table::boundaries)];
    problem.axis[d] = {rule, false, (d + turn) % axes, 0, 1, 0};
  }
  return problem;
}

std::int64_t length(Random& random, std::int64_t most) { return random() % 5 == 0 ? 1 : pick(random, 1, most); }

struct Shapes {
  Shape image, coords, values;
};

Shapes random_shapes(Random& random, int axes) {
  const std::int64_t batch = random() % 20 == 0 ? 0 : length(random, 3), channels = random() % 20 == 0 ? 0 : length(random, 6);
  Shapes s{{random() % 3 ? batch : 1, channels}, {random() % 3 ? batch : 1}, {0, channels}};
  for (int d = 0; d < axes; ++d) {
    s.image.push_back(length(random, 12));
    const std::int64_t most = axes == 1 ? 9000 : d + 1 == axes ? 300 : axes == 2 ? 60 : 12;
    s.coords.push_back(random() % 40 == 0 ? 0 : random() % 3 ? length(random, 20) : length(random, most));
  }
  s.values[0] = s.image[0] == 1 ? s.coords[0] : s.image[0];
  s.values.insert(s.values.end(), s.coords.begin() + 1, s.coords.end());
  s.coords.push_back(axes);
  return s;
}

struct Results {
  Array pulled, slopes, pushed, grad_image, grad_given, alone;
};

// Every verb, with `given` in place of coordinates.
Results results(Random& random, const Problem& problem, const View& image, const View& given, const View& values, Layout layout,
                int threads) {
  Shape jacobian = shape_of(values);
  jacobian.push_back(problem.axes);
  const auto like = [&](const View& v, Layout at) { return Array(random, shape_of(v), v.scalar, at); };
  Results r{like(values, Layout::plain), Array(random, jacobian, image.scalar, Layout::plain), like(image, Layout::plain),
            like(image, Layout::plain),  like(given, layout), like(given, layout)};
  pull(problem, image, given, r.pulled.view, threads);
  pull_grad(problem, image, given, r.slopes.view, threads);
  push(problem, values, given, r.pushed.view, threads);
  backward(problem, values, image, given, &r.grad_image.view, &r.grad_given.view, threads);
  backward(problem, values, image, given, nullptr, &r.alone.view, threads);
  return r;
}

// Displacements give what their sums with the points' own places, rounded once, give: the same bits.
void displacements(Random& random) {
  const int axes = int(pick(random, 1, 3));
  const Shapes s = random_shapes(random, axes);
  const Scalar scalar = random() % 2 ? Scalar::f32 : Scalar::f64, other = random() % 3 ? scalar : Scalar::f32;
  const auto layout = [&] { return random() % 2 ? Layout::any : Layout::plain; };
  Problem problem = random_problem(random, axes);
  const Array image(random, s.image, scalar, layout()), values(random, s.values, scalar, Layout::plain);
  fill(random, image, -1, 1), fill(random, values, -1, 1);
  // components apart from each other, as displacement fields have them, or together, or any way
  Shape field{s.coords[0], axes};
  field.insert(field.end(), s.coords.begin() + 1, s.coords.end() - 1);
  Array apart(random, field, other, Layout::plain);
  Array given = random() % 2 ? std::move(apart) : Array(random, s.coords, other, layout());
  if (given.view.shape[1] == axes && given.view.rank == axes + 2 && shape_of(given.view) == field) {
    View moved = given.view;
    for (int i = 0; i < axes; ++i) moved.shape[1 + i] = given.view.shape[2 + i], moved.stride[1 + i] = given.view.stride[2 + i];
    moved.shape[axes + 1] = axes, moved.stride[axes + 1] = given.view.stride[1];
    given.view = moved;
  }
  const Array written(random, s.coords, other, Layout::plain);
  each(s.coords, [&](const Shape& at) {
    double u = random() % 4 ? real(random) * 30 - 15 : double(pick(random, -9, 9)) / 2;
    if (random() % 50 == 0) u = random() % 2 ? std::numeric_limits<double>::quiet_NaN() : 1e30;
    given.set(at, u);
    u = read(given.view, at);
    for (int d = 0; d < axes; ++d)
      if (problem.axis[d].component == at.back()) {
        const double own = double(at[std::size_t(1 + d)]);
        written.set(at, other == Scalar::f32 ? double(float(u) + float(own)) : u + own);
      }
  });
  const Results expected = results(random, problem, image.view, written.view, values.view, Layout::plain, 1);
  problem.given = Given::displaced;
  for (const int threads : {1, 3}) {
    const Results found = results(random, problem, image.view, given.view, values.view, layout(), threads);
    same_bits(found.pulled.view, expected.pulled.view, "pull, displaced");
    same_bits(found.slopes.view, expected.slopes.view, "pull_grad, displaced");
    nearly_same(found.pushed.view, expected.pushed.view, scalar == Scalar::f32 ? 1e-4 : 1e-11, "push, displaced");
    nearly_same(found.grad_image.view, expected.grad_image.view, scalar == Scalar::f32 ? 1e-4 : 1e-11, "backward, displaced");
    same_bits(found.grad_given.view, expected.grad_given.view, "backward to displacements");
    same_bits(found.alone.view, expected.alone.view, "backward to displacements alone");
  }
}

struct Weighed {
  std::int64_t first;
  double weight[4];
};

// What a place reads of the m control points along an axis, written out.
Weighed weighed(const Control& control, int d, std::int64_t m, std::int64_t place) {
  const double spans = double(m - control.degree);
  const double c = std::min(double(place) * spans / double(std::max<std::int64_t>(control.length[d] - 1, 1)), spans);
  const std::int64_t first = std::min(std::int64_t(c), m - control.degree - 1);
  const double t = c - double(first), s = 1 - t;
  if (control.degree == 1) return {first, {s, t, 0, 0}};
  return {first, {s * s * s / 6, (3 * t * t * t - 6 * t * t + 4) / 6, (3 * s * s * s - 6 * s * s + 4) / 6, t * t * t / 6}};
}

// Calls visit(point, component, control point, weight): the displacements are linear in the control points.
template <class Visit> void each_share(const Problem& problem, const Shape& control, const Shape& coords, Visit visit) {
  const int axes = problem.axes, taps = problem.control.degree + 1;
  each(coords, [&](const Shape& at) {
    Weighed along[max_axes];
    for (int d = 0; d < axes; ++d) along[d] = weighed(problem.control, d, control[std::size_t(2 + d)], at[std::size_t(1 + d)]);
    each(Shape(std::size_t(axes), taps), [&](const Shape& k) {
      Shape from{at[0], at.back()};
      double weight = 1;
      for (int d = 0; d < axes; ++d) {
        from.push_back(along[d].first + k[std::size_t(d)]);
        weight *= along[d].weight[k[std::size_t(d)]];
      }
      visit(at, from, weight);
    });
  });
}

// Control points give what the coordinates that they come to give, and their gradient is those coordinates', weighed.
// In float a coordinate may come to lie on the other side of a kernel's kink: only smooth kernels are compared there.
void control_points(Random& random) {
  const int axes = int(pick(random, 1, 3));
  Shapes s = random_shapes(random, axes);
  const Scalar scalar = random() % 2 ? Scalar::f32 : Scalar::f64, other = random() % 3 ? scalar : Scalar::f32;
  const bool exact = scalar == Scalar::f64 && other == Scalar::f64;
  Problem problem = random_problem(random, axes);
  problem.has_outside = false;
  problem.fill = 0;  // a point all of whose taps are holes is answered with it: a jump
  problem.control.degree = random() % 2 ? 1 : 3;
  Shape shape{s.coords[0], axes};
  for (int d = 0; d < axes; ++d) {
    const std::int64_t points = s.coords[std::size_t(1 + d)];
    problem.control.length[d] = random() % 4 ? std::max<std::int64_t>(points, 1) : length(random, 80);  // sampled at another size
    const std::int64_t spans = std::max<std::int64_t>(problem.control.length[d] - 1, 1);
    shape.push_back(problem.control.degree + (random() % 4 ? pick(random, 1, std::min<std::int64_t>(spans, 6)) : pick(random, 1, spans)));
  }
  const auto layout = [&] { return random() % 2 ? Layout::any : Layout::plain; };
  const Array image(random, s.image, scalar, layout()), values(random, s.values, scalar, Layout::plain);
  const Array control(random, shape, other, layout()), written(random, s.coords, other, Layout::plain);
  fill(random, image, -1, 1), fill(random, values, -1, 1), fill(random, control, -6, 6);
  each(s.coords, [&](const Shape& at) {
    for (int d = 0; d < axes; ++d)
      if (problem.axis[d].component == at.back()) written.set(at, double(at[std::size_t(1 + d)]));
  });
  std::vector<double> sum(1, 0);
  Shape before;
  const auto finish = [&] {
    if (!before.empty()) written.set(before, read(written.view, before) + sum[0]);
    sum[0] = 0;
  };
  each_share(problem, shape, s.coords, [&](const Shape& at, const Shape& from, double weight) {
    if (at != before) finish(), before = at;
    sum[0] += weight * read(control.view, from);
  });
  finish();
  Problem points = problem;
  problem.given = Given::control;
  const Results found = results(random, problem, image.view, control.view, values.view, Layout::plain, 1);
  const Results three = results(random, problem, image.view, control.view, values.view, layout(), 3);
  same_bits(three.pulled.view, found.pulled.view, "pull by control points");
  same_bits(three.slopes.view, found.slopes.view, "pull_grad by control points");
  same_bits(three.pushed.view, found.pushed.view, "push by control points");
  same_bits(three.grad_image.view, found.grad_image.view, "backward by control points");
  same_bits(three.grad_given.view, found.grad_given.view, "backward to control points");
  same_bits(three.alone.view, found.alone.view, "backward to control points alone");
  same_bits(found.alone.view, found.grad_given.view, "backward to control points, with and without the image's");
  if (problem.kernel.taps == 1 || (!exact && problem.kernel.taps == 2)) return;
  const Results expected = results(random, points, image.view, written.view, values.view, Layout::plain, 1);
  // places far from the first point are rounded more coarsely
  const std::int64_t longest = *std::max_element(s.coords.begin() + 1, s.coords.end() - 1);
  const double bound = exact ? 1e-10 : 2e-6 * double(100 + longest);
  nearly_same(found.pulled.view, expected.pulled.view, bound, "pull by control points");
  nearly_same(found.slopes.view, expected.slopes.view, bound * 10, "pull_grad by control points");
  nearly_same(found.pushed.view, expected.pushed.view, bound * 10, "push by control points");
  nearly_same(found.grad_image.view, expected.grad_image.view, bound * 10, "backward by control points");
  const Array gradient(random, shape, Scalar::f64, Layout::plain), size(random, shape, Scalar::f64, Layout::plain);
  each(shape, [&](const Shape& at) { gradient.set(at, 0), size.set(at, 1); });
  each_share(problem, shape, s.coords, [&](const Shape& at, const Shape& to, double weight) {
    const double part = weight * read(expected.alone.view, at);
    gradient.set(to, read(gradient.view, to) + part);
    size.set(to, read(size.view, to) + std::abs(weight));
  });
  each(shape, [&](const Shape& at) {
    const double got = read(found.alone.view, at), wanted = read(gradient.view, at);
    CHECK(std::abs(got - wanted) <= bound * 20 * read(size.view, at), "backward to control points: %.9g, expected %.9g", got, wanted);
  });
}

void round_trip(Random& random) {
  if (random() % 2) displacements(random);
  else control_points(random);
}

}  // namespace

int main(int count, char** words) { run_rounds(count, words, 1000, round_trip); }
