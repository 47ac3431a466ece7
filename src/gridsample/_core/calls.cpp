// SPDX-License-Identifier: Apache-2.0
#include "calls.hpp"

#include <algorithm>
#include <mutex>
#include <stdexcept>

#if defined(__linux__)
#include <dlfcn.h>
#endif

namespace gridsample::python {

std::uint64_t Key::hash() const {
  std::uint64_t h = 0;
  for (int i = 0; i < count_; ++i) h = (h ^ words_[std::size_t(i)]) * 0x9E3779B97F4A7C15u, h ^= h >> 32;
  return h;
}

bool Key::operator==(const Key& other) const {
  return count_ == other.count_ && std::equal(words_.begin(), words_.begin() + count_, other.words_.begin());
}

struct Call {
  Key key;
  std::array<nb::object, most_choices> choices;  // kept, so that no other object can have their addresses
  bool usable = false;                           // if not, it is known that the call must go the long way
  bool jacobian = false;
  gs::Problem problem{};
  nb::object arguments, keywords;  // of `empty`
  gs::View result{};               // where it lies, but for the address; known only where there is a Maker
  std::array<std::int64_t, gs::max_rank> strides{};  // the same in elements
};

namespace {

bool is_true(nb::handle answer) {
  if (answer.ptr() == Py_False || answer.is_none()) return false;
  const int truth = PyObject_IsTrue(answer.ptr());
  if (truth < 0) throw nb::python_error();
  return truth;
}

nb::object ask(nb::handle function) {
  PyObject* answer = PyObject_CallNoArgs(function.ptr());
  if (!answer) throw nb::python_error();
  return nb::steal(answer);
}

dlpack::Describe describer(nb::handle capsule) {
  if (capsule.is_none()) return nullptr;
  const auto* table = static_cast<const dlpack::Exchange*>(PyCapsule_GetPointer(capsule.ptr(), dlpack::capsule));
  if (!table) throw nb::python_error();
  if (table->header.major != dlpack::major_version || !table->describe)
    throw std::invalid_argument("Calls: expected a DLPack exchange table of version 1 that describes arrays in place, "
                                "got version " + std::to_string(table->header.major) + "; pass none");
  return table->describe;
}

template <typename Function>
void address(Function& function, nb::handle number) {
  function = reinterpret_cast<Function>(nb::cast<std::uintptr_t>(number));
}

Maker maker_of(nb::handle numbers) {
  Maker maker;
  if (numbers.is_none()) return maker;
  address(maker.empty, numbers[0]);
  address(maker.data, numbers[1]);
  address(maker.drop, numbers[2]);
  address(maker.wrap, numbers[3]);
  maker.device_type = nb::cast<std::int32_t>(numbers[4]);
  maker.float32 = nb::cast<std::int32_t>(numbers[5]);
  maker.float64 = nb::cast<std::int32_t>(numbers[6]);
  return maker;
}

Peeks peeks_of(nb::handle numbers) {
  Peeks peeks;
  if (numbers.is_none()) return peeks;
  peeks.library = reinterpret_cast<void*>(nb::cast<std::uintptr_t>(numbers[0]));
  address(peeks.function_mode, numbers[1]);
  address(peeks.callbacks, numbers[2]);
  address(peeks.requires_grad, numbers[3]);
  address(peeks.is_negative, numbers[4]);
  peeks.inference = {nb::cast<std::uint64_t>(numbers[5]), nb::cast<std::uint64_t>(numbers[6])};
  return peeks;
}

// The address of a tensor's C++ object, which torch's Python half shows as an attribute.
const void* tensor_of(nb::handle tensor) {
  static PyObject* const name = PyUnicode_InternFromString("_cdata");
  PyObject* number = PyObject_GetAttr(tensor.ptr(), name);
  if (!number) throw nb::python_error();
  const void* address = PyLong_AsVoidPtr(number);
  Py_DECREF(number);
  if (!address) throw nb::python_error();
  return address;
}

// False if the array is none that the engine reads where it lies.
bool view_of(const dlpack::Tensor& tensor, gs::View& view) {
  const bool known = tensor.device.type == dlpack::cpu && tensor.dtype.code == dlpack::floating &&
                     tensor.dtype.lanes == 1 && (tensor.dtype.bits == 32 || tensor.dtype.bits == 64);
  if (!known || tensor.rank > gs::max_rank || (tensor.rank > 0 && !(tensor.shape && tensor.strides))) return false;
  view.scalar = tensor.dtype.bits == 32 ? gs::Scalar::f32 : gs::Scalar::f64;
  view.rank = tensor.rank;
  bool empty = false;
  for (int i = 0; i < tensor.rank; ++i) {
    view.shape[i] = tensor.shape[i];
    view.stride[i] = tensor.strides[i] * item(view.scalar);
    empty = empty || view.shape[i] == 0;
  }
  view.data = static_cast<char*>(tensor.data) + tensor.byte_offset;
  return tensor.data || empty;  // numbers without memory: torch's zero tensors, emptied storages
}

// As torch counts: axes of one element do not matter.
bool is_dense(const gs::View& view, bool channels_last) {
  std::int64_t expected = item(view.scalar);
  for (int k = 0; k < view.rank; ++k) {
    const int last = view.rank - 1 - k;
    const int i = !channels_last ? last : k == 0 ? 1 : last == 0 ? 0 : last + 1;
    if (view.shape[i] != 1 && view.stride[i] != expected) return false;
    expected *= view.shape[i];
  }
  return true;
}

bool is_channels_last(const gs::View& image) {
  if (image.rank < 4 || image.rank > 5 || image.shape[1] == 1 || numbers(image) == 0) return false;
  return !is_dense(image, false) && is_dense(image, true);
}

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

void set_result(Call& call, gs::Scalar scalar, nb::handle shape, nb::handle strides) {
  call.result.scalar = scalar;
  call.result.rank = int(nb::len(shape));
  check_rank(call.result.rank);
  for (int i = 0; i < call.result.rank; ++i) {
    call.result.shape[i] = nb::cast<std::int64_t>(shape[i]);
    call.strides[std::size_t(i)] = nb::cast<std::int64_t>(strides[i]);
    call.result.stride[i] = call.strides[std::size_t(i)] * item(scalar);
  }
}

const char* type_name(gs::Scalar scalar) { return scalar == gs::Scalar::f32 ? "float32" : "float64"; }

std::shared_ptr<const Call> resolved(const Library& library, const Key& key, const char* where, const gs::View& image,
                                     const gs::View& coords, const Choices& choices, bool channels_last) {
  auto call = std::make_shared<Call>();
  call->key = key;
  nb::list given;
  for (int i = 0; i < most_choices && choices[std::size_t(i)]; ++i) {
    if (!is_constant(choices[std::size_t(i)])) return nullptr;
    call->choices[std::size_t(i)] = nb::borrow(choices[std::size_t(i)]);
    given.append(choices[std::size_t(i)]);
  }
  const nb::object answer = library.resolve(where, nb::tuple(given), shape_of(image), type_name(image.scalar),
                                     shape_of(coords), type_name(coords.scalar), channels_last);
  if (!answer.is_none()) {
    call->usable = true;
    call->problem = nb::cast<gs::Problem&>(answer[0]);
    call->jacobian = is_true(answer[1]);
    call->arguments = answer[2];
    call->keywords = answer[3];
    if (library.maker.empty) set_result(*call, image.scalar, call->arguments[0], answer[4]);
  }
  return call;
}

}  // namespace

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
    : requires_grad_(nb::steal(PyUnicode_InternFromString("requires_grad"))),
      current_level_(nb::steal(PyUnicode_InternFromString("_current_level"))) {}

Calls::~Calls() = default;

void Calls::add(nb::object kind, nb::object resolve, nb::object empty, nb::object threads, nb::object exchange,
                nb::object maker, nb::object peeks, nb::tuple busy, nb::object recording, nb::object levels,
                nb::tuple unusual) {
  Library library{std::move(kind), std::move(resolve),   std::move(empty),  std::move(threads),
                  std::move(busy), std::move(recording), std::move(levels), std::move(unusual),
                  describer(exchange), maker_of(maker), peeks_of(peeks)};
  std::lock_guard<nb::ft_mutex> lock(mutex_);
  const std::size_t count = count_.load();
  if (count == most_libraries) throw std::length_error("Calls: expected at most 4 libraries, got another");
  libraries_[count] = std::move(library);
  count_.store(count + 1, std::memory_order_release);
}

const Library* Calls::library_of(nb::handle image, nb::handle coords) const {
  const std::size_t count = count_.load(std::memory_order_acquire);
  const PyTypeObject* kind = Py_TYPE(image.ptr());
  if (Py_TYPE(coords.ptr()) != kind) return nullptr;
  for (std::size_t i = 0; i < count; ++i)
    if (reinterpret_cast<const PyTypeObject*>(libraries_[i].kind.ptr()) == kind) return &libraries_[i];
  return nullptr;
}

bool Calls::is_recorded(const Library& library, nb::handle image, nb::handle coords) const {
  if (library.recording.is_none()) return false;
  const bool wanted = is_true(image.attr(requires_grad_)) || is_true(coords.attr(requires_grad_));
  return wanted && is_true(ask(library.recording));
}

// Would nothing but the result tell the short way from the long one?
bool Calls::is_quiet(const Library& library, nb::handle image, nb::handle coords) const {
  if (!library.levels.is_none() && nb::cast<long>(library.levels.attr(current_level_)) >= 0) return false;
  const Peeks& peeks = library.peeks;
  if (peeks.library) {
    const DispatchKeys keys = Peeks::keys(peeks.library);
    if (!(keys == DispatchKeys{} || keys == peeks.inference) || peeks.function_mode() || peeks.callbacks()) return false;
    bool recorded = false;
    for (nb::handle array : {image, coords}) {
      const void* tensor = tensor_of(array);
      if (peeks.is_negative(&tensor)) return false;
      recorded = recorded || peeks.requires_grad(tensor);
    }
    return !recorded || !is_true(ask(library.recording));
  }
  for (nb::handle function : library.busy)
    if (is_true(ask(function))) return false;
  for (nb::handle array : {image, coords})
    for (nb::handle method : library.unusual)
      if (is_true(method(array))) return false;
  return !is_recorded(library, image, coords);
}

std::shared_ptr<const Call> Calls::find(const Library& library, const char* where, const gs::View& image,
                                        const gs::View& coords, const Choices& choices) {
  const bool channels_last = library.describe && is_channels_last(image);
  Key key;
  key.add(reinterpret_cast<std::uintptr_t>(&library));
  key.add(reinterpret_cast<std::uintptr_t>(where));
  key.add(std::uint64_t(int(image.scalar) | int(coords.scalar) << 1 | int(channels_last) << 2 | image.rank << 8 |
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

// A new array for the call's result, and where it lies; null with no error set if that cannot be seen.
nb::object Calls::make(const Library& library, const Call& call, Source& to) const {
  const Maker& maker = library.maker;
  void* tensor = nullptr;
  if (maker.empty && is_small(numbers(call.result)) &&
      maker.empty(call.result.rank, call.result.shape, call.strides.data(),
                  call.result.scalar == gs::Scalar::f32 ? maker.float32 : maker.float64, maker.device_type, 0,
                  &tensor) == 0) {
    void* data = nullptr;
    PyObject* made = maker.data(tensor, &data) == 0 ? maker.wrap(tensor) : nullptr;
    maker.drop(tensor);
    if (!made) throw nb::python_error();
    to.view = call.result;
    to.view.data = static_cast<char*>(data);
    return nb::steal(made);
  }
  PyObject* made = PyObject_Call(library.empty.ptr(), call.arguments.ptr(), call.keywords.ptr());
  if (!made) throw nb::python_error();
  nb::object result = nb::steal(made);
  return to.read(library, result) ? result : nb::object();
}

nb::object Calls::run(const char* where, nb::handle image, nb::handle coords, const Choices& choices) {
  const Library* library = library_of(image, coords);
  if (!library || !is_quiet(*library, image, coords)) return nb::none();
  Source from, at, to;
  if (!from.read(*library, image) || !at.read(*library, coords)) return nb::none();
  const auto call = find(*library, where, from.view, at.view, choices);
  if (!call || !call->usable) return nb::none();
  nb::object result = make(*library, *call, to);
  if (!result) return nb::none();
  const double touched = taps(call->problem, to.view);
  const int threads = is_small(touched) ? 1 : nb::cast<int>(ask(library->threads));
  without_lock(touched, [&] {
    (call->jacobian ? gs::pull_grad : gs::pull)(call->problem, from.view, at.view, to.view, threads);
  });
  return result;
}

int Calls::visit(visitproc visit, void* arg) const {
  for (const Library& l : libraries_)
    for (const nb::handle held : {nb::handle(l.kind), nb::handle(l.resolve), nb::handle(l.empty), nb::handle(l.threads),
                                  nb::handle(l.busy), nb::handle(l.recording), nb::handle(l.levels),
                                  nb::handle(l.unusual)})
      Py_VISIT(held.ptr());
  return 0;
}

void Calls::clear() {
  count_ = 0;
  for (Library& library : libraries_) library = Library{};
}

}  // namespace gridsample::python
