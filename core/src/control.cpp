// SPDX-License-Identifier: Apache-2.0
#include "control.hpp"

#include <algorithm>
#include <cstring>

#include "views.hpp"

namespace gridsample {

namespace {

// Control points, their steps in an array, and their box of one tile, as if there always were three axes.
struct Grid {
  std::int64_t count[max_axes] = {1, 1, 1}, step[max_axes] = {0, 0, 0}, box[max_axes] = {1, 1, 1};

  Grid(const Job& job, const PointArray& array) {
    const int axes = job.problem->axes;
    for (int d = 0; d < axes; ++d) {
      const int at = max_axes - axes + d;
      count[at] = job.lattice.count[d], step[at] = array.outer[d], box[at] = job.lattice.box[d];
    }
  }
  std::int64_t rows() const { return count[0] * count[1]; }
};

// Calls visit(the first number of a row) for every row of an array of control points, components by memory axis.
template <class Visit> void each_row(const Job& job, const PointArray& array, const Grid& grid, Visit visit) {
  for (std::int64_t n = 0; n < job.coords_batches; ++n)
    for (int c = 0; c < job.problem->axes; ++c) {
      char* from = array.data + n * array.batch + job.problem->axis[c].component * array.component;
      for (std::int64_t i = 0; i < grid.count[0]; ++i)
        for (std::int64_t j = 0; j < grid.count[1]; ++j) visit(from + i * grid.step[0] + j * grid.step[1]);
    }
}

void write(const Job& job, char* to, double sum) {
  put_number(to, job.coords_f64 ? Scalar::f64 : Scalar::f32, sum);
}

}  // namespace

PointArray map_array(Given given, const View& v) {
  PointArray a{};
  a.data = v.data;
  a.batch = v.stride[0];
  if (given == Given::control) {
    a.component = v.stride[1];
    for (int d = 0; d + 2 < v.rank; ++d) a.outer[d] = v.stride[2 + d];
  } else {
    a.row = v.stride[1];
    a.col = v.stride[2];
  }
  return a;
}

void check_control(const Problem& problem, const View& control) {
  const Control& given = problem.control;
  expect(given.degree == 1 || given.degree == 3, "control points of a spline of degree 1 or 3");
  expect(control.rank == problem.axes + 2 && control.shape[1] == problem.axes, "control points (batch, axes, *points)");
  for (int d = 0; d < problem.axes; ++d) {
    const std::int64_t count = control.shape[2 + d];
    expect(given.length[d] >= 1 && given.length[d] <= far_away, "control points laid for an output with points");
    expect(count > given.degree && count - given.degree <= std::max<std::int64_t>(given.length[d] - 1, 1),
           "degree + 1 control points or more on each axis, and no more spans between them than between output points");
  }
}

void lay_control(Job& job, const View& control) {
  Lattice& lattice = job.lattice;
  const int axes = job.problem->axes, degree = job.problem->control.degree;
  const std::int64_t tile[max_axes] = {job.tile_planes, job.tile_rows, job.tile_cols};
  for (int d = 0; d < axes; ++d) {
    lattice.count[d] = control.shape[2 + d];
    lattice.per_pixel[d] = double(lattice.count[d] - degree) / double(std::max<std::int64_t>(job.problem->control.length[d] - 1, 1));
    const double spanned = double(tile[max_axes - axes + d] - 1) * lattice.per_pixel[d];
    lattice.box[d] = std::min(lattice.count[d], std::int64_t(spanned) + 2 + degree);
  }
  // whole vectors are read from any of them on
  lattice.pitch = (lattice.count[axes - 1] + 2 * padding - 1) / padding * padding;
}

ControlCopy::ControlCopy(Job& job) {
  if (job.problem->given != Given::control || job.lattice.data) return;
  const Grid grid(job, job.coords);
  const std::size_t item = job.coords_f64 ? 8 : 4;
  numbers_.resize(std::size_t(job.coords_batches * job.problem->axes * grid.rows() * job.lattice.pitch));
  char* next = reinterpret_cast<char*>(numbers_.data());
  each_row(job, job.coords, grid, [&](const char* from) {
    for (std::int64_t k = 0; k < grid.count[2]; ++k) std::memcpy(next + std::size_t(k) * item, from + k * grid.step[2], item);
    next += std::size_t(job.lattice.pitch) * item;
  });
  job.lattice.data = reinterpret_cast<const char*>(numbers_.data());
}

std::int64_t part_size(const Job& job) {
  const int axes = job.problem->axes;
  if (job.problem->given != Given::control) return (axes + 1) * (axes + 1);
  std::int64_t numbers = axes;
  for (int d = 0; d < axes; ++d) numbers *= job.lattice.box[d];
  return axes + numbers;  // after the place of its first point
}

void add_up_matrices(const Job& job) {
  const int axes = job.problem->axes;
  for (std::int64_t n = 0; n < job.coords_batches; ++n)
    for (int c = 0; c < axes + (job.problem->given == Given::homography); ++c)
      for (int d = 0; d <= axes; ++d) {
        double sum = 0;
        for (std::int64_t tile = 0; tile < job.tiles; ++tile)
          sum += job.parts[(n * job.tiles + tile) * job.part + c * (axes + 1) + d];
        const int column = d == axes ? axes : job.problem->axis[d].component;
        write(job, job.grad_coords.data + n * job.grad_coords.batch + c * job.grad_coords.row + column * job.grad_coords.col, sum);
      }
}

void add_up_control(const Job& job) {
  const int axes = job.problem->axes;
  const Grid grid(job, job.grad_coords);
  const auto& [count, step, box] = grid;
  std::vector<double> sums(std::size_t(job.coords_batches * axes * grid.rows() * count[2]));
  for (std::int64_t n = 0; n < job.coords_batches; ++n)
    for (std::int64_t tile = 0; tile < job.tiles; ++tile) {
      const double* part = job.parts + (n * job.tiles + tile) * job.part;
      std::int64_t first[max_axes] = {0, 0, 0};
      for (int d = 0; d < axes; ++d) first[max_axes - axes + d] = std::int64_t(part[d]);
      part += axes;
      for (int c = 0; c < axes; ++c)
        for (std::int64_t i = 0; i < box[0]; ++i)
          for (std::int64_t j = 0; j < box[1]; ++j, part += box[2]) {
            if (first[0] + i >= count[0] || first[1] + j >= count[1]) continue;  // the box reaches beyond the last points
            double* to = sums.data() + (((n * axes + c) * count[0] + first[0] + i) * count[1] + first[1] + j) * count[2] + first[2];
            for (std::int64_t k = 0; k < std::min(box[2], count[2] - first[2]); ++k) to[k] += part[k];
          }
    }
  const double* next = sums.data();
  each_row(job, job.grad_coords, grid, [&](char* to) {
    for (std::int64_t k = 0; k < count[2]; ++k) write(job, to + k * step[2], *next++);
  });
}

}  // namespace gridsample
