// SPDX-License-Identifier: Apache-2.0
// Calls: the short way for public calls that were made before, alike. A call is known by the identity of its options and
// by its arrays' shapes and types; what the Plan said of it is kept, so that nothing of it is worked out in Python again.
// Whatever is not plainly such a call is answered with None, and the caller goes the long way.
#pragma once
#include <array>
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
  static constexpr int most_words = 2 + most_choices + 2 * gs::max_rank;
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

class Calls {
 public:
  // kind: the arrays' exact class. resolve: a new call's Problem, the arguments of `empty` that make its result, and its
  // strides in elements; None if it must go the long way. exchange: the class's DLPack table, or None for the buffer
  // protocol. maker: the numbers of a Maker, or None.
  // busy: functions that say whether something wants to see every call; recording: whether gradients are recorded at
  // all; unusual: methods that say whether one array's memory does not mean what it says.
  Calls(nb::object kind, nb::object resolve, nb::object empty, nb::object threads, nb::object exchange,
        nb::object maker, nb::tuple busy, nb::object recording, nb::tuple unusual);
  ~Calls();

  nb::object run(const char* where, nb::handle image, nb::handle coords, const Choices& choices);
  int visit(visitproc visit, void* arg) const;  // for Python's collector of cycles
  void clear();

 private:
  class Source;
  nb::object make(const Call& call, Source& to) const;
  bool is_quiet(nb::handle image, nb::handle coords) const;
  std::shared_ptr<const Call> find(const char* where, const gs::View& image, const gs::View& coords,
                                   const Choices& choices);
  std::shared_ptr<const Call> resolve(const Key& key, const char* where, const gs::View& image, const gs::View& coords,
                                      const Choices& choices, bool channels_last) const;

  nb::object kind_, resolve_, empty_, threads_, recording_, requires_grad_;
  nb::tuple busy_, unusual_;
  dlpack::Describe describe_ = nullptr;
  Maker maker_;
  nb::ft_mutex mutex_;  // of slots_, where there is no interpreter lock; no Python runs under it
  std::array<std::shared_ptr<const Call>, 256> slots_;
};

}  // namespace gridsample::python
