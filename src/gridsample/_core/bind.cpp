// SPDX-License-Identifier: Apache-2.0
// The binding: the core's verbs for Python, and the only file that knows nanobind. Arrays come as objects with the
// buffer protocol (NumPy) or as a tuple (address, typecode, shape, strides in elements) made by a framework that has
// no cheap buffer (torch). Arguments are checked again here and in the core, though the Plan has said it better before:
// a wrong call may raise, it may not touch memory. The interpreter lock is released while the core works.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "gridsample/sample.hpp"

namespace nb = nanobind;
namespace gs = gridsample;

namespace {

using AxisTuple = std::tuple<std::string, bool, int, double, double, double>;

gs::Scalar scalar_of(const char* format) {
  if (format && (*format == '@' || *format == '=')) ++format;
  if (format && format[0] == 'f' && !format[1]) return gs::Scalar::f32;
  if (format && format[0] == 'd' && !format[1]) return gs::Scalar::f64;
  throw std::invalid_argument(std::string("array: expected float32 ('f') or float64 ('d') in the machine's byte order, "
                                          "got format '") + (format ? format : "none") + "'; convert it first");
}

std::int64_t item(gs::Scalar scalar) { return scalar == gs::Scalar::f32 ? 4 : 8; }

void check_rank(Py_ssize_t rank) {
  if (rank > gs::max_rank)
    throw std::invalid_argument("array: expected at most " + std::to_string(gs::max_rank) + " axes, got " +
                                std::to_string(rank));
}

// A view, and the buffer that keeps its memory in place while it is used.
class Array {
 public:
  Array(nb::handle object, bool writable) {
    if (PyTuple_CheckExact(object.ptr())) from_tuple(object);
    else from_buffer(object, writable);
  }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() {
    if (held_) PyBuffer_Release(&buffer_);
  }
  const gs::View& view() const { return view_; }

 private:
  void from_buffer(nb::handle object, bool writable) {
    const int flags = PyBUF_STRIDES | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
    if (PyObject_GetBuffer(object.ptr(), &buffer_, flags)) throw nb::python_error();
    held_ = true;
    check_rank(buffer_.ndim);
    view_.scalar = scalar_of(buffer_.format);
    view_.data = static_cast<char*>(buffer_.buf);
    view_.rank = buffer_.ndim;
    for (int i = 0; i < buffer_.ndim; ++i) {
      view_.shape[i] = buffer_.shape[i];
      view_.stride[i] = buffer_.strides[i];
    }
  }
  static std::int64_t integer(nb::handle tuple, Py_ssize_t i) {
    const Py_ssize_t value = PyNumber_AsSsize_t(PyTuple_GetItem(tuple.ptr(), i), PyExc_OverflowError);
    if (value == -1 && PyErr_Occurred()) throw nb::python_error();
    return value;
  }
  void from_tuple(nb::handle tuple) {
    if (PyTuple_Size(tuple.ptr()) != 4) throw std::invalid_argument("array tuple: expected (address, typecode, shape, strides)");
    view_.data = static_cast<char*>(PyLong_AsVoidPtr(PyTuple_GetItem(tuple.ptr(), 0)));
    if (!view_.data && PyErr_Occurred()) throw nb::python_error();
    view_.scalar = scalar_of(nb::cast<std::string>(nb::handle(PyTuple_GetItem(tuple.ptr(), 1))).c_str());
    const nb::handle shape = PyTuple_GetItem(tuple.ptr(), 2), strides = PyTuple_GetItem(tuple.ptr(), 3);
    if (!PyTuple_Check(shape.ptr()) || !PyTuple_Check(strides.ptr()))
      throw std::invalid_argument("array tuple: expected shape and strides as tuples");
    const Py_ssize_t rank = PyTuple_Size(shape.ptr());
    check_rank(rank);
    if (PyTuple_Size(strides.ptr()) != rank) throw std::invalid_argument("array tuple: expected one stride per axis");
    view_.rank = int(rank);
    for (Py_ssize_t i = 0; i < rank; ++i) {
      view_.shape[i] = integer(shape, i);
      view_.stride[i] = integer(strides, i) * item(view_.scalar);
      if (view_.shape[i] < 0) throw std::invalid_argument("array tuple: expected no negative size");
    }
  }

