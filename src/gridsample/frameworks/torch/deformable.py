# SPDX-License-Identifier: Apache-2.0
"""Multi-scale deformable attention: the engine's own loops for it, as operators. No sample is ever stored.

gridsample::attention(value, locations, weights, shapes) -> values          shapes: all levels', one after another
gridsample::attention_backward(grad, value, locations, weights, shapes, mask)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gridsample import attention
from gridsample._core import engine
from gridsample.errors import DerivativeError, DeviceError
from gridsample.frameworks.torch import derivatives
from gridsample.frameworks.torch.operators import dtype_name, register, rounded, view, wide

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


def _ordered(tensor: Tensor) -> Tensor:
    """With what the engine reads in one go adjacent: the channels, or a query's points."""
    return tensor if tensor.is_contiguous() else tensor.contiguous()


def _forward(value: Tensor, locations: Tensor, weights: Tensor, shapes: Sequence[int]) -> Tensor:
    check(value, locations, weights, attention.rows_of(shapes, locations.shape[-1]))
    _check_here(value)
    value_ = wide(value) if value.stride(-1) == 1 else _ordered(wide(value))
    out = value_.new_empty(value.shape[0], locations.shape[1], *value.shape[2:])
    places, shares = _ordered(wide(locations)), _ordered(weights.to(value_.dtype))
    engine.attention(view(value_), view(places), view(shares), list(shapes), view(out), torch.get_num_threads())
    return rounded(out.flatten(2), value)


def _backward(
    grad: Tensor, value: Tensor, locations: Tensor, weights: Tensor, shapes: Sequence[int], mask: Sequence[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    check(value, locations, weights, attention.rows_of(shapes, locations.shape[-1]))
    _check_here(value)
    value_, places = _ordered(wide(value)), _ordered(wide(locations))
    shares = _ordered(weights.to(value_.dtype))
    grad_ = _ordered(grad.reshape(value.shape[0], locations.shape[1], *value.shape[2:]).to(value_.dtype))
    results = [
        torch.empty(like.shape if asked else (0,), dtype=like.dtype)
        for like, asked in zip((value_, places, shares), mask, strict=True)
    ]
    to_value, to_locations, to_weights = results
    engine.attention_backward(
        view(grad_),
        view(value_),
        view(places),
        view(shares),
        list(shapes),
        view(to_value) if mask[0] else None,
        view(to_locations) if mask[1] else None,
        view(to_weights) if mask[2] else None,
        torch.get_num_threads(),
    )
    return rounded(to_value, value), rounded(to_locations, locations), rounded(to_weights, weights)


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
