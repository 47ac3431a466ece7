# SPDX-License-Identifier: Apache-2.0
"""Multi-scale deformable attention, from the engine's verbs: the samples of all levels are never held together.

    gridsample::attention(value, locations, weights, shapes) -> values          shapes: all levels', one after another
    gridsample::attention_backward(grad, value, locations, weights, shapes, mask)

Each level is a view of value, its channels adjacent in memory. Forward: some queries at a time are read, so few that
their samples stay in a cache, and weighed. Backward: the same again for the gradient of weights, which needs the
samples; then level by level, for some heads at a time, the gradients of pixels and points, written where they belong.
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
        if tensor.device.type != value.device.type or tensor.layout != torch.strided:
            got = f"{name} on {tensor.device}" if tensor.layout == torch.strided else f"{name} {tensor.layout}"
            raise DeviceError(attention.WHERE, "dense tensors on one device", got, "move them with .to(value.device)")


def composed(value: Tensor, locations: Tensor, weights: Tensor, levels: Sequence[Any]) -> Tensor:
    """The same from `sample`, on any device and to any derivative; it holds one level's samples."""
    check(value, locations, weights, levels)
    batch, _, heads, channels = value.shape
    by_head = wide(value).permute(0, 2, 3, 1).flatten(0, 1)  # (N heads, C, pixels)
    places = wide(locations).permute(0, 2, 3, 1, 4, 5).flatten(0, 1)  # (N heads, levels, queries, points, axes)
    shares = weights.to(by_head.dtype).permute(0, 2, 3, 1, 4).flatten(0, 1)[:, :, None]
    total = by_head.new_zeros(batch * heads, channels, locations.shape[1])
    for level, (start, end, sizes) in enumerate(attention.starts(levels)):
        image = by_head[..., start:end].unflatten(-1, sizes)  # type: ignore[no-untyped-call]
        total = total + (derivatives.pull(image, places[:, level], TEXT) * shares[:, level]).sum(-1)
    return rounded(total.reshape(batch, heads * channels, -1).transpose(1, 2), value)


def _check_here(value: Tensor) -> None:
    if value.device.type != "cpu":
        do = "call gridsample.multiscale_deformable_attention, which takes any device"
        raise DeviceError(attention.WHERE, "tensors on the CPU", f"value on {value.device}", do)


def _images(value: Tensor, n: int, levels: Sequence[Any]) -> Iterator[Tensor]:
    """Views (heads, C, *sizes) of one entry of the batch (N, pixels, heads, C), level by level."""
    for start, end, sizes in attention.starts(levels):
        level = value[n, start:end].unflatten(0, sizes)  # type: ignore[no-untyped-call]
        axes = len(sizes)
        yield level.permute(axes, axes + 1, *range(axes))


def _samples(images: Sequence[Tensor], locations: Tensor) -> Tensor:
    """(Q * heads, levels * points, C): what some queries read, at locations (Q, heads, levels, points, axes)."""
    queries, heads, levels, points, _ = locations.shape
    samples = images[0].new_empty(queries, heads, levels, points, images[0].shape[1])
    for level, image in enumerate(images):
        at = locations[:, :, level].transpose(0, 1).contiguous()
        p = planned("sample", image.shape, image.dtype, at.shape, at.dtype, TEXT)
        out = samples[:, :, level].permute(1, 3, 0, 2)  # (heads, C, Q, points)
        cpu.pull(p, view(image), view(at), view(out), torch.get_num_threads())
    return samples.flatten(2, 3).flatten(0, 1)


