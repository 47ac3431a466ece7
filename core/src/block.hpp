// SPDX-License-Identifier: Apache-2.0
// A block: everything the loops know about the points of one tile, as arrays over points. It is filled once per tile
// and used for every channel. Rows of a tile are padded to whole vectors; padded points repeat their row's last point
// and are never stored.
#pragma once
#include "job.hpp"
#include "simd.hpp"

namespace gridsample::GS_TARGET {

enum class Where : unsigned char {
  interior,  // every tap of every lane is a pixel: no masks, no folds
  edge,      // some tap of some lane is not
  outside,   // no tap of any lane is a pixel: answered without reading the image
};

// A point that is answered without sampling: with NaN, with the outside value (`Block::outside`), or with the fill.
enum class Dead : unsigned char { no, nan, outside, fill };

// Neighbouring vectors of one row that are treated alike, so that the loop over them decides nothing.
struct Run {
  int point, row, col;  // the first point, in the arrays and in the tile
  int vectors, last;    // how many vectors, and how many points the last one has
  Where where;
};

// What the rows of a tile share of control points (lattice.hpp), and one row of these, the other axes summed.
template <int D, int capacity> struct Knots {
  int64_t first;  // control point of the tile's first column
  int count;      // of them that its columns read
  alignas(64) int32_t from[capacity];                 // the first that a column reads: an offset into `row`
  alignas(64) double weight[4][capacity];             // C: what those from it on weigh
  alignas(64) double row[D][capacity + 2 * padding];  // C
};

// The two taps of one axis at the rim, of one vector: of two adjacent pixels, both in the image, each is its own or the other
// one, or reads no pixel.
template <class T> struct Picks {
  Flags<T> crossed[2], live[2];
};

template <class T, int D, int K> struct Block {
  static constexpr int capacity = tile_points(D, K) + padding;  // more: arrays a power of two apart share cache ways
  static constexpr int vectors = capacity / lanes<T>;
  static constexpr int ahead = 512;  // points between asking for a tap and reading it: measured

  // the tile: `rows` rows of `cols` points, `pitch` apart in the arrays below; `plane_rows` of them in each plane
  int rows, cols, pitch, points, plane_rows;
  int64_t batch, outer_coords, outer_values, outer_grad_coords;  // byte offsets of the tile's first point
  int64_t place[3];  // its index in the output, if that has no more than three axes: of the last ones
  bool any_dead;

  alignas(64) double coordinate[D][capacity];  // C[D][capacity] of the coordinate type
  alignas(64) double made[capacity * D];        // C[cols][D]: one row, of coordinates that no array holds
  Knots<D, capacity> knots;                     // of control points
  alignas(64) int32_t index[D][capacity];      // first tap
  alignas(64) T fraction[D][capacity];
  alignas(64) T slope[D][capacity];             // -1, 0, 1: derivative of a folded position
  alignas(64) T weight[D][K][capacity];
  alignas(64) T derivative[D][K][capacity];  // read with derivative_at
  int bends;  // -1; 0 where weights are straight lines, whose derivative stands under the first points for all
  alignas(64) int32_t offset[capacity + ahead];  // of the first tap from `origin`, if interior
  // of each folded tap along its axis, if edge: `near` if every offset in the image fits 32 bits. A hole's is any pixel's.
  // With one tap per axis there is but one tap: all of it, offset, hole and sign, stands under the first axis.
  union {
    alignas(64) int32_t near[D][K][capacity];
    alignas(64) int64_t far[D][K][capacity];
  } tap_offset;
  alignas(64) MaskLane<T> hole[D][K][capacity];  // -1 where that tap reads no pixel
  // if edge and job.picks, in place of folded taps; `offset` is then that of the first of the pixels
  Picks<T> picks[D][K == 2 ? vectors : 1];
  alignas(64) T sum[D][capacity], total[D][capacity];  // of the coordinates' gradient, over channels and over the batch
  Dead dead[capacity];
  int64_t origin;  // what offsets count from, in bytes: so they fit 32 bits in images of any size
  Run runs[vectors];
  int run_count;
  T outside, fill;

  // From the tile's first point to a row's, in an array indexed by output points.
  GS_INLINE int64_t row_offset(const PointArray& array, int row) const {
    if (row < plane_rows) return row * array.row;
    return row / plane_rows * array.plane + row % plane_rows * array.row;
  }
  // One channel of the tile's values, from its first point on.
  GS_INLINE char* values(const Job& job, int64_t channel) const {
    return job.values.data + outer_values + channel * job.values.channel;
  }
  // Where a row lies in the output, by memory axis; the last one's is the column's.
  GS_INLINE void place_row(int row, double* at) const {
    at[D - 1] = 0;
    if constexpr (D > 1) at[D - 2] = double(place[1] + row % plane_rows);
    if constexpr (D > 2) at[0] = double(place[0] + row / plane_rows);
  }

  GS_INLINE Vec<T> derivative_at(int d, int k, int p) const { return load<Vec<T>>(derivative[d][k] + (p & bends)); }

  // Notes what the next vectors of a row are; vectors are noted in order.
  GS_INLINE void note(int row, int col, int vectors, Where where) {
    const int behind = cols - col - (vectors - 1) * lanes<T>, last = behind < lanes<T> ? behind : lanes<T>;
    if (col > 0 && runs[run_count - 1].where == where) {
      runs[run_count - 1].vectors += vectors;
      runs[run_count - 1].last = last;
    } else {
      runs[run_count++] = {row * pitch + col, row, col, vectors, last, where};
    }
  }
};

}  // namespace gridsample::GS_TARGET
