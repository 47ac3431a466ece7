# SPDX-License-Identifier: Apache-2.0
"""torch's half of the portable backend: the operations of `Space`. Each is differentiable by torch, to any order."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

block: int | None = 1 << 18  # taps at once: what belongs to them stays in the caches

floor, round, abs, isnan, isfinite = torch.floor, torch.round, torch.abs, torch.isnan, torch.isfinite
clip, where, remainder, stack, matmul = torch.clamp, torch.where, torch.remainder, torch.stack, torch.matmul
concat, broadcast = torch.cat, torch.broadcast_to


def most(x: Tensor) -> float:
    return float(x.detach().max())


def whole(x: Tensor) -> Tensor:
    return x.to(torch.int64)


def cast(x: Tensor, like: Tensor) -> Tensor:
    return x.to(like.dtype)


def zeros(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.zeros(shape, dtype=like.dtype, device=like.device)


def constant(array: Any, like: Tensor) -> Tensor:
    tensor = torch.tensor(array, device=like.device)
    return tensor.to(like.dtype) if tensor.is_floating_point() else tensor


def take(image: Tensor, index: Tensor) -> Tensor:
    if len(index) == 1:
        return image.index_select(2, index[0])
    n, points = max(len(image), len(index)), index.shape[1]
    return image.expand(n, -1, -1).gather(2, index[:, None].expand(n, image.shape[1], points))


def add_at(image: Tensor, index: Tensor, values: Tensor) -> Tensor:
    return image.scatter_add(2, index[:, None].expand(len(image), *values.shape[1:]), values.expand(len(image), -1, -1))


def with_slope(x: Tensor, slope: Tensor, g: Tensor) -> Tensor:
    if not g.requires_grad:
        return x
    known = torch.where(torch.isfinite(g), g, 0.0)
    return x.detach() + slope.detach() * (known - known.detach())
