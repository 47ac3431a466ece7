// SPDX-License-Identifier: Apache-2.0
// A job of `second_backward`. Arrays of one kind lie alike, so that one place stands for all of them: by_image and target as
// the image, to_grad as the values (which are grad), to_coords as by_coords (which stands as grad_coords).
#pragma once
#include "job.hpp"

namespace gridsample {

struct Second : Job {
  const char *by_image, *by_coords;  // no by_image: as if it were zero
  char *to_grad, *to_coords;         // only those that are given
};

using SecondLoops = Loop[max_axes][2];  // [axes - 1][taps 2, 4]

}  // namespace gridsample
