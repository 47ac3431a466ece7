// SPDX-License-Identifier: Apache-2.0
// The node of a recorded pull as a class of C++, which costs a fraction of one written in Python. It needs torch's own
// headers, and what they say differs from torch to torch: compiled.py compiles this file where it is to be used, against the
// torch that is installed there. Without it derivatives.recorder does the same. docs/design/0021 says why there are two.
#include <torch/csrc/Exceptions.h>
#include <torch/csrc/PyInterpreter.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/python_variable.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/csrc/dynamo/compiled_autograd.h>

namespace {

using at::Tensor;
using torch::autograd::SavedVariable;
using torch::autograd::variable_list;
namespace compiled = torch::dynamo::autograd;

PyObject *holder = nullptr, *rule = nullptr;  // see attach

// Python's lock, sooner had than by pybind11's.
class Lock {
 public:
  Lock() : state_(PyGILState_Ensure()) {}
  ~Lock() { PyGILState_Release(state_); }
  Lock(const Lock&) = delete;

 private:
  const PyGILState_STATE state_;
};

// Throws the error that Python has set, in a form that may cross threads.
[[noreturn]] void rethrow() {
  python_error error;
  error.persist();
  throw error;
}

py::object checked(PyObject* made) {
  if (!made) rethrow();
  return py::reinterpret_steal<py::object>(made);
}

// What a pull's gradients are made from.
struct Kept {
  Tensor coords, image;            // image undefined where only its own gradient is wanted
  std::vector<c10::SymInt> sizes;  // of the image, there
  bool image_too, coords_too;      // which are wanted
};

// (gradient of image, of coords): the engine's, or else those of the rule in Python. options is a str, as in derivatives.py.
variable_list derived(const Tensor& grad, const Kept& kept, PyObject* options) {
  py::object image;
  if (kept.image.defined()) {
    image = checked(THPVariable_Wrap(kept.image));
  } else {
    image = py::cast(kept.sizes).cast<py::tuple>();
  }
  const py::object values = checked(THPVariable_Wrap(grad)), coords = checked(THPVariable_Wrap(kept.coords));
  static PyObject *const CALLS = PyUnicode_InternFromString("CALLS"), *const backward = PyUnicode_InternFromString("backward");
  const py::object calls = checked(PyObject_GetAttr(holder, CALLS));
  PyObject* arguments[] = {calls.ptr(), values.ptr(), image.ptr(), coords.ptr(), options,
                           kept.image_too ? Py_True : Py_False, kept.coords_too ? Py_True : Py_False};
  py::object found = checked(PyObject_VectorcallMethod(backward, arguments, 7, nullptr));
  if (found.ptr() == Py_None) found = checked(PyObject_Vectorcall(rule, arguments + 1, 6, nullptr));
  variable_list gradients(2);
  for (int i = 0; i < 2; ++i) {
    PyObject* const gradient = PyTuple_GetItem(found.ptr(), i);
    if (!gradient) rethrow();
    if (gradient == Py_None) continue;
    TORCH_CHECK_TYPE(THPVariable_Check(gradient), "expected gradients to be tensors, got ", Py_TYPE(gradient)->tp_name);
    gradients[std::size_t(i)] = THPVariable_Unpack(gradient);
  }
  return gradients;
}

// As `derived`, of what compiled autograd keeps of a node: in its graph, later, with the values themselves.
variable_list derived_of_packed(const variable_list& grads, const std::vector<c10::IValue>& packed) {
  compiled::PackedArgs from(packed);
  Kept kept;
  kept.coords = from.unpack<Tensor>();
  const Tensor image = from.unpack<Tensor>();
  if (from.unpack<bool>()) kept.image = image;
  kept.sizes = from.unpack<std::vector<c10::SymInt>>();
  kept.image_too = from.unpack<bool>();
  kept.coords_too = from.unpack<bool>();
  const std::string text = from.unpack<std::string>();
  if (!grads[0].defined()) return variable_list(2);
  const Lock lock;
  PyObject* options = PyUnicode_FromStringAndSize(text.data(), Py_ssize_t(text.size()));
  if (options) PyUnicode_InternInPlace(&options);
  const py::object held = checked(options);
  return derived(grads[0], kept, options);
}

class SampledBackward : public torch::autograd::Node {
 public:
  SampledBackward(torch::autograd::edge_list&& next, const Tensor& image, const Tensor& coords, PyObject* options)
      : Node(std::move(next)),
        coords_(coords, false),
        options_(Py_NewRef(options), getPyInterpreter()),
        image_kept_(coords.requires_grad()) {
    if (image_kept_) image_ = SavedVariable(image, false);
    else sizes_ = image.sym_sizes().vec();
  }

  std::string name() const override { return "SampledBackward"; }

