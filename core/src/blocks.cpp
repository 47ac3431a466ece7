// SPDX-License-Identifier: Apache-2.0
#include "gridsample/blocks.hpp"

#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <string>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace gridsample {

#if defined(__linux__) && defined(MADV_FREE) && defined(MADV_HUGEPAGE)

namespace {

constexpr std::int64_t page = 2 << 20;  // a large one

std::int64_t whole_pages(std::int64_t bytes) { return (bytes + page - 1) / page * page; }

void* map_block(std::int64_t bytes) {
  const auto room = std::size_t(bytes + page);
  void* found = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (found == MAP_FAILED) return nullptr;
  char* const start = static_cast<char*>(found);
  const auto before = std::size_t((page - std::int64_t(reinterpret_cast<std::uintptr_t>(start) % page)) % page);
  if (before) munmap(start, before);
  if (const std::size_t behind = room - before - std::size_t(bytes)) munmap(start + before + bytes, behind);
  (void)madvise(start + before, std::size_t(bytes), MADV_HUGEPAGE);
  return start + before;
}

void unmap(void* block, std::int64_t bytes) { munmap(block, std::size_t(bytes)); }

// The blocks that were given back, the oldest first. Lives for ever: results may outlive everything. Its lock is only tried:
// in the child of a fork it may be held for good, and then blocks are not kept.
class Store {
 public:
  Store() {
    if (const char* text = std::getenv("GRIDSAMPLE_KEEP_MIB")) {
      char* end = nullptr;
      const long long mib = std::strtoll(text, &end, 10);
      if (end == text || *end != 0 || mib < 0 || mib > 1ll << 40)
        throw std::invalid_argument("GRIDSAMPLE_KEEP_MIB: expected a whole number of MiB from 0 to 2^40, got '" + std::string(text) +
                                    "'; give one or unset it");
      most_ = mib << 20;
    }
  }

  bool keeps() const { return most_ > 0; }

  void* take(std::int64_t bytes) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return nullptr;
    for (int i = count_ - 1; i >= 0; --i)  // what was left last may still be in a cache
      if (block_[i].bytes == bytes) {
        void* const memory = block_[i].memory;
        remove(i);
        return memory;
      }
    return nullptr;
  }

  bool give(void* memory, std::int64_t bytes) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock || bytes > most_) return false;
    while (count_ == room || sum_ + bytes > most_) drop_oldest();
    // the system may take the pages at any time; until it does, writing to them costs no more than to any others
    (void)madvise(memory, std::size_t(bytes), MADV_FREE);
    block_[count_++] = {memory, bytes};
    sum_ += bytes;
    return true;
  }

 private:
  struct Block {
    void* memory;
    std::int64_t bytes;
  };

  void remove(int i) {
    sum_ -= block_[i].bytes;
    for (--count_; i < count_; ++i) block_[i] = block_[i + 1];
  }
  void drop_oldest() {
    unmap(block_[0].memory, block_[0].bytes);
    remove(0);
  }

  static constexpr int room = 16;
  std::mutex mutex_;
  Block block_[room];
  int count_ = 0;
  std::int64_t sum_ = 0, most_ = 256 << 20;
};

Store& store() {
  static Store* const one = new Store;
  return *one;
}

}  // namespace

void* take_block(std::int64_t bytes) {
  if (!store().keeps()) return nullptr;
  bytes = whole_pages(bytes);
  void* const kept = store().take(bytes);
  return kept ? kept : map_block(bytes);
}

void give_block(void* block, std::int64_t bytes) {
  bytes = whole_pages(bytes);
  if (!store().give(block, bytes)) unmap(block, bytes);
}

#else

void* take_block(std::int64_t) { return nullptr; }
void give_block(void*, std::int64_t) {}

#endif

}  // namespace gridsample
