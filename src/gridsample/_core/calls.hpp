// SPDX-License-Identifier: Apache-2.0
// Calls: the short way for public calls that were made before, alike. A call is known by the identity of its options and
// by its arrays' shapes and types; what the Plan said of it is kept, so that nothing of it is worked out in Python again.
// Whatever is not plainly such a call is answered with None, and the caller goes the long way.
#pragma once
#include <array>
#include <atomic>
#include <initializer_list>
#include <memory>

#include "arrays.hpp"
#include "library.hpp"

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
struct Result;

inline constexpr char calls_planned[] = "planned";  // where a Plan is the only choice

class Calls {
 public:
  Calls();
  ~Calls();
  // exchange: the class's DLPack table or None. maker, peeks: the numbers of a Maker and of Peeks, or None.
  void add(nb::object kind, nb::object resolve, nb::object empty, nb::object threads, nb::object exchange,
           nb::object maker, nb::object peeks, nb::object busy, nb::object recording, nb::object levels, nb::object unusual);

  // The verb's result; None if the call must go the long way. `where` is a string that lives for ever.
  nb::object pull(const char* where, nb::handle image, nb::handle coords, const Choices& choices);
  // (gradient of image, gradient of coords) of a pull, None for one not wanted. For the first alone the image's shape
  // stands for the image.
  nb::object backward(nb::handle grad, nb::handle image, nb::handle coords, nb::handle options, bool image_too,
                      bool coords_too);
  // What a recorded pull's node answers: (gradient of image, of coords, None, None), or None.
  nb::object derived(nb::handle node, nb::handle grad);
  // Matrices of maps (gridsample/matrix.hpp), or None.
  nb::object into_pixels(nb::handle matrix, nb::handle numbers) const;
  int visit(visitproc visit, void* arg) const;  // for Python's collector of cycles
  void clear();

 private:
  class Source;
  struct Gradients {
    nb::object image = nb::none(), coords = nb::none();
  };
  enum class State { quiet, recorded, watched };  // nobody else is concerned; autograd alone is; others may be
  const Library* library_of(std::initializer_list<nb::handle> arrays) const;
  State state(const Library& library, std::initializer_list<nb::handle> arrays) const;
  nb::object make(const Library& library, const Result& result, Source& to) const;
  // False if the call must go the long way.
  bool differentiate(nb::handle grad, nb::handle image, nb::handle coords, nb::handle options, bool image_too, bool coords_too,
                     Gradients& found);
  std::shared_ptr<const Call> find(const Library& library, const char* where, const gs::View& image,
                                   const gs::View& coords, const Choices& choices);

  static constexpr std::size_t most_libraries = 4;
  std::array<Library, most_libraries> libraries_;
  std::atomic<std::size_t> count_{0};  // of libraries_ that are whole
  nb::ft_mutex mutex_;  // of slots_, where there is no interpreter lock; no Python runs under it
  std::array<std::shared_ptr<const Call>, 256> slots_;
  nb::object requires_grad_, current_level_, saved_tensors_, needs_input_grad_, options_, image_shape_, dtype_;
};

}  // namespace gridsample::python
