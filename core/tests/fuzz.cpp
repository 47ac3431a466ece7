// SPDX-License-Identifier: Apache-2.0
// A fuzz of whole calls: random shapes, strides, options and coordinates, wild ones included, through every verb and
// target. Memory is exactly sized, so the sanitizers see any step beyond it; calls on tame points are compared with the
// oracle, and every call with itself on other numbers of threads, bit for bit.
//   fuzz [rounds] [seed]
#include "oracle.hpp"
#include "problems.hpp"

using namespace test;

namespace {

struct Setup {
  Problem problem;
  Array image, coords, values;
  bool wild;
};

Setup random_setup(Random& random) {
  const int axes = int(pick(random, 1, 3)), points = int(pick(random, 0, 3));
  const auto length = [&](std::int64_t most) { return random() % 4 == 0 ? 1 : pick(random, 1, most); };
  const std::int64_t batch = random() % 20 == 0 ? 0 : length(3), channels = random() % 20 == 0 ? 0 : length(9);
  Shape image{random() % 3 ? batch : 1, channels}, coords{random() % 3 ? batch : 1}, values{0, channels};
  for (int d = 0; d < axes; ++d) image.push_back(length(9));
  for (int i = 0; i < points; ++i) coords.push_back(random() % 25 == 0 ? 0 : length(points == 1 ? 700 : i + 1 == points ? 80 : random() % 8 == 0 ? 20 : 6));
  values[0] = image[0] == 1 ? coords[0] : image[0];
  values.insert(values.end(), coords.begin() + 1, coords.end());
  coords.push_back(axes);
  const Scalar scalar = random() % 2 ? Scalar::f32 : Scalar::f64, other = random() % 3 ? scalar : Scalar::f32;
  const auto layout = [&] { return random() % 2 ? Layout::any : Layout::plain; };
  const bool wild = random() % 2;
  const Shape sizes(image.begin() + 2, image.end());
  Setup s{random_problem(random, axes, sizes, wild), Array(random, image, scalar, layout()),
          Array(random, coords, other, layout()), Array(random, values, scalar, layout()), wild};
  fill(random, s.image, -1, 1);
  fill(random, s.values, -1, 1);
  each(coords, [&](const Shape& at) {
    for (int d = 0; d < axes; ++d)
      if (s.problem.axis[d].component == at.back())
        s.coords.set(at, coordinate(random, s.problem.axis[d], sizes[std::size_t(d)], wild));
  });
  return s;
}

// How close sums of the same terms are, in whatever order.
double close(Scalar scalar) { return scalar == Scalar::f32 ? 1e-4 : 1e-11; }

// Runs a call into fresh memory of `shape` with 1 and 3 threads, whose bits must agree, and into memory laid out in any
// way, where channels that are adjacent may be added in another order; returns the first.
template <class Call> Array twice(Random& random, const Shape& shape, Scalar scalar, const char* what, Call call) {
  Array one(random, shape, scalar, Layout::plain), three(random, shape, scalar, Layout::plain);
  Array other(random, shape, scalar, Layout::any);
  call(one.view, 1);
  call(three.view, 3);
  call(other.view, 2);
  same_bits(one.view, three.view, what);
  nearly_same(other.view, one.view, close(scalar), what);
  return one;
}

void check_tame(const Setup& s, const View& pulled, const View& pushed, const View& jacobian) {
  const View &image = s.image.view, &coords = s.coords.view;
  const int axes = s.problem.axes;
  const bool in_float = image.scalar == Scalar::f32 && coords.scalar == Scalar::f32;
  const double bound = image.scalar == Scalar::f32 ? 2e-5 : 1e-11;
  double steepest = 1;
  for (int d = 0; d < axes; ++d) steepest = std::max(steepest, std::abs(s.problem.axis[d].scale));
  std::vector<double> sums(1, 0);
  double total = 0, expected = 0, size = 1;  // <push(v), 1> against the sum of weights, channel by channel
  each(shape_of(pulled), [&](const Shape& at) {
    Shape point{coords.shape[0] == 1 ? 0 : at[0]};
    point.insert(point.end(), at.begin() + 2, at.end());
    point.push_back(0);
    std::vector<oracle::Place> places;
    bool buried = false;
    for (int d = 0; d < axes; ++d) {
      point.back() = s.problem.axis[d].component;
      places.push_back(oracle::place(s.problem, d, image.shape[2 + d], read(coords, point), in_float));
      buried = buried || places.back().buried;
    }
    double value = 0, slope[max_axes] = {}, weights = 0;
    oracle::each_tap(places, [&](const std::vector<std::int64_t>& pixel, double weight, const double* along) {
      Shape from{image.shape[0] == 1 ? 0 : at[0], at[1]};
      from.insert(from.end(), pixel.begin(), pixel.end());
      const double v = pixel.empty() ? s.problem.fill : read(image, from);
      value += weight * v;
      for (int d = 0; d < axes; ++d) slope[d] += along[d] * v;
      if (!pixel.empty()) weights += weight;
    });
    if (buried) value = s.problem.fill, slope[0] = slope[1] = slope[2] = 0;
    CHECK(std::abs(value - read(pulled, at)) <= bound * 2, "pull with %s, %s of %d axes: %g, oracle %g",
          s.problem.kernel.name, s.problem.axis[0].rule.name, axes, read(pulled, at), value);
    for (int d = 0; d < axes; ++d) {
      Shape component = at;
      component.push_back(s.problem.axis[d].component);
      const double got = read(jacobian, component);
      CHECK(std::abs(slope[d] - got) <= bound * 8 * steepest, "pull_grad: %g, oracle %g", got, slope[d]);
    }
    expected += weights * read(s.values.view, at);
    size += 1;
  });
  each(shape_of(pushed), [&](const Shape& at) { total += read(pushed, at); });
  CHECK(std::abs(total - expected) <= bound * 10 * size, "push: sum %g, oracle %g", total, expected);
}

double product(const View& a, const View& b) {
  double sum = 0;
  each(shape_of(a), [&](const Shape& at) { sum += read(a, at) * read(b, at); });
  return sum;
}

// The backward pass of the backward pass, where there is one: by itself on three threads, and, on tame points, its three
// results in a direction of the image alone and of the coordinates alone.
void second_round(Random& random, const Setup& s, const View& slopes) {
  const View &image = s.image.view, &coords = s.coords.view, &grad = s.values.view;
  if (s.problem.kernel.taps < 2 || image.shape[0] != coords.shape[0]) return;
  Array by_image = s.image.another(), by_coords = s.coords.another();
  const auto run = [&](const View* image_direction, int threads) {
    std::vector<Array> found;
    found.push_back(s.values.another()), found.push_back(s.image.another()), found.push_back(by_coords.another());
    second_backward(s.problem, image_direction, by_coords.view, grad, image, coords, &found[0].view, &found[1].view,
                    &found[2].view, threads);
    return found;
  };
  fill(random, by_image, -1, 1), fill(random, by_coords, -1, 1);
  const std::vector<Array> one = run(&by_image.view, 1), three = run(&by_image.view, 3);
  for (std::size_t i = 0; i < 3; ++i) same_bits(three[i].view, one[i].view, "second_backward");
  if (s.wild) return;

  double steepest = 1;
  for (int d = 0; d < s.problem.axes; ++d) steepest = std::max(steepest, std::abs(s.problem.axis[d].scale));
  const double bound = close(grad.scalar) * steepest;
  const std::vector<Array> along = run(nullptr, 2);  // the derivative in the coordinates' direction is linear in the image
  each(shape_of(grad), [&](const Shape& at) {
    Shape point{at[0]}, component = at;
    point.insert(point.end(), at.begin() + 2, at.end());
    point.push_back(0), component.push_back(0);
    double sum = 0;
    for (int d = 0; d < s.problem.axes; ++d) {
      point.back() = component.back() = d;
      sum += read(by_coords.view, point) * read(slopes, component);
    }
    const double got = read(along[0].view, at);
    CHECK(std::abs(got - sum) <= bound * 8, "second_backward to grad: %.9g, by pull_grad %.9g", got, sum);
  });
  if (s.problem.fill == 0) {
    const double there = product(along[0].view, grad), back = product(along[1].view, image);
    CHECK(std::abs(there - back) <= bound * 8 * std::max(1.0, std::sqrt(product(grad, grad))) * 30,
          "second_backward to image: %.9g, its adjoint %.9g", back, there);
  }

  each(shape_of(by_coords.view), [&](const Shape& at) { by_coords.set(at, 0); });
  const std::vector<Array> still = run(&by_image.view, 2);
  Array values = s.values.another(), slope = by_coords.another();
  Problem unfilled = s.problem;  // a direction of the image has no fill
  unfilled.fill = 0;
  pull(unfilled, by_image.view, coords, values.view, 1);
  backward(unfilled, grad, by_image.view, coords, nullptr, &slope.view, 1);
  nearly_same(still[0].view, values.view, bound, "second_backward to grad, and pull");
  each(shape_of(image), [&](const Shape& at) { CHECK(read(still[1].view, at) == 0, "second_backward to image, in no direction"); });
  nearly_same(still[2].view, slope.view, bound * 8, "second_backward to coords, and backward");
}

void round_trip(Random& random) {
  const Setup s = random_setup(random);
  const View &image = s.image.view, &coords = s.coords.view, &values = s.values.view;
  Shape jacobian = shape_of(values);
  jacobian.push_back(s.problem.axes);
  const Array pulled = twice(random, shape_of(values), image.scalar, "pull", [&](const View& out, int threads) {
    pull(s.problem, image, coords, out, threads);
  });
  const Array slopes = twice(random, jacobian, image.scalar, "pull_grad", [&](const View& out, int threads) {
    pull_grad(s.problem, image, coords, out, threads);
  });
  const Array pushed = twice(random, shape_of(image), image.scalar, "push", [&](const View& out, int threads) {
    push(s.problem, values, coords, out, threads);
  });
  Array grad_coords(random, shape_of(coords), coords.scalar, Layout::any);
  const Array grad_image = twice(random, shape_of(image), image.scalar, "backward", [&](const View& out, int threads) {
    backward(s.problem, values, image, coords, &out, &grad_coords.view, threads);
  });
  nearly_same(grad_image.view, pushed.view, close(image.scalar), "backward and push");
  twice(random, shape_of(coords), coords.scalar, "backward to coords", [&](const View& out, int threads) {
    backward(s.problem, values, image, coords, nullptr, &out, threads);
  });
  second_round(random, s, slopes.view);
  if (!s.wild) check_tame(s, pulled.view, pushed.view, slopes.view);
}

}  // namespace

int main(int count, char** words) { run_rounds(count, words, 2000, round_trip); }
