// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <nanobind/nanobind.h>

namespace gridsample::python {

// What torch's autograd calls of a recorded pull: engine.record and engine.answer_of.
void add_nodes(nanobind::module_& m);

}  // namespace gridsample::python
