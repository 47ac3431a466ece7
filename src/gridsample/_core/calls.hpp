// SPDX-License-Identifier: Apache-2.0
// Calls: the short way for public calls that were made before, alike. A call is known by the identity of its options and
// by its arrays' shapes and types; what the Plan said of it is kept, so that nothing of it is worked out in Python again.
// Whatever is not plainly such a call is answered with None, and the caller goes the long way.
#pragma once
#include <array>
#include <atomic>
#include <memory>

#include "arrays.hpp"
#include "dlpack.hpp"

namespace gridsample::python {

inline constexpr int most_choices = 7;

using Choices = std::array<nb::handle, most_choices>;  // the options as the caller gave them; the rest null

// What makes two calls the same.
class Key {
 public:
  void add(std::uint64_t word) { words_[std::size_t(count_++)] = word; }
  std::uint64_t hash() const;
  bool operator==(const Key& other) const;

 private:
  static constexpr int most_words = 3 + most_choices + 2 * gs::max_rank;
  std::array<std::uint64_t, most_words> words_;
  int count_ = 0;
};

struct Call;

// torch's functions with a C interface that its compiled programs use (aoti_torch_...), and the one that makes a Python
// object of a tensor: a new tensor at half the cost of torch.empty from Python. Given as addresses; all or none.
struct Maker {
  int (*empty)(std::int64_t rank, const std::int64_t* shape, const std::int64_t* strides, std::int32_t dtype,
               std::int32_t device_type, std::int32_t device, void** tensor) = nullptr;
  int (*data)(void* tensor, void** data) = nullptr;
  int (*drop)(void* tensor) = nullptr;
  PyObject* (*wrap)(const void* tensor) = nullptr;
  std::int32_t device_type = 0, float32 = 0, float64 = 0;
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
  DispatchKeys inference;  // in torch.inference_mode
  static DispatchKeys keys(void* library);
};

// Arrays of one class, and what must be known of their library.
struct Library {
  nb::object kind;       // the exact class
  nb::object resolve;    // a new call's Problem, the arguments of `empty`, its strides in elements; None: the long way
  nb::object empty;      // makes a result
  nb::object threads;    // how many a call may use
  nb::tuple busy;        // functions that say whether something wants to see every call
  nb::object recording;  // whether gradients are recorded at all; None: there are none
  nb::object levels;     // the module that counts the levels of forward-mode derivatives, or None
  nb::tuple unusual;     // methods that say whether one array's memory does not mean what it says
  dlpack::Describe describe = nullptr;  // null: the buffer protocol
  Maker maker;
  Peeks peeks;
};

class Calls {
 public:
  Calls();
  ~Calls();
  // exchange: the class's DLPack table or None. maker, peeks: the numbers of a Maker and of Peeks, or None.
  void add(nb::object kind, nb::object resolve, nb::object empty, nb::object threads, nb::object exchange,
           nb::object maker, nb::object peeks, nb::tuple busy, nb::object recording, nb::object levels, nb::tuple unusual);

  nb::object run(const char* where, nb::handle image, nb::handle coords, const Choices& choices);
  int visit(visitproc visit, void* arg) const;  // for Python's collector of cycles
  void clear();

 private:
  class Source;
  const Library* library_of(nb::handle image, nb::handle coords) const;
  bool is_quiet(const Library& library, nb::handle image, nb::handle coords) const;
  bool is_recorded(const Library& library, nb::handle image, nb::handle coords) const;
  nb::object make(const Library& library, const Call& call, Source& to) const;
  std::shared_ptr<const Call> find(const Library& library, const char* where, const gs::View& image,
                                   const gs::View& coords, const Choices& choices);

  static constexpr std::size_t most_libraries = 4;
  std::array<Library, most_libraries> libraries_;
  std::atomic<std::size_t> count_{0};  // of libraries_ that are whole
  nb::ft_mutex mutex_;  // of slots_, where there is no interpreter lock; no Python runs under it
  std::array<std::shared_ptr<const Call>, 256> slots_;
  nb::object requires_grad_, current_level_;
};

}  // namespace gridsample::python
