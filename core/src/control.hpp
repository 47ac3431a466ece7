// SPDX-License-Identifier: Apache-2.0
// Control: what is given for all points of a batch element, a matrix or control points: checked, copied for the loops, and
// its gradient added up from the tiles' parts, one after the other.
#pragma once
#include <vector>

#include "gridsample/view.hpp"
#include "job.hpp"

namespace gridsample {

// The array of a matrix, or of control points.
PointArray map_array(Given given, const View& v);

// Throws unless these are control points for the problem.
void check_control(const Problem& problem, const View& control);
// Fills job.lattice but for its data; the tiles are cut.
void lay_control(Job& job, const View& control);

// The job's control points in rows of whole vectors, as long as this lives; nothing if it has none, or was given them before.
class ControlCopy {
 public:
  explicit ControlCopy(Job& job);

 private:
  std::vector<double> numbers_;
};

std::int64_t part_size(const Job& job);  // of a tile's part of the gradient, in doubles
void add_up_matrices(const Job& job);
void add_up_control(const Job& job);

}  // namespace gridsample
