// SPDX-License-Identifier: Apache-2.0
// The loops of the target in use that stand beside its table (job.hpp): the lines', attention's and those of the second
// backward pass.
#include <stdexcept>
#include <string>

#include "choose.hpp"
#include "gridsample/sample.hpp"

namespace gridsample {

#define GS_DECLARE(set) namespace set { \
  extern const Loop float_lines, double_lines; \
  extern const SecondLoops float_second, double_second; \
  extern const AttentionLoops float_attention, double_attention; }
GS_TARGETS(GS_DECLARE)

namespace {

struct Row {
  const char* name;
  Loop lines[2];
  const SecondLoops* second[2];
  const AttentionLoops* attention[2];
};
const Row rows[] = {
#define GS_ROW(set) {#set, {set::float_lines, set::double_lines}, {&set::float_second, &set::double_second}, \
                     {&set::float_attention, &set::double_attention}},
    GS_TARGETS(GS_ROW)};

const Row& row_in_use() {
  const std::string name = target();
  for (const Row& row : rows)
    if (name == row.name) return row;
  throw std::invalid_argument("gridsample engine: no loops for " + name);
}

}  // namespace

Loop lines_loop(Scalar scalar) { return row_in_use().lines[int(scalar)]; }
Loop second_loop(int axes, int taps, Scalar scalar) { return (*row_in_use().second[int(scalar)])[axes - 1][taps == 2 ? 0 : 1]; }

Loop attention_loop(int way, bool locations_in_double, int axes, Scalar scalar) {
  return (*row_in_use().attention[int(scalar)])[way][locations_in_double][axes - 1];
}

}  // namespace gridsample
