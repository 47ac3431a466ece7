// SPDX-License-Identifier: Apache-2.0
#include "clear.hpp"

#include <cstring>

namespace gridsample {
namespace {

// Pixels `from` to `to` of the first axis; one channel of them, or `together` where channels are adjacent.
void clear(const Job& job, char* base, std::int64_t from, std::int64_t to, std::int64_t together) {
  const int axes = job.problem.axes;
  std::int64_t size[max_axes] = {1, 1, 1}, stride[max_axes] = {0, 0, 0};
  for (int d = 0; d < axes; ++d) {
    size[max_axes - axes + d] = job.size[d];
    stride[max_axes - axes + d] = job.image_stride[d];
  }
  size[max_axes - axes] = to - from;
  base += from * job.image_stride[0];
  const std::int64_t bytes = together * job.item;
  for (std::int64_t a = 0; a < size[0]; ++a)
    for (std::int64_t b = 0; b < size[1]; ++b) {
      char* row = base + a * stride[0] + b * stride[1];
      if (stride[2] == bytes) std::memset(row, 0, std::size_t(size[2] * bytes));
      else
        for (std::int64_t c = 0; c < size[2]; ++c) std::memset(row + c * stride[2], 0, std::size_t(bytes));
    }
}

}  // namespace

std::int64_t clear_tasks(const Job& job) {
  return job.image_batches * (job.channels_last ? job.size[0] : job.channels);
}

void clear_task(const Job& job, std::int64_t task, char*) {
  const std::int64_t parts = job.channels_last ? job.size[0] : job.channels, part = task % parts;
  char* image = job.target + task / parts * job.image_batch;
  if (job.channels_last) clear(job, image, part, part + 1, job.channels);
  else clear(job, image + part * job.image_channel, 0, job.size[0], 1);
}

void clear_image(const Job& job, std::int64_t image) {
  const std::int64_t parts = job.channels_last ? job.size[0] : job.channels;
  for (std::int64_t part = 0; part < parts; ++part) clear_task(job, image * parts + part, nullptr);
}

}  // namespace gridsample
