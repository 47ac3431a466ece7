// SPDX-License-Identifier: Apache-2.0
#include "library.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>
#include <string>

#include "gridsample/blocks.hpp"

#if defined(__linux__)
#include <dlfcn.h>
#endif

namespace gridsample::python {

namespace {

template <typename Function>
void address(Function& function, nb::handle number) {
  function = reinterpret_cast<Function>(nb::cast<std::uintptr_t>(number));
}

// What an array in a block belongs to.
struct Held : dlpack::Managed {
  std::array<std::int64_t, max_rank> shape, strides;
  std::int64_t bytes;
};

}  // namespace

Maker Maker::from(nb::handle numbers) {
  Maker maker;
  if (numbers.is_none()) return maker;
  address(maker.empty, numbers[0]);
  address(maker.data, numbers[1]);
  address(maker.wrap, numbers[2]);
  maker.float32 = nb::cast<std::int8_t>(numbers[3]);
  maker.float64 = nb::cast<std::int8_t>(numbers[4]);
  return maker;
}

Peeks Peeks::from(nb::handle numbers) {
  Peeks peeks;
  if (numbers.is_none()) return peeks;
  peeks.library = reinterpret_cast<void*>(nb::cast<std::uintptr_t>(numbers[0]));
  address(peeks.function_mode, numbers[1]);
  address(peeks.callbacks, numbers[2]);
  address(peeks.requires_grad, numbers[3]);
  address(peeks.is_negative, numbers[4]);
  address(peeks.recording, numbers[5]);
  peeks.tensor_at = nb::cast<std::size_t>(numbers[6]);
  peeks.inference = {nb::cast<std::uint64_t>(numbers[7]), nb::cast<std::uint64_t>(numbers[8])};
  return peeks;
}

DispatchKeys Peeks::keys(void* library) {
#if defined(__linux__)
  // c10::impl::raw_local_dispatch_key_set, which torch's own headers read in every extension; here by name, once a thread
  thread_local const DispatchKeys* own =
      static_cast<const DispatchKeys*>(dlsym(library, "_ZN3c104impl26raw_local_dispatch_key_setE"));
  if (own) return *own;
#else
  (void)library;
#endif
  return {~std::uint64_t(0), ~std::uint64_t(0)};  // unlike any state
}

const dlpack::Exchange* exchange_of(nb::handle capsule) {
  if (capsule.is_none()) return nullptr;
  const auto* table = static_cast<const dlpack::Exchange*>(PyCapsule_GetPointer(capsule.ptr(), dlpack::capsule));
  if (!table) throw nb::python_error();
  if (table->header.major != dlpack::major_version || !table->describe)
    throw std::invalid_argument("Calls: expected a DLPack exchange table of version 1 that describes arrays in place, "
                                "got version " + std::to_string(table->header.major) + "; pass none");
  return table;
}

nb::object array_in_block(dlpack::Adopt adopt, const View& like, const std::int64_t* strides, View& view) {
  const int item = bytes_of(like.scalar);
  double bytes = item;
  for (int i = 0; i < like.rank; ++i) bytes *= double(like.shape[i]);
  if (bytes < double(least_block) || bytes > 1e15) return {};
  auto held = std::make_unique<Held>();
  held->bytes = std::int64_t(bytes);
  void* const memory = take_block(held->bytes);
  if (!memory) return {};
  std::copy_n(like.shape, like.rank, held->shape.begin());
  std::copy_n(strides, like.rank, held->strides.begin());
  held->version = {dlpack::major_version, dlpack::minor_version};
  held->owner = nullptr;
  held->flags = 0;
  held->drop = [](dlpack::Managed* self) {
    const std::unique_ptr<Held> own(static_cast<Held*>(self));
    give_block(own->tensor.data, own->bytes);
  };
  held->tensor = {memory, {dlpack::cpu, 0}, like.rank, {dlpack::floating, std::uint8_t(8 * item), 1},
                  held->shape.data(), held->strides.data(), 0};
  void* made = nullptr;
  if (adopt(held.get(), &made) != 0) {
    give_block(memory, held->bytes);
    PyErr_Clear();
    return {};
  }
  held.release();  // to the array
  view = like;
  view.data = static_cast<char*>(memory);
  return nb::steal(static_cast<PyObject*>(made));
}

bool is_true(nb::handle answer) {
  if (answer.ptr() == Py_False || answer.is_none()) return false;
  const int truth = PyObject_IsTrue(answer.ptr());
  if (truth < 0) throw nb::python_error();
  return truth;
}

}  // namespace gridsample::python
