// SPDX-License-Identifier: Apache-2.0
// Problems from names, as Python and the programs that JAX compiles give them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "gridsample/problem.hpp"

namespace gridsample::python {

using AxisTuple = std::tuple<std::string, bool, int, double, double, double>;
using ControlTuple = std::tuple<int, std::vector<std::int64_t>>;  // degree, and the lengths they are laid for

// Throws std::invalid_argument naming what is unknown.
Problem make_problem(const std::string& kernel, const std::vector<AxisTuple>& axes, double fill, const std::string& ties,
                     const std::string& nonfinite, std::optional<double> outside, const std::string& given,
                     const std::optional<ControlTuple>& control);

// From one line of text: kernel ties nonfinite given fill outside, then of each axis: boundary fold component offset
// scale shift. Numbers are the 16 hexadecimal digits of a double; "none" is no outside.
Problem parse_problem(const std::string& line);

}  // namespace gridsample::python
