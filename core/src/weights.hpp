// SPDX-License-Identifier: Apache-2.0
// Weights: w_k(t) = sum over powers of coefficient[k][power] t^power, from the kernel's row of the table, by Horner; and
// their derivatives from the same row.
#pragma once
#include "block.hpp"

namespace gridsample::GS_TARGET {

// One polynomial of degree `degree` at all points of the block.
template <class T> GS_INLINE Vec<T> polynomial(const T* coefficient, int degree, Vec<T> t) {
  Vec<T> value = splat<T>(coefficient[degree]);
  for (int power = degree - 1; power >= 0; --power) value = mul_add<T>(value, t, splat<T>(coefficient[power]));
  return value;
}

// The same with the degree known.
template <class T, int degree> GS_INLINE Vec<T> polynomial_of(const T* coefficient, Vec<T> t) {
  Vec<T> value = splat<T>(coefficient[degree]);
  for (int power = degree - 1; power >= 0; --power) value = mul_add<T>(value, t, splat<T>(coefficient[power]));
  return value;
}

template <class T, int D, int K> void weigh(const Problem& problem, Block<T, D, K>& block, bool gradient) {
  const int degree = problem.kernel.degree;
  block.bends = -1;
  for (int k = 0; k < K; ++k) {
    T value[table::max_degree + 1], slope[table::max_degree + 1] = {};
    for (int power = 0; power <= degree; ++power) value[power] = T(problem.kernel.coefficient[k][power]);
    for (int power = 1; power <= degree; ++power) slope[power - 1] = T(power * problem.kernel.coefficient[k][power]);
    const int slope_degree = degree > 0 ? degree - 1 : 0;
    for (int d = 0; d < D; ++d) {
      for (int p = 0; p < block.points; p += lanes<T>)
        store(block.weight[d][k] + p, polynomial<T>(value, degree, load<Vec<T>>(block.fraction[d] + p)));
      if (!gradient) continue;
      for (int p = 0; p < block.points; p += lanes<T>)
        store(block.derivative[d][k] + p, polynomial<T>(slope, slope_degree, load<Vec<T>>(block.fraction[d] + p)));
    }
  }
}

}  // namespace gridsample::GS_TARGET
