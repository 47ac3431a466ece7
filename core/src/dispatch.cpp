// SPDX-License-Identifier: Apache-2.0
// Dispatch: the public verbs. Checks that views fit, resolves them to a Job, cuts the work into tasks, and runs the loop
// of the target in use.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "choose.hpp"
#include "clear.hpp"
#include "control.hpp"
#include "gridsample/sample.hpp"
#include "job.hpp"
#include "memory.hpp"
#include "threads.hpp"
#include "views.hpp"

namespace gridsample {

namespace {

std::int64_t batch_of(std::int64_t a, std::int64_t b) {
  expect(a == b || a == 1 || b == 1, "batches of image and coords that are equal or 1");
  return a == 1 ? b : a;
}

PointArray point_array(const View& v, int first_point, int points, bool component) {
  PointArray a{};
  a.data = v.data;
  a.batch = v.stride[0];
  if (first_point == 2) a.channel = v.stride[1];
  if (component) a.component = v.stride[v.rank - 1];
  const auto at = [&](int i) { return v.stride[first_point + i]; };
  for (int i = 0; i + 2 < points; ++i) a.outer[i] = at(i);
  a.plane = points >= 3 ? at(points - 3) : 0;
  a.row = points >= 2 ? at(points - 2) : 0;
  a.col = points >= 1 ? at(points - 1) : 0;
  return a;
}

// Can all point axes be walked as one, in every array that is given?
bool flat(const Job& job, const PointArray& a) {
  if (!a.data) return true;
  std::int64_t expected = a.col * job.cols;
  if (job.rows > 1 && a.row != expected) return false;
  expected *= job.rows;
  for (int i = job.outer_rank - 1; i >= 0; --i) {
    if (job.outer_shape[i] > 1 && a.outer[i] != expected) return false;
    expected *= job.outer_shape[i];
  }
  return true;
}

// Tiles of 128 columns keep the reads of a rotated picture inside the first cache and the TLB; rows not much longer are
// taken whole, for memory streams best in long stretches, and short ones as one long row if memory allows. Which points are
// one tile's decides in which order pixels are added to: it depends on shapes alone, not on whether rows could be joined.
void cut_tiles(Job& job, int taps) {
  const bool staged_last = job.narrow && job.channels_last;
  const std::int64_t capacity = staged_last ? staged_tile_points(job.problem->axes, taps) : tile_points(job.problem->axes, taps);
  const bool made = job.problem->given != Given::points;  // from a place in the output, of which nothing may be joined
  const bool summed = !by_point(job.problem->given);      // tile by tile: the gradient of what is given
  const std::int64_t wide = job.rows == 1 ? capacity : staged_last ? 64 : job.cols <= 256 ? 256 : 128;
  job.tile_cols = std::min(wide, std::max<std::int64_t>(job.cols, 1));
  const std::int64_t pitch = (job.tile_cols + padding - 1) / padding * padding;
  job.tile_rows = std::min(capacity / pitch, std::max<std::int64_t>(job.rows, 1));
  job.long_rows = job.cols >= 64;
  std::int64_t planes = job.outer_rank ? job.outer_shape[job.outer_rank - 1] : 1;
  job.tile_planes = 1;
  if (job.problem->axes == 3 && taps == 2 && planes > 1 && job.long_rows && (job.target || job.narrow || (summed && job.grad_coords.data))) {
    // boxes, whose points share more pixels (window.hpp), of the shape that was found quickest; a map's gradient is added up
    // tile by tile, so its tiles are the same with and without an image's gradient. Reading alone is quicker along rows.
    job.tile_cols = std::min<std::int64_t>(job.cols, staged_last ? 32 : 64);
    job.tile_rows = std::clamp<std::int64_t>(job.rows, 1, staged_last ? 4 : 8);
    job.tile_planes = std::min<std::int64_t>(planes, 8);
  }
  if (!made && !job.long_rows && flat(job, job.coords) && flat(job, job.values) && flat(job, job.grad_coords)) {
    job.tile_cols = job.target ? std::max<std::int64_t>(job.tile_rows * job.cols, 1) : capacity;
    job.cols *= job.rows;
    job.rows = job.tile_rows = 1;
    if (!job.target) {
      for (int i = 0; i < job.outer_rank; ++i) job.cols *= job.outer_shape[i];
      job.outer_rank = 0;
      planes = 1;
    }
  }
  job.row_tiles = (job.rows + job.tile_rows - 1) / job.tile_rows;
  job.col_tiles = (job.cols + job.tile_cols - 1) / job.tile_cols;
  job.plane_tiles = (planes + job.tile_planes - 1) / job.tile_planes;
  job.tiles = job.row_tiles * job.col_tiles * job.plane_tiles;
  for (int i = 0; i + 1 < job.outer_rank; ++i) job.tiles *= job.outer_shape[i];
}

// An axis of at most this many pixels makes an image small: found by measuring digits of 28 pixels.
constexpr std::int64_t small_axis = 40;

struct Arrays {
  const View *image, *coords, *values, *grad_coords, *target;
  bool jacobian;
  bool reads_only = false;  // `pull` alone, which takes pixels of any type
};

Job make_job(const Problem& problem, const Arrays& arrays) {
  const int axes = problem.axes;
  expect(axes >= 1 && axes <= max_axes, "1 to 3 axes");
  const int taps = problem.kernel.taps;
  expect(taps == 1 || taps == 2 || taps == 4, "a kernel of 1, 2 or 4 taps");
  expect(problem.kernel.degree >= 0 && problem.kernel.degree <= table::max_degree, "a kernel whose pieces are of a degree from 0 to the greatest in the table");
  const View &image = *(arrays.image ? arrays.image : arrays.target), &coords = *arrays.coords, &values = *arrays.values;
  const bool made = !by_point(problem.given);
  const int points = made ? axes : coords.rank - 2;
  expect(image.rank == axes + 2, "an image of rank 2 + axes");
  if (problem.given == Given::control) check_control(problem, coords);
  else if (made) expect(coords.rank == 3 && coords.shape[1] == axes + (problem.given == Given::homography) && coords.shape[2] == axes + 1,
                   "one matrix of the map per batch element");
  else expect(points >= 0 && coords.shape[coords.rank - 1] == axes, "coords whose last axis has one entry per spatial axis");
  expect(problem.given != Given::displaced || points == axes, "displacements for an output with as many axes as the image");
  expect(values.rank == points + 2 + arrays.jacobian, "values of rank 2 + the coords' point axes");
  expect(!arrays.jacobian || values.shape[values.rank - 1] == axes, "a jacobian with one entry per axis");
  expect(values.scalar == image.scalar, "image and values of one type");
  expect(arrays.reads_only || !is_narrow(image.scalar), "an image of float32 or float64, but for pull");
  expect(!is_narrow(coords.scalar), "coords of float32 or float64");

  static std::atomic<std::int64_t> jobs{0};
  Job job{};
  job.problem = &problem;
  job.number = ++jobs;
  job.batch = batch_of(image.shape[0], coords.shape[0]);
  job.channels = image.shape[1];
  job.image_batches = image.shape[0];
  job.coords_batches = coords.shape[0];
  expect(values.shape[0] == job.batch && values.shape[1] == job.channels, "values of (batch, channels, *points)");
  for (int i = 0; i < points && !made; ++i) expect(values.shape[2 + i] == coords.shape[1 + i], "values shaped like the coords");
  unsigned used = 0;
  job.buries = problem.fill != 0;
  for (int d = 0; d < axes; ++d) {
    const Axis& axis = problem.axis[d];
    expect(axis.component >= 0 && axis.component < axes, "coordinate components inside 0 .. axes - 1");
    expect(axis.rule.family != table::Family::periodic || (axis.rule.shift >= 0 && axis.rule.p1 >= 1), "a boundary whose period is a pixel or more");
    used |= 1u << axis.component;
    job.buries = job.buries || axis.rule.sign < 0;
    job.size[d] = image.shape[2 + d];
    expect(job.size[d] >= 1 && job.size[d] <= far_away, "spatial axes of 1 to 2^30 pixels");
  }
  expect(used == (1u << axes) - 1, "each coordinate component once");

  const View& strides = arrays.target ? *arrays.target : image;
  expect(same_shape(strides, image), "an image gradient shaped like the image");
  if (arrays.image) job.image = image.data;
  if (arrays.target) job.target = strides.data;
  job.image_batch = job.image_batches == 1 ? 0 : strides.stride[0];
  job.image_channel = strides.stride[1];
  std::int64_t extent = 0;
  for (int d = 0; d < axes; ++d) {
    job.image_stride[d] = strides.stride[2 + d];
    extent += std::abs(job.image_stride[d]) * job.size[d];
  }
  job.short_offsets = extent < (std::int64_t(1) << 31);
  job.item = bytes_of(image.scalar);
  job.unit_column = job.image_stride[axes - 1] == job.item;
  job.narrow = is_narrow(image.scalar);
  job.pixel = image.scalar;
  for (int d = 0; d < axes && job.narrow; ++d) {
    job.pixel_stride[d] = job.image_stride[d];
    if (taps > 1) job.image_stride[d] = 1, job.short_offsets = job.unit_column = true;
  }

  const Axis& fastest = problem.axis[axes - 1];
  const bool stays = fastest.fold_coordinate || fastest.rule.family != table::Family::periodic;
  job.windowed = job.short_offsets && job.unit_column && stays && job.size[axes - 1] >= 2;
  job.windows = true;
  for (int d = 0; d < axes; ++d) {
    const Axis& axis = problem.axis[d];
    job.small = job.small || job.size[d] <= small_axis;
    job.windows = job.windows && (axis.fold_coordinate || axis.rule.family != table::Family::periodic);
  }

  job.outer_rank = std::max(points - 2, 0);
  for (int i = 0; i < job.outer_rank; ++i) job.outer_shape[i] = values.shape[2 + i];
  job.rows = points >= 2 ? values.shape[points] : 1;
  job.cols = points >= 1 ? values.shape[points + 1] : 1;
  job.coords = made ? map_array(problem.given, coords) : point_array(coords, 1, points, true);
  job.coords_f64 = coords.scalar == Scalar::f64;
  job.values = point_array(values, 2, points, arrays.jacobian);
  if (arrays.grad_coords) {
    expect(same_shape(*arrays.grad_coords, coords), "a coords gradient shaped like the coords");
    job.grad_coords = made ? map_array(problem.given, *arrays.grad_coords) : point_array(*arrays.grad_coords, 1, points, true);
  }
  // worth it from a few channels on, found by measuring; from fewer where there is little but adding
  const bool adds = arrays.target && (taps == 1 || (taps == 2 && !arrays.grad_coords));
  const bool enough = job.channels >= (job.narrow ? 5 : adds ? 3 : 4);
  job.channels_last = !arrays.jacobian && enough && job.image_channel == job.item && job.values.channel == job.item;
  job.picks = taps == 2 && job.windowed && job.windows && !job.buries && !job.narrow && !job.channels_last && arrays.image &&
              std::all_of(job.size, job.size + axes, [](std::int64_t n) { return n >= 2; });
  cut_tiles(job, taps);
  if (problem.given == Given::control) lay_control(job, coords);
  job.channel_blocks = 1;
  return job;
}

double points_of(const Job& job) {
  double points = double(job.rows) * double(job.cols);
  for (int i = 0; i < job.outer_rank; ++i) points *= double(job.outer_shape[i]);
  return points;
}

// Should so many numbers for each point be written past the caches? From half of what the last level of a common one holds.
bool too_much_to_keep(const Job& job, double numbers, std::int64_t item) {
  return numbers * points_of(job) * double(item) >= double(16 << 20);
}

double reads_of(const Job& job) {  // taps that are read
  double reads = double(job.batch) * double(job.channels) * points_of(job);
  for (int d = 0; d < job.problem->axes; ++d) reads *= job.problem->kernel.taps;
  return reads;
}

Loop loop_for(Verb verb, const Job& job, Scalar scalar) {
  return verb_loop(verb, job.problem->axes, job.problem->kernel.taps, scalar);
}

bool empty(const Job& job) { return job.batch == 0 || job.channels == 0 || job.tiles == 0; }

std::int64_t blocks_for(std::int64_t tasks, std::int64_t most, int threads) {
  // a few tasks for each thread, so that none waits long for the last
  const std::int64_t wanted = (4 * std::int64_t(threads) + tasks - 1) / std::max<std::int64_t>(tasks, 1);
  return threads == 1 ? 1 : std::clamp<std::int64_t>(wanted, 1, std::max<std::int64_t>(most, 1));
}

void run_pull(Verb verb, const Problem& problem, const View& image, const View& coords, const View& out, int threads) {
  Job job = make_job(problem, {&image, &coords, &out, nullptr, nullptr, verb == Verb::pull_grad, verb == Verb::pull});
  if (empty(job)) return;
  expect_writes(out);
  const ControlCopy copy(job);
  threads = worthwhile(reads_of(job), threads);
  if (job.narrow) {  // channels that are adjacent are staged together
    if (job.image_channel != job.item) job.channel_blocks = blocks_for(job.batch * job.tiles, job.channels, threads);
    return run_tasks(job, staged_loop(job.problem->axes, job.problem->kernel.taps), job.batch * job.tiles * job.channel_blocks, threads);
  }
  job.streams = too_much_to_keep(job, double(job.batch) * double(job.channels), job.item);
  if (verb == Verb::pull && !job.channels_last) job.channel_blocks = blocks_for(job.batch * job.tiles, job.channels, threads);
  run_tasks(job, loop_for(verb, job, image.scalar), job.batch * job.tiles * job.channel_blocks, threads);
}

// Runs a verb that adds to the target: one task for each of its images, or, where those are few, one for each tile.
void run_adding(Verb verb, Job& job, Scalar scalar, int threads) {
  if (job.image_batches == 0 || job.channels == 0) return;
  const ControlCopy copy(job);
  const Loop loop = loop_for(verb, job, scalar);
  threads = worthwhile(reads_of(job), threads);
  const std::int64_t tasks = job.batch * job.tiles;
  if (threads == 1 || tasks < 2 || job.image_batches >= 2 * threads) return run_tasks(job, loop, job.image_batches, threads);
  Turns turns(job.image_batches * job.channels);
  job.turns = &turns;
  run_tasks(job, clear_task, clear_tasks(job), threads);
  run_tasks(job, loop, tasks, threads);
}

// Runs what computes the coordinates' gradient; that of what is given for all points is then added up from the tiles' parts,
// in their order.
template <class Run> void with_parts(Job& job, Run run) {
  if (by_point(job.problem->given)) {
    job.streams = too_much_to_keep(job, double(job.coords_batches) * job.problem->axes, job.coords_f64 ? 8 : 4);
    return run();
  }
  job.part = part_size(job);
  std::vector<double> parts(std::size_t(job.coords_batches * job.tiles * job.part));
  job.parts = parts.data();
  const ControlCopy copy(job);
  run();
  if (job.problem->given == Given::control) add_up_control(job);
  else add_up_matrices(job);
}

}  // namespace

void pull(const Problem& problem, const View& image, const View& coords, const View& values, int threads) {
  run_pull(Verb::pull, problem, image, coords, values, threads);
}

void pull_grad(const Problem& problem, const View& image, const View& coords, const View& jacobian, int threads) {
  run_pull(Verb::pull_grad, problem, image, coords, jacobian, threads);
}

void push(const Problem& problem, const View& values, const View& coords, const View& image, int threads) {
  Job job = make_job(problem, {nullptr, &coords, &values, nullptr, &image, false});
  expect_writes(image);
  run_adding(Verb::push, job, image.scalar, threads);
}

void backward(const Problem& problem, const View& grad, const View& image, const View& coords, const View* grad_image,
              const View* grad_coords, int threads) {
  // before any of the passes below has written anything
  expect(!grad_image || same_shape(*grad_image, image), "an image gradient shaped like the image");
  expect(!grad_coords || same_shape(*grad_coords, coords), "a coords gradient shaped like the coords");
  if (grad_coords) expect_writes(*grad_coords);
  if (problem.kernel.taps == 1) {  // its values change nowhere but in jumps
    make_job(problem, {&image, &coords, &grad, grad_coords, nullptr, false});  // for its checks
    if (grad_image) push(problem, grad, coords, *grad_image, threads);
    if (grad_coords) clear(*grad_coords);
    return;
  }
  if (grad_image && grad_coords) {
    // in one pass when both sides have a batch of their own, and both images are walked alike
    const bool alike = std::equal(image.stride, image.stride + image.rank, grad_image->stride);
    Job job = make_job(problem, {&image, &coords, &grad, grad_coords, alike ? grad_image : nullptr, false});
    if (alike && !empty(job) && job.image_batches == job.coords_batches) {
      expect_writes(*grad_image);
      return with_parts(job, [&] { run_adding(Verb::both_gradients, job, image.scalar, threads); });
    }
  }
  if (grad_image) push(problem, grad, coords, *grad_image, threads);
  if (grad_coords) {
    Job job = make_job(problem, {&image, &coords, &grad, grad_coords, nullptr, false});
    // an image without batch or channels still has coordinates, whose gradient is zero
    with_parts(job, [&] {
      if (job.coords_batches > 0 && job.tiles > 0)
        run_tasks(job, loop_for(Verb::grid_gradient, job, image.scalar), job.coords_batches * job.tiles,
                  worthwhile(reads_of(job), threads));
    });
  }
}

void second_backward(const Problem& problem, const View* by_image, const View& by_coords, const View& grad, const View& image,
                     const View& coords, const View* to_grad, const View* to_image, const View* to_coords, int threads) {
  expect(problem.kernel.taps >= 2 && problem.given == Given::points, "a kernel of 2 or 4 taps, and points");
  expect(image.shape[0] == coords.shape[0], "one batch size of image and coords");
  expect(same_shape(by_coords, coords), "a direction shaped like the coords");
  expect((!by_image || alike(*by_image, image)) && (!to_image || alike(*to_image, image)), "arrays laid out like the image");
  expect((!to_grad || alike(*to_grad, grad)) && (!to_coords || alike(*to_coords, by_coords)), "gradients laid out like what they are of");
  Second job{make_job(problem, {&image, &coords, &grad, &by_coords, to_image, false}), by_image ? by_image->data : nullptr,
             by_coords.data, to_grad ? to_grad->data : nullptr, to_coords ? to_coords->data : nullptr};
  job.picks = false;  // its loops read taps one by one at the rim
  for (const View* to : {to_grad, to_image, to_coords}) if (to) expect_writes(*to);
  threads = worthwhile(reads_of(job), threads);
  const bool whole = to_image && (threads == 1 || job.image_batches >= 2 * threads || job.tiles < 2);
  Turns turns(whole ? 0 : job.image_batches * job.channels);
  job.turns = to_image && !whole ? &turns : nullptr;
  if (job.turns) run_tasks(job, clear_task, clear_tasks(job), threads);
  run_tasks(job, second_loop(problem.axes, problem.kernel.taps, image.scalar), whole ? job.batch : job.batch * job.tiles, threads);
}

}  // namespace gridsample
