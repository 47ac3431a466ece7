# SPDX-License-Identifier: Apache-2.0
"""Ops on torch tensors: computes eagerly, and is recorded by `torch.export` and `torch.jit.trace` alike.

Only operators that every consumer of such graphs knows: each lacks some of the usual ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gridsample.export.ops import Size, Value

_torch: Any = torch  # much of it has no types
WIDE = 8  # channels from which on whole rows are multiplied


class TorchOps:
    """Reals of ``dtype``."""

    def __init__(self, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> None:
        self.dtype, self.device = dtype, device

    def shape(self, x: Tensor) -> tuple[Size, ...]:
        if not _torch.jit.is_tracing():
            return tuple(x.shape)
        with warnings.catch_warnings():  # a trace keeps the sizes of its example, and is meant to
            warnings.simplefilter("ignore", _torch.jit.TracerWarning)
            return tuple(int(n) for n in x.shape)

    def real(self, x: Value) -> Tensor:
        return x.to(self.dtype) if isinstance(x, Tensor) else self._scalar(x, self.dtype)

    def integer(self, x: Value) -> Value:
        return x.to(torch.int32) if isinstance(x, Tensor) else x

    def floor(self, x: Tensor) -> Tensor:
        return torch.floor(x)

    def rint(self, x: Tensor) -> Tensor:
        return torch.round(x)

    def absolute(self, x: Tensor) -> Tensor:
        return torch.abs(x)

    def clip(self, x: Value, low: Any, high: Any) -> Value:
        if not isinstance(x, Tensor):
            return _torch.sym_min(_torch.sym_max(x, low), high)
        if not isinstance(low, Tensor) and not isinstance(high, Tensor) and x.dtype == self.dtype:
            return torch.clamp(x, low, high)
        return torch.minimum(torch.maximum(x, self._like(low, x)), self._like(high, x))

    def minimum(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.minimum(a, b)

    def divide(self, a: Tensor, b: Any) -> Tensor:
        return torch.div(a, b)

    def modulo(self, i: Tensor, n: Value) -> Tensor:
        return torch.remainder(i, n)

    def equal(self, a: Tensor, b: Any) -> Tensor:
        return torch.eq(a, b)

    def less(self, a: Any, b: Any) -> Tensor:
        return torch.lt(a, b) if isinstance(a, Tensor) else torch.gt(b, a)

    def either(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.logical_or(a, b)

    def both(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.logical_and(a, b)

    def where(self, truth: Tensor, a: Any, b: Any) -> Tensor:
        return torch.where(truth, self._real(a), self._real(b))

    def component(self, coords: Tensor, j: int) -> Tensor:
        return coords.select(coords.dim() - 1, j)

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(parts), dim=parts[0].dim())

    def reshape(self, x: Tensor, shape: Sequence[Size]) -> Tensor:
        return x.reshape(tuple(shape))

    def swap(self, x: Tensor) -> Tensor:
        return x.permute(1, 0, *range(2, x.dim()))

    def ramp(self, n: Size) -> Tensor:
        return torch.arange(n, dtype=torch.int32, device=self.device)

    def layout(self, channels: Size) -> str:
        # by onnxruntime 1.31: gathering columns takes three times as long; a few channels are slow to multiply in rows
        return "turned" if isinstance(channels, int) and channels < WIDE else "rows"

    def take(self, table: Tensor, index: Tensor, axis: int) -> Tensor:
        return table.index_select(axis, index)

    def repeat(self, x: Tensor, n: Size) -> Tensor:
        return x.expand(n, *x.shape[1:])

    def _real(self, x: Any) -> Tensor:
        return x if isinstance(x, Tensor) else self._scalar(x, self.dtype)

    def _like(self, x: Any, like: Tensor) -> Tensor:
        return x.to(like.dtype) if isinstance(x, Tensor) else self._scalar(x, like.dtype)

    def _scalar(self, x: Any, dtype: torch.dtype) -> Tensor:
        if isinstance(x, (int, float)):
            return torch.full((), x, dtype=dtype, device=self.device)
        return torch.scalar_tensor(x, dtype=dtype, device=self.device)  # a size that is a symbol
