// SPDX-License-Identifier: Apache-2.0
#include "choose.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "gridsample/sample.hpp"

namespace gridsample {

// GS_TARGETS(X): X of every instruction set that was built, slowest first. CMakeLists.txt says which.
#define GS_DECLARE(set) namespace set { \
  extern const Loops float_loops, double_loops; \
  extern const StagedLoops staged; \
  extern const Loop float_lines, double_lines; \
  extern const SecondLoops float_second, double_second; \
  extern const AttentionLoops float_attention, double_attention; }
GS_TARGETS(GS_DECLARE)

namespace {

// An instruction set, and its loops for float and double.
struct Target {
  const char* name;
  const Loops* verbs[2];
  const StagedLoops* staged;
  Loop lines[2];
  const SecondLoops* second[2];
  const AttentionLoops* attention[2];
};

const Target all_targets[] = {
#define GS_TARGET_OF(set) {#set, {&set::float_loops, &set::double_loops}, &set::staged, {set::float_lines, set::double_lines}, \
                           {&set::float_second, &set::double_second}, {&set::float_attention, &set::double_attention}},
    GS_TARGETS(GS_TARGET_OF)};

#if defined(__x86_64__)
bool has_f16c() {  // which older compilers have no name for
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

bool usable(const std::string& name) {
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") && has_f16c();
  if (name == "avx2") return avx2;
  if (name == "avx512")
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
  return true;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

const Target* find_target(const std::string& name) {
  for (const Target& t : all_targets)
    if (name == t.name && usable(name)) return &t;
  throw std::invalid_argument("instruction set: expected one of " + listed(targets()) + ", got '" + name +
                              "'; choose one of those or unset GRIDSAMPLE_TARGET");
}

std::atomic<const Target*>& chosen() {
  static std::atomic<const Target*> target = [] {
    const char* forced = std::getenv("GRIDSAMPLE_TARGET");
    return find_target(forced && *forced ? forced : targets().back());
  }();
  return target;
}

}  // namespace

std::vector<std::string> targets() {
  std::vector<std::string> names;
  for (const Target& t : all_targets)
    if (usable(t.name)) names.push_back(t.name);
  return names;
}

std::string target() { return chosen().load()->name; }
void set_target(const std::string& name) { chosen().store(find_target(name)); }

Loop verb_loop(Verb verb, int axes, int taps, Scalar scalar) {
  return (*chosen().load()->verbs[int(scalar)])[int(verb)][axes - 1][taps == 1 ? 0 : taps == 2 ? 1 : 2];
}
Loop staged_loop(int axes, int taps) { return (*chosen().load()->staged)[axes - 1][taps == 1 ? 0 : taps == 2 ? 1 : 2]; }
Loop lines_loop(Scalar scalar) { return chosen().load()->lines[int(scalar)]; }
Loop second_loop(int axes, int taps, Scalar scalar) {
  return (*chosen().load()->second[int(scalar)])[axes - 1][taps == 2 ? 0 : 1];
}
Loop attention_loop(int way, bool locations_in_double, int axes, Scalar scalar) {
  return (*chosen().load()->attention[int(scalar)])[way][locations_in_double][axes - 1];
}

}  // namespace gridsample
