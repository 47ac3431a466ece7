// SPDX-License-Identifier: Apache-2.0
#include "calls.hpp"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "gridsample/matrix.hpp"
#include "layouts.hpp"

namespace gridsample::python {

std::uint64_t Key::hash() const {
  std::uint64_t h = 0;
  for (int i = 0; i < count_; ++i) h = (h ^ words_[std::size_t(i)]) * 0x9E3779B97F4A7C15u, h ^= h >> 32;
  return h;
}

bool Key::operator==(const Key& other) const {
  return count_ == other.count_ && std::equal(words_.begin(), words_.begin() + count_, other.words_.begin());
}

// A result to be made: by the arguments of `empty`, or by a Maker from where it will lie, but for the address.
struct Result {
  nb::object arguments, keywords;
  gs::View view{};
  std::array<std::int64_t, gs::max_rank> strides{};  // in elements
};

struct Call {
  Key key;
  std::array<nb::object, most_choices> choices;  // kept, so that no other object can have their addresses
  bool usable = false;                           // if not, it is known that the call must go the long way
  bool jacobian = false;
  gs::Problem problem{};
  std::vector<Result> results;
  nb::object recorded, text;  // what to call with the values where gradients are recorded, and its options
};

namespace {

nb::object ask(nb::handle function) {
  PyObject* answer = PyObject_CallNoArgs(function.ptr());
  if (!answer) throw nb::python_error();
  return nb::steal(answer);
}

nb::object interned(const char* name) { return nb::steal(PyUnicode_InternFromString(name)); }

// Options that cannot change, so that the same object means the same later.
bool is_constant(nb::handle choice) {
  PyObject* p = choice.ptr();
  if (PyTuple_CheckExact(p)) {
    for (Py_ssize_t i = 0; i < PyTuple_Size(p); ++i)
      if (!PyUnicode_CheckExact(PyTuple_GetItem(p, i))) return false;
    return true;
  }
  return p == Py_None || PyBool_Check(p) || PyUnicode_CheckExact(p) || PyFloat_CheckExact(p) || PyLong_CheckExact(p);
}

nb::tuple shape_of(const gs::View& view) {
  nb::list sizes;
  for (int i = 0; i < view.rank; ++i) sizes.append(view.shape[i]);
  return nb::tuple(sizes);
}

Result result_of(const Library& library, nb::handle made, gs::Scalar scalar) {
  Result result{nb::borrow(made[0]), nb::borrow(made[1])};
  if (!library.maker.empty) return result;
  const nb::object shape = made[0][0], strides = made[2];
  result.view.scalar = scalar;
  result.view.rank = int(nb::len(shape));
  check_rank(result.view.rank);
  for (int i = 0; i < result.view.rank; ++i) {
    result.view.shape[i] = nb::cast<std::int64_t>(shape[i]);
    result.strides[std::size_t(i)] = nb::cast<std::int64_t>(strides[i]);
    result.view.stride[i] = result.strides[std::size_t(i)] * gs::bytes_of(scalar);
  }
  return result;
}

std::shared_ptr<const Call> resolved(const Library& library, const Key& key, const char* where, const gs::View& image,
                                     const gs::View& coords, const Choices& choices, bool channels_last) {
  auto call = std::make_shared<Call>();
  call->key = key;
  nb::list given;
  const bool planned = where == calls_planned;  // by a Plan, which nobody changes
  for (int i = 0; i < most_choices && choices[std::size_t(i)]; ++i) {
    if (!planned && !is_constant(choices[std::size_t(i)])) return nullptr;
    call->choices[std::size_t(i)] = nb::borrow(choices[std::size_t(i)]);
    given.append(choices[std::size_t(i)]);
  }
  const nb::object answer = library.resolve(where, nb::tuple(given), shape_of(image), name_of(image.scalar),
                                            shape_of(coords), name_of(coords.scalar), channels_last);
  // derivatives of what is not computed in go the long way, which converts it
  if (!answer.is_none() && (is_computed(image.scalar) || !is_true(answer[1]))) {
    call->usable = true;
    call->problem = nb::cast<gs::Problem&>(answer[0]);
    call->jacobian = is_true(answer[1]);
    for (nb::handle made : nb::object(answer[2]))
      call->results.push_back(result_of(library, made, call->results.empty() ? image.scalar : coords.scalar));
    call->recorded = answer[3];
    call->text = answer[4];
  }
  return call;
}

}  // namespace

// One array's view, and what keeps it in place.
class Calls::Source {
 public:
  bool read(const Library& library, nb::handle object) {
    if (library.describe) {
      dlpack::Tensor tensor{};
      if (library.describe(object.ptr(), &tensor) == 0) return view_of(tensor, view);
    } else if (buffer_.take(object, false)) {
      const auto scalar = scalar_of(buffer_.format());
      if (!scalar || buffer_.rank() > gs::max_rank) return false;
      view = buffer_.view(*scalar);
      return true;
    }
    PyErr_Clear();  // the long way will say it better, or can do it
    return false;
  }
  gs::View view;

