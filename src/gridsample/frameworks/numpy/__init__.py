# SPDX-License-Identifier: Apache-2.0
"""NumPy arrays: allocation and types. No mathematics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gridsample import affine, attention, frameworks, plan
from gridsample._core import engine
from gridsample.backends import chosen, cpu, portable
from gridsample.errors import ArgumentTypeError
from gridsample.frameworks.numpy import space
from gridsample.made import Made
from gridsample.options import Options, remembered
from gridsample.spec.dtypes import DTYPES
from gridsample.threads import get_num_threads

Array = np.ndarray[Any, np.dtype[Any]]

ARRAY = np.ndarray
REFUSED = {"numpy.ma.MaskedArray": "masks are not honoured: fill it first, with image.filled(value)"}


SPACE = space


@dataclass(frozen=True)
class _Call:
    """A Plan, and the types that arrays are converted to for it; None where they are right already."""

    plan: plan.Plan
    image: np.dtype[Any] | None
    coords: np.dtype[Any] | None
    computed: np.dtype[Any]
    result: np.dtype[Any] | None
    refuses: bool  # coordinates that are not finite
    compiled: bool
    stored: bool  # an image that the engine's `pull` reads as it is, and rounds to


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
        compiled=chosen(p).name == "cpu",
        stored=chosen(p).name == "cpu" and not options.prefilter and _is_read(dtype),
    )


def _is_read(dtype: np.dtype[Any]) -> bool:
    """Whether the engine reads this type where it lies: NumPy's own, in the machine's byte order."""
    return dtype.name in DTYPES and DTYPES[dtype.name].code == dtype.char and dtype.isnative


def pull(where: str, image: Array, coords: Array, options: Options, out: Array | None = None) -> Array:
    call = _call(where, image.shape, image.dtype, coords.shape, coords.dtype, options)
    if out is not None:
        _check_out(where, call.plan, out, image, coords)
    if image.dtype.kind == "c":
        found = _of_parts(pull, where, image, coords, options)
        return found if out is None else _written(out, found)
    if call.stored:
        result = np.empty(call.plan.out_shape, image.dtype) if out is None or out.dtype != image.dtype else out
        cpu.pull(call.plan, image, _at(where, call, coords), result, get_num_threads())
        return result if out is None or out is result else _written(out, result)
    arrays = _ready(where, call, image, coords)
    if not call.compiled:
        found = _rounded(call, portable.pull(space, call.plan, *arrays))
        return found if out is None else _written(out, found)
    direct = out is not None and out.dtype == call.computed
    result = out if direct and out is not None else np.empty(call.plan.out_shape, call.computed)
    cpu.pull(call.plan, *arrays, result, get_num_threads())
    if out is None:
        return _rounded(call, result)
    return out if direct else _written(out, _rounded(call, result))


def pull_made(where: str, image: Array, source: Made, options: Options) -> Array | None:
    """`pull` at coordinates that the engine makes; None where it does not do this call."""
    if image.dtype.kind == "c" or image.dtype.name not in DTYPES or options.prefilter:
        return None
    p = plan.made(where, image.shape, image.dtype.name, source, options)
    if chosen(p).name != "cpu" or options.nonfinite == "error":
        return None
    numbers = source.numbers.astype(p.coords_dtype, copy=False)
    known: Any = frameworks.CALLS.planned(image, numbers, p)
    if known is not None:
        return known  # type: ignore[no-any-return]
    stored = _is_read(image.dtype)
    result = np.empty(p.out_shape, image.dtype if stored else p.compute_dtype)
    image_ = image if stored else widened(image)
    cpu.pull(p, image_, numbers, result, get_num_threads())
    return result if stored else narrowed(result, image.dtype)


def push(where: str, values: Array, coords: Array, sizes: tuple[int, ...], options: Options) -> Array:
    plan.check_values(where, values.shape, coords.shape)
    plan.check_sizes(where, sizes, coords.shape)
    batch = coords.shape[0] if values.shape[0] == 1 else values.shape[0]
    shape = (batch, values.shape[1], *sizes)
    call = _call(where, shape, values.dtype, coords.shape, coords.dtype, options)
    if values.dtype.kind == "c":
        return _joined(values, *(push(where, part, coords, sizes, options) for part in (values.real, values.imag)))
    values, coords = _typed(where, call, values, coords)
    values = np.broadcast_to(values, call.plan.out_shape)
    if call.compiled:
        image = np.empty(shape, call.computed)
        cpu.push(call.plan, values, coords, image, get_num_threads())
    else:
        image = portable.push(space, call.plan, values, coords)
    return _rounded(call, _coefficients(call, image, adjoint=True))


def pull_grad(where: str, image: Array, coords: Array, options: Options) -> Array:
    call = _call(where, image.shape, image.dtype, coords.shape, coords.dtype, options)
    if image.dtype.kind == "c":
        return _of_parts(pull_grad, where, image, coords, options)
    arrays = _ready(where, call, image, coords)
    if not call.compiled:
        return _rounded(call, portable.pull_grad(space, call.plan, *arrays))
    result = np.empty(call.plan.jacobian_shape, call.computed)
    cpu.pull_grad(call.plan, *arrays, result, get_num_threads())
    return _rounded(call, result)


def affine_grid(theta: Array, size: tuple[int, ...], align_corners: bool) -> Array:
    plan.check_affine(theta.shape, theta.dtype.name, size)
    computed, native = np.dtype(plan.COMPUTED[theta.dtype.name]), theta.dtype.newbyteorder("=")

    def ramp(start: int, stop: int, step: int) -> Array:
        return np.arange(start, stop, step).astype(computed)

    with np.errstate(over="ignore"):
        grid = affine.affine_grid(np.asarray(theta).astype(computed), size[2:], align_corners, ramp)
        return np.asarray(grid.astype(native, copy=False))


def widened(image: Array) -> Array:
    """In the type it is computed in; a complex image as it is."""
    return image if image.dtype.kind == "c" else image.astype(DTYPES[image.dtype.name].computed, copy=False)


def narrowed(values: Array, dtype: np.dtype[Any]) -> Array:
    """In an image's type: rounded once, and kept to its range."""
    row = DTYPES[dtype.name]
    with np.errstate(over="ignore"):  # beyond float16 lies infinity
        if row.kind == "whole":
            values = np.clip(np.rint(np.nan_to_num(values, nan=0.0)), row.low, row.high)
        return np.asarray(values).astype(dtype.newbyteorder("="), copy=False)