def _pieces(queries: int, numbers: int) -> Iterator[slice]:
    """Some queries at a time, each with so many numbers."""
    some = max(1, attention.CHUNK // max(1, numbers))
    for q in range(0, queries, some):
        yield slice(q, q + some)


def _forward(value: Tensor, locations: Tensor, weights: Tensor, shapes: Sequence[int]) -> Tensor:
    levels = attention.rows_of(shapes, locations.shape[-1])
    check(value, locations, weights, levels)
    _check_here(value)
    value_, locations_ = wide(value), wide(locations)
    batch, _, heads, channels = value.shape
    queries, every = locations.shape[1], locations.shape[3] * locations.shape[4]
    out = value_.new_empty(batch, queries, heads, channels)
    for n in range(batch):
        images = list(_images(value_, n, levels))
        for some in _pieces(queries, heads * every * channels):
            weigh = weights[n, some].to(value_.dtype)
            each = weigh.reshape(len(weigh) * heads, 1, every)
            out[n, some] = (each @ _samples(images, locations_[n, some])).view(len(weigh), heads, channels)
    return rounded(out.flatten(2), value)


def _backward(
    grad: Tensor, value: Tensor, locations: Tensor, weights: Tensor, shapes: Sequence[int], mask: Sequence[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    levels = attention.rows_of(shapes, locations.shape[-1])
    check(value, locations, weights, levels)
    _check_here(value)
    value_, locations_ = wide(value), wide(locations)
    batch, _, heads, channels = value.shape
    grad_ = grad.reshape(batch, locations.shape[1], heads, channels).to(value_.dtype)
    to_value, to_locations, to_weights = (
        torch.empty(tensor.shape if asked else (0,), dtype=kind)
        for tensor, asked, kind in (
            (value, mask[0], value_.dtype),
            (locations, mask[1], locations_.dtype),
            (weights, mask[2], value_.dtype),
        )
    )
    for n in range(batch):
        images = list(_images(value_, n, levels))
        if mask[2]:
            _to_weights(images, locations_[n], grad_[n], to_weights[n])
        if mask[0] or mask[1]:
            to_images = list(_images(to_value, n, levels)) if mask[0] else None
            _to_places(images, locations_[n], weights[n], grad_[n], to_images, to_locations[n] if mask[1] else None)
    return rounded(to_value, value), rounded(to_locations, locations), rounded(to_weights, weights)


def _to_weights(images: Sequence[Tensor], locations: Tensor, grad: Tensor, to_weights: Tensor) -> None:
    """to_weights (Q, heads, levels, points) = the products of samples and grad (Q, heads, C)"""
    numbers = locations[0, ..., 0].numel() * grad.shape[-1] if len(locations) else 0
    for some in _pieces(len(locations), numbers):
        dots = _samples(images, locations[some]) @ grad[some].flatten(0, 1)[..., None]
        to_weights[some] = dots.view(to_weights[some].shape)


def _to_places(
    images: Sequence[Tensor],
    locations: Tensor,
    weights: Tensor,
    grad: Tensor,
    to_images: Sequence[Tensor] | None,
    to_locations: Tensor | None,
) -> None:
    """The gradients of the pixels and of the points. A head at a time, or some: each pixel is written once."""
    queries, heads, _, points, _ = locations.shape
    some = max(1, 4 * attention.CHUNK // max(1, queries * points * grad.shape[-1]))
    for h in range(0, heads, some):
        these = slice(h, h + some)
        given = grad[:, these].transpose(0, 1)[:, :, None].contiguous()  # (heads, Q, 1, C)
        weighed = given.new_empty(len(given), queries, points, grad.shape[-1])
        for level, image in enumerate(images):
            at = locations[:, these, level].transpose(0, 1).contiguous()
            weigh = weights[:, these, level].transpose(0, 1).to(grad.dtype)
            torch.mul(given, weigh[..., None], out=weighed)
            to_points = None if to_locations is None else torch.empty_like(at)
            p = planned("sample", image[these].shape, image.dtype, at.shape, at.dtype, TEXT)
            cpu.backward(
                p,
                view(weighed.movedim(-1, 1)),
                view(image[these]),
                view(at),
                None if to_images is None else view(to_images[level][these]),
                None if to_points is None else view(to_points),
                torch.get_num_threads(),
            )
            if to_locations is not None and to_points is not None:
                to_locations[:, these, level] = to_points.transpose(0, 1)


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


def _no_jvp(ctx: Any, *tangents: Any) -> Any:
    do = "differentiate backwards, e.g. torch.autograd.grad or torch.func.vjp"
    raise DerivativeError(attention.WHERE, "first derivatives by backward", "one in forward mode", do)


class Attention:
    """values = attention(value, locations, weights, shapes)"""

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

    jvp = staticmethod(_no_jvp)

    @staticmethod
    def vmap(info: Any, in_dims: Any, value: Tensor, locations: Tensor, weights: Tensor, shapes: Any) -> Any:
        found = call(*_mapped(info.batch_size, in_dims, (value, locations, weights)), shapes)
        return found.unflatten(0, (info.batch_size, -1)), 0


class AttentionBackward:
    """The gradients of value, locations and weights, as far as ``mask`` asks."""

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

    jvp = staticmethod(_no_jvp)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *arguments: Any) -> Any:
        *tensors, shapes, mask = arguments
        found = backward(*_mapped(info.batch_size, in_dims, tensors), shapes, mask)
        parted = (g.unflatten(0, (info.batch_size, -1)) if m else g for g, m in zip(found, mask, strict=True))
        return tuple(parted), tuple(0 if m else None for m in mask)


call = derivatives.differentiable(Attention)
backward = derivatives.differentiable(AttentionBackward)
