# SPDX-License-Identifier: Apache-2.0
"""The registered operators: their schemas, what they do on each device, and their shapes for tracing. No mathematics.

    gridsample::pull(image, coords, options) -> values            options is `Options.text`
    gridsample::pull_grad(image, coords, options) -> jacobian
    gridsample::push(values, coords, shape, options) -> image     shape is the image's: (N or 1, C, *n)
    gridsample::pull_backward(grad, image, coords, options, mask) -> (grad_image, grad_coords)
    gridsample::pull_out(image, coords, options, out)
    gridsample::prefilter(image, rules, adjoint) -> coefficients  rules is "kernel,boundary" of each spatial axis

Each checks its arguments as a public call does: they may be called from anywhere. Their derivatives are in
`derivatives`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gridsample import plan
from gridsample.backends import chosen, cpu, portable
from gridsample.backends.portable.prefilter import coefficients
from gridsample.errors import ShapeError
from gridsample.frameworks.torch import space
from gridsample.options import Options, remembered
from gridsample.spec.dtypes import DTYPES

LIBRARY: Any = torch.library.Library("gridsample", "DEF")  # type: ignore[no-untyped-call]
NAMES = {getattr(torch, name): name for name in plan.COMPUTED}
FLOATS = (torch.float32, torch.float64)  # what the engine computes in
_CODES = {getattr(torch, name): row.code for name, row in DTYPES.items() if row.code and hasattr(torch, name)}


def dtype_name(dtype: torch.dtype) -> str:
    return NAMES.get(dtype) or str(dtype).removeprefix("torch.")


@remembered
def planned(
    where: str, shape: Any, dtype: torch.dtype, coords_shape: Any, coords_dtype: torch.dtype, options: str
) -> plan.Plan:
    """The Plan of a call; raises if anything does not fit."""
    parsed = Options.parse(options)
    return plan.make(where, tuple(shape), dtype_name(dtype), tuple(coords_shape), dtype_name(coords_dtype), parsed)


def check(
    where: str, shape: Any, dtype: torch.dtype, coords_shape: Any, coords_dtype: torch.dtype, options: Options
) -> plan.Rules:
    """Raises as `planned` does. A traced program's sizes are symbols, which no Plan may turn into numbers."""
    if torch.compiler.is_compiling() or any(isinstance(n, torch.SymInt) for n in (*shape, *coords_shape)):
        types = dtype_name(dtype), dtype_name(coords_dtype)
        return plan.check(where, tuple(shape), types[0], tuple(coords_shape), types[1], options, limits=False)
    return planned(where, shape, dtype, coords_shape, coords_dtype, options.text).rules


# On every device, by the backend that the Plan and the device choose


def _compiled(p: plan.Plan, tensor: Tensor) -> bool:
    return chosen(p, tensor.device.type).name == "cpu" and not tensor.dtype.is_complex


def _pull(image: Tensor, coords: Tensor, options: str) -> Tensor:
    p = planned("sample", image.shape, image.dtype, coords.shape, coords.dtype, options)
    _refuse_nonfinite("sample", p, coords)
    if not (_compiled(p, image) and takes(image)):
        return rounded(portable.pull(space, p, wide(image), wide(coords)), image)
    return pulled(p, image, wide(coords))


def pulled(p: plan.Plan, image: Tensor, coords: Tensor) -> Tensor:
    """By the engine, of an image of any type that it takes: half types and whole numbers are rounded there."""
    out = empty_like_image(image, p.out_shape)
    cpu.pull(p, view(image), view(coords), view(out), torch.get_num_threads())
    return out


def _pull_out(image: Tensor, coords: Tensor, options: str, out: Tensor) -> None:
    p = planned("sample", image.shape, image.dtype, coords.shape, coords.dtype, options)
    plan.check_out("sample", p, tuple(out.shape), dtype_name(out.dtype), out.stride(), True)
    if not (_compiled(p, image) and takes(image)):
        out.copy_(_pull(image, coords, options))
        return
    for name, tensor in (("image", image), ("coords", coords)):
        plan.check_apart("sample", name, _memory(out), _memory(tensor))
    _refuse_nonfinite("sample", p, coords)
    cpu.pull(p, view(image), view(wide(coords)), view(out), torch.get_num_threads())


