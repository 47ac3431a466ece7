// SPDX-License-Identifier: Apache-2.0
// The engine as XLA calls it: pull, push, pull_grad and backward, by the attributes "verb" and "problem" of a call.
#pragma once

namespace gridsample::python {

void* xla_handler();             // the function's address, for a capsule
void use_xla_threads(int most);  // how many threads such a call may use, from now on

}  // namespace gridsample::python
