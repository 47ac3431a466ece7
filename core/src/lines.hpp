// SPDX-License-Identifier: Apache-2.0
// Lines: one banded system, solved along every line of an array's axis. Made by prefilter.cpp, read by lines.cpp of every
// target; plain data, as a Job is.
//
// The matrix is A = L U near its diagonal, with `reach` entries on either side. Where a boundary joins both ends (wrap), the
// last `reach` rows and columns are its border: with x and y what belongs to the rows before it, and b to its own,
//   y = L^-1 f,   b = corner (f_b - bottom y),   x_i = scale_i y_i + sum over m upper_im x_(i+m) + sum over k right_ik b_k.
// A short axis has the whole inverse instead.
#pragma once
#include "job.hpp"

namespace gridsample {

inline constexpr int max_reach = 3;          // of B-splines up to degree 7
inline constexpr std::int64_t shortest = 16;  // up to here the inverse is as good

// The numbers, float or double: of row i, `reach` at i * reach, each with the sign it is added with.
struct Factors {
  std::int64_t n;
  int reach;
  bool border;
  const void *lower, *upper, *scale, *bottom, *right, *corner;
  const void* inverse;  // (n, n), of a short axis; the others are not there
};

// A job of its own kind: threads.hpp hands out its tasks as any other's.
struct Lines : Job {
  Factors factors;
  const char* from;
  char* to;
  std::int64_t from_step, to_step;  // along the lines
  std::int64_t lines, from_line, to_line;  // along the axis whose lines are solved together
  int outer;  // the other axes
  std::int64_t outer_size[max_rank], from_outer[max_rank], to_outer[max_rank];
  int row_bytes;                // of the lines that are solved together, one number each
  std::int64_t blocks;          // of lines: a task is one of them
  bool long_lines;              // no working memory holds them: one at a time, where they lie
};

}  // namespace gridsample
