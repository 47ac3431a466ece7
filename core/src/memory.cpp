// SPDX-License-Identifier: Apache-2.0
#include "memory.hpp"

#include <cstdlib>

#include "views.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace gridsample {

#if defined(__linux__) && defined(MADV_HUGEPAGE)

namespace {
// From this size on a fresh page of 4 KiB at a time costs more than the sampling; NumPy advises from the same size.
constexpr std::int64_t large = 4 << 20;
}  // namespace

void expect_writes(const View& view) {
  std::int64_t bytes = bytes_of(view.scalar), span = bytes;
  for (int i = 0; i < view.rank; ++i) {
    if (view.shape[i] < 1) return;
    bytes *= view.shape[i];
    span += (view.shape[i] - 1) * view.stride[i];
  }
  if (bytes < large || span != bytes) return;  // only what has no gaps
  const auto page = std::uintptr_t(sysconf(_SC_PAGESIZE));
  const auto first = (reinterpret_cast<std::uintptr_t>(view.data) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(view.data) + std::uintptr_t(bytes)) / page * page;
  (void)madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
}

#else

void expect_writes(const View&) {}

#endif

}  // namespace gridsample
