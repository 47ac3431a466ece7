// SPDX-License-Identifier: Apache-2.0
// Where tensors lie, and what their layouts are.
#pragma once
#include <algorithm>

#include "arrays.hpp"
#include "dlpack.hpp"

namespace gridsample::python {

struct TensorType {
  std::uint8_t code, bits;
  gs::Scalar scalar;
};
inline constexpr TensorType tensor_types[] = {
    {dlpack::floating, 32, gs::Scalar::f32}, {dlpack::floating, 64, gs::Scalar::f64}, {dlpack::floating, 16, gs::Scalar::f16},
    {dlpack::brain, 16, gs::Scalar::bf16},   {dlpack::natural, 8, gs::Scalar::u8},    {dlpack::whole, 8, gs::Scalar::i8},
    {dlpack::natural, 16, gs::Scalar::u16},  {dlpack::whole, 16, gs::Scalar::i16},    {dlpack::boolean, 8, gs::Scalar::boolean}};

// False if the array is none that the engine reads where it lies.
inline bool view_of(const dlpack::Tensor& tensor, gs::View& view) {
  bool known = false;
  for (const TensorType& one : tensor_types)
    if (tensor.dtype.code == one.code && tensor.dtype.bits == one.bits) known = true, view.scalar = one.scalar;
  known = known && tensor.device.type == dlpack::cpu && tensor.dtype.lanes == 1;
  if (!known || tensor.rank > gs::max_rank || (tensor.rank > 0 && !(tensor.shape && tensor.strides))) return false;
  view.rank = tensor.rank;
  bool empty = false;
  for (int i = 0; i < tensor.rank; ++i) {
    view.shape[i] = tensor.shape[i];
    view.stride[i] = tensor.strides[i] * gs::bytes_of(view.scalar);
    empty = empty || view.shape[i] == 0;
  }
  view.data = static_cast<char*>(tensor.data) + tensor.byte_offset;
  return tensor.data || empty;  // numbers without memory: torch's zero tensors, emptied storages
}

// As torch counts: axes of one element do not matter.
inline bool is_dense(const gs::View& view, bool channels_last) {
  std::int64_t expected = gs::bytes_of(view.scalar);
  for (int k = 0; k < view.rank; ++k) {
    const int last = view.rank - 1 - k;
    const int i = !channels_last ? last : k == 0 ? 1 : last == 0 ? 0 : last + 1;
    if (view.shape[i] != 1 && view.stride[i] != expected) return false;
    expected *= view.shape[i];
  }
  return true;
}

inline bool is_channels_last(const gs::View& image) {
  if (image.rank < 4 || image.rank > 5 || image.shape[1] == 1 || numbers(image) == 0) return false;
  return !is_dense(image, false) && is_dense(image, true);
}

// A contiguous array of this shape; false if there can be none.
inline bool shaped(nb::handle shape, gs::Scalar scalar, gs::View& view) {
  const Py_ssize_t rank = PyTuple_Size(shape.ptr());
  if (rank > gs::max_rank) return false;
  view.scalar = scalar;
  view.rank = int(rank);
  std::int64_t stride = gs::bytes_of(scalar);
  for (int i = view.rank - 1; i >= 0; --i) {
    view.shape[i] = nb::cast<std::int64_t>(shape[i]);
    view.stride[i] = stride;
    stride *= view.shape[i];
  }
  return true;
}

// Does this array have one value for each channel and point?
inline bool are_values(const gs::View& values, const gs::View& image, const gs::View& coords) {
  if (values.scalar != image.scalar || values.rank != coords.rank) return false;
  const std::int64_t batch = image.shape[0] == 1 ? coords.shape[0] : image.shape[0];
  return values.shape[0] == batch && values.shape[1] == image.shape[1] &&
         std::equal(values.shape + 2, values.shape + values.rank, coords.shape + 1);
}

}  // namespace gridsample::python