 private:
  Buffer buffer_;
};

Calls::Calls()
    : requires_grad_(interned("requires_grad")),
      current_level_(interned("_current_level")),
      saved_tensors_(interned("saved_tensors")),
      needs_input_grad_(interned("needs_input_grad")),
      options_(interned("options")),
      image_shape_(interned("image_shape")),
      dtype_(interned("dtype")) {}

Calls::~Calls() = default;

void Calls::add(nb::object kind, nb::object resolve, nb::object empty, nb::object threads, nb::object exchange,
                nb::object maker, nb::object peeks, nb::object busy, nb::object recording, nb::object levels,
                nb::object unusual) {
  if (!levels.is_none() && !PyModule_Check(levels.ptr())) throw nb::type_error("Calls: expected levels to be a module or None");
  Library library{std::move(kind), std::move(resolve),   std::move(empty),  std::move(threads),
                  std::move(busy), std::move(recording), std::move(levels), std::move(unusual),
                  nullptr, nullptr, Maker::from(maker), Peeks::from(peeks)};
  if (const dlpack::Exchange* table = exchange_of(exchange)) library.describe = table->describe, library.adopt = table->adopt;
  std::lock_guard<nb::ft_mutex> lock(mutex_);
  const std::size_t count = count_.load();
  if (count == most_libraries) throw std::length_error("Calls: expected at most 4 libraries, got another");
  libraries_[count] = std::move(library);
  count_.store(count + 1, std::memory_order_release);
}

const Library* Calls::library_of(std::initializer_list<nb::handle> arrays) const {
  const PyTypeObject* kind = Py_TYPE(arrays.begin()->ptr());
  for (nb::handle array : arrays)
    if (Py_TYPE(array.ptr()) != kind) return nullptr;
  const std::size_t count = count_.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i)
    if (reinterpret_cast<const PyTypeObject*>(libraries_[i].kind.ptr()) == kind) return &libraries_[i];
  return nullptr;
}

// Would nothing but the result, and its gradient where one is recorded, tell the short way from the long one?
Calls::State Calls::state(const Library& library, std::initializer_list<nb::handle> arrays) const {
  if (!library.levels.is_none()) {
    PyObject* const level = PyDict_GetItemWithError(PyModule_GetDict(library.levels.ptr()), current_level_.ptr());
    if (!level) throw std::invalid_argument("Calls: expected levels to have _current_level");
    if (nb::cast<long>(nb::handle(level)) >= 0) return State::watched;
  }
  const Peeks& peeks = library.peeks;
  bool recorded = false;
  if (peeks.library) {
    const bool recording = peeks.recording();
    const DispatchKeys keys = Peeks::keys(peeks.library);
    if (!(keys == DispatchKeys{} || keys == peeks.inference)) return State::watched;
    if (peeks.function_mode() || peeks.callbacks()) return State::watched;
    for (nb::handle array : arrays) {
      const void* const tensor = peeks.tensor(array);
      if (!tensor || peeks.is_negative(&tensor)) return State::watched;
      recorded = recorded || (recording && peeks.requires_grad(tensor));
    }
  } else {
    const bool recording = !library.recording.is_none() && is_true(ask(library.recording));
    for (nb::handle function : library.busy)
      if (is_true(ask(function))) return State::watched;
    for (nb::handle array : arrays) {
      for (nb::handle method : library.unusual)
        if (is_true(method(array))) return State::watched;
      recorded = recorded || (recording && is_true(array.attr(requires_grad_)));
    }
  }
  return recorded ? State::recorded : State::quiet;
}

