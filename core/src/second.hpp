// SPDX-License-Identifier: Apache-2.0
// Second: the backward pass of the backward pass, in one walk. With u = by_coords, the direction in which the coordinates' own
// gradient is asked about, and b = by_image,
//   to_grad   = pull(b) + sum over d of u_d d_d pull(image)
//   to_image  = the adjoint of that direction's derivative, applied to grad
//   to_coords = sum over channels of grad times the derivatives of to_grad along each axis.
// The derivative in a direction is the product of weights whose every factor w is w + e u w', to the first power of e: the
// parts u w' (`turned`) and u w'' (`bent`) are made once for each point, and all channels use them.
#pragma once
#include "fill.hpp"
#include "push.hpp"
#include "second_job.hpp"

namespace gridsample::GS_TARGET {

template <class T, int D, int K> struct SecondBlock : Block<T, D, K> {
  alignas(64) T turned[D][K][Block<T, D, K>::capacity];
  alignas(64) T bent[D][K][Block<T, D, K>::capacity];
};

// The sign that a boundary gives a tap of an edge point.
template <class T, int D, int K> T sign_of(const Job& job, const Block<T, D, K>& block, int d, int k, int p) {
  const Axis& axis = job.problem->axis[d];
  int32_t j = block.index[d][p] + k;
  T sign = 1;
  if (axis.fold_coordinate || axis.rule.family != table::Family::periodic || (j >= 0 && j < job.size[d])) return sign;
  return Folder<T, D, K>::fold_periodic(axis.rule, job.size[d], j, sign) ? sign : T(1);
}

// Makes `turned` and `bent`. Nothing changes along an axis where the position stands still.
template <class T, int D, int K> void make_turned(const Second& job, SecondBlock<T, D, K>& block) {
  const PointArray& by = job.grad_coords;
  const int degree = job.problem->kernel.degree;
  T bend[K][table::max_degree + 1] = {};
  for (int k = 0; k < K; ++k)
    for (int power = 2; power <= degree; ++power) bend[k][power - 2] = T(power * (power - 1) * job.problem->kernel.coefficient[k][power]);
  for (int d = 0; d < D; ++d) {
    const Axis& axis = job.problem->axis[d];
    const bool signs = axis.rule.sign < 0;
    for (int row = 0; row < block.rows; ++row)
      for (int col = 0; col < block.cols; col += lanes<T>) {
        const int p = row * block.pitch + col, count = block.cols - col < lanes<T> ? block.cols - col : lanes<T>;
        const char* from = job.by_coords + block.outer_grad_coords + block.row_offset(by, row) + col * by.col + axis.component * by.component;
        alignas(64) T lane[lanes<T>] = {};
        for (int l = 0; l < count; ++l, from += by.col) lane[l] = job.coords_f64 ? T(peek<double>(from)) : T(peek<float>(from));
        const Vec<T> slope = load<Vec<T>>(block.slope[d] + p), t = load<Vec<T>>(block.fraction[d] + p);
        Vec<T> u = load<Vec<T>>(lane) * slope * splat<T>(T(axis.scale));
        u = slope == Vec<T>{} ? Vec<T>{} : u;
        if (block.any_dead) u = silence_dead<T, D, K>(block, p, u);
        for (int k = 0; k < K; ++k) {
          store(block.turned[d][k] + p, u * block.derivative_at(d, k, p));
          if (degree < 2) continue;
          Vec<T> curve = polynomial<T>(bend[k], degree - 2, t);
          if (signs)
            for (int l = 0; l < lanes<T>; ++l) curve[l] *= sign_of(job, block, d, k, p + l);
          store(block.bent[d][k] + p, u * curve);
        }
      }
  }
}

// Of one vector of points: the image's value and derivatives, and those of to_grad.
template <class T, int D> struct Twice { Vec<T> value, along[D], sum, sums[D]; };

template <int d, bool BOTH, bool CURVED, class T, int D, int K, class Source>
GS_INLINE Twice<T, D> twice_from(const Source& source, const Source& other, const SecondBlock<T, D, K>& block, int p,
                                 typename Source::Cursor at, typename Source::Cursor by) {
  Twice<T, D> all{};
  Vec<T> tap[K], tap_by[K];
  if constexpr (d == D - 1) {
    source.taps(at, p, tap);
    if constexpr (BOTH) other.taps(by, p, tap_by);
  }
  for (int k = 0; k < K; ++k) {
    const Vec<T> w = load<Vec<T>>(block.weight[d][k] + p), dw = block.derivative_at(d, k, p);
    const Vec<T> uw = load<Vec<T>>(block.turned[d][k] + p), udw = CURVED ? load<Vec<T>>(block.bent[d][k] + p) : Vec<T>{};
    if constexpr (d == D - 1) {
      all.value = mul_add<T>(tap[k], w, all.value);
      all.along[d] = mul_add<T>(tap[k], dw, all.along[d]);
      all.sum = mul_add<T>(tap[k], uw, all.sum);
      if constexpr (CURVED) all.sums[d] = mul_add<T>(tap[k], udw, all.sums[d]);
      if constexpr (BOTH) {
        all.sum = mul_add<T>(tap_by[k], w, all.sum);
        all.sums[d] = mul_add<T>(tap_by[k], dw, all.sums[d]);
      }
    } else {
      const Twice<T, D> row = twice_from<d + 1, BOTH, CURVED, T, D, K>(source, other, block, p, source.template step<d>(at, p, k),
                                                               other.template step<d>(by, p, k));
      all.value = mul_add<T>(row.value, w, all.value);
      all.along[d] = mul_add<T>(row.value, dw, all.along[d]);
      all.sum = mul_add<T>(row.value, uw, mul_add<T>(row.sum, w, all.sum));
      all.sums[d] = mul_add<T>(row.sum, dw, all.sums[d]);
      if constexpr (CURVED) all.sums[d] = mul_add<T>(row.value, udw, all.sums[d]);
      for (int e = d + 1; e < D; ++e) {
        all.along[e] = mul_add<T>(row.along[e], w, all.along[e]);
        all.sums[e] = mul_add<T>(row.along[e], uw, mul_add<T>(row.sums[e], w, all.sums[e]));
      }
    }
  }
  return all;
}

template <bool chosen> struct Choice { static constexpr bool value = chosen; };

// One channel's to_grad, and its part of to_coords.
template <class T, int D, int K, bool UNIT, bool BOTH, bool CURVED>
void read_channel(const Second& job, SecondBlock<T, D, K>& block, int64_t channel) {
  const Interior<T, D, K, UNIT> interior(job, block);
  const int64_t image = block.batch * job.image_batch + channel * job.image_channel;
  const int64_t values = block.outer_values + channel * job.values.channel;
  const char *base = job.image + image, *by = BOTH ? job.by_image + image : base;
  for (int r = 0; r < block.run_count; ++r) {
    const Run& run = block.runs[r];
    int64_t at = values + block.row_offset(job.values, run.row) + run.col * job.values.col;
    const auto each = [&](auto value) {
      for (int v = 0, p = run.point; v < run.vectors; ++v, p += lanes<T>, at += lanes<T> * job.values.col) {
        const int count = v == run.vectors - 1 ? run.last : lanes<T>;
        Vec<T> sum = value(p, count);
        if (block.any_dead) sum = silence_dead<T, D, K>(block, p, sum);
        if (job.to_grad) store_lanes<T>(job.to_grad + at, job.values.col, sum, count);
      }
    };
    const auto read = [&](const auto& source, const auto& other) {
      each([&](int p, int count) {
        source.ask_ahead(base, p);
        if constexpr (BOTH) other.ask_ahead(by, p);
        const Twice<T, D> all = twice_from<0, BOTH, CURVED, T, D, K>(source, other, block, p, source.start(base), other.start(by));
        const Vec<T> grad = load_lanes<T>(job.values.data + at, job.values.col, count);
        for (int d = 0; d < D; ++d)
          store(block.sum[d] + p, mul_add<T>(grad, all.sums[d], load<Vec<T>>(block.sum[d] + p)));
        return all.sum;
      });
    };
    if (run.where == Where::interior) read(interior, interior);
    else if (run.where == Where::outside) each([&](int, int) { return Vec<T>{}; });
    else
      with_edge(job, block, [&](const auto& edge) {
        const T fill = block.fill;
        block.fill = 0;  // what a change of the image reads beyond it
        const auto other = [&]<class E>(const E&) { return E(job, block); }(edge);
        block.fill = fill;
        read(edge, other);
      });
  }
}

template <class T, int D, int K> void read_channels(const Second& job, SecondBlock<T, D, K>& block) {
  const auto read = [&](auto unit, auto both, auto curved) {
    for (int64_t c = 0; c < job.channels; ++c)
      read_channel<T, D, K, unit.value, both.value, curved.value>(job, block, c);
  };
  const auto choose_curve = [&](auto unit, auto both) {
    if (K == 2 && job.problem->kernel.degree < 2) read(unit, both, Choice<K != 2>{});  // four taps are never straight
    else read(unit, both, Choice<true>{});
  };
  const auto choose_both = [&](auto unit) {
    if (job.by_image) choose_curve(unit, Choice<true>{});
    else choose_curve(unit, Choice<false>{});
  };
  if (job.unit_column) choose_both(Choice<true>{});
  else choose_both(Choice<false>{});
}

// The direction's derivative of each tap's weight times a value.
template <int d, class T, int D, int K>
GS_INLINE void spread_turned(const SecondBlock<T, D, K>& block, int p, Vec<T> value, Vec<T> turned, Vec<T>*& out) {
  for (int k = 0; k < K; ++k) {
    const Vec<T> w = load<Vec<T>>(block.weight[d][k] + p), uw = load<Vec<T>>(block.turned[d][k] + p);
    const Vec<T> next = mul_add<T>(value, uw, turned * w);
    if constexpr (d == D - 1) *out++ = next;
    else spread_turned<d + 1, T, D, K>(block, p, value * w, next, out);
  }
}

template <class T, int D, int K>
GS_INLINE Vec<T> share_of(const SecondBlock<T, D, K>& block, int p, int k) {  // as the window asks for it
  Vec<T> value = load<Vec<T>>(block.weight[0][k >> (D - 1)] + p), turned = load<Vec<T>>(block.turned[0][k >> (D - 1)] + p);
  for (int d = 1; d < D; ++d) {
    const Vec<T> w = load<Vec<T>>(block.weight[d][k >> (D - 1 - d) & 1] + p);
    turned = mul_add<T>(value, load<Vec<T>>(block.turned[d][k >> (D - 1 - d) & 1] + p), turned * w);
    value *= w;
  }
  return turned;
}

// Adds one channel, tap by tap.
template <class T, int D, int K>
void scatter_turned(const Second& job, const SecondBlock<T, D, K>& block, const char* values, char* target) {
  constexpr int taps = power(K, D);
  int64_t step[taps], *end = step;
  tap_steps<0, T, D, K>(job, 0, end);
  each_vector<T>(block, [&](int p, Where where, int count, int row, int col) {
    if (where == Where::outside) return;
    Vec<T> value = load_lanes<T>(values + block.row_offset(job.values, row) + col * job.values.col, job.values.col, count);
    if (block.any_dead) value = silence_dead<T, D, K>(block, p, value);
    alignas(64) T part[taps * lanes<T>];
    Vec<T> parts[taps], *out = parts;
    spread_turned<0, T, D, K>(block, p, value, Vec<T>{}, out);
    __builtin_memcpy(part, parts, sizeof parts);
    for (int l = 0; l < count; ++l) {
      if (where == Where::edge) {
        const T* next = part;
        if (!block.any_dead || block.dead[p + l] == Dead::no) add_edge_lane<0, T, D, K>(job, block, p, l, target, next);
        continue;
      }
      for (int k = 0; k < taps; ++k) {
        char* at = target + block.origin + block.offset[p + l] + step[k];
        poke<T>(at, peek<T>(at) + part[k * lanes<T> + l]);
      }
    }
  });
}

// Curves are computed from the points' fractions, which a quick fill does not keep.
template <class T, int D, int K> void find_taps(const Second& job, int64_t n, int64_t tile, SecondBlock<T, D, K>& block) {
  if constexpr (K == 2)
    if (job.problem->kernel.degree < 2) return fill_block<T, D, K, true>(job, n, tile, block);
  find_tile<T, D, K>(job, n, tile, block);
  locate<T, D, K>(job, block, true);
  weigh<T, D, K>(*job.problem, block, true);
  Folder<T, D, K>{job, block}.classify();
}

template <class T, int D, int K> void second_tile(const Second& job, int64_t n, int64_t tile, Scratch& scratch) {
  constexpr std::size_t after = (sizeof(SecondBlock<T, D, K>) + 63) / 64 * 64;
  static_assert(after + (K == 2 ? sizeof(Window<T, D>) : 0) <= sizeof scratch.memory);
  SecondBlock<T, D, K>& block = *reinterpret_cast<SecondBlock<T, D, K>*>(scratch.memory);
  Window<T, D>& window = *reinterpret_cast<Window<T, D>*>(scratch.memory + after);
  find_taps(job, n, tile, block);
  make_turned(job, block);
  for (int d = 0; d < D; ++d) __builtin_memset(block.sum[d], 0, std::size_t(block.points) * sizeof(T));
  bool windowed = false;
  if constexpr (K == 2) windowed = job.target && job.windows && window.open(job, block, scratch);
  if (job.to_grad || job.to_coords) read_channels(job, block);
  for (int64_t c = 0; job.target && c < job.channels; ++c) {  // apart: three images at once would leave the caches
    char* target = job.target + n * job.image_batch + c * job.image_channel;
    if constexpr (K == 2)
      if (windowed) window.add(job, block, c);
    in_turn(job, n * job.channels + c, tile, [&] {
      if (windowed) window.merge(job, target);
      else scatter_turned(job, block, block.values(job, c), target);
    });
  }
  if (!job.to_coords) return;
  const GradientWriter<T, D> writer(job);
  const PointArray& out = job.grad_coords;
  for (int row = 0; row < block.rows; ++row)
    for (int col = 0; col < block.cols; col += lanes<T>) {
      const int p = row * block.pitch + col, left = block.cols - col;
      writer.write(job.to_coords + block.outer_grad_coords + block.row_offset(out, row) + col * out.col,
                   left < lanes<T> ? left : lanes<T>, [&](int d) { return gradient_along<T, D, K>(block, d, p); });
    }
}

// task = one batch element, or, where tasks take turns or add to nothing, one of its tiles
template <class T, int D, int K> void second_task(const Job& whole, int64_t task, Scratch& scratch) {
  const Second& job = static_cast<const Second&>(whole);
  if (job.turns || !job.target) return second_tile<T, D, K>(job, task / job.tiles, task % job.tiles, scratch);
  clear_image(job, task);
  for (int64_t tile = 0; tile < job.tiles; ++tile) second_tile<T, D, K>(job, task, tile, scratch);
}

}  // namespace gridsample::GS_TARGET
