// SPDX-License-Identifier: Apache-2.0
#include "problems.hpp"

#include <cstdint>
#include <cstring>
#include <sstream>
#include <stdexcept>

#include "gridsample/sample.hpp"

namespace gridsample::python {
namespace {

double number(const std::string& digits) {
  std::uint64_t bits = 0;
  if (digits.size() != 16) throw std::invalid_argument("Problem: expected 16 hexadecimal digits, got '" + digits + "'");
  for (const char digit : digits) {
    const char* all = "0123456789abcdef";
    const char* found = std::strchr(all, digit);
    if (!found || !digit) throw std::invalid_argument("Problem: expected hexadecimal digits, got '" + digits + "'");
    bits = bits << 4 | std::uint64_t(found - all);
  }
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

std::string word(std::istringstream& line) {
  std::string found;
  if (!(line >> found)) throw std::invalid_argument("Problem: expected more words in '" + line.str() + "'");
  return found;
}

}  // namespace

Problem make_problem(const std::string& kernel, const std::vector<AxisTuple>& axes, double fill,
                         const std::string& ties, const std::string& nonfinite, std::optional<double> outside,
                         const std::string& given, const std::optional<ControlTuple>& control) {
  if (axes.empty() || int(axes.size()) > max_axes) throw std::invalid_argument("Problem: expected 1 to 3 axes");
  Problem problem{};
  problem.axes = int(axes.size());
  problem.kernel = kernel_named(kernel);
  for (std::size_t d = 0; d < axes.size(); ++d) {
    const auto& [boundary, fold, component, offset, scale, shift] = axes[d];
    problem.axis[d] = {boundary_named(boundary), fold, component, offset, scale, shift};
  }
  problem.fill = fill;
  if (ties == "even") problem.ties = Ties::even;
  else if (ties == "up") problem.ties = Ties::up;
  else throw std::invalid_argument("Problem: expected ties 'even' or 'up', got '" + ties + "'");
  if (nonfinite == "minus_one") problem.nan = NotANumber::minus_one;
  else if (nonfinite == "propagate") problem.nan = NotANumber::propagate;
  else if (nonfinite == "outside") problem.nan = NotANumber::outside;
  else throw std::invalid_argument("Problem: expected nonfinite 'minus_one', 'propagate' or 'outside', got '" + nonfinite + "'");
  problem.has_outside = outside.has_value();
  problem.outside = outside.value_or(0);
  if (given == "points") problem.given = Given::points;
  else if (given == "affine") problem.given = Given::affine;
  else if (given == "homography") problem.given = Given::homography;
  else if (given == "displaced") problem.given = Given::displaced;
  else if (given == "control" && control) problem.given = Given::control;
  else throw std::invalid_argument("Problem: expected given 'points', 'affine', 'homography', 'displaced', or 'control' with control, got '" + given + "'");
  if (control) {
    const auto& [degree, lengths] = *control;
    if (lengths.size() != axes.size()) throw std::invalid_argument("Problem: expected one length of control per axis");
    problem.control.degree = degree;
    for (std::size_t d = 0; d < axes.size(); ++d) problem.control.length[d] = lengths[d];
  }
  return problem;
}

Problem parse_problem(const std::string& text) {
  std::istringstream line(text);
  const std::string kernel = word(line), ties = word(line), nonfinite = word(line), given = word(line);
  const double fill = number(word(line));
  const std::string outside = word(line);
  std::vector<AxisTuple> axes;
  for (std::string boundary; line >> boundary;) {
    const std::string fold = word(line), component = word(line);
    if (component.size() != 1 || component[0] < '0' || component[0] > '9')
      throw std::invalid_argument("Problem: expected the number of a component, got '" + component + "'");
    const double offset = number(word(line)), scale = number(word(line)), shift = number(word(line));
    axes.emplace_back(boundary, fold == "1", component[0] - '0', offset, scale, shift);
  }
  return make_problem(kernel, axes, fill, ties, nonfinite,
                      outside == "none" ? std::nullopt : std::optional(number(outside)), given, std::nullopt);
}

}  // namespace gridsample::python
