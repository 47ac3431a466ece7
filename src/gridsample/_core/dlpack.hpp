// SPDX-License-Identifier: Apache-2.0
// What we need of DLPack's C exchange table, by which a library shows where its arrays lie without a call of Python.
// Written from the DLPack specification, version 1.3 (https://dmlc.github.io/dlpack, Apache-2.0). The layout is fixed for a
// major version: `exchange_of` refuses any other, and a table that cannot describe an array in place.
#pragma once
#include <cstdint>

namespace gridsample::dlpack {

inline constexpr std::uint32_t major_version = 1, minor_version = 3;
inline constexpr std::int32_t cpu = 1;           // DLDeviceType kDLCPU
// DLDataTypeCode kDLInt, kDLUInt, kDLFloat, kDLBfloat, kDLBool
inline constexpr std::uint8_t whole = 0, natural = 1, floating = 2, brain = 4, boolean = 6;
inline constexpr const char* capsule = "dlpack_exchange_api";

struct Device {
  std::int32_t type, id;
};

struct DataType {
  std::uint8_t code, bits;
  std::uint16_t lanes;
};

struct Tensor {
  void* data;
  Device device;
  std::int32_t rank;
  DataType dtype;
  std::int64_t *shape, *strides;  // strides in elements
  std::uint64_t byte_offset;
};

struct Header {
  std::uint32_t major, minor;
  Header* previous;
};

// Non-zero where they failed, with a Python error set. The tensor's memory stays its owner's.
using Describe = int (*)(void* object, Tensor* out);

// A tensor with its owner, who is told by `drop` when nobody needs it any more: from any thread, with no error to be set.
struct Managed {
  struct Version {
    std::uint32_t major, minor;
  } version;
  void* owner;
  void (*drop)(Managed* self);
  std::uint64_t flags;
  Tensor tensor;
};

// An array of that memory, which then is the array's; non-zero where that failed, and nothing was taken.
using Adopt = int (*)(Managed* tensor, void** object);

struct Exchange {
  Header header;
  void *allocate, *to_managed;  // not used here
  Adopt adopt;
  Describe describe;                           // may be null
  void* current_stream;
};

}  // namespace gridsample::dlpack
