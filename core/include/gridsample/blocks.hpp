// SPDX-License-Identifier: Apache-2.0
// Blocks: memory for large results that is kept for the next one when it is given back. The system gives a process zeroed pages,
// and takes longer to zero them than the loops take to fill them (docs/design/0020).
#pragma once
#include <cstdint>

namespace gridsample {

inline constexpr std::int64_t least_block = 4 << 20;  // bytes; smaller results come from where all others do

// At least so many bytes, of any content, at an address that large pages fit; null where there are none to be had, which is no
// error: any other memory will do. May be called by any thread. At most 256 MiB are kept, or what GRIDSAMPLE_KEEP_MIB
// says; throws std::invalid_argument if that is no size.
void* take_block(std::int64_t bytes);
// One that was taken, with the size it was asked for. What it holds may vanish at once: the system may have its pages back.
void give_block(void* block, std::int64_t bytes);

}  // namespace gridsample
