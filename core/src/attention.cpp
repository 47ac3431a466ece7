// SPDX-License-Identifier: Apache-2.0
// Attention's public calls: checks that views fit, makes the job, runs the loops of the instruction set in use.
#include "gridsample/attention.hpp"

#include <algorithm>

#include "attention.hpp"
#include "choose.hpp"
#include "clear.hpp"
#include "memory.hpp"
#include "threads.hpp"
#include "views.hpp"

namespace gridsample {
namespace {

// Are the last `axes` axes one after another in memory?
bool dense(const View& view, int axes) {
  if (std::find(view.shape, view.shape + view.rank, 0) != view.shape + view.rank) return true;
  std::int64_t expected = bytes_of(view.scalar);
  for (int i = view.rank - 1; i >= view.rank - axes; --i) {
    if (view.shape[i] > 1 && view.stride[i] != expected) return false;
    expected *= view.shape[i];
  }
  return true;
}

Attention::Rows rows_of(const View* view) {
  if (!view) return {};
  return {view->data, view->stride[0], view->stride[1], view->stride[2]};
}

struct Made {
  Attention job;
  Scalar scalar;
  int axes;
  double reads;
};

Made make(const View& value, const View& locations, const View& weights, const Sizes& sizes, const View& out) {
  expect(value.rank == 4 && locations.rank == 6 && weights.rank == 5 && out.rank == 4, "arrays of rank 4, 6, 5 and 4");
  const int axes = int(locations.shape[5]);
  expect(locations.shape[5] >= 1 && locations.shape[5] <= max_axes, "locations of 1 to 3 axes");
  expect(weights.scalar == value.scalar && out.scalar == value.scalar && !is_narrow(value.scalar), "value, weights and out of one type, float32 or float64");
  expect(!is_narrow(locations.scalar), "locations of float32 or float64");
  expect(std::equal(weights.shape, weights.shape + 5, locations.shape), "weights shaped like locations");
  expect(value.shape[0] == locations.shape[0] && value.shape[2] == locations.shape[2], "one batch and number of heads");
  expect(out.shape[0] == value.shape[0] && out.shape[1] == locations.shape[1] && out.shape[2] == value.shape[2] &&
             out.shape[3] == value.shape[3], "out of (batch, queries, heads, channels)");
  const std::int64_t levels = locations.shape[3], points = locations.shape[4];
  expect(std::int64_t(sizes.size()) == levels * axes, "sizes for each level and axis");
  std::int64_t pixels = 0;
  for (std::int64_t l = 0; l < levels; ++l) {
    std::int64_t product = 1;
    for (int d = 0; d < axes; ++d) {
      const std::int64_t n = sizes[std::size_t(l * axes + d)];
      expect(n >= 1 && n <= far_away && product <= value.shape[1] / n, "levels of as many pixels as value has");
      product *= n;
    }
    pixels += product;
    expect(pixels <= value.shape[1], "levels of as many pixels as value has");
  }
  expect(pixels == value.shape[1], "levels of as many pixels as value has");
  expect(levels <= attention_levels && levels * points <= attention_most, "at most 64 levels and 4096 points for each query and head");
  expect(dense(value, 1) && dense(out, 1) && dense(weights, 2) && dense(locations, 3), "dense channels, weights and locations");

  Made made{};
  Attention& job = made.job;
  job.batch = value.shape[0];
  job.channels = value.shape[3];
  job.item = bytes_of(value.scalar);
  job.coords_f64 = locations.scalar == Scalar::f64;
  job.value = rows_of(&value);
  job.out = rows_of(&out);
  job.places = rows_of(&locations);
  job.shares = rows_of(&weights);
  job.pixels = value.shape[1];
  job.queries = locations.shape[1];
  job.heads = locations.shape[2];
  job.levels = levels;
  job.points = points;
  job.sizes = sizes.data();
  made.scalar = value.scalar;
  made.axes = axes;
  made.reads = double(job.batch) * double(job.queries) * double(job.heads) * double(levels) * double(points) *
              double(job.channels) * double(1 << axes);
  return made;
}

void run(const Made& made, int way, std::int64_t tasks, int threads) {
  if (tasks == 0) return;
  const Loop loop = attention_loop(way, made.job.coords_f64, made.axes, made.scalar);
  run_tasks(made.job, loop, tasks, worthwhile(made.reads, threads));
}

}  // namespace

void attention(const View& value, const View& locations, const View& weights, const Sizes& sizes, const View& out, int threads) {
  const Made made = make(value, locations, weights, sizes, out);
  const std::int64_t all = made.job.queries * made.job.heads;
  if (made.job.channels == 0) return;
  expect_writes(out);
  run(made, 0, made.job.batch * ((all + attention_rows - 1) / attention_rows), threads);
}

void attention_backward(const View& grad, const View& value, const View& locations, const View& weights, const Sizes& sizes,
                        const View* to_value, const View* to_locations, const View* to_weights, int threads) {
  Made made = make(value, locations, weights, sizes, grad);
  expect(!to_value || (same_shape(*to_value, value) && dense(*to_value, 1)), "a gradient of value shaped like it, its channels dense");
  // one distance between pixels serves both
  expect(!to_value || value.shape[1] <= 1 || to_value->stride[1] == value.stride[1], "value and its gradient in one layout");
  expect(!to_locations || (same_shape(*to_locations, locations) && dense(*to_locations, 3)), "a gradient of locations like them, dense");
  expect(!to_weights || (same_shape(*to_weights, weights) && dense(*to_weights, 2)), "a gradient of weights like them, dense");
  made.job.to_value = rows_of(to_value);
  made.job.to_places = rows_of(to_locations);
  made.job.to_shares = rows_of(to_weights);
  if (made.job.channels == 0) {  // sums of nothing
    if (to_locations) clear(*to_locations);
    if (to_weights) clear(*to_weights);
    return;
  }
  if (to_value) expect_writes(*to_value);
  if (to_value || to_locations || to_weights) run(made, 1, made.job.batch * made.job.heads * made.job.levels, threads);
}

}  // namespace gridsample