std::shared_ptr<const Call> Calls::find(const Library& library, const char* where, const gs::View& image,
                                        const gs::View& coords, const Choices& choices) {
  const bool channels_last = library.describe && is_channels_last(image);
  Key key;
  key.add(reinterpret_cast<std::uintptr_t>(&library));
  key.add(reinterpret_cast<std::uintptr_t>(where));
  key.add(std::uint64_t(int(image.scalar) | int(coords.scalar) << 4 | int(channels_last) << 5 | image.rank << 8 |
                        coords.rank << 16));
  for (nb::handle choice : choices)
    if (choice) key.add(reinterpret_cast<std::uintptr_t>(choice.ptr()));
  for (const gs::View* view : {&image, &coords})
    for (int i = 0; i < view->rank; ++i) key.add(std::uint64_t(view->shape[i]));
  auto& slot = slots_[key.hash() % slots_.size()];
  std::shared_ptr<const Call> call;
  {
    std::lock_guard<nb::ft_mutex> lock(mutex_);
    call = slot;
  }
  if (call && call->key == key) return call;
  call = resolved(library, key, where, image, coords, choices, channels_last);
  if (!call) return nullptr;
  std::shared_ptr<const Call> kept = call;  // after the swap what stood there before, to be dropped outside the lock
  std::lock_guard<nb::ft_mutex> lock(mutex_);
  slot.swap(kept);
  return call;
}

// A new array, and where it lies; null with no error set if that cannot be seen.
nb::object Calls::make(const Library& library, const Result& result, Source& to) const {
  const Maker& maker = library.maker;
  if (maker.empty && is_computed(result.view.scalar) && is_small(numbers(result.view))) {
    const std::size_t rank = std::size_t(result.view.rank);
    NewTensor tensor = maker.empty({result.view.shape, rank}, {result.strides.data(), rank},
                                   result.view.scalar == gs::Scalar::f32 ? maker.float32 : maker.float64, false);
    void* data = nullptr;
    PyObject* made = maker.data(&tensor, &data) == 0 ? maker.wrap(&tensor) : nullptr;
    if (!made) throw nb::python_error();
    to.view = result.view;
    to.view.data = static_cast<char*>(data);
    return nb::steal(made);
  }
  if (library.adopt && maker.empty && is_computed(result.view.scalar))
    if (nb::object array = array_in_block(library.adopt, result.view, result.strides.data(), to.view)) return array;
  PyObject* made = PyObject_Call(library.empty.ptr(), result.arguments.ptr(), result.keywords.ptr());
  if (!made) throw nb::python_error();
  nb::object array = nb::steal(made);
  return to.read(library, array) ? array : nb::object();
}

nb::object Calls::pull(const char* where, nb::handle image, nb::handle coords, const Choices& choices) {
  const Library* library = library_of({image, coords});
  if (!library) return nb::none();
  const State found = state(*library, {image, coords});
  if (found == State::watched) return nb::none();
  Source from, at, to;
  if (!from.read(*library, image) || !at.read(*library, coords) || !is_computed(at.view.scalar)) return nb::none();
  const auto call = find(*library, where, from.view, at.view, choices);
  if (!call || !call->usable) return nb::none();
  if (found == State::recorded && call->recorded.is_none()) return nb::none();
  nb::object result = make(*library, call->results[0], to);
  if (!result) return nb::none();
  const double touched = taps(call->problem, to.view);
  const int threads = is_small(touched) ? 1 : nb::cast<int>(ask(library->threads));
  without_lock(touched, [&] {
    (call->jacobian ? gs::pull_grad : gs::pull)(call->problem, from.view, at.view, to.view, threads);
  });
  return found == State::recorded ? call->recorded(image, coords, call->text, nb::make_tuple(result)) : result;
}