  variable_list apply(variable_list&& grads) override {
    const Kept kept = unpacked();
    if (!kept.image_too && !kept.coords_too) return variable_list(2);
    const Tensor grad = grads[0].defined() ? std::move(grads[0]) : input_metadata(0).zeros_like();
    const Lock lock;
    return derived(grad, kept, options_.ptr(getPyInterpreter()));
  }

  void release_variables() override {
    std::lock_guard<std::mutex> lock(mutex_);
    coords_.reset_data();
    image_.reset_data();
  }

  void compiled_args(compiled::CompiledNodeArgs& args) const override {
    args.collect(coords_, false);
    args.collect(image_, false);
    args.collect(image_kept_);
    args.collect(sizes_);
    args.collect(text());
  }

  variable_list apply_with_saved(const variable_list& grads, compiled::SwapSavedVariables& saved) override {
    saved.before(coords_);
    saved.before(image_);
    saved.before(sizes_);
    const Kept kept = unpacked();
    compiled::PackedArgs packed;
    packed.pack(kept.coords);
    packed.pack(image_kept_ ? kept.image : kept.coords);  // there is no packing nothing
    packed.pack(image_kept_);
    packed.pack(kept.sizes);
    packed.pack(kept.image_too);
    packed.pack(kept.coords_too);
    packed.pack(text());
    const auto values = std::move(packed).vec();
    std::vector<at::TypePtr> types;
    for (const c10::IValue& value : values)
      types.push_back(value.isTensor() ? at::TypePtr(at::TensorType::get()) : value.type());
    const auto& python = compiled::getPyCompilerInterface();
    const std::string function = python->bind_function(saved.get_py_compiler(), name(), &derived_of_packed, types,
                                                       /*is_custom_function=*/true, /*is_traceable=*/false);
    variable_list gradients = python->call_function(
        saved.get_py_compiler(), "apply_functional", function, grads, values,
        compiled::IValuePacker<std::vector<std::optional<torch::autograd::InputMetadata>>>::pack(
            compiled::get_input_metadata(next_edges())));
    saved.after(coords_);
    saved.after(image_);
    saved.after(sizes_);
    return gradients;
  }

 private:
  Kept unpacked() {
    std::lock_guard<std::mutex> lock(mutex_);
    return {coords_.unpack(), image_kept_ ? image_.unpack() : Tensor(), sizes_, task_should_compute_output(0),
            task_should_compute_output(1)};
  }
  std::string text() const {
    const Lock lock;
    const char* const text = PyUnicode_AsUTF8(options_.ptr(getPyInterpreter()));
    if (!text) rethrow();
    return text;
  }

  SavedVariable coords_, image_;
  std::vector<c10::SymInt> sizes_;
  const c10::SafePyObject options_;
  const bool image_kept_;
};

// (image, coords, options, (values,)) -> values, with their history: as derivatives.recorder's.
PyObject* record(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
  HANDLE_TH_ERRORS
  TORCH_CHECK_TYPE(count == 4 && THPVariable_Check(arguments[0]) && THPVariable_Check(arguments[1]) &&
                       PyUnicode_Check(arguments[2]) && PyTuple_Check(arguments[3]) && PyTuple_Size(arguments[3]) == 1,
                   "expected image, coords, options and (values,)");
  TORCH_CHECK(holder, "expected attach to be called first");
  const Tensor &image = THPVariable_Unpack(arguments[0]), &coords = THPVariable_Unpack(arguments[1]);
  PyObject* const values = PyTuple_GetItem(arguments[3], 0);
  TORCH_CHECK_TYPE(THPVariable_Check(values), "expected values to be a tensor");
  const auto node = c10::make_intrusive<SampledBackward>(torch::autograd::collect_next_edges(image, coords), image, coords,
                                                         arguments[2]);
  torch::autograd::set_history(THPVariable_Unpack(values), node);
  return Py_NewRef(values);
  END_HANDLE_TH_ERRORS
}

// (holder, rule): the module that has the engine's CALLS, and (grad, image or its shape, coords, options, which of both) ->
// gradients, for what the engine does not take. Kept for ever.
PyObject* attach(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2) return PyErr_Format(PyExc_TypeError, "expected a module and a rule, got %zd arguments", count);
  holder = Py_NewRef(arguments[0]);
  rule = Py_NewRef(arguments[1]);
  Py_RETURN_NONE;
}

template <auto Function>
PyMethodDef defined(const char* name) {
  return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(Function)), METH_FASTCALL, nullptr};
}
PyMethodDef functions[] = {defined<&record>("record"), defined<&attach>("attach"), {}};
PyModuleDef_Slot slots[] = {
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, nullptr}};
PyModuleDef definition{PyModuleDef_HEAD_INIT, "gridsample_node", nullptr, 0, functions, slots, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit_gridsample_node() { return PyModuleDef_Init(&definition); }
