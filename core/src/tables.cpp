// SPDX-License-Identifier: Apache-2.0
// Rows of the generated tables, by name.
#include <stdexcept>

#include "gridsample/sample.hpp"

namespace gridsample {
namespace {

template <class Row, std::size_t count> Row named(const char* what, const Row (&rows)[count], const std::string& name) {
  std::string names;
  for (const Row& row : rows) {
    if (name == row.name) return row;
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  throw std::invalid_argument(std::string(what) + ": expected one of " + names + ", got '" + name + "'");
}

}  // namespace

table::KernelRow kernel_named(const std::string& name) { return named("kernel", table::kernels, name); }
table::BoundaryRow boundary_named(const std::string& name) { return named("boundary", table::boundaries, name); }

}  // namespace gridsample
