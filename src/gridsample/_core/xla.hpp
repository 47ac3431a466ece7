// SPDX-License-Identifier: Apache-2.0
// What we need of XLA's foreign function interface, by which JAX's compiled programs call the engine on the CPU: how a call
// reaches us, and how we say that it failed. Names and wording are ours; the layout of the records and the numbers are facts
// of XLA's C interface, version 0.x, read in jaxlib's header xla/ffi/api/c_api.h (whose names begin with XLA_FFI_). Every
// record says its own size, and the table its version: `Frame::readable` refuses others (docs/design/0016 says why that
// header is not included).
#pragma once
#include <cstddef>
#include <cstdint>

namespace gridsample::xla {

inline constexpr int major_version = 0;
inline constexpr int minor_version = 1;      // what we need of it; XLA takes modules of a year of older versions
inline constexpr int execute = 3;            // of the stages of a call, the one that computes
inline constexpr int metadata_record = 1;    // the extension by which XLA asks for the version a module is made for
inline constexpr int buffer = 1;             // of the kinds of arguments and results
inline constexpr int text = 4;               // of the kinds of attributes
inline constexpr int float32 = 11, float64 = 12;
inline constexpr int invalid_argument = 3, internal = 13;

struct Extension {
  std::size_t bytes;
  int kind;
  Extension* next;
};

struct Version {
  std::size_t bytes;
  Extension* extensions;
  int major, minor;
};

struct Metadata {
  std::size_t bytes;
  Version version;  // ours to fill in
  std::uint32_t traits;
};

struct MetadataRequest {
  Extension base;
  Metadata* metadata;
};

struct Error;

struct ErrorArguments {
  std::size_t bytes;
  Extension* extensions;
  const char* message;
  int code;
};

struct Table {
  std::size_t bytes;
  Extension* extensions;
  Version version;
  const void* internal;
  Error* (*make_error)(ErrorArguments*);
};

struct Buffer {  // dense, the last axis fastest
  std::size_t bytes;
  Extension* extensions;
  int dtype;
  void* data;
  std::int64_t rank;
  std::int64_t* shape;
};

struct Text {
  const char* start;
  std::size_t size;
};

struct Arrays {  // arguments, or results
  std::size_t bytes;
  Extension* extensions;
  std::int64_t count;
  int* kinds;
  void** items;
};

struct Attributes {
  std::size_t bytes;
  Extension* extensions;
  std::int64_t count;
  int* kinds;
  Text** names;
  void** items;
};

struct Frame {  // one call
  std::size_t bytes;
  Extension* extensions;
  const Table* table;
  void* context;
  int stage;
  Arrays arguments, results;
  Attributes attributes;

  bool readable() const {
    return bytes >= sizeof(Frame) && arguments.bytes >= sizeof(Arrays) && results.bytes >= sizeof(Arrays) &&
           attributes.bytes >= sizeof(Attributes) && table && table->bytes >= sizeof(Table) &&
           table->version.major == major_version;
  }
};

using Handler = Error* (*)(Frame*);

}  // namespace gridsample::xla
