// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <nanobind/nanobind.h>

namespace gridsample::python {

// What torch's autograd calls of a recorded pull: engine.node_forward and engine.node_answer.
void add_nodes(nanobind::module_& m);

}  // namespace gridsample::python