  gs::View view_{};
  Py_buffer buffer_{};
  bool held_ = false;
};

gs::Problem make_problem(const std::string& kernel, const std::vector<AxisTuple>& axes, double fill,
                         const std::string& ties, const std::string& nonfinite, std::optional<double> outside) {
  if (axes.empty() || int(axes.size()) > gs::max_axes) throw std::invalid_argument("Problem: expected 1 to 3 axes");
  gs::Problem problem{};
  problem.axes = int(axes.size());
  problem.kernel = gs::kernel_named(kernel);
  for (std::size_t d = 0; d < axes.size(); ++d) {
    const auto& [boundary, fold, component, offset, scale, shift] = axes[d];
    problem.axis[d] = {gs::boundary_named(boundary), fold, component, offset, scale, shift};
  }
  problem.fill = fill;
  if (ties == "even") problem.ties = gs::Ties::even;
  else if (ties == "up") problem.ties = gs::Ties::up;
  else throw std::invalid_argument("Problem: expected ties 'even' or 'up', got '" + ties + "'");
  if (nonfinite == "minus_one") problem.nan = gs::NotANumber::minus_one;
  else if (nonfinite == "propagate") problem.nan = gs::NotANumber::propagate;
  else if (nonfinite == "outside") problem.nan = gs::NotANumber::outside;
  else throw std::invalid_argument("Problem: expected nonfinite 'minus_one', 'propagate' or 'outside', got '" + nonfinite + "'");
  problem.has_outside = outside.has_value();
  problem.outside = outside.value_or(0);
  return problem;
}

void pull(const gs::Problem& problem, nb::handle image, nb::handle coords, nb::handle out, int threads) {
  const Array from(image, false), at(coords, false), to(out, true);
  nb::gil_scoped_release unlocked;
  gs::pull(problem, from.view(), at.view(), to.view(), threads);
}

void push(const gs::Problem& problem, nb::handle values, nb::handle coords, nb::handle image_out, int threads) {
  const Array from(values, false), at(coords, false), to(image_out, true);
  nb::gil_scoped_release unlocked;
  gs::push(problem, from.view(), at.view(), to.view(), threads);
}

void pull_grad(const gs::Problem& problem, nb::handle image, nb::handle coords, nb::handle out, int threads) {
  const Array from(image, false), at(coords, false), to(out, true);
  nb::gil_scoped_release unlocked;
  gs::pull_grad(problem, from.view(), at.view(), to.view(), threads);
}

void backward(const gs::Problem& problem, nb::handle grad, nb::handle image, nb::handle coords, nb::handle grad_image,
              nb::handle grad_coords, int threads) {
  const Array values(grad, false), from(image, false), at(coords, false);
  std::optional<Array> to_image, to_coords;
  if (!grad_image.is_none()) to_image.emplace(grad_image, true);
  if (!grad_coords.is_none()) to_coords.emplace(grad_coords, true);
  nb::gil_scoped_release unlocked;
  gs::backward(problem, values.view(), from.view(), at.view(), to_image ? &to_image->view() : nullptr,
               to_coords ? &to_coords->view() : nullptr, threads);
}

}  // namespace

NB_MODULE(engine, m) {
  m.doc() = "The compiled engine: pull, push, pull_grad and backward over raw arrays. Use the functions of gridsample instead.";
  nb::class_<gs::Problem>(m, "Problem", "What to compute: a resolved Plan.")
      .def("__init__",
           [](gs::Problem* self, const std::string& kernel, const std::vector<AxisTuple>& axes, double fill,
              const std::string& ties, const std::string& nonfinite, std::optional<double> outside) {
             new (self) gs::Problem(make_problem(kernel, axes, fill, ties, nonfinite, outside));
           },
           nb::arg("kernel"), nb::arg("axes"), nb::arg("fill"), nb::arg("ties"), nb::arg("nonfinite"),
           nb::arg("outside").none());
  m.def("pull", &pull, nb::arg("problem"), nb::arg("image"), nb::arg("coords"), nb::arg("out"), nb::arg("threads"));
  m.def("push", &push, nb::arg("problem"), nb::arg("values"), nb::arg("coords"), nb::arg("image_out"), nb::arg("threads"));
  m.def("pull_grad", &pull_grad, nb::arg("problem"), nb::arg("image"), nb::arg("coords"), nb::arg("out"), nb::arg("threads"));
  m.def("backward", &backward, nb::arg("problem"), nb::arg("grad"), nb::arg("image"), nb::arg("coords"),
        nb::arg("grad_image").none(), nb::arg("grad_coords").none(), nb::arg("threads"));
  m.def("targets", &gs::targets, "Instruction sets usable on this machine, slowest first.");
  m.def("target", &gs::target, "The instruction set in use.");
  m.def("set_target", &gs::set_target, nb::arg("name"), "Use this instruction set from now on.");
  m.def("hardware_threads", &gs::hardware_threads, "Cores this process may run on.");
  m.def("version", [] { return GRIDSAMPLE_VERSION; });
  try {
    (void)gs::target();
  } catch (const std::invalid_argument& error) {
    throw nb::import_error(error.what());
  }
}
