# SPDX-License-Identifier: Apache-2.0
"""NumPy arrays: allocation and types. No mathematics."""

from __future__ import annotations

from typing import Any

import numpy as np

from gridsample import affine, plan
from gridsample.backends import cpu
from gridsample.errors import ShapeError
from gridsample.options import Options
from gridsample.threads import get_num_threads

Array = np.ndarray[Any, np.dtype[Any]]


def pull(where: str, image: Array, coords: Array, options: Options, out: Array | None = None) -> Array:
    p = plan.make(where, image.shape, image.dtype.name, coords.shape, coords.dtype.name, options)
    _check_finite(where, coords, options)
    if out is None:
        result = np.empty(p.out_shape, p.compute_dtype)
    else:
        _check_out(where, p, out, image, coords)
        result = out if _native(out) and out.dtype.name == p.compute_dtype else np.empty(p.out_shape, p.compute_dtype)
    cpu.pull(p, _as(image, p.compute_dtype), _computable(coords), result, get_num_threads())
    if out is None:
        return result.astype(image.dtype.newbyteorder("="), copy=False)
    if result is not out:
        out[...] = result
    return out


def push(where: str, values: Array, coords: Array, sizes: tuple[int, ...], options: Options) -> Array:
    plan.check_values(where, values.shape, coords.shape)
    plan.check_sizes(where, sizes, coords.shape)
    batch = max(values.shape[0], coords.shape[0]) if 0 not in (values.shape[0], coords.shape[0]) else 0
    shape = (batch, values.shape[1], *sizes)
    p = plan.make(where, shape, values.dtype.name, coords.shape, coords.dtype.name, options)
    _check_finite(where, coords, options)
    image = np.empty(shape, p.compute_dtype)
    spread = np.broadcast_to(_as(values, p.compute_dtype), p.out_shape)
    cpu.push(p, spread, _computable(coords), image, get_num_threads())
    return image.astype(values.dtype.newbyteorder("="), copy=False)


def pull_grad(where: str, image: Array, coords: Array, options: Options) -> Array:
    p = plan.make(where, image.shape, image.dtype.name, coords.shape, coords.dtype.name, options)
    _check_finite(where, coords, options)
    result = np.empty(p.jacobian_shape, p.compute_dtype)
    cpu.pull_grad(p, _as(image, p.compute_dtype), _computable(coords), result, get_num_threads())
    return result.astype(image.dtype.newbyteorder("="), copy=False)


def affine_grid(theta: Array, size: tuple[int, ...], align_corners: bool) -> Array:
    plan.check_affine(theta.shape, theta.dtype.name, size)
    wide = plan.COMPUTED[theta.dtype.name]
    grid = affine.affine_grid(theta.astype(wide), size[2:], align_corners, lambda n: np.arange(n).astype(wide), np)
    return np.asarray(grid.astype(theta.dtype.newbyteorder("="), copy=False))


def _native(array: Array) -> bool:
    return array.dtype.isnative


def _as(array: Array, dtype: str) -> Array:
    """The array itself if the engine can read it, else a converted copy."""
    return array.astype(dtype, copy=False) if not (_native(array) and array.dtype.name == dtype) else array


def _computable(coords: Array) -> Array:
    return _as(coords, plan.COMPUTED[coords.dtype.name])


def _check_finite(where: str, coords: Array, options: Options) -> None:
    if options.nonfinite == "error" and not (finite := np.isfinite(coords)).all():
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        plan.refuse_nonfinite(where, int(np.count_nonzero(~finite)), first)


def _check_out(where: str, p: plan.Plan, out: Any, image: Array, coords: Array) -> None:
    if not isinstance(out, np.ndarray):
        raise ShapeError(where, "out to be a NumPy array", type(out).__name__, "pass an array or leave it away")
    plan.check_out(where, p, out.shape, out.dtype.name, out.flags.writeable)
    for name, array in (("image", image), ("coords", coords)):
        if np.may_share_memory(out, array):
            raise ShapeError(where, "out with memory of its own", f"out overlapping {name}", "use another array")
