// SPDX-License-Identifier: Apache-2.0
// The two functions of a recorded pull that autograd calls, without a frame of Python's. Plain functions of Python's: torch
// keeps them for ever, and nanobind would report its own as leaked.
#include "nodes.hpp"

#include <new>
#include <stdexcept>

#include "calls.hpp"

namespace gridsample::python {

namespace {

PyObject* interned(const char* name) { return PyUnicode_InternFromString(name); }

// (node, image, coords, options, (values,)) -> values: the forward of a pull that Calls has computed already. Keeps in the
// node what its rule keeps (frameworks/torch/derivatives.py).
PyObject* record(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 5) return PyErr_Format(PyExc_TypeError, "expected a node, image, coords, options and (values,), got %zd arguments", count);
  static PyObject *const needs_input_grad = interned("needs_input_grad"), *const to_save = interned("to_save"),
                  *const options = interned("options"), *const image_shape = interned("image_shape"),
                  *const shape = interned("shape");
  PyObject *const node = arguments[0], *const image = arguments[1], *const coords = arguments[2];
  const nb::object needed = nb::steal(PyObject_GetAttr(node, needs_input_grad));
  if (!needed) return nullptr;
  PyObject* const coords_too = PyTuple_GetItem(needed.ptr(), 1);
  if (!coords_too) return nullptr;
  const bool image_kept = coords_too == Py_True;
  const nb::object saved = nb::steal(image_kept ? PyTuple_Pack(2, coords, image) : PyTuple_Pack(1, coords));
  if (!saved || PyObject_SetAttr(node, to_save, saved.ptr()) != 0 || PyObject_SetAttr(node, options, arguments[3]) != 0)
    return nullptr;
  if (!image_kept) {
    const nb::object sizes = nb::steal(PyObject_GetAttr(image, shape));
    if (!sizes || PyObject_SetAttr(node, image_shape, sizes.ptr()) != 0) return nullptr;
  }
  PyObject* const values = PyTuple_GetItem(arguments[4], 0);
  Py_XINCREF(values);
  return values;
}

// The engine's answer, or None if the rule in Python must give it; null where an error is set. The node's class knows who
// has the engine's Calls.
PyObject* asked(PyObject* node, PyObject* grad) {
  static PyObject *const holder = interned("holder"), *const calls = interned("CALLS"), *const derived = interned("derived");
  const nb::object has = nb::steal(PyObject_GetAttr(node, holder));
  if (!has) return nullptr;
  const nb::object asked = nb::steal(PyObject_GetAttr(has.ptr(), calls));
  if (!asked) return nullptr;
  // what stands in for Calls, as in tests, is asked by name
  if (!nb::isinstance<Calls>(asked)) return PyObject_CallMethodObjArgs(asked.ptr(), derived, node, grad, nullptr);
  try {
    return nb::inst_ptr<Calls>(asked)->derived(node, grad).release().ptr();
  } catch (nb::python_error& error) {
    error.restore();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::invalid_argument& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

// (node, gradient) -> gradients: the engine's answer, or else that of the rule in Python.
PyObject* answer(PyObject* node, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 1) return PyErr_Format(PyExc_TypeError, "expected a gradient, got %zd arguments", count);
  PyObject* const known = asked(node, arguments[0]);
  if (known != Py_None) return known;
  Py_DECREF(known);
  const nb::object rules = nb::steal(PyObject_GetAttrString(node, "_forward_cls"));
  return rules ? PyObject_CallMethod(rules.ptr(), "backward", "OO", node, arguments[0]) : nullptr;
}

template <auto Function>
PyMethodDef* defined(const char* name) {
  static PyMethodDef definition{name, reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(Function)), METH_FASTCALL, nullptr};
  return &definition;
}

}  // namespace

void add_nodes(nb::module_& m) {
  m.def("node_forward", [] { return nb::steal(PyCFunction_New(defined<&record>("forward"), nullptr)); },
        nb::sig("def node_forward() -> collections.abc.Callable[..., object]"),
        "What autograd calls to record a pull: (node, image, coords, options, (values,)) -> values.");
  m.def("node_answer", [](nb::handle nodes) {
    return nb::steal(PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(nodes.ptr()), defined<&answer>("apply")));
  }, nb::arg("nodes"), "What autograd calls of a recorded pull's node, as a method of the class of such nodes.");
}

}  // namespace gridsample::python
