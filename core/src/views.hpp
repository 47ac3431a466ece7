// SPDX-License-Identifier: Apache-2.0
// What the public calls ask of views before they touch memory, and a number of either type they compute in.
#pragma once
#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "gridsample/view.hpp"

namespace gridsample {

inline void expect(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(std::string("gridsample engine: expected ") + what);
}

inline bool is_narrow(Scalar scalar) { return scalar != Scalar::f32 && scalar != Scalar::f64; }

inline bool same_shape(const View& a, const View& b) {  // and type
  return a.rank == b.rank && a.scalar == b.scalar && std::equal(a.shape, a.shape + a.rank, b.shape);
}

inline bool alike(const View& a, const View& b) {  // in memory, too
  bool same = same_shape(a, b);
  for (int i = 0; same && i < a.rank; ++i) same = a.shape[i] == 1 || a.stride[i] == b.stride[i];
  return same;
}

inline double number_at(const char* from, Scalar scalar) {
  double value;
  float single;
  if (scalar == Scalar::f64) return std::memcpy(&value, from, sizeof value), value;
  return std::memcpy(&single, from, sizeof single), double(single);
}

inline void put_number(char* to, Scalar scalar, double value) {
  const float single = float(value);
  if (scalar == Scalar::f64) std::memcpy(to, &value, sizeof value);
  else std::memcpy(to, &single, sizeof single);
}

}  // namespace gridsample
