// SPDX-License-Identifier: Apache-2.0
// Displaced: coordinates that are displacements from the points' own places in the output, o + u[o], added as they are read.
#pragma once
#include "block.hpp"

namespace gridsample::GS_TARGET {

// One vector of displacements by component, `count` of them in memory; the last one stands for what is behind it.
template <class C, int D> GS_INLINE void load_displacements(const PointArray& array, const char* from, int count, Vec<C>* u) {
  constexpr int64_t item = sizeof(C);
  if (count >= lanes<C> && array.col == item) {
    for (int c = 0; c < D; ++c) u[c] = load<Vec<C>>(from + c * array.component);
  } else if (count >= lanes<C> && array.component == item && array.col == item * D) {
    load_components<C, D>(from, u);
  } else {
    for (int c = 0; c < D; ++c)
      for (int l = 0; l < lanes<C>; ++l)
        u[c][l] = peek<C>(from + (l < count ? l : count - 1) * array.col + c * array.component);
  }
}

// A row's own places along every memory axis: what its points share, and those of its first vector along the last axis.
template <class C, int D> struct OwnPlaces {
  Vec<C> at[D];

  template <class B> OwnPlaces(const B& block, int row) {
    double place[3];
    block.place_row(row, place);
    for (int d = 0; d + 1 < D; ++d) at[d] = splat<C>(C(place[d]));
    for (int l = 0; l < lanes<C>; ++l) at[D - 1][l] = C(block.place[2] + l);
  }
  // The coordinates of the vector at `col`, from displacements `u` by component.
  GS_INLINE void move(const Problem& problem, int col, const Vec<C>* u, Vec<C>* g) const {
    for (int c = 0; c < D; ++c) {
      Vec<C> own{};
      for (int d = 0; d < D; ++d)
        if (problem.axis[d].component == c) own = d == D - 1 ? at[d] + splat<C>(C(col)) : at[d];
      g[c] = u[c] + own;
    }
  }
};

// Packed coordinates of one row of the tile, in block.made.
template <class C, int D, class B> __attribute__((noinline)) const char* displaced_row(const Job& job, B& block, int row) {
  const PointArray& array = job.coords;
  const OwnPlaces<C, D> places(block, row);
  const char* from = array.data + block.outer_coords + block.row_offset(array, row);
  char* to = reinterpret_cast<char*>(block.made);
  for (int col = 0; col < block.cols; col += lanes<C>, to += D * sizeof(Vec<C>)) {
    Vec<C> u[D], g[D];
    load_displacements<C, D>(array, from + col * array.col, block.cols - col, u);
    places.move(*job.problem, col, u, g);
    store_points<C, D>(to, g);
  }
  return reinterpret_cast<const char*>(block.made);
}

}  // namespace gridsample::GS_TARGET
