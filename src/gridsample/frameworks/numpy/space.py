# SPDX-License-Identifier: Apache-2.0
"""NumPy's half of the portable backend: the operations of `Space`."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any
block: int | None = 1 << 18  # taps at once: what belongs to them stays in the caches

floor, abs, isnan, isfinite = np.floor, np.abs, np.isnan, np.isfinite
clip, remainder, stack, matmul = np.clip, np.remainder, np.stack, np.matmul
round, broadcast = np.rint, np.broadcast_to


def where(condition: Array, a: Any, b: Any) -> Array:
    """np.where, except that a number does not widen the other array's type."""
    kind = next((x.dtype for x in (a, b) if isinstance(x, np.ndarray)), None)
    return np.where(condition, np.asarray(a, kind), np.asarray(b, kind))


def most(x: Array) -> float:
    return float(x.max())


def whole(x: Array) -> Array:
    return x.astype(np.int64)


def cast(x: Array, like: Array) -> Array:
    return x.astype(like.dtype, copy=False)


def zeros(shape: tuple[int, ...], like: Array) -> Array:
    return np.zeros(shape, like.dtype)


def concat(arrays: list[Array], axis: int) -> Array:
    return np.concatenate(arrays, axis)


def constant(array: Any, like: Array) -> Array:
    return array.astype(like.dtype) if array.dtype.kind == "f" else array


def take(image: Array, index: Array) -> Array:
    if len(index) == 1:
        return np.take(image, index[0], axis=2)
    if len(image) == 1:
        return np.moveaxis(np.take(image[0], index, axis=1), 0, 1)
    return np.take_along_axis(image, index[:, None], 2)


def add_at(image: Array, index: Array, values: Array) -> Array:
    for n, channels in enumerate(image):
        for channel, row in zip(channels, values[n % len(values)], strict=True):
            np.add.at(channel, index[n % len(index)], row)
    return image


def with_slope(x: Array, slope: Array, g: Array) -> Array:
    return x  # nothing is derived here but by the formulas
