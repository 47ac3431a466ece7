# SPDX-License-Identifier: Apache-2.0
"""Ops that write Core ML's MIL. Coordinates, weights and indices carry the mark EXACT in their operations' names.

The passes that narrow a model to 16 bits leave marked operations alone, see `mil_passes`. A value is exact where
everything it was made from is; what a pixel enters is as precise as the rest of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.mil import types

from gridsample.export.ops import Native, Size

EXACT, OURS = "gridsample_exact", "gridsample"
_SAMPLING = {"linear": "bilinear", "nearest": "nearest"}
_PADDING = {
    "zero": "constant",
    "constant": "constant",
    "clamp": "border",
    "mirror": "reflection",
    "reflect": "symmetric",
}


class MilValue:
    """A MIL variable with arithmetic."""

    def __init__(self, var: Any, exact: bool) -> None:
        self.var, self.exact = var, exact

    def __add__(self, other: Any) -> MilValue:
        return _call("add", self, other)

    def __radd__(self, other: Any) -> MilValue:
        return _call("add", other, self)

    def __sub__(self, other: Any) -> MilValue:
        return _call("sub", self, other)

    def __rsub__(self, other: Any) -> MilValue:
        return _call("sub", other, self)

    def __mul__(self, other: Any) -> MilValue:
        return _call("mul", self, other)

    def __rmul__(self, other: Any) -> MilValue:
        return _call("mul", other, self)


_numbers = count()


def _name(exact: bool) -> str:
    return f"{EXACT if exact else OURS}_{next(_numbers)}"


def _typed(x: Any, like: Any) -> Any:
    """A Python number as a constant of another value's type."""
    if isinstance(x, MilValue):
        return x.var
    return np.int32(x) if like.var.dtype == types.int32 else np.float32(x)


def _call(op: str, x: Any, y: Any) -> MilValue:
    like = x if isinstance(x, MilValue) else y
    exact = all(v.exact for v in (x, y) if isinstance(v, MilValue))
    return MilValue(getattr(mb, op)(x=_typed(x, like), y=_typed(y, like), name=_name(exact)), exact)


def _unary(op: str, x: MilValue, **more: Any) -> MilValue:
    return MilValue(getattr(mb, op)(x=x.var, name=_name(x.exact), **more), x.exact)


