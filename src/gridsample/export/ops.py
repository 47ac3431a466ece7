# SPDX-License-Identifier: Apache-2.0
"""Ops: the elementary operations that sampling is written out in, once, for every array library and graph builder.

An `Ops` is a small namespace; the values it makes have ``+ - *`` among themselves and with Python numbers. Reals are of
``real`` type, float32 or better; indices are 32-bit integers, never floats. Everything here exists in ONNX opset 11,
MIL, TFLite and core ATen, where it is exact. `NumpyOps` computes; others record a graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gridsample.spec import reference

Value = Any  # a real, an index or a truth value of some Ops
Size = Any  # an int, or what the Ops has for one that is not known yet


@dataclass(frozen=True)
class Native:
    """A call of a target's own operator: kernel "nearest", "linear" or "cubic", a boundary, a frame, and a fill."""

    kernel: str
    boundary: str
    frame: str
    fill: float = 0.0


class Ops(Protocol):
    """What `positions`, `taps` and `rewrite` need. Shapes are tuples of sizes; -1 stands for what is left."""

    def shape(self, x: Value) -> tuple[Size, ...]: ...
    def real(self, x: Value) -> Value:
        """A value, a size or a truth value as a real; True is 1."""

    def integer(self, x: Value) -> Value:
        """A real that is a whole number, or a size, as an index."""

    def floor(self, x: Value) -> Value: ...
    def rint(self, x: Value) -> Value:
        """To the nearest whole number, half-way cases to the even one."""

    def absolute(self, x: Value) -> Value: ...
    def clip(self, x: Value, low: float | Value, high: float | Value) -> Value:
        """min(max(x, low), high), of reals or of indices"""

    def minimum(self, a: Value, b: Value) -> Value: ...
    def divide(self, a: Value, b: float | Value) -> Value: ...
    def modulo(self, i: Value, n: Value) -> Value:
        """The remainder of integers, in 0 … n-1 for any i."""

    def equal(self, a: Value, b: Value) -> Value: ...
    def less(self, a: Value, b: Value) -> Value: ...
    def either(self, a: Value, b: Value) -> Value: ...
    def both(self, a: Value, b: Value) -> Value: ...
    def where(self, truth: Value, a: float | Value, b: float | Value) -> Value:
        """Of reals."""

    def component(self, coords: Value, j: int) -> Value:
        """coords[..., j]"""

    def join(self, parts: Sequence[Value]) -> Value:
        """Values of one shape, stacked along a new last axis."""

    def reshape(self, x: Value, shape: Sequence[Size]) -> Value: ...
    def swap(self, x: Value) -> Value:
        """Axes 0 and 1 exchanged."""

    def ramp(self, n: Size) -> Value:
        """The indices 0 … n-1."""

    def layout(self, channels: Size) -> str:
        """How a table of pixels should lie: "columns", "rows" or "turned", see `taps.Table`."""

    def take(self, table: Value, index: Value, axis: int) -> Value:
        """The rows (axis 0) or columns (axis 1) of a table at the indices (P,)."""

    def repeat(self, x: Value, n: Size) -> Value:
        """n of the one item along the first axis."""

    pixels: bool  # `native` takes positions in pixels

    def native(self, image: Value, grid: Value, op: Native) -> Value:
        """The target's own operator, of one batch size; what it says of its arguments is in `targets`."""


def product(sizes: Sequence[Size]) -> Size:
    result: Size = 1
    for size in sizes:
        result = size if isinstance(result, int) and result == 1 else result * size
    return result


class NumpyOps:
    """Ops that compute, in ``dtype``: the reference of what each means."""

    pixels = False

    def __init__(self, dtype: type[np.floating[Any]] = np.float32) -> None:
        self.dtype = dtype

    def shape(self, x: Value) -> tuple[Size, ...]:
        return tuple(x.shape)

    def real(self, x: Value) -> Value:
        return np.asarray(x).astype(self.dtype)

    def integer(self, x: Value) -> Value:
        return np.asarray(x).astype(np.int32)

    def floor(self, x: Value) -> Value:
        return np.floor(x)

    def rint(self, x: Value) -> Value:
        return np.rint(x)

    def absolute(self, x: Value) -> Value:
        return np.abs(x)

    def clip(self, x: Value, low: float | Value, high: float | Value) -> Value:
        return np.minimum(np.maximum(x, low), high)

    def minimum(self, a: Value, b: Value) -> Value:
        return np.minimum(a, b)

    def divide(self, a: Value, b: float | Value) -> Value:
        return np.divide(a, b)

    def modulo(self, i: Value, n: Value) -> Value:
        return np.mod(i, np.int32(n))

    def equal(self, a: Value, b: Value) -> Value:
        return np.equal(a, b)

    def less(self, a: Value, b: Value) -> Value:
        return np.less(a, b)

    def either(self, a: Value, b: Value) -> Value:
        return np.logical_or(a, b)

    def both(self, a: Value, b: Value) -> Value:
        return np.logical_and(a, b)

    def where(self, truth: Value, a: float | Value, b: float | Value) -> Value:
        return np.where(truth, a, b).astype(self.dtype)

    def component(self, coords: Value, j: int) -> Value:
        return coords[..., j]

    def join(self, parts: Sequence[Value]) -> Value:
        return np.stack(parts, axis=-1)

    def reshape(self, x: Value, shape: Sequence[Size]) -> Value:
        return np.reshape(x, tuple(shape))

    def swap(self, x: Value) -> Value:
        return np.swapaxes(x, 0, 1)

    def ramp(self, n: Size) -> Value:
        return np.arange(n, dtype=np.int32)

    def layout(self, channels: Size) -> str:
        return ("columns", "rows", "turned")[channels % 3]

    def take(self, table: Value, index: Value, axis: int) -> Value:
        return np.take(table, index, axis=axis)

    def repeat(self, x: Value, n: Size) -> Value:
        return np.repeat(x, n, axis=0)

    def native(self, image: Value, grid: Value, op: Native) -> Value:
        """The oracle's answer, so that what a target is given can be checked without it."""
        rules: dict[str, Any] = {"kernel": op.kernel, "boundary": op.boundary, "fill": op.fill, "frame": op.frame}
        assert np.isfinite(grid).all()
        return reference.pull(image, grid, **rules).astype(self.dtype)
