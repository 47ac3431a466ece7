// SPDX-License-Identifier: Apache-2.0
// The whole C++ API: three verbs, the first backward pass, and the choice of instruction set.
//
//   image   (N or 1, C, *n)       1 to 3 spatial axes
//   coords  (N or 1, *out, D)     float32 or float64, independent of the image's type
//   values  (N, C, *out)          the image's type
//
// Images are of float32 or float64, those of `pull` of any Scalar: what has 16 bits or fewer is computed in float32 and rounded
// once, half to even; whole numbers are kept to their type's range, NaN becoming 0.
//
// With a map given instead of points, coords is its matrix: affine (N or 1, D, D + 1), homography (N or 1, D + 1, D + 1),
// which takes (o, 1) to coordinates, with o the index in the output, its components ordered as the coordinates' are.
//
// A batch of 1 on either side stands for all N. Results are written, not added. Every function checks that the views
// fit each other before it touches memory and throws std::invalid_argument if not. Results have the same bits for any
// number of threads, any batch and any place of a point in its row.
#pragma once
#include <string>
#include <vector>

#include "gridsample/problem.hpp"
#include "gridsample/view.hpp"

namespace gridsample {

// values = S(coords) image
void pull(const Problem&, const View& image, const View& coords, const View& values, int threads);
// image = S(coords)^T values
void push(const Problem&, const View& values, const View& coords, const View& image, int threads);
// jacobian (N, C, *out, D): the derivative of pull along each component of the coordinates, in their units
void pull_grad(const Problem&, const View& image, const View& coords, const View& jacobian, int threads);
// Both gradients of sum(grad * pull(image, coords)), each only if its view is given.
void backward(const Problem&, const View& grad, const View& image, const View& coords, const View* grad_image,
              const View* grad_coords, int threads);

// The gradients of <by_image, push(grad)> + <by_coords, backward to the coords>, each only if its view is given, in one walk:
// the backward pass of `backward`, for kernels of 2 and 4 taps and batches that both are N. by_image may be absent, as if zero;
// it and to_image lie like the image, to_grad like grad, to_coords like by_coords.
void second_backward(const Problem&, const View* by_image, const View& by_coords, const View& grad, const View& image,
                     const View& coords, const View* to_grad, const View* to_image, const View* to_coords, int threads);

// What a spline weighs the pixels at its own centre: that pixel, then those at distance 1 to `reach` on either side.
struct Spline {
  int reach;
  double weight[4];
};
// The coefficients, along one axis of an array of any shape, of the spline that goes through the pixels, its ends as the boundary
// has them: A c = image, or A^T c = image for the adjoint. Holes read zero. `to` may be `from` itself, or memory apart from it.
void prefilter(const Spline&, const table::BoundaryRow&, bool adjoint, const View& from, const View& to, int axis, int threads);

// Rows of the tables, by name; throws std::invalid_argument listing the names.
table::KernelRow kernel_named(const std::string& name);
table::BoundaryRow boundary_named(const std::string& name);

// Instruction sets: compiled in and usable here (slowest first); the one in use; GRIDSAMPLE_TARGET forces one.
std::vector<std::string> targets();
std::string target();
void set_target(const std::string& name);
int hardware_threads();

// The threads of an OpenMP run-time library, by the function that compilers call for a parallel region (GNU's name for it:
// GOMP_parallel): work(data) runs at once on each of `threads` threads (0: as many as it has), the caller's among them.
using Team = void (*)(void (*work)(void*), void* data, unsigned threads, unsigned flags);
// Calls run on these threads from now on, not on the core's own; on the core's own again with nullptr, or after a fork.
void use_team(Team);

}  // namespace gridsample