def _pull_grad(image: Tensor, coords: Tensor, options: str) -> Tensor:
    p = planned("sample_grad", image.shape, image.dtype, coords.shape, coords.dtype, options)
    _refuse_nonfinite("sample_grad", p, coords)
    image_, coords_ = wide(image), wide(coords)
    if not _compiled(p, image):
        return rounded(portable.pull_grad(space, p, image_, coords_), image)
    out = torch.empty(p.jacobian_shape, dtype=image_.dtype)
    cpu.pull_grad(p, view(image_), view(coords_), view(out), torch.get_num_threads())
    return rounded(out, image)


def _push(values: Tensor, coords: Tensor, shape: Sequence[int], options: str) -> Tensor:
    p = planned("splat", tuple(shape), values.dtype, coords.shape, coords.dtype, options)
    _refuse_nonfinite("splat", p, coords)
    values_, coords_ = wide(_fitting("splat", "values", values, p)), wide(coords)
    if not _compiled(p, values):
        return rounded(portable.push(space, p, values_, coords_), values)
    image = torch.empty(tuple(shape), dtype=values_.dtype)
    cpu.push(p, view(values_), view(coords_), view(image), torch.get_num_threads())
    return rounded(image, values)


def _pull_backward(
    grad: Tensor, image: Tensor, coords: Tensor, options: str, mask: Sequence[bool]
) -> tuple[Tensor, Tensor]:
    p = planned("sample", image.shape, image.dtype, coords.shape, coords.dtype, options)
    grad = _fitting("the backward of sample", "grad", grad, p)
    image_, coords_, grad_ = wide(image), wide(coords), wide(grad)
    if not _compiled(p, image):
        grad_ = grad_.to(image_.dtype)
        grad_image = portable.push(space, p, grad_, coords_) if mask[0] else image_.new_empty(0)
        grad_coords = image_.new_empty(0)
        if mask[1]:
            grad_coords = portable.backward_coords(space, p, grad_, image_, coords_)
        return rounded(grad_image, image), rounded(grad_coords, coords)
    kept = layout(image_, grad.shape)  # of all three, if it is channels last: the engine then walks whole points
    grad_ = grad_.to(image_.dtype, memory_format=torch.preserve_format if kept == torch.contiguous_format else kept)
    grad_image = empty_like_image(image_, image.shape) if mask[0] else image_.new_empty(0)
    grad_coords = torch.empty(coords.shape if mask[1] else (0,), dtype=coords_.dtype)
    cpu.backward(
        p,
        view(grad_),
        view(image_),
        view(coords_),
        view(grad_image) if mask[0] else None,
        view(grad_coords) if mask[1] else None,
        torch.get_num_threads(),
    )
    return rounded(grad_image, image), rounded(grad_coords, coords)


def _prefilter(image: Tensor, rules: str, adjoint: bool) -> Tensor:
    pairs = [axis.split(",") for axis in rules.split(" ")]
    kernels, boundaries = (tuple(names) for names in zip(*pairs, strict=True))
    out = torch.empty_like(image)
    if image.device.type != "cpu" or image.dtype not in FLOATS:
        return out.copy_(coefficients(space, image, kernels, boundaries, 0.0, adjoint))
    cpu.prefilter(view(image), view(out), kernels, boundaries, adjoint, torch.get_num_threads())
    return out


def takes(tensor: Tensor) -> bool:
    """Whether the engine's `pull` reads this tensor as it is."""
    return tensor.is_cpu and tensor.dtype in _CODES


def view(tensor: Tensor) -> tuple[int, str, Any, Any]:
    """What the engine reads: memory that the caller's reference keeps alive."""
    return tensor.data_ptr(), _CODES[tensor.dtype], tensor.shape, tensor.stride()


def _memory(tensor: Tensor) -> plan.Memory:
    item = tensor.element_size()
    return tensor.data_ptr(), tuple(tensor.shape), tuple(stride * item for stride in tensor.stride()), item


def wide(tensor: Tensor) -> Tensor:
    """In the type it is computed in; a complex image as it is."""
    if tensor.dtype in FLOATS or tensor.dtype.is_complex:
        return tensor
    return tensor.to(getattr(torch, DTYPES[dtype_name(tensor.dtype)].computed))


def rounded(tensor: Tensor, like: Tensor) -> Tensor:
    return tensor if tensor.dtype == like.dtype else narrowed(tensor, like.dtype)


def narrowed(values: Tensor, dtype: torch.dtype) -> Tensor:
    """In an image's type: rounded once, and kept to its range."""
    row = DTYPES[dtype_name(dtype)]
    if row.kind == "whole":
        values = values.nan_to_num(nan=0.0).round().clamp(row.low, row.high)
    return values.to(dtype)


