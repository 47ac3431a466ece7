// SPDX-License-Identifier: Apache-2.0
#include "calls.hpp"

#include <algorithm>
#include <mutex>

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

}  // namespace

// One array's view, and what keeps it in place.
class Calls::Source {
 public:
  bool read(const Calls& calls, nb::handle object) {
    if (calls.describe_) {
      dlpack::Tensor tensor{};
      if (calls.describe_(object.ptr(), &tensor) == 0) return view_of(tensor, view);
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

Calls::Calls(nb::object kind, nb::object resolve, nb::object empty, nb::object threads, nb::object exchange,
             nb::object maker, nb::tuple busy, nb::object recording, nb::tuple unusual)
    : kind_(std::move(kind)), resolve_(std::move(resolve)), empty_(std::move(empty)), threads_(std::move(threads)),
      recording_(std::move(recording)),
      requires_grad_(nb::steal(PyUnicode_InternFromString("requires_grad"))),
      busy_(std::move(busy)), unusual_(std::move(unusual)), describe_(describer(exchange)),
      maker_(maker_of(maker)) {}

Calls::~Calls() = default;

// Would nothing but the result tell the short way from the long one?
bool Calls::is_quiet(nb::handle image, nb::handle coords) const {
  for (nb::handle function : busy_)
    if (is_true(ask(function))) return false;
  for (nb::handle array : {image, coords})
    for (nb::handle method : unusual_)
      if (is_true(method(array))) return false;
  if (recording_.is_none()) return true;
  const bool recorded = is_true(image.attr(requires_grad_)) || is_true(coords.attr(requires_grad_));
  return !recorded || !is_true(ask(recording_));
}

std::shared_ptr<const Call> Calls::resolve(const Key& key, const char* where, const gs::View& image,
                                           const gs::View& coords, const Choices& choices, bool channels_last) const {
  auto call = std::make_shared<Call>();
  call->key = key;
  nb::list given;
  for (int i = 0; i < most_choices && choices[std::size_t(i)]; ++i) {
    if (!is_constant(choices[std::size_t(i)])) return nullptr;
    call->choices[std::size_t(i)] = nb::borrow(choices[std::size_t(i)]);
    given.append(choices[std::size_t(i)]);
  }
  const nb::object answer = resolve_(where, nb::tuple(given), shape_of(image), type_name(image.scalar),
                                     shape_of(coords), type_name(coords.scalar), channels_last);
  if (!answer.is_none()) {
    call->usable = true;
    call->problem = nb::cast<gs::Problem&>(answer[0]);
    call->jacobian = is_true(answer[1]);
    call->arguments = answer[2];
    call->keywords = answer[3];
    if (maker_.empty) set_result(*call, image.scalar, call->arguments[0], answer[4]);
  }
  return call;
}

std::shared_ptr<const Call> Calls::find(const char* where, const gs::View& image, const gs::View& coords,
                                        const Choices& choices) {
  const bool channels_last = describe_ && is_channels_last(image);
  Key key;
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
  call = resolve(key, where, image, coords, choices, channels_last);
  if (!call) return nullptr;
  std::shared_ptr<const Call> kept = call;  // after the swap what stood there before, to be dropped outside the lock
  std::lock_guard<nb::ft_mutex> lock(mutex_);
  slot.swap(kept);
  return call;
}

// A new array for the call's result, and where it lies; null with no error set if that cannot be seen.
nb::object Calls::make(const Call& call, Source& to) const {
  void* tensor = nullptr;
  if (maker_.empty && is_small(numbers(call.result)) &&
      maker_.empty(call.result.rank, call.result.shape, call.strides.data(),
                   call.result.scalar == gs::Scalar::f32 ? maker_.float32 : maker_.float64, maker_.device_type, 0,
                   &tensor) == 0) {
    void* data = nullptr;
    PyObject* made = maker_.data(tensor, &data) == 0 ? maker_.wrap(tensor) : nullptr;
    maker_.drop(tensor);
    if (!made) throw nb::python_error();
    to.view = call.result;
    to.view.data = static_cast<char*>(data);
    return nb::steal(made);
  }
  PyObject* made = PyObject_Call(empty_.ptr(), call.arguments.ptr(), call.keywords.ptr());
  if (!made) throw nb::python_error();
  nb::object result = nb::steal(made);
  return to.read(*this, result) ? result : nb::object();
}

nb::object Calls::run(const char* where, nb::handle image, nb::handle coords, const Choices& choices) {
  const auto* kind = reinterpret_cast<PyTypeObject*>(kind_.ptr());
  if (Py_TYPE(image.ptr()) != kind || Py_TYPE(coords.ptr()) != kind || !is_quiet(image, coords)) return nb::none();
  Source from, at, to;
  if (!from.read(*this, image) || !at.read(*this, coords)) return nb::none();
  const auto call = find(where, from.view, at.view, choices);
  if (!call || !call->usable) return nb::none();
  nb::object result = make(*call, to);
  if (!result) return nb::none();
  const double touched = taps(call->problem, to.view);
  const int threads = is_small(touched) ? 1 : nb::cast<int>(ask(threads_));
  without_lock(touched, [&] {
    (call->jacobian ? gs::pull_grad : gs::pull)(call->problem, from.view, at.view, to.view, threads);
  });
  return result;
}

int Calls::visit(visitproc visit, void* arg) const {
  for (const nb::object* held : {&kind_, &resolve_, &empty_, &threads_, &recording_}) Py_VISIT(held->ptr());
  Py_VISIT(busy_.ptr());
  Py_VISIT(unusual_.ptr());
  return 0;
}

void Calls::clear() {
  for (nb::object* held : {&kind_, &resolve_, &empty_, &threads_, &recording_}) held->reset();
  busy_.reset();
  unusual_.reset();
}

}  // namespace gridsample::python
