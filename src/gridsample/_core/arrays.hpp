// SPDX-License-Identifier: Apache-2.0
// Python's arrays as views of the engine, and when the interpreter lock is worth releasing.
#pragma once
#include <nanobind/nanobind.h>

#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>

#include "gridsample/sample.hpp"

namespace gridsample::python {

namespace nb = nanobind;
namespace gs = gridsample;

// A type by its code in the buffer protocol; that of bfloat16, which has none there, is ours. How messages call it.
struct Named {
  const char *code, *name;
  gs::Scalar scalar;
};
inline constexpr Named scalars[] = {
    {"f", "float32", gs::Scalar::f32}, {"d", "float64", gs::Scalar::f64},     {"e", "float16", gs::Scalar::f16},
    {"B", "uint8", gs::Scalar::u8},    {"b", "int8", gs::Scalar::i8},         {"H", "uint16", gs::Scalar::u16},
    {"h", "int16", gs::Scalar::i16},   {"?", "bool", gs::Scalar::boolean},    {"bf16", "bfloat16", gs::Scalar::bf16}};

inline std::optional<gs::Scalar> scalar_of(const char* format) {
  if (format && (*format == '@' || *format == '=')) ++format;
  for (const Named& one : scalars)
    if (format && !std::strcmp(format, one.code)) return one.scalar;
  return std::nullopt;
}

inline const char* name_of(gs::Scalar scalar) {
  for (const Named& one : scalars)
    if (one.scalar == scalar) return one.name;
  return "unknown";
}

inline gs::Scalar known_scalar(const char* format) {
  if (const auto scalar = scalar_of(format)) return *scalar;
  throw std::invalid_argument(std::string("array: expected float32 ('f'), float64 ('d') or, of pull's images, a type of 8 or 16 bits, "
                                          "in the machine's byte order, got format '") + (format ? format : "none") + "'; convert it first");
}

inline bool is_computed(gs::Scalar scalar) { return scalar == gs::Scalar::f32 || scalar == gs::Scalar::f64; }

inline void check_rank(Py_ssize_t rank) {
  if (rank > gs::max_rank)
    throw std::invalid_argument("array: expected at most " + std::to_string(gs::max_rank) + " axes, got " +
                                std::to_string(rank));
}

// A buffer that keeps an array's memory in place while it is used.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (held_) PyBuffer_Release(&buffer_);
  }
  // False with a Python error set if the object has none.
  bool take(nb::handle object, bool writable) {
    const int flags = PyBUF_STRIDES | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
    held_ = PyObject_GetBuffer(object.ptr(), &buffer_, flags) == 0;
    return held_;
  }
  const char* format() const { return buffer_.format; }
  int rank() const { return buffer_.ndim; }
  // Of a rank that has been checked.
  gs::View view(gs::Scalar scalar) const {
    gs::View view{static_cast<char*>(buffer_.buf), scalar, buffer_.ndim, {}, {}};
    for (int i = 0; i < buffer_.ndim; ++i) {
      view.shape[i] = buffer_.shape[i];
      view.stride[i] = buffer_.strides[i];
    }
    return view;
  }

 private:
  Py_buffer buffer_{};
  bool held_ = false;
};

inline double numbers(const gs::View& view) {
  double count = 1;
  for (int i = 0; i < view.rank; ++i) count *= double(view.shape[i]);
  return count;
}

// A view of either kind of array that the engine's functions take.
class Array {
 public:
  Array(nb::handle object, bool writable) {
    if (PyTuple_CheckExact(object.ptr())) {
      from_tuple(object);
    } else {
      if (!buffer_.take(object, writable)) throw nb::python_error();
      check_rank(buffer_.rank());
      view_ = buffer_.view(known_scalar(buffer_.format()));
    }
    if (!view_.data && numbers(view_) > 0)
      throw std::runtime_error("array: expected memory for " + std::to_string(std::int64_t(numbers(view_))) +
                               " numbers, got none (a storage that was emptied?); fill the array again");
  }
  const gs::View& view() const { return view_; }

 private:
  static std::int64_t integer(nb::handle tuple, Py_ssize_t i) {
    const Py_ssize_t value = PyNumber_AsSsize_t(PyTuple_GetItem(tuple.ptr(), i), PyExc_OverflowError);
    if (value == -1 && PyErr_Occurred()) throw nb::python_error();
    return value;
  }
  void from_tuple(nb::handle tuple) {
    if (PyTuple_Size(tuple.ptr()) != 4) throw std::invalid_argument("array tuple: expected (address, typecode, shape, strides)");
    view_.data = static_cast<char*>(PyLong_AsVoidPtr(PyTuple_GetItem(tuple.ptr(), 0)));
    if (!view_.data && PyErr_Occurred()) throw nb::python_error();
    view_.scalar = known_scalar(nb::cast<std::string>(nb::handle(PyTuple_GetItem(tuple.ptr(), 1))).c_str());
    const nb::handle shape = PyTuple_GetItem(tuple.ptr(), 2), strides = PyTuple_GetItem(tuple.ptr(), 3);
    if (!PyTuple_Check(shape.ptr()) || !PyTuple_Check(strides.ptr()))
      throw std::invalid_argument("array tuple: expected shape and strides as tuples");
    const Py_ssize_t rank = PyTuple_Size(shape.ptr());
    check_rank(rank);
    if (PyTuple_Size(strides.ptr()) != rank) throw std::invalid_argument("array tuple: expected one stride per axis");
    view_.rank = int(rank);
    for (Py_ssize_t i = 0; i < rank; ++i) {
      view_.shape[i] = integer(shape, i);
      view_.stride[i] = integer(strides, i) * gs::bytes_of(view_.scalar);
      if (view_.shape[i] < 0) throw std::invalid_argument("array tuple: expected no negative size");
    }
  }

  Buffer buffer_;
  gs::View view_{};
};

// Taps read or written for these values.
inline double taps(const gs::Problem& problem, const gs::View& values) {
  double count = numbers(values);
  for (int d = 0; d < problem.axes; ++d) count *= problem.kernel.taps;
  return count;
}

// Work so short that another thread, or another thread's turn at the interpreter, would cost more.
inline bool is_small(double touched) { return touched < 4096; }

template <typename Work>
void without_lock(double touched, Work work) {
  if (is_small(touched)) return work();
  nb::gil_scoped_release unlocked;
  work();
}

}  // namespace gridsample::python
