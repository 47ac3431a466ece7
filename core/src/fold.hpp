// SPDX-License-Identifier: Apache-2.0
// Fold: which pixel a tap outside the image reads. Each vector of points is first told apart into interior, edge and
// outside; only edge vectors pay for folding, tap by tap, into a pixel and a sign or a hole.
// With a band [low, high) of the first axis (a task of push owns one), taps outside the band are holes as well.
#pragma once
#include "block.hpp"

namespace gridsample::GS_TARGET {

struct Band { int64_t low, high; };

template <class T, int D, int K> struct Folder {
  const Job& job;
  Block<T, D, K>& block;
  Band band;

  // One axis of one edge vector: the periodic rules in double, where every index and product is exact.
  void fold_axis(int d, int p) {
    const table::BoundaryRow& rule = job.problem.axis[d].rule;
    const bool folded = job.problem.axis[d].fold_coordinate;  // a position already folded needs no tap beyond the rim
    const int64_t n = job.size[d], stride = job.image_stride[d];
    const int64_t low = d == 0 ? band.low : 0, high = d == 0 ? band.high : n;
    double period = double(rule.p1) * double(n) + double(rule.p0);
    if (period < 1) period = 1;
    for (int k = 0; k < K; ++k) {
      for (int l = 0; l < lanes<T>; ++l) {
        int64_t j = int64_t(block.index[d][p + l]) + k;
        bool hole = false;
        T sign = 1;
        if (j < 0 || j >= n) {
          if (folded || rule.family == table::Family::hole) {
            hole = true;
          } else if (rule.family == table::Family::clamp) {
            j = j < 0 ? 0 : n - 1;
          } else {
            double rest = double(j + rule.shift);
            rest -= double(int64_t(rest / period)) * period;
            if (rest < 0) rest += period;
            const double direct = rest - rule.shift, mirrored = period - rule.c - rest;
            if (direct >= 0 && direct < double(n)) {
              j = int64_t(direct);
            } else if (mirrored >= 0 && mirrored < double(n)) {
              j = int64_t(mirrored);
              sign = T(rule.sign);
            } else {
              hole = true;
            }
          }
        }
        hole = hole || j < low || j >= high;
        block.hole[d][k][p + l] = hole ? -1 : 0;
        block.tap_offset[d][k][p + l] = hole ? 0 : j * stride;
        if (sign != 1) {
          block.weight[d][k][p + l] *= sign;
          block.derivative[d][k][p + l] *= sign;
        }
      }
    }
  }

  // A point none of whose taps is a pixel is the fill itself, not the fill times weights that add up to almost one.
  void bury(int p, const Index<T>& beyond) {
    for (int l = 0; l < lanes<T>; ++l)
      if (beyond[l] && block.dead[p + l] == Dead::no) {
        block.dead[p + l] = Dead::fill;
        block.any_dead = true;
      }
  }

  void classify() {
    const bool banded = band.low != 0 || band.high != job.size[0];
    for (int p = 0, v = 0; p < block.points; p += lanes<T>, ++v) {
      Index<T> inside = ~Index<T>{}, beyond{}, elsewhere{};
      typename Vector<T>::unsigned_index near{};
      for (int d = 0; d < D; ++d) {
        const Index<T> i = load<Index<T>>(block.index[d] + p);
        const int32_t n = int32_t(job.size[d]), last = n - K;
        inside &= (i >= 0) & (i <= last);
        if (job.problem.axis[d].rule.family == table::Family::hole) beyond |= (i <= -K) | (i >= n);
        near += (typename Vector<T>::unsigned_index)i * uint32_t(job.image_stride[d]);
      }
      if (banded) {
        const Index<T> i = load<Index<T>>(block.index[0] + p);
        const int32_t low = int32_t(band.low), high = int32_t(band.high);
        const Index<T> held = (i >= low) & (i <= high - K);
        elsewhere = inside & ((i <= low - K) | (i >= high));
        inside &= held;
      }
      if (!any(~inside)) {
        block.where[v] = Where::interior;
        if (job.short_offsets) {
          store(block.offset + p, widen<T>((Index<T>)near));
        } else {
          for (int l = 0; l < lanes<T>; ++l) {
            int64_t at = 0;
            for (int d = 0; d < D; ++d) at += int64_t(block.index[d][p + l]) * job.image_stride[d];
            block.offset[p + l] = at;
          }
        }
      } else if (!any(~(beyond | elsewhere))) {
        block.where[v] = Where::outside;
      } else {
        block.where[v] = Where::edge;
        for (int d = 0; d < D; ++d) fold_axis(d, p);
        if (any(beyond)) bury(p, beyond);
      }
    }
  }
};

template <class T, int D, int K> void fold(const Job& job, Block<T, D, K>& block, Band band) {
  Folder<T, D, K>{job, block, band}.classify();
}

}  // namespace gridsample::GS_TARGET
