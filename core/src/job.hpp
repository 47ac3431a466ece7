// SPDX-License-Identifier: Apache-2.0
// A job: one call, resolved to pointers, byte strides and tiles. Made once by dispatch.cpp, read by the loops of every
// target. Plain data only: nothing here may emit code, since each target compiles this header with its own flags.
#pragma once
#include <cstddef>

#include "gridsample/problem.hpp"
#include "gridsample/view.hpp"
#include "turns.hpp"

namespace gridsample {

// Lanes are padded to this many, on every target, so that no loop has a scalar tail.
inline constexpr int padding = 16;

// Points of one tile: as many as keep the tile's indices and weights inside the second cache level. The more points, the
// longer the stretches of each channel that are read and written before the next channel's turn.
constexpr int tile_points(int axes, int taps) { return axes * taps <= 8 ? 4096 : 1024; }

// The same where pixels are staged (stage.hpp) with their adjacent channels: 16 numbers of each tap must find room.
constexpr int staged_tile_points(int axes, int taps) {
  const int each = axes == 1 ? taps : axes == 2 ? taps * taps : taps * taps * taps;
  return each <= 16 ? 1024 : 16384 / each;
}

// An array indexed by output points. Strides in bytes; `outer` are the point axes before the last two.
struct PointArray {
  char* data;
  std::int64_t batch, channel, component;
  std::int64_t outer[max_rank], plane, row, col;  // a plane's is that of the last outer axis, if there is one
};

// Control points as the loops read them.
struct Lattice {
  double per_pixel[max_axes];      // control points of each axis
  std::int64_t count[max_axes];
  const char* data;                // (coords_batches, D by memory axis, *count, `pitch` numbers in a row), of the coords' type
  std::int64_t pitch;
  std::int64_t box[max_axes];      // no tile is near more of them
};

struct Job {
  const Problem* problem;  // of the call; null for a job of its own rules
  std::int64_t size[max_axes];  // n of each axis
  std::int64_t batch, channels;

  std::int64_t item;  // bytes of a pixel's channel
  bool narrow;  // pixels are of another type than the loops compute in, and staged (stage.hpp)
  Scalar pixel;  // that type
  std::int64_t pixel_stride[max_axes];  // in bytes; with more than one tap per axis, image_stride then counts pixels
  char* image;  // read by pull, pull_grad and the grid gradient
  std::int64_t image_batch, image_channel, image_stride[max_axes];
  char* target;  // added to by push and the image gradient; its strides are the image's
  bool buries;         // points none of whose taps is a pixel must be answered apart
  bool short_offsets;  // every offset inside one channel fits 32 bits
  bool windowed;       // both taps along the fastest axis are among two adjacent pixels, at the rim as well (two-tap kernels)
  bool picks;          // both taps along every axis are: points at the rim are read as those within, and each picks its taps
  bool small;          // so small an image that most vectors of points would reach its rim
  bool windows;        // taps beyond the rim are holes or the rim's own, on every axis: a window can stand for them

  PointArray coords, values, grad_coords;  // of a matrix in place of coords: batch, row and col
  Lattice lattice;  // of control points in place of coords; their strides: batch, component and outer
  double* parts;  // each tile's part of the gradient of a matrix or of control points, (coords_batches, tiles, part)
  std::int64_t part;
  bool coords_f64, unit_column, channels_last;
  bool streams;  // what is written for each point is too much to be found in a cache later, and need not be read into it now
  std::int64_t image_batches, coords_batches;  // N or 1

  int outer_rank;
  bool long_rows;  // of points, before any were joined
  std::int64_t outer_shape[max_rank], rows, cols;
  std::int64_t tile_planes, tile_rows, tile_cols, plane_tiles, row_tiles, col_tiles, tiles;

  // How the work is cut into tasks; never changes a bit of the result.
  std::int64_t channel_blocks;
  Turns* turns;  // of each channel of each image of the target; none where one task adds all that an image gets
  std::int64_t number;  // of the jobs of this process, from 1
};

enum class Verb : int { pull, pull_grad, push, grid_gradient, both_gradients };
inline constexpr int verb_count = 5;

// A thread's own working memory, kept between jobs.
struct Scratch {
  std::int64_t job = 0;  // the job of this number has left
  std::int64_t clean = 0;  // so many bytes of its window at zero
  alignas(64) char memory[(3 << 20) + (1 << 19)];
};

using Loop = void (*)(const Job&, std::int64_t task, Scratch&);  // one task of a job

using Loops = Loop[verb_count][max_axes][3];  // [verb][axes - 1][taps 1, 2, 4]
using StagedLoops = Loop[max_axes][3];

}  // namespace gridsample
