// SPDX-License-Identifier: Apache-2.0
// What the engine asks of an array library without going through Python: where an array lies, whether somebody watches the
// calls, and, of torch, a new tensor, small or large. docs/design/0009 says why each question is asked and why the answers
// can be trusted.
#pragma once
#include <nanobind/nanobind.h>

#include <cstdint>

#include "dlpack.hpp"
#include "gridsample/view.hpp"

namespace gridsample::python {

namespace nb = nanobind;

// torch's functions with a C interface that its compiled programs use (aoti_torch_...), and the one that makes a Python
// object of a tensor: a new tensor at half the cost of torch.empty from Python. Given as addresses; all or none.
struct Maker {
  int (*empty)(std::int64_t rank, const std::int64_t* shape, const std::int64_t* strides, std::int32_t dtype,
               std::int32_t device_type, std::int32_t device, void** tensor) = nullptr;
  int (*data)(void* tensor, void** data) = nullptr;
  int (*drop)(void* tensor) = nullptr;
  PyObject* (*wrap)(void* tensor) = nullptr;  // whose place it takes: what is left is to be dropped all the same
  std::int32_t device_type = 0, float32 = 0, float64 = 0;
  static Maker from(nb::handle numbers);
};

// The state of this thread in torch's dispatcher: two words, zero if no mode and no transform is on.
struct DispatchKeys {
  std::uint64_t included = 0, excluded = 0;
  bool operator==(const DispatchKeys&) const = default;
};

// The same questions that Library::busy asks, put to torch's libraries themselves. Given as addresses; all or none.
struct Peeks {
  void* library = nullptr;  // where the dispatcher's state of a thread is looked up
  bool (*function_mode)() = nullptr;
  bool (*callbacks)() = nullptr;
  bool (*requires_grad)(const void* tensor) = nullptr;
  bool (*is_negative)(const void* const* tensor) = nullptr;
  bool (*recording)() = nullptr;  // gradients, if anything requires them
  DispatchKeys inference;  // in torch.inference_mode
  static DispatchKeys keys(void* library);
  static Peeks from(nb::handle numbers);
};

// Arrays of one class, and what must be known of their library.
struct Library {
  nb::object kind;       // the exact class
  nb::object resolve;    // what is kept of a new call; None: it must go the long way
  nb::object empty;      // makes a result
  nb::object threads;    // how many a call may use
  nb::object busy;       // functions that say whether something wants to see every call
  nb::object recording;  // whether gradients are recorded at all; None: there are none
  nb::object levels;     // the module that counts the levels of forward-mode derivatives, or None
  nb::object unusual;    // methods that say whether one array's memory does not mean what it says
  dlpack::Describe describe = nullptr;  // null: the buffer protocol
  dlpack::Adopt adopt = nullptr;        // null: large results come from `empty`, as all do
  Maker maker;
  Peeks peeks;
};

// The C++ object of a torch tensor, whose address its Python half shows as an attribute.
const void* tensor_of(nb::handle tensor);
// A DLPack exchange table, or null for None.
const dlpack::Exchange* exchange_of(nb::handle capsule);
// A large new array shaped like `like`, strides in elements, in memory that an earlier one may have left (gridsample/blocks.hpp),
// and where it lies; null with no error set if there is none.
nb::object array_in_block(dlpack::Adopt adopt, const View& like, const std::int64_t* strides, View& view);
// As Python's bool(answer).
bool is_true(nb::handle answer);

}  // namespace gridsample::python
