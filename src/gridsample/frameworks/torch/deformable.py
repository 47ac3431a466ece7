# SPDX-License-Identifier: Apache-2.0
"""Multi-scale deformable attention, from the engine's verbs: the samples of all levels are never held together.

    gridsample::attention(value, locations, weights, shapes) -> values          shapes: all levels', one after another
    gridsample::attention_backward(grad, value, locations, weights, shapes, mask)

Each level is a view of value, its channels adjacent in memory. Forward: for some queries at a time, each level is read
and weighed into the sum. Backward: for some heads at a time, each level is read again (the gradient of weights needs
the samples) and its pixels' gradient is written where it belongs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from gridsample import attention
from gridsample.backends import cpu
from gridsample.errors import DerivativeError, DeviceError
from gridsample.frameworks.torch import derivatives
from gridsample.frameworks.torch.operators import dtype_name, planned, register, rounded, view, wide

TEXT = attention.OPTIONS.text


def check(value: Tensor, locations: Tensor, weights: Tensor, levels: Sequence[Any]) -> None:
    tensors = {"value": value, "locations": locations, "weights": weights}
    dtypes = {name: dtype_name(tensor.dtype) for name, tensor in tensors.items()}
    attention.check(value.shape, levels, locations.shape, weights.shape, dtypes)
    for name, tensor in tensors.items():
        if tensor.device.type not in ("cpu", "meta") or tensor.layout != torch.strided:
            got = f"{name} on {tensor.device}" if tensor.layout == torch.strided else f"{name} {tensor.layout}"
            raise DeviceError(attention.WHERE, "dense tensors on the CPU", got, "move them with .cpu()")


def _images(value: Tensor, n: int, levels: Sequence[Any]) -> Iterator[Tensor]:
    """Views (heads, C, *sizes) of one entry of the batch (N, pixels, heads, C), level by level."""
    for start, end, sizes in attention.starts(levels):
        level = value[n, start:end].unflatten(0, sizes)  # type: ignore[no-untyped-call]
        axes = len(sizes)
        yield level.permute(axes, axes + 1, *range(axes))


def _read(image: Tensor, points: Tensor, samples: Tensor) -> None:
    """samples (heads, Q, P, C) = image (heads, C, *sizes) at points (heads, Q, P, axes)"""
    p = planned("sample", image.shape, image.dtype, points.shape, points.dtype, TEXT)
    cpu.pull(p, view(image), view(points), view(samples.movedim(-1, 1)), torch.get_num_threads())


def _forward(value: Tensor, locations: Tensor, weights: Tensor, shapes: Sequence[int]) -> Tensor:
    levels = attention.rows_of(shapes, locations.shape[-1])
    check(value, locations, weights, levels)
    value_, locations_ = wide(value), wide(locations)
    batch, _, heads, channels = value.shape
    queries, points = locations.shape[1], locations.shape[4]
    out = value_.new_empty(batch, queries, heads, channels)
    some = max(1, attention.CHUNK // max(1, heads * points * channels))
    for n in range(batch):
        images = list(_images(value_, n, levels))
        for q in range(0, queries, some):
            count = min(some, queries - q)
            samples = value_.new_empty(heads, count, points, channels)
            total = value_.new_zeros(heads * count, 1, channels)
            for level, image in enumerate(images):
                _read(image, locations_[n, q : q + count, :, level].transpose(0, 1).contiguous(), samples)
                weigh = weights[n, q : q + count, :, level].transpose(0, 1).to(value_.dtype)
                total.baddbmm_(weigh.reshape(len(total), 1, points), samples.flatten(0, 1))
            out[n, q : q + count] = total.view(heads, count, channels).transpose(0, 1)
    return rounded(out.flatten(2), value)


def _backward(
    grad: Tensor, value: Tensor, locations: Tensor, weights: Tensor, shapes: Sequence[int], mask: Sequence[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    levels = attention.rows_of(shapes, locations.shape[-1])
    check(value, locations, weights, levels)
    value_, locations_ = wide(value), wide(locations)
    batch, _, heads, channels = value.shape
    queries, points = locations.shape[1], locations.shape[4]
    grad_ = grad.reshape(batch, queries, heads, channels).to(value_.dtype)
    results = [
        torch.empty(tensor.shape if asked else (0,), dtype=kind)
        for tensor, asked, kind in (
            (value, mask[0], value_.dtype),
            (locations, mask[1], locations_.dtype),
            (weights, mask[2], value_.dtype),
        )
    ]
    some = max(1, 4 * attention.CHUNK // max(1, queries * points * channels))
    for n in range(batch):
        to_images = list(_images(results[0], n, levels)) if mask[0] else [None] * len(levels)
        for h in range(0, heads, some):
            these = slice(h, h + some)
            given = grad_[n, :, these].transpose(0, 1).contiguous()  # (heads, Q, C)
            samples = value_.new_empty(*given.shape[:2], points, channels)
            for level, image in enumerate(_images(value_, n, levels)):
                at = locations_[n, :, these, level].transpose(0, 1).contiguous()
                if mask[2]:
                    _read(image[these], at, samples)
                    dots = samples.flatten(0, 1) @ given.flatten(0, 1)[..., None]
                    results[2][n, :, these, level] = dots.view(samples.shape[:3]).transpose(0, 1)
                if not (mask[0] or mask[1]):
                    continue
                weigh = weights[n, :, these, level].transpose(0, 1).to(value_.dtype)
                torch.mul(given[:, :, None], weigh[..., None], out=samples)
                to_image, to_points = to_images[level], torch.empty_like(at) if mask[1] else None
                p = planned("sample", image[these].shape, image.dtype, at.shape, at.dtype, TEXT)
                cpu.backward(
                    p,
                    view(samples.movedim(-1, 1)),
                    view(image[these]),
                    view(at),
                    None if to_image is None else view(to_image[these]),
                    None if to_points is None else view(to_points),
                    torch.get_num_threads(),
                )
                if to_points is not None:
                    results[1][n, :, these, level] = to_points.transpose(0, 1)
    return tuple(rounded(r, like) for r, like in zip(results, (value, locations, weights), strict=True))  # type: ignore[return-value]


def _forward_fake(value: Tensor, locations: Tensor, weights: Tensor, shapes: Sequence[int]) -> Tensor:
    return value.new_empty([value.shape[0], locations.shape[1], value.shape[2] * value.shape[3]])


def _backward_fake(
    grad: Tensor, value: Tensor, locations: Tensor, weights: Tensor, shapes: Sequence[int], mask: Sequence[bool]
) -> tuple[Tensor, ...]:
    arguments = zip((value, locations, weights), mask, strict=True)
    return tuple(tensor.new_empty(tensor.shape if asked else [0]) for tensor, asked in arguments)


def _mapped(size: int, dims: Any, tensors: Sequence[Tensor]) -> list[Tensor]:
    """vmap's axis of ``size`` folded into the batch axis of each tensor."""
    pairs = zip(tensors, dims, strict=False)
    whole = [tensor.expand(size, *tensor.shape) if d is None else tensor.movedim(d, 0) for tensor, d in pairs]
    return [tensor.flatten(0, 1) for tensor in whole]