class MilOps:
    """Reals are float32."""

    pixels = True

    def shape(self, x: MilValue) -> tuple[Size, ...]:
        sizes: list[Size] = list(x.var.shape)
        if all(isinstance(n, (int, np.integer)) for n in sizes):
            return tuple(int(n) for n in sizes)
        all_sizes = mb.shape(x=x.var, name=_name(True))
        for d, n in enumerate(sizes):
            if isinstance(n, (int, np.integer)):
                sizes[d] = int(n)
            else:
                part = mb.slice_by_index(x=all_sizes, begin=[d], end=[d + 1], squeeze_mask=[True], name=_name(True))
                sizes[d] = MilValue(part, True)
        return tuple(sizes)

    def real(self, x: Any) -> MilValue:
        if not isinstance(x, MilValue):
            return MilValue(mb.const(val=np.float32(x), name=_name(True)), True)
        return x if x.var.dtype == types.fp32 else _unary("cast", x, dtype="fp32")

    def integer(self, x: Any) -> Any:
        return x if not isinstance(x, MilValue) or x.var.dtype == types.int32 else _unary("cast", x, dtype="int32")

    def floor(self, x: MilValue) -> MilValue:
        return _unary("floor", x)

    def rint(self, x: MilValue) -> MilValue:
        return _unary("round", x)

    def absolute(self, x: MilValue) -> MilValue:
        return _unary("abs", x)

    def clip(self, x: MilValue, low: Any, high: Any) -> MilValue:
        plain = not isinstance(low, MilValue) and not isinstance(high, MilValue)
        if plain and x.var.dtype == types.fp32 and low < high:  # equal bounds are refused from iOS17 on
            return _unary("clip", x, alpha=np.float32(low), beta=np.float32(high))
        return _call("minimum", _call("maximum", x, low), high)

    def minimum(self, a: MilValue, b: MilValue) -> MilValue:
        return _call("minimum", a, b)

    def divide(self, a: Any, b: Any) -> MilValue:
        return _call("real_div", a, b)

    def modulo(self, i: MilValue, n: Any) -> MilValue:
        return _call("mod", i, n)

    def equal(self, a: MilValue, b: Any) -> MilValue:
        return _call("equal", a, b)

    def less(self, a: Any, b: Any) -> MilValue:
        return _call("less", a, b)

    def either(self, a: MilValue, b: MilValue) -> MilValue:
        return _call("logical_or", a, b)

    def both(self, a: MilValue, b: MilValue) -> MilValue:
        return _call("logical_and", a, b)

    def where(self, truth: MilValue, a: Any, b: Any) -> MilValue:
        exact = all(v.exact for v in (truth, a, b) if isinstance(v, MilValue))
        a, b = (v.var if isinstance(v, MilValue) else np.float32(v) for v in (a, b))
        return MilValue(mb.select(cond=truth.var, a=a, b=b, name=_name(exact)), exact)

    def component(self, coords: MilValue, j: int) -> MilValue:
        rank = coords.var.rank
        last = [d == rank - 1 for d in range(rank)]
        begin, end = ([at if d else 0 for d in last] for at in (j, j + 1))
        masks = {"begin_mask": [not d for d in last], "end_mask": [not d for d in last], "squeeze_mask": last}
        return _unary("slice_by_index", coords, begin=begin, end=end, **masks)

    def join(self, parts: Sequence[MilValue]) -> MilValue:
        exact = all(part.exact for part in parts)
        values = [part.var for part in parts]
        return MilValue(mb.stack(values=values, axis=parts[0].var.rank, name=_name(exact)), exact)

    def reshape(self, x: MilValue, shape: Sequence[Size]) -> MilValue:
        return _unary("reshape", x, shape=self._sizes(shape))

    def swap(self, x: MilValue) -> MilValue:
        return _unary("transpose", x, perm=[1, 0, *range(2, x.var.rank)])

    def ramp(self, n: Size) -> MilValue:
        if isinstance(n, int):
            return MilValue(mb.const(val=np.arange(n, dtype=np.int32), name=_name(True)), True)
        end = self.integer(n).var
        return MilValue(mb.range_1d(start=np.int32(0), end=end, step=np.int32(1), name=_name(True)), True)

    def layout(self, channels: Size) -> str:
        return "columns"  # no transposition; what is fastest on devices has not been measured

    def take(self, table: MilValue, index: MilValue, axis: int) -> MilValue:
        return MilValue(mb.gather(x=table.var, indices=index.var, axis=axis, name=_name(False)), False)

    def repeat(self, x: MilValue, n: Size) -> MilValue:
        return _unary("tile", x, reps=self._sizes([n, *[1] * (x.var.rank - 1)]))

    def native(self, image: MilValue, grid: MilValue, op: Native) -> MilValue:
        frame = "unnormalized" if op.frame == "pixel" else "normalized_minus_one_to_one"
        corners = op.frame in ("corners", "pixel")
        var = mb.resample(
            x=image.var,
            coordinates=grid.var,
            sampling_mode=_SAMPLING[op.kernel],
            padding_mode=_PADDING[op.boundary],
            padding_value=np.float32(op.fill),
            coordinates_mode=frame,
            align_corners=corners,
            name=_name(True),
        )
        return MilValue(var, False)

    def _sizes(self, shape: Sequence[Size]) -> Any:
        if not any(isinstance(n, MilValue) for n in shape):
            return np.array(shape, np.int32)
        parts = [
            mb.expand_dims(x=n.var, axes=[0], name=_name(True)) if isinstance(n, MilValue) else np.array([n], np.int32)
            for n in shape
        ]
        return mb.concat(values=parts, axis=0, name=_name(True))
