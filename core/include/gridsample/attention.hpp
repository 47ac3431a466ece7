// SPDX-License-Identifier: Apache-2.0
// Multi-scale deformable attention: linear samples of several images, weighed and added, in one pass.
//
//   out[n, q, h, :] = sum over levels l, points p   weights[n, q, h, l, p] * sample of level l at locations[n, q, h, l, p]
//
//   value      (N, pixels, H, C)        all levels' pixels, one level after another, each in memory order
//   locations  (N, Q, H, L, P, D)       the last axis first ("xy"); 0 and 1 are a level's outer edges; float32 or float64
//   weights    (N, Q, H, L, P)          value's type
//   sizes      L times D numbers        the levels' spatial sizes, the slowest axis first
//   out        (N, Q, H, C)             value's type
//
// Channels must be adjacent (value, out), and the last two or three axes of weights and locations dense; other strides are
// free. What lies outside a level adds nothing; a point that is not a number makes its sum none. Results are written, not
// added, and have the same bits for any number of threads. Throws std::invalid_argument as sample.hpp's functions do.
#pragma once
#include <vector>

#include "gridsample/view.hpp"

namespace gridsample {

using Sizes = std::vector<std::int64_t>;

void attention(const View& value, const View& locations, const View& weights, const Sizes& sizes, const View& out, int threads);

// The gradients of sum(grad * out), each only if its view is given: shaped and typed like what they are gradients of.
void attention_backward(const View& grad, const View& value, const View& locations, const View& weights, const Sizes& sizes,
                        const View* to_value, const View* to_locations, const View* to_weights, int threads);

}  // namespace gridsample
