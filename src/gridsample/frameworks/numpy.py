# SPDX-License-Identifier: Apache-2.0
"""NumPy arrays: allocation and types. No mathematics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gridsample import affine, attention, frameworks, plan
from gridsample.backends import cpu
from gridsample.errors import ArgumentTypeError
from gridsample.options import Options, remembered
from gridsample.threads import get_num_threads

Array = np.ndarray[Any, np.dtype[Any]]

ARRAY = np.ndarray
REFUSED = {"numpy.ma.MaskedArray": "masks are not honoured: fill it first, with image.filled(value)"}


@dataclass(frozen=True)
class _Call:
    """A Plan, and the types that arrays are converted to for it; None where they are right already."""

    plan: plan.Plan
    image: np.dtype[Any] | None
    coords: np.dtype[Any] | None
    computed: np.dtype[Any]
    result: np.dtype[Any] | None
    refuses: bool  # coordinates that are not finite


@remembered
def _call(
    where: str, shape: Any, dtype: np.dtype[Any], coords_shape: Any, coords_dtype: np.dtype[Any], options: Options
) -> _Call:
    p = plan.make(where, shape, dtype.name, coords_shape, coords_dtype.name, options)
    computed, at = np.dtype(p.compute_dtype), np.dtype(plan.COMPUTED[p.coords_dtype])
    native = dtype.newbyteorder("=")
    return _Call(
        plan=p,
        image=computed if dtype != computed else None,  # another byte order is another type
        coords=at if coords_dtype != at else None,
        computed=computed,
        result=native if native != computed else None,
        refuses=options.nonfinite == "error",
    )


def pull(where: str, image: Array, coords: Array, options: Options, out: Array | None = None) -> Array:
    call = _call(where, image.shape, image.dtype, coords.shape, coords.dtype, options)
    if out is not None:
        _check_out(where, call.plan, out, image, coords)
    direct = out is not None and out.dtype == call.computed
    result = out if direct and out is not None else np.empty(call.plan.out_shape, call.computed)
    cpu.pull(call.plan, *_ready(where, call, image, coords), result, get_num_threads())
    if out is None:
        return _rounded(call, result)
    if not direct:
        out[...] = _rounded(call, result)
    return out


def push(where: str, values: Array, coords: Array, sizes: tuple[int, ...], options: Options) -> Array:
    plan.check_values(where, values.shape, coords.shape)
    plan.check_sizes(where, sizes, coords.shape)
    batch = coords.shape[0] if values.shape[0] == 1 else values.shape[0]
    shape = (batch, values.shape[1], *sizes)
    call = _call(where, shape, values.dtype, coords.shape, coords.dtype, options)
    values, coords = _ready(where, call, values, coords)
    image = np.empty(shape, call.computed)
    cpu.push(call.plan, np.broadcast_to(values, call.plan.out_shape), coords, image, get_num_threads())
    return _rounded(call, image)


def pull_grad(where: str, image: Array, coords: Array, options: Options) -> Array:
    call = _call(where, image.shape, image.dtype, coords.shape, coords.dtype, options)
    result = np.empty(call.plan.jacobian_shape, call.computed)
    cpu.pull_grad(call.plan, *_ready(where, call, image, coords), result, get_num_threads())
    return _rounded(call, result)


def affine_grid(theta: Array, size: tuple[int, ...], align_corners: bool) -> Array:
    plan.check_affine(theta.shape, theta.dtype.name, size)
    computed, native = np.dtype(plan.COMPUTED[theta.dtype.name]), theta.dtype.newbyteorder("=")

    def ramp(start: int, stop: int, step: int) -> Array:
        return np.arange(start, stop, step).astype(computed)

    with np.errstate(over="ignore"):
        grid = affine.affine_grid(np.asarray(theta).astype(computed), size[2:], align_corners, ramp)
        return np.asarray(grid.astype(native, copy=False))


def multiscale_deformable_attention(value: Array, shapes: Any, locations: Array, weights: Array) -> Array:
    """Some queries at a time, level by level; each level a view of value whose channels are adjacent."""
    levels = attention.levels_of(shapes)
    arrays = {"value": value, "locations": locations, "weights": weights}
    attention.check(value.shape, levels, locations.shape, weights.shape, {k: a.dtype.name for k, a in arrays.items()})
    computed, at = (np.dtype(plan.COMPUTED[array.dtype.name]) for array in (value, locations))
    value_, (batch, _, heads, channels) = value.astype(computed, copy=False), value.shape
    queries, points, axes = locations.shape[1], locations.shape[4], locations.shape[5]
    out = np.zeros((batch, queries, heads, channels), computed)
    some = max(1, attention.CHUNK // max(1, heads * points * channels))
    for n in range(batch):
        for q in range(0, queries, some):
            these = slice(q, q + some)
            for level, (start, end, sizes) in enumerate(attention.starts(levels)):
                image = value_[n, start:end].reshape(*sizes, heads, channels)
                image = image.transpose(axes, axes + 1, *range(axes))
                places = np.ascontiguousarray(locations[n, these, :, level].swapaxes(0, 1), at)
                p = plan.make("sample", image.shape, computed.name, places.shape, at.name, attention.OPTIONS)
                samples = np.empty((heads, places.shape[1], points, channels), computed)
                cpu.pull(p, image, places, np.moveaxis(samples, -1, 1), get_num_threads())
                weigh = weights[n, these, :, level].astype(computed, copy=False)
                out[n, these] += np.einsum("qhp,hqpc->qhc", weigh, samples)
    with np.errstate(over="ignore"):
        return out.reshape(batch, queries, heads * channels).astype(value.dtype.newbyteorder("="), copy=False)


def _ready(where: str, call: _Call, image: Array, coords: Array) -> tuple[Array, Array]:
    """Both arrays as the engine reads them; a copy only where the type is another."""
    if call.refuses and not (finite := np.isfinite(coords)).all():
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        plan.refuse_nonfinite(where, int(np.count_nonzero(~finite)), first)
    image = image if call.image is None else image.astype(call.image)
    return image, coords if call.coords is None else coords.astype(call.coords)


def _rounded(call: _Call, result: Array) -> Array:
    if call.result is None:
        return result
    with np.errstate(over="ignore"):  # beyond float16 lies infinity
        return result.astype(call.result)


def _check_out(where: str, p: plan.Plan, out: Any, image: Array, coords: Array) -> None:
    if not isinstance(out, np.ndarray):
        do = "pass an array or leave it away"
        raise ArgumentTypeError(where, "out to be a NumPy array", type(out).__name__, do)
    plan.check_out(where, p, out.shape, out.dtype.name, out.strides, out.flags.writeable)
    for name, array in (("image", image), ("coords", coords)):
        plan.check_apart(where, name, _memory(out), _memory(array))


def _memory(array: Array) -> plan.Memory:
    return array.__array_interface__["data"][0], array.shape, array.strides, array.itemsize


def _resolve(
    where: str, choices: tuple[Any, ...], shape: Any, dtype: str, coords_shape: Any, coords_dtype: str, _: bool
) -> Any:
    """What `engine.Calls` keeps of a call."""
    known = cpu.resolved(where, choices, (shape, dtype), (coords_shape, coords_dtype))
    if known is None:
        return None
    result: Any = (known.shape, np.dtype(dtype)), {}, None
    return known.problem, known.jacobian, [result], None, None


frameworks.CALLS.add(
    np.ndarray,
    _resolve,
    np.empty,
    get_num_threads,
    exchange=None,
    maker=None,
    peeks=None,
    busy=(),
    recording=None,
    levels=None,
    unusual=(),
)