class Attention:
    """values = attention(value, locations, weights, shapes)"""

    what = attention.WHERE
    operator = register(
        "attention(Tensor value, Tensor locations, Tensor weights, SymInt[] shapes) -> Tensor", _forward, _forward_fake
    )

    @staticmethod
    def keep(ctx: Any, value: Tensor, locations: Tensor, weights: Tensor, shapes: Any) -> None:
        ctx.shapes = shapes
        ctx.save_for_backward(value, locations, weights)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        asked = list(ctx.needs_input_grad[:3])
        found = backward(grad, *ctx.saved_tensors, ctx.shapes, asked)
        return *(g if wanted else None for g, wanted in zip(found, asked, strict=True)), None

    @staticmethod
    def vmap(info: Any, in_dims: Any, value: Tensor, locations: Tensor, weights: Tensor, shapes: Any) -> Any:
        found = call(*_mapped(info.batch_size, in_dims, (value, locations, weights)), shapes)
        return found.unflatten(0, (info.batch_size, -1)), 0


class AttentionBackward:
    """The gradients of value, locations and weights, as far as ``mask`` asks."""

    what = f"a gradient of {attention.WHERE}"
    operator = register(
        "attention_backward(Tensor grad, Tensor value, Tensor locations, Tensor weights, SymInt[] shapes, bool[3] mask)"
        " -> (Tensor, Tensor, Tensor)",
        _backward,
        _backward_fake,
    )

    @staticmethod
    def keep(ctx: Any, *inputs: Any) -> None:
        """Nothing: the derivative raises."""

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        do = "use first derivatives only"
        raise DerivativeError(attention.WHERE, "first derivatives by backward", "a derivative of a gradient", do)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *arguments: Any) -> Any:
        *tensors, shapes, mask = arguments
        found = backward(*_mapped(info.batch_size, in_dims, tensors), shapes, mask)
        parted = (g.unflatten(0, (info.batch_size, -1)) if m else g for g, m in zip(found, mask, strict=True))
        return tuple(parted), tuple(0 if m else None for m in mask)


call = derivatives.differentiable(Attention)
backward = derivatives.differentiable(AttentionBackward)