def multiscale_deformable_attention(value: Array, shapes: Any, locations: Array, weights: Array) -> Array:
    levels = attention.levels_of(shapes)
    arrays = {"value": value, "locations": locations, "weights": weights}
    attention.check(value.shape, levels, locations.shape, weights.shape, {k: a.dtype.name for k, a in arrays.items()})
    computed, at = (np.dtype(plan.COMPUTED[array.dtype.name]) for array in (value, locations))
    value_, shares = (np.ascontiguousarray(array, computed) for array in (value, weights))
    places = np.ascontiguousarray(locations, at)
    (batch, _, heads, channels), queries = value.shape, locations.shape[1]
    out = np.zeros((batch, queries, heads, channels), computed)
    for pixels, these, sizes in attention.parts(levels, locations.shape[4]):
        part = np.empty_like(out)
        at_, few = (np.ascontiguousarray(array[:, :, :, these[0], these[1]]) for array in (places, shares))
        engine.attention(value_[:, pixels], at_, few, sizes, part, get_num_threads())
        out += part
    with np.errstate(over="ignore"):
        return out.reshape(batch, queries, heads * channels).astype(value.dtype.newbyteorder("="), copy=False)


def _ready(where: str, call: _Call, image: Array, coords: Array) -> tuple[Array, Array]:
    """Both arrays as backends read them: as the engine's types, a copy only where the type is another; prefiltered."""
    image, coords = _typed(where, call, image, coords)
    return _coefficients(call, image), coords


def _typed(where: str, call: _Call, image: Array, coords: Array) -> tuple[Array, Array]:
    image = image if call.image is None else image.astype(call.image)
    return image, _at(where, call, coords)


def _at(where: str, call: _Call, coords: Array) -> Array:
    if call.refuses and not (finite := np.isfinite(coords)).all():
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        plan.refuse_nonfinite(where, int(np.count_nonzero(~finite)), first)
    return coords if call.coords is None else coords.astype(call.coords)


def _coefficients(call: _Call, image: Array, adjoint: bool = False) -> Array:
    options = call.plan.options
    if not options.prefilter:
        return image
    kernels, boundaries = zip(*((axis.kernel, call.plan.tap_rule(axis)) for axis in call.plan.axes), strict=True)
    fill = options.fill if "constant" in boundaries and not adjoint and np.isfinite(options.fill) else 0.0
    out = np.empty(image.shape, image.dtype)  # holes read the fill, and the weights add up to one
    cpu.prefilter(
        image - image.dtype.type(fill) if fill else image, out, kernels, boundaries, adjoint, get_num_threads()
    )
    return out + image.dtype.type(fill) if fill else out


def _of_parts(verb: Any, where: str, image: Array, coords: Array, options: Options) -> Array:
    """Of a complex image; what is read elsewhere is real."""
    real = verb(where, image.real, coords, options)
    return _joined(image, real, verb(where, image.imag, coords, options.linear()))


def _joined(like: Array, real: Array, imag: Array) -> Array:
    joined = np.empty(real.shape, like.dtype.newbyteorder("="))
    joined.real, joined.imag = real, imag
    return joined


def _rounded(call: _Call, result: Array) -> Array:
    if call.result is None:
        return result
    return narrowed(result, call.result)


def _written(out: Array, result: Array) -> Array:
    out[...] = result
    return out


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
