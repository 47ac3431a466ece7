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

void round_trip(Random& random) { displacements(random); }

}  // namespace

int main(int count, char** words) { run_rounds(count, words, 1000, round_trip); }
