// SPDX-License-Identifier: Apache-2.0
#include "clear.hpp"

#include <cstring>

#include "views.hpp"

namespace gridsample {
namespace {

// The axes from the first to `axis`, each element of which is `bytes` of adjacent memory.
void clear(const View& view, int axis, char* at, std::int64_t bytes) {
  if (axis == 0) {
    std::memset(at, 0, std::size_t(bytes));
    return;
  }
  const int d = axis - 1;
  if (view.stride[d] == bytes) return clear(view, d, at, bytes * view.shape[d]);
  for (std::int64_t i = 0; i < view.shape[d]; ++i) clear(view, d, at + i * view.stride[d], bytes);
}

}  // namespace

void clear(const View& view) {
  for (int d = 0; d < view.rank; ++d)
    if (view.shape[d] == 0) return;
  clear(view, view.rank, view.data, bytes_of(view.scalar));
}

namespace {

void clear_part(const Job& job, std::int64_t task) {
  const std::int64_t parts = job.channels_last ? job.size[0] : job.channels, part = task % parts;
  View view{};
  view.data = job.target + task / parts * job.image_batch + part * (job.channels_last ? job.image_stride[0] : job.image_channel);
  view.scalar = job.item == 4 ? Scalar::f32 : Scalar::f64;
  const auto add_axis = [&](std::int64_t size, std::int64_t stride) {
    view.shape[view.rank] = size;
    view.stride[view.rank++] = stride;
  };
  for (int d = job.channels_last; d < job.problem->axes; ++d) add_axis(job.size[d], job.image_stride[d]);
  if (job.channels_last) add_axis(job.channels, job.image_channel);
  clear(view);
}

}  // namespace

std::int64_t clear_tasks(const Job& job) {
  return job.image_batches * (job.channels_last ? job.size[0] : job.channels);
}

void clear_task(const Job& job, std::int64_t task, Scratch&) { clear_part(job, task); }

void clear_image(const Job& job, std::int64_t image) {
  const std::int64_t parts = job.channels_last ? job.size[0] : job.channels;
  for (std::int64_t part = 0; part < parts; ++part) clear_part(job, image * parts + part);
}

}  // namespace gridsample
