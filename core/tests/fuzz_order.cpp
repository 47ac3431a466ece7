// SPDX-License-Identifier: Apache-2.0
// A point's result does not depend on its neighbours: the same points in another order give the same bits. Rows run from
// place to place through images large enough that the loops tell interior, rim and outside apart, and change their mind.
#include "problems.hpp"

using namespace test;

namespace {

// Rows of points that go along, stand at a rim, lie beyond it, are scattered or strange.
void lay_rows(Random& random, const Problem& problem, const Shape& sizes, const Array& coords, bool wild) {
  const Shape shape = shape_of(coords.view);
  const std::int64_t cols = shape[shape.size() - 2];
  int kind = 0;
  std::int64_t left = 0;
  double place[3] = {}, step[3] = {};
  each(shape, [&](const Shape& at) {
    int axis = 0;
    while (problem.axis[axis].component != at.back()) ++axis;
    const Axis& a = problem.axis[axis];
    const double n = double(sizes[std::size_t(axis)]);
    if (at.back() == 0 && left-- == 0) {
      kind = int(random() % 6);
      left = pick(random, 1, 3 * cols);
      for (int d = 0; d < problem.axes; ++d) {
        const double length = double(sizes[std::size_t(d)]);
        const double low = kind == 1 ? -0.6 : kind == 2 ? length - 1.4 : kind == 3 ? length + 2 : 1;
        place[d] = low + real(random) * (kind == 0 ? length / 2 : 1);
        step[d] = kind == 0 ? length / 2 / double(left + 1) : 0;
      }
    }
    double x = place[axis];
    place[axis] += step[axis];
    if (kind == 4) x = real(random) * 1.2 * n - 0.1 * n;
    const bool strange = wild && kind == 5 && random() % 5 == 0;
    coords.set(at, strange ? coordinate(random, a, sizes[std::size_t(axis)], true)
                           : a.scale == 0 ? x : (x - a.shift) / a.scale - a.offset);
  });
}

void round_trip(Random& random) {
  const int axes = int(pick(random, 1, 3));
  const bool wild = random() % 2;
  Shape image{1, pick(random, 1, 6)}, points{1};
  for (int d = 0; d < axes; ++d) image.push_back(random() % 3 ? pick(random, 41, axes == 3 ? 44 : 60) : pick(random, 2, 40));
  if (random() % 2) points.push_back(pick(random, 1, 40));
  points.push_back(random() % 2 ? pick(random, 1, 600) : 64);
  Shape coords_shape = points, values{1, image[1]};
  coords_shape.push_back(axes);
  values.insert(values.end(), points.begin() + 1, points.end());
  const Scalar scalar = random() % 3 ? Scalar::f32 : Scalar::f64;
  const Shape sizes(image.begin() + 2, image.end());
  const Problem problem = random_problem(random, axes, sizes, wild);
  const Array pixels(random, image, scalar, random() % 3 ? Layout::plain : Layout::last);
  const Array coords(random, coords_shape, scalar, Layout::plain), moved = coords.another();
  fill(random, pixels, -1, 1);
  lay_rows(random, problem, sizes, coords, wild);

  std::vector<Shape> order;
  each(points, [&](const Shape& at) { order.push_back(at); });
  std::vector<Shape> other = order;
  std::shuffle(other.begin(), other.end(), random);
  for (std::size_t i = 0; i < order.size(); ++i)
    for (int d = 0; d < axes; ++d) {
      Shape from = order[i], to = other[i];
      from.push_back(d), to.push_back(d);
      moved.set(to, read(coords.view, from));
    }

  const Array one(random, values, scalar, Layout::plain), two = one.another();
  pull(problem, pixels.view, coords.view, one.view, 1);
  pull(problem, pixels.view, moved.view, two.view, 2);
  for (std::size_t i = 0; i < order.size(); ++i)
    for (std::int64_t c = 0; c < image[1]; ++c) {
      Shape from{0, c}, to{0, c};
      from.insert(from.end(), order[i].begin() + 1, order[i].end());
      to.insert(to.end(), other[i].begin() + 1, other[i].end());
      const double x = read(one.view, from), y = read(two.view, to);
      CHECK(std::memcmp(&x, &y, 8) == 0 || (x != x && y != y), "%s, %s: %.17g, and elsewhere %.17g", problem.kernel.name,
            problem.axis[0].rule.name, x, y);
    }
}

}  // namespace

int main(int count, char** words) { run_rounds(count, words, 1000, round_trip); }
