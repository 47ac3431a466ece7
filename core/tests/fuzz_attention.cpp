// SPDX-License-Identifier: Apache-2.0
// A fuzz of attention and its backward: random sizes, types and locations, wild ones included, on every target. Memory is
// exactly sized, so the sanitizers see any step beyond it; tame calls are compared with the formula, term by term, and every
// call with itself on three threads, bit for bit.
//   fuzz_attention [rounds] [seed]
#include <algorithm>
#include <cmath>
#include <limits>

#include "arrays.hpp"
#include "gridsample/attention.hpp"

using namespace test;

namespace {

void round_trip(Random& random) {
  const auto length = [&](std::int64_t most) { return random() % 20 == 0 ? 0 : random() % 3 == 0 ? 1 : pick(random, 1, most); };
  const std::int64_t axes = pick(random, 1, 3), batch = length(2), heads = length(4), levels = length(4), points = length(5);
  const std::int64_t queries = random() % 4 == 0 ? length(300) : length(9), channels = random() % 2 ? length(70) : length(9);
  const bool wild = random() % 3 == 0;
  Sizes sizes;
  std::int64_t pixels = 0;
  for (std::int64_t l = 0; l < levels; ++l) {
    std::int64_t product = 1;
    for (int d = 0; d < axes; ++d) sizes.push_back(pick(random, 1, 6)), product *= sizes.back();
    pixels += product;
  }
  const Scalar scalar = random() % 2 ? Scalar::f32 : Scalar::f64, other = random() % 2 ? Scalar::f32 : Scalar::f64;
  Array value(random, {batch, pixels, heads, channels}, scalar, Layout::plain);
  if (random() % 2) {  // a head's pixels together
    value = Array(random, {batch, heads, pixels, channels}, scalar, Layout::plain);
    std::swap(value.view.shape[1], value.view.shape[2]);
    std::swap(value.view.stride[1], value.view.stride[2]);
  }
  Array places(random, {batch, queries, heads, levels, points, axes}, other, Layout::plain);
  Array shares(random, {batch, queries, heads, levels, points}, scalar, Layout::plain);
  Array grad(random, {batch, queries, heads, channels}, scalar, Layout::plain);
  fill(random, value, -1, 1), fill(random, places, -0.4, 1.4), fill(random, shares, -1, 1), fill(random, grad, -1, 1);
  static const double strange[] = {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                                   -std::numeric_limits<double>::infinity(), 1e10, -1e10, 3e38, -3e38, 0, 1, 0.5};
  if (wild)
    each(shape_of(places.view), [&](const Shape& at) {
      if (random() % 5 == 0) places.set(at, strange[random() % 10]);
    });

  const auto fresh = [&](const Array& like) { return Array(random, shape_of(like.view), like.view.scalar, Layout::plain); };
  const auto like_value = [&] {
    Array made = fresh(value);
    if (value.view.stride[1] < value.view.stride[2]) {
      made = Array(random, {batch, heads, pixels, channels}, scalar, Layout::plain);
      std::swap(made.view.shape[1], made.view.shape[2]);
      std::swap(made.view.stride[1], made.view.stride[2]);
    }
    if (pixels > 1) CHECK(made.view.stride[1] == value.view.stride[1], "the test's own layouts");
    return made;
  };
  const auto outs = [&](int threads) {
    Array out = fresh(grad);
    attention(value.view, places.view, shares.view, sizes, out.view, threads);
    return out;
  };
  const Array out = outs(1);
  same_bits(out.view, outs(3).view, "attention by threads");
  const auto back = [&](int asked, int threads) {
    std::vector<Array> found;
    found.push_back(like_value()), found.push_back(fresh(places)), found.push_back(fresh(shares));
    const auto view = [&](int i) { return asked >> i & 1 ? &found[std::size_t(i)].view : nullptr; };
    attention_backward(grad.view, value.view, places.view, shares.view, sizes, view(0), view(1), view(2), threads);
    return found;
  };
  const std::vector<Array> all = back(7, 1), again = back(7, 3);
  const int some = int(pick(random, 1, 6));
  const std::vector<Array> part = back(some, 2);
  for (std::size_t i = 0; i < 3; ++i) {
    same_bits(all[i].view, again[i].view, "backward by threads");
    if (some >> i & 1) same_bits(all[i].view, part[i].view, "a part of backward");
  }
  if (wild) return;

  // the formula
  Array sum = fresh(grad), to_value = like_value(), to_places = fresh(places), to_shares = fresh(shares);
  each(shape_of(sum.view), [&](const Shape& at) { sum.set(at, 0); });
  each(shape_of(to_value.view), [&](const Shape& at) { to_value.set(at, 0); });
  std::vector<double> sums(std::size_t(batch * queries * heads * channels)), pixel_sums(std::size_t(batch * pixels * heads * channels));
  each({batch, queries, heads, levels, points}, [&](const Shape& at) {
    std::int64_t start = 0;
    for (std::int64_t l = 0; l < at[3]; ++l) {
      std::int64_t product = 1;
      for (int d = 0; d < axes; ++d) product *= sizes[std::size_t(l * axes + d)];
      start += product;
    }
    double share = read(shares.view, at), by_share = 0, along[3] = {}, t[3];
    std::int64_t first[3];
    const std::int64_t* n = sizes.data() + at[3] * axes;
    for (int d = 0; d < axes; ++d) {
      Shape from = at;
      from.push_back(axes - 1 - d);
      double x = read(places.view, from) * double(n[d]) - 0.5;
      if (scalar == Scalar::f32 && other == Scalar::f32) x = double(float(float(read(places.view, from)) * float(n[d])) - 0.5f);
      first[d] = std::int64_t(std::floor(x));
      t[d] = x - std::floor(x);
    }
    for (int k = 0; k < 1 << axes; ++k) {
      std::int64_t pixel = 0;
      double weight = 1, slope[3] = {1, 1, 1};
      bool inside = true;
      for (int d = 0; d < axes; ++d) {
        const bool next = k >> d & 1;
        const std::int64_t i = first[d] + next;
        inside = inside && i >= 0 && i < n[d];
        pixel = pixel * n[d] + i;
        weight *= next ? t[d] : 1 - t[d];
        for (int e = 0; e < axes; ++e) slope[e] *= e == d ? (next ? 1.0 : -1.0) : next ? t[d] : 1 - t[d];
      }
      if (!inside) continue;
      for (std::int64_t c = 0; c < channels; ++c) {
        const double v = read(value.view, {at[0], start + pixel, at[2], c}), g = read(grad.view, {at[0], at[1], at[2], c});
        sums[std::size_t(((at[0] * queries + at[1]) * heads + at[2]) * channels + c)] += share * weight * v;
        pixel_sums[std::size_t(((at[0] * pixels + start + pixel) * heads + at[2]) * channels + c)] += share * weight * g;
        by_share += weight * v * g;
        for (int d = 0; d < axes; ++d) along[d] += slope[d] * v * g * share * double(n[d]);
      }
    }
    to_shares.set(at, by_share);
    for (int d = 0; d < axes; ++d) {
      Shape to = at;
      to.push_back(axes - 1 - d);
      to_places.set(to, along[d]);
    }
  });
  each(shape_of(sum.view), [&](const Shape& at) { sum.set(at, sums[std::size_t(((at[0] * queries + at[1]) * heads + at[2]) * channels + at[3])]); });
  each(shape_of(to_value.view), [&](const Shape& at) {
    to_value.set(at, pixel_sums[std::size_t(((at[0] * pixels + at[1]) * heads + at[2]) * channels + at[3])]);
  });
  const double bound = scalar == Scalar::f32 ? 3e-4 : other == Scalar::f32 ? 1e-9 : 1e-11;
  nearly_same(out.view, sum.view, bound, "attention");
  nearly_same(all[0].view, to_value.view, bound, "backward to value");
  nearly_same(all[1].view, to_places.view, std::max(bound, other == Scalar::f32 ? 3e-4 : 0.0), "backward to locations");
  nearly_same(all[2].view, to_shares.view, bound, "backward to weights");
}

}  // namespace

int main(int count, char** words) { run_rounds(count, words, 1000, round_trip); }
