// SPDX-License-Identifier: Apache-2.0
// The binding: the core's verbs for Python. Arrays come as objects with the buffer protocol (NumPy) or as a tuple
// (address, typecode, shape, strides in elements) made by a framework that has no cheap buffer (torch). Arguments are
// checked again here and in the core, though the Plan has said it better before: a wrong call may raise, it may not touch
// memory. The interpreter lock is released while the core works, unless that is sooner done than said.
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

#include "calls.hpp"
#include "gridsample/attention.hpp"
#include "handler.hpp"
#include "nodes.hpp"
#include "problems.hpp"

namespace {

using namespace gridsample::python;

void pull(const gs::Problem& problem, nb::handle image, nb::handle coords, nb::handle out, int threads) {
  const Array from(image, false), at(coords, false), to(out, true);
  without_lock(taps(problem, to.view()), [&] { gs::pull(problem, from.view(), at.view(), to.view(), threads); });
}

void push(const gs::Problem& problem, nb::handle values, nb::handle coords, nb::handle image_out, int threads) {
  const Array from(values, false), at(coords, false), to(image_out, true);
  without_lock(taps(problem, from.view()) + numbers(to.view()),
               [&] { gs::push(problem, from.view(), at.view(), to.view(), threads); });
}

void pull_grad(const gs::Problem& problem, nb::handle image, nb::handle coords, nb::handle out, int threads) {
  const Array from(image, false), at(coords, false), to(out, true);
  without_lock(taps(problem, to.view()), [&] { gs::pull_grad(problem, from.view(), at.view(), to.view(), threads); });
}

void backward(const gs::Problem& problem, nb::handle grad, nb::handle image, nb::handle coords, nb::handle grad_image,
              nb::handle grad_coords, int threads) {
  const Array values(grad, false), from(image, false), at(coords, false);
  std::optional<Array> to_image, to_coords;
  if (!grad_image.is_none()) to_image.emplace(grad_image, true);
  if (!grad_coords.is_none()) to_coords.emplace(grad_coords, true);
  without_lock(taps(problem, values.view()) + numbers(from.view()), [&] {
    gs::backward(problem, values.view(), from.view(), at.view(), to_image ? &to_image->view() : nullptr,
                 to_coords ? &to_coords->view() : nullptr, threads);
  });
}

void second_backward(const gs::Problem& problem, nb::handle by_image, nb::handle by_coords, nb::handle grad, nb::handle image,
                     nb::handle coords, nb::handle to_grad, nb::handle to_image, nb::handle to_coords, int threads) {
  const Array direction(by_coords, false), values(grad, false), from(image, false), at(coords, false);
  const nb::handle handles[] = {by_image, to_grad, to_image, to_coords};
  std::optional<Array> given[4];
  const gs::View* view[4] = {};
  for (int i = 0; i < 4; ++i)
    if (!handles[i].is_none()) view[i] = &given[i].emplace(handles[i], i > 0).view();
  without_lock(taps(problem, values.view()) + numbers(from.view()), [&] {
    gs::second_backward(problem, view[0], direction.view(), values.view(), from.view(), at.view(), view[1], view[2], view[3], threads);
  });
}

void prefilter(nb::handle image, nb::handle out, int axis, const std::vector<double>& weights, const std::string& boundary,
               bool adjoint, int threads) {
  if (weights.empty() || weights.size() > 4) throw std::invalid_argument("prefilter: expected the weights of a pixel and of 1 to 3 beside it");
  gs::Spline spline{int(weights.size()) - 1, {}};
  for (std::size_t i = 0; i < weights.size(); ++i) spline.weight[i] = weights[i];
  const Array from(image, false), to(out, true);
  without_lock(numbers(to.view()), [&] {
    gs::prefilter(spline, gs::boundary_named(boundary), adjoint, from.view(), to.view(), axis, threads);
  });
}

// Released always: a call of these is never small.
void attention(nb::handle value, nb::handle locations, nb::handle weights, const gs::Sizes& sizes, nb::handle out, int threads) {
  const Array from(value, false), at(locations, false), share(weights, false), to(out, true);
  nb::gil_scoped_release released;
  gs::attention(from.view(), at.view(), share.view(), sizes, to.view(), threads);
}

void attention_backward(nb::handle grad, nb::handle value, nb::handle locations, nb::handle weights, const gs::Sizes& sizes,
                        nb::handle to_value, nb::handle to_locations, nb::handle to_weights, int threads) {
  const Array back(grad, false), from(value, false), at(locations, false), share(weights, false);
  std::optional<Array> pixels, places, shares;
  if (!to_value.is_none()) pixels.emplace(to_value, true);
  if (!to_locations.is_none()) places.emplace(to_locations, true);
  if (!to_weights.is_none()) shares.emplace(to_weights, true);
  const auto view = [](const std::optional<Array>& array) { return array ? &array->view() : nullptr; };
  nb::gil_scoped_release released;
  gs::attention_backward(back.view(), from.view(), at.view(), share.view(), sizes, view(pixels), view(places), view(shares), threads);
}

nb::object grid_sample(Calls& calls, nb::handle input, nb::handle grid, nb::handle mode, nb::handle padding_mode,
                       nb::handle align_corners) {
  return calls.pull("grid_sample", input, grid, {mode, padding_mode, align_corners});
}

nb::object sample(Calls& calls, nb::handle image, nb::handle coords, nb::handle kernel, nb::handle boundary,
                  nb::handle fill, nb::handle frame, nb::handle order, nb::handle nonfinite, nb::handle outside) {
  return calls.pull("sample", image, coords, {kernel, boundary, fill, frame, order, nonfinite, outside});
}

nb::object sample_grad(Calls& calls, nb::handle image, nb::handle coords, nb::handle kernel, nb::handle boundary,
                       nb::handle fill, nb::handle frame, nb::handle order, nb::handle nonfinite, nb::handle outside) {
  return calls.pull("sample_grad", image, coords, {kernel, boundary, fill, frame, order, nonfinite, outside});
}

nb::object pull_again(Calls& calls, nb::handle image, nb::handle coords, nb::handle options) {
  return calls.pull("pull", image, coords, {options});
}

nb::object planned(Calls& calls, nb::handle image, nb::handle numbers, nb::handle plan) {
  return calls.pull(calls_planned, image, numbers, {plan});
}

int traverse_calls(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return nb::inst_ready(self) ? nb::inst_ptr<Calls>(self)->visit(visit, arg) : 0;
}

int clear_calls(PyObject* self) {
  nb::inst_ptr<Calls>(self)->clear();
  return 0;
}

PyType_Slot calls_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(traverse_calls)},
                             {Py_tp_clear, reinterpret_cast<void*>(clear_calls)},
                             {0, nullptr}};

}  // namespace