bool Calls::differentiate(nb::handle grad, nb::handle image, nb::handle coords, nb::handle options, bool image_too,
                          bool coords_too, Gradients& found) {
  const bool shape_alone = PyTuple_Check(image.ptr());  // what of the image the gradient of the image needs
  const nb::handle first = shape_alone ? grad : image;
  const Library* library = library_of({grad, first, coords});
  if (!library || (shape_alone && coords_too) || state(*library, {grad, first, coords}) != State::quiet)
    return false;
  Source values, from, at, to_image, to_coords;
  if (!values.read(*library, grad) || !at.read(*library, coords)) return false;
  if (!is_computed(values.view.scalar) || !is_computed(at.view.scalar)) return false;
  if (shape_alone) {
    if (!shaped(image, values.view.scalar, from.view)) return false;
  } else if (!from.read(*library, image)) {
    return false;
  }
  if (!is_computed(from.view.scalar)) return false;
  // the long way gives both one layout
  if (is_channels_last(from.view) != is_channels_last(values.view)) return false;
  const auto call = find(*library, "backward", from.view, at.view, {options});
  if (!call || !call->usable || !are_values(values.view, from.view, at.view)) return false;
  if (image_too && !(found.image = make(*library, call->results[0], to_image))) return false;
  if (coords_too && !(found.coords = make(*library, call->results[1], to_coords))) return false;
  if (shape_alone) from.view = to_image.view;
  const double touched = taps(call->problem, values.view) + numbers(from.view);
  const int threads = is_small(touched) ? 1 : nb::cast<int>(ask(library->threads));
  without_lock(touched, [&] {
    gs::backward(call->problem, values.view, from.view, at.view, image_too ? &to_image.view : nullptr,
                 coords_too ? &to_coords.view : nullptr, threads);
  });
  return true;
}

nb::object Calls::backward(nb::handle grad, nb::handle image, nb::handle coords, nb::handle options, bool image_too,
                           bool coords_too) {
  Gradients found;
  if (!differentiate(grad, image, coords, options, image_too, coords_too, found)) return nb::none();
  return nb::make_tuple(found.image, found.coords);
}

nb::object Calls::derived(nb::handle node, nb::handle grad) {
  const nb::object saved = node.attr(saved_tensors_), needed = node.attr(needs_input_grad_);
  const auto entry = [](const nb::object& tuple, int i) {
    PyObject* found = PyTuple_GetItem(tuple.ptr(), i);
    if (!found) throw nb::python_error();
    return nb::handle(found);
  };
  const bool image_kept = PyTuple_Size(saved.ptr()) == 2;  // after the coordinates
  const nb::object image = image_kept ? nb::borrow(entry(saved, 1)) : nb::object(node.attr(image_shape_));
  const bool image_too = entry(needed, 0).is(Py_True), coords_too = entry(needed, 1).is(Py_True);
  Gradients found;
  if (!differentiate(grad, image, entry(saved, 0), node.attr(options_), image_too, coords_too, found)) return nb::none();
  return nb::make_tuple(found.image, found.coords, nb::none(), nb::none());
}

nb::object Calls::into_pixels(nb::handle matrix, nb::handle numbers) const {
  const Library* library = library_of({matrix});
  if (!library || state(*library, {matrix}) != State::quiet) return nb::none();
  Source from, to;
  if (!from.read(*library, matrix) || !is_computed(from.view.scalar) || from.view.rank != 3) return nb::none();
  const nb::tuple shape = shape_of(from.view);
  Result result{nb::make_tuple(shape), nb::dict()};
  result.keywords[dtype_] = matrix.attr(dtype_);
  shaped(shape, from.view.scalar, result.view);
  for (int i = 0; i < result.view.rank; ++i)
    result.strides[std::size_t(i)] = result.view.stride[i] / gs::bytes_of(result.view.scalar);
  const nb::object made = make(*library, result, to);
  if (made) gs::into_pixels(from.view, Array(numbers, false).view(), to.view);
  return made ? made : nb::none();
}

int Calls::visit(visitproc visit, void* arg) const {
  for (const auto& call : slots_)
    if (call) Py_VISIT(call->recorded.ptr());
  for (const Library& l : libraries_)
    for (const nb::handle held : {nb::handle(l.kind), nb::handle(l.resolve), nb::handle(l.empty), nb::handle(l.threads),
                                  nb::handle(l.busy), nb::handle(l.recording), nb::handle(l.levels),
                                  nb::handle(l.unusual)})
      Py_VISIT(held.ptr());
  return 0;
}

void Calls::clear() {
  count_ = 0;
  for (auto& call : slots_) call.reset();
  for (Library& library : libraries_) library = Library{};
}

}  // namespace gridsample::python