def _fitting(where: str, name: str, values: Tensor, p: plan.Plan) -> Tensor:
    """``values`` for every point of the plan; a batch of 1 stands for all."""
    if values.shape == p.out_shape:
        return values
    if values.shape[1:] != p.out_shape[1:] or values.shape[0] not in (1, p.batch):
        do = f"give one value per channel and point, {p.out_shape}"
        got = f"{name} of shape {tuple(values.shape)} and coords of shape {p.coords_shape}"
        raise ShapeError(where, f"{name} (N, C, *out) for coords (N, *out, D)", got, do)
    return values.expand(p.out_shape)


def _refuse_nonfinite(where: str, p: plan.Plan, coords: Tensor) -> None:
    if p.options.nonfinite == "error" and not bool((finite := torch.isfinite(coords)).all()):
        wrong = (~finite).nonzero()
        plan.refuse_nonfinite(where, len(wrong), tuple(wrong[0].tolist()))


def empty_like_image(image: Tensor, shape: Sequence[int]) -> Tensor:
    """A result of this shape, of the image's type and laid out as it is."""
    return torch.empty(shape, dtype=image.dtype, device=image.device, memory_format=layout(image, shape))


def layout(image: Tensor, shape: Sequence[int]) -> torch.memory_format:
    """Channels last in, channels last out, where the output has as many axes as the image."""
    if image.is_contiguous() or len(shape) != image.dim() or image.shape[1] == 1:
        return torch.contiguous_format
    last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(image.dim())
    return last if last is not None and image.is_contiguous(memory_format=last) else torch.contiguous_format


# Shapes alone, for meta and fake tensors. Sizes may be symbolic, so no Plan is kept.


def _out_size(image: Tensor, coords: Tensor) -> list[Any]:
    batch = coords.shape[0] if image.shape[0] == 1 else image.shape[0]
    return [batch, image.shape[1], *coords.shape[1:-1]]


def _check_fake(where: str, shape: Any, dtype: torch.dtype, coords: Tensor, options: str) -> None:
    check(where, shape, dtype, coords.shape, coords.dtype, Options.parse(options))


def _pull_fake(image: Tensor, coords: Tensor, options: str) -> Tensor:
    _check_fake("sample", image.shape, image.dtype, coords, options)
    return empty_like_image(image, _out_size(image, coords))


def _pull_out_fake(image: Tensor, coords: Tensor, options: str, out: Tensor) -> None:
    """Nothing to make."""


def _pull_grad_fake(image: Tensor, coords: Tensor, options: str) -> Tensor:
    _check_fake("sample_grad", image.shape, image.dtype, coords, options)
    return image.new_empty([*_out_size(image, coords), coords.shape[-1]])


def _push_fake(values: Tensor, coords: Tensor, shape: Sequence[int], options: str) -> Tensor:
    _check_fake("splat", shape, values.dtype, coords, options)
    return values.new_empty(shape)


def _pull_backward_fake(
    grad: Tensor, image: Tensor, coords: Tensor, options: str, mask: Sequence[bool]
) -> tuple[Tensor, Tensor]:
    grad_image = empty_like_image(image, image.shape) if mask[0] else image.new_empty([0])
    return grad_image, coords.new_empty(coords.shape if mask[1] else [0])


def _prefilter_fake(image: Tensor, rules: str, adjoint: bool) -> Tensor:
    return torch.empty_like(image)


def register(schema: str, kernel: Any, fake: Any) -> Any:
    LIBRARY.define(schema)
    name = schema.partition("(")[0]
    LIBRARY.impl(name, kernel, "CompositeExplicitAutograd")
    torch.library.register_fake(f"gridsample::{name}", fake, lib=LIBRARY)
    return getattr(torch.ops.gridsample, name).default


pull = register("pull(Tensor image, Tensor coords, str options) -> Tensor", _pull, _pull_fake)
pull_out = register(
    "pull_out(Tensor image, Tensor coords, str options, Tensor(a!) out) -> ()", _pull_out, _pull_out_fake
)
pull_grad = register("pull_grad(Tensor image, Tensor coords, str options) -> Tensor", _pull_grad, _pull_grad_fake)
push = register("push(Tensor values, Tensor coords, SymInt[] shape, str options) -> Tensor", _push, _push_fake)
pull_backward = register(
    "pull_backward(Tensor grad, Tensor image, Tensor coords, str options, bool[2] mask) -> (Tensor, Tensor)",
    _pull_backward,
    _pull_backward_fake,
)
prefilter = register("prefilter(Tensor image, str rules, bool adjoint) -> Tensor", _prefilter, _prefilter_fake)