NB_MODULE(engine, m) {
  m.doc() = "The compiled engine: pull, push, pull_grad and backward over raw arrays. Use the functions of gridsample instead.";
  nb::class_<gs::Problem>(m, "Problem", "What to compute: a resolved Plan.")
      .def("__init__",
           [](gs::Problem* self, const std::string& kernel, const std::vector<AxisTuple>& axes, double fill,
              const std::string& ties, const std::string& nonfinite, std::optional<double> outside,
              const std::string& given, const std::optional<ControlTuple>& control) {
             new (self) gs::Problem(make_problem(kernel, axes, fill, ties, nonfinite, outside, given, control));
           },
           nb::arg("kernel"), nb::arg("axes"), nb::arg("fill"), nb::arg("ties"), nb::arg("nonfinite"),
           nb::arg("outside").none(), nb::arg("given") = "points", nb::arg("control") = nb::none());
  nb::class_<Calls>(m, "Calls", nb::type_slots(calls_slots), "The short way for calls that were made before, alike.")
      .def(nb::init<>())
      .def("add", &Calls::add, nb::arg("kind"), nb::arg("resolve"), nb::arg("empty"), nb::arg("threads"),
           nb::arg("exchange").none(), nb::arg("maker").none(), nb::arg("peeks").none(), nb::arg("busy"),
           nb::arg("recording").none(), nb::arg("levels").none(), nb::arg("unusual"),
           "Take arrays of this class from now on.")
      .def("grid_sample", &grid_sample, nb::arg("input").none(), nb::arg("grid").none(), nb::arg("mode").none(),
           nb::arg("padding_mode").none(), nb::arg("align_corners").none(), "The result, or None.")
      .def("sample", &sample, nb::arg("image").none(), nb::arg("coords").none(), nb::arg("kernel").none(), nb::arg("boundary").none(),
           nb::arg("fill").none(), nb::arg("frame").none(), nb::arg("order").none(), nb::arg("nonfinite").none(),
           nb::arg("outside").none(), "The result, or None.")
      .def("sample_grad", &sample_grad, nb::arg("image").none(), nb::arg("coords").none(), nb::arg("kernel").none(),
           nb::arg("boundary").none(), nb::arg("fill").none(), nb::arg("frame").none(), nb::arg("order").none(),
           nb::arg("nonfinite").none(), nb::arg("outside").none(), "The result, or None.")
      .def("pull", &pull_again, nb::arg("image"), nb::arg("coords"), nb::arg("options"), "The result, or None.")
      .def("planned", &planned, nb::arg("image"), nb::arg("numbers"), nb::arg("plan"),
           "The result of a Plan that is kept, at coordinates made from numbers; or None.")
      .def("backward", &Calls::backward, nb::arg("grad"), nb::arg("image"), nb::arg("coords"), nb::arg("options"),
           nb::arg("image_too"), nb::arg("coords_too"),
           "The gradients of image and coords, or None; for the first alone the image's shape will do.")
      .def("derived", &Calls::derived, nb::arg("node"), nb::arg("grad"),
           "What the node of a recorded pull answers to the gradient of its values, or None.")
      .def("into_pixels", &Calls::into_pixels, nb::arg("matrix"), nb::arg("numbers"),
           "Matrices of affine maps written in a frame, in pixels, or None.");
  add_nodes(m);
  m.def("dispatch_keys", [](std::uintptr_t library) {
    const DispatchKeys keys = Peeks::keys(reinterpret_cast<void*>(library));
    return std::tuple(keys.included, keys.excluded);
  }, nb::arg("library"), "The state of this thread in the dispatcher of torch, whose library has this handle.");
  m.def("pull", &pull, nb::arg("problem"), nb::arg("image"), nb::arg("coords"), nb::arg("out"), nb::arg("threads"));
  m.def("push", &push, nb::arg("problem"), nb::arg("values"), nb::arg("coords"), nb::arg("image_out"), nb::arg("threads"));
  m.def("pull_grad", &pull_grad, nb::arg("problem"), nb::arg("image"), nb::arg("coords"), nb::arg("out"), nb::arg("threads"));
  m.def("backward", &backward, nb::arg("problem"), nb::arg("grad"), nb::arg("image"), nb::arg("coords"),
        nb::arg("grad_image").none(), nb::arg("grad_coords").none(), nb::arg("threads"));
  m.def("second_backward", &second_backward, nb::arg("problem"), nb::arg("by_image").none(), nb::arg("by_coords"),
        nb::arg("grad"), nb::arg("image"), nb::arg("coords"), nb::arg("to_grad").none(), nb::arg("to_image").none(),
        nb::arg("to_coords").none(), nb::arg("threads"));
  m.def("prefilter", &prefilter, nb::arg("image"), nb::arg("out"), nb::arg("axis"), nb::arg("weights"), nb::arg("boundary"),
        nb::arg("adjoint"), nb::arg("threads"));
  m.def("attention", &attention, nb::arg("value"), nb::arg("locations"), nb::arg("weights"), nb::arg("sizes"), nb::arg("out"),
        nb::arg("threads"));
  m.def("attention_backward", &attention_backward, nb::arg("grad"), nb::arg("value"), nb::arg("locations"), nb::arg("weights"),
        nb::arg("sizes"), nb::arg("to_value").none(), nb::arg("to_locations").none(), nb::arg("to_weights").none(),
        nb::arg("threads"));
  m.def("targets", &gs::targets, "Instruction sets usable on this machine, slowest first.");
  m.def("target", &gs::target, "The instruction set in use.");
  m.def("set_target", &gs::set_target, nb::arg("name"), "Use this instruction set from now on.");
  m.def("hardware_threads", &gs::hardware_threads, "Cores this process may run on.");
  m.def("use_team", [](std::uintptr_t parallel) { gs::use_team(reinterpret_cast<gs::Team>(parallel)); }, nb::arg("parallel"),
        "Run on the threads of the OpenMP library whose GOMP_parallel has this address; 0: on threads of our own.");
  m.def("xla_handler", [] { return nb::capsule(xla_handler()); }, nb::sig("def xla_handler() -> object"),  // a PyCapsule
        "The engine as a target of XLA's foreign function interface.");
  m.def("use_xla_threads", &use_xla_threads, nb::arg("most"), "How many threads calls from XLA may use.");
  m.def("version", [] { return GRIDSAMPLE_VERSION; });
  try {
    (void)gs::target();
  } catch (const std::invalid_argument& error) {
    throw nb::import_error(error.what());
  }
}
