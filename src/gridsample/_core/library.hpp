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

// A tensor that torch has just made, as its at::Tensor is: one pointer, and handed over as C++ hands over what it must destroy.
// It is given to Python's wrapper, which takes it out, so that nothing is left to destroy.
struct NewTensor {
  void* tensor;
  NewTensor(const NewTensor&) = delete;
  ~NewTensor() {}
};

// torch's functions that make a tensor of the CPU without its dispatcher, say where its memory is, and make a Python object
// of it: sooner than torch.empty from Python. Given as addresses; all or none.
struct Maker {
  struct Numbers {  // at::IntArrayRef
    const std::int64_t* first;
    std::size_t count;
  };
  NewTensor (*empty)(Numbers shape, Numbers strides, std::int8_t dtype, bool pinned) = nullptr;
  int (*data)(void* tensor, void** data) = nullptr;
  PyObject* (*wrap)(void* tensor) = nullptr;
  std::int8_t float32 = 0, float64 = 0;
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
  std::size_t tensor_at = 0;      // where in a torch.Tensor its C++ half stands, in bytes
  DispatchKeys inference;  // in torch.inference_mode
  // The C++ half of a torch.Tensor, of that class itself; null if it has none.
  const void* tensor(nb::handle tensor) const {
    return *reinterpret_cast<const void* const*>(reinterpret_cast<const char*>(tensor.ptr()) + tensor_at);
  }
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

// A DLPack exchange table, or null for None.
const dlpack::Exchange* exchange_of(nb::handle capsule);
// A large new array shaped like `like`, strides in elements, in memory that an earlier one may have left (gridsample/blocks.hpp),
// and where it lies; null with no error set if there is none.
nb::object array_in_block(dlpack::Adopt adopt, const View& like, const std::int64_t* strides, View& view);
// As Python's bool(answer).
bool is_true(nb::handle answer);

}  // namespace gridsample::python
