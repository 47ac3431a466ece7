# SPDX-License-Identifier: Apache-2.0
"""Between pixels and the other frames: positions, and the matrices of maps.

    x = (g + offset)·scale + shift per axis (spec.frames), so for g_in = M g_out + b
    x_in = scale_in (M ((x_out - shift_out)/scale_out - offset) + b + offset) + shift_in

Factors are combined so that equal ones cancel exactly: the identity is the identity in every frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from gridsample import frameworks
from gridsample.errors import OptionError, unknown
from gridsample.frameworks import CALLS
from gridsample.maps import arrays
from gridsample.maps.arrays import Array
from gridsample.maps.base import spatial
from gridsample.spec.frames import FRAMES, ORDERS


def numbers(frame: str, size: tuple[int, ...]) -> tuple[list[float], list[float], list[float]]:
    """(offsets, scales, shifts) of the axes, x first."""
    rows = [FRAMES[frame].numbers(n) for n in reversed(size)]
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def check(where: str, frame: str, order: str) -> None:
    if frame not in FRAMES:
        raise unknown(where, "frame", frame, FRAMES)
    if order not in ORDERS:
        raise unknown(where, "order", order, ORDERS)


def positions_to_pixels(g: Array, frame: str, size: tuple[int, ...], order: str = "xy") -> Array:
    """Positions (…, D) of a frame of an image of ``size``, in pixels and x first."""
    axes = len(size)
    offset, scale, shift = numbers(frame, size)
    parts = [g[..., j if order == "xy" else axes - 1 - j] for j in range(axes)]
    return arrays.stacked([(part + o) * s + t for part, o, s, t in zip(parts, offset, scale, shift, strict=True)])


def positions_from_pixels(x: Array, frame: str, size: tuple[int, ...], order: str = "xy") -> Array:
    """The other way. An axis of one pixel has one position in "corners": 0."""
    axes = len(size)
    offset, scale, shift = numbers(frame, size)
    parts = []
    for j in range(axes):
        part = x[..., j]
        parts.append((part - shift[j]) / scale[j] - offset[j] if scale[j] else part * 0)
    return arrays.stacked(parts if order == "xy" else parts[::-1])


def matrix_to_pixels(
    where: str, matrix: Array, frame: str, input_size: Any, output_size: Any, order: str = "xy"
) -> Array:
    """[M | b] (N, D, D + 1) written in a frame, in pixels and x first."""
    check(where, frame, order)
    axes = matrix.shape[-2]
    if order == "ij":
        matrix = _reversed(matrix, axes)
    if frame == "pixel":
        return matrix
    table = _to_pixels(frame, *sizes(where, input_size, output_size, axes, frame))
    if not frameworks.tracing() and (known := CALLS.into_pixels(matrix, table)) is not None:
        return known  # the same to the bit, at a tenth of what small tensors cost
    wide = arrays.doubled(matrix)
    return arrays.matched(_into_pixels(wide, arrays.constant(table, wide)), matrix)


def _into_pixels(matrix: Array, numbers: Array) -> Array:
    """By what `_to_pixels` gives, as the engine does it (core/src/matrix.cpp)."""
    axes = matrix.shape[-2]
    last = matrix[:, :, axes] * numbers[:, -2] + numbers[:, -1]
    for j in range(axes):
        last = last - matrix[:, :, j] * numbers[:, axes + j]
    linear = matrix[:, :, :axes] * numbers[:, :axes]
    return arrays.namespace(matrix).concatenate([linear, last[:, :, None]], axis=-1)


@lru_cache(maxsize=256)
def _to_pixels(frame: str, inner: tuple[int, ...], outer: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Of `matrix_to_pixels`, for each row: what M's entries are multiplied by, what is taken from b for each of them,
    what b is multiplied by before, and what is added to it: (D, 2 D + 2)."""
    axes = len(inner)
    offset, scale_in, shift_in = numbers(frame, inner)
    _, scale_out, shift_out = numbers(frame, outer)
    made = np.zeros((axes, 2 * axes + 2))
    for i in range(axes):
        made[i, -2:] = scale_in[i], offset[i] * scale_in[i] + shift_in[i]
        for j in range(axes):
            # An axis of one pixel has no scale in "corners": there its one position is g = 0.
            made[i, j] = ratio = _ratio(scale_in[i], scale_out[j], i == j)
            made[i, axes + j] = (offset[j] * scale_in[i] if scale_out[j] else 0.0) + ratio * shift_out[j]
    return made


def matrix_from_pixels(
    where: str, matrix: Array, frame: str, input_size: Any, output_size: Any, order: str = "xy"
) -> Array:
    """A pixel matrix [M | b] written in another frame."""
    check(where, frame, order)
    axes = matrix.shape[-2]
    if frame != "pixel":
        inner, outer = sizes(where, input_size, output_size, axes, frame)
        offset, scale_in, shift_in = numbers(frame, inner)
        _, scale_out, shift_out = numbers(frame, outer)
        rows = []
        for i in range(axes):
            # x_out = (g + offset)·scale_out + shift_out, then back: one position, g = 0, where an axis has one pixel
            ratio = [_ratio(scale_out[j], scale_in[i], i == j) for j in range(axes)]
            linear = [matrix[:, i, j] * ratio[j] for j in range(axes)]
            shift = sum(matrix[:, i, j] * shift_out[j] for j in range(axes)) + matrix[:, i, axes] - shift_in[i]
            shift = shift / scale_in[i] if scale_in[i] else shift * 0
            free = sum(linear[j] * (offset[j] if scale_out[j] else 0.0) for j in range(axes))
            rows.append([*linear, free + shift - (offset[i] if scale_in[i] else 0.0)])
        matrix = _stack(rows)
    return _reversed(matrix, axes) if order == "ij" else matrix


def sizes(where: str, input_size: Any, output_size: Any, axes: int, frame: str) -> tuple[Any, Any]:
    if input_size is None or output_size is None:
        missing = "input_size" if input_size is None else "output_size"
        do = f"the frame {frame!r} depends on it; pass it in memory order"
        raise OptionError(where, missing, "none", do)
    return spatial(where, "input_size", input_size, axes), spatial(where, "output_size", output_size, axes)


def _ratio(over: float, under: float, same_axis: bool) -> float:
    if under:
        return over / under
    return 1.0 if same_axis and not over else 0.0


def _reversed(matrix: Array, axes: int) -> Array:
    order: Sequence[int] = [*reversed(range(axes)), axes]
    return _stack([[matrix[:, i, j] for j in order] for i in order[:-1]])


def _stack(rows: list[list[Any]]) -> Array:
    reference = next(entry for row in rows for entry in row if hasattr(entry, "shape") and not np.isscalar(entry))
    xp = arrays.namespace(reference)
    return xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)
