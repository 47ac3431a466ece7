# SPDX-License-Identifier: Apache-2.0
"""JAX arrays: what the public calls do with them. jit, grad, jvp and vmap hold, to any order.

What the engine has loops for are primitives (`compiled`), which call it in programs for the CPU; the rest is done in
JAX's own operations, by the portable backend, which JAX differentiates.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from gridsample import affine, attention, errors, plan
from gridsample.backends import portable
from gridsample.backends.portable.prefilter import coefficients
from gridsample.frameworks.jax import handler, space
from gridsample.options import Options
from gridsample.spec.dtypes import DTYPES

OLDEST = (0, 4, 30)
if getattr(jax, "__version_info__", (0,)) < OLDEST:
    oldest = ".".join(map(str, OLDEST))
    do = "install a newer one, or pass NumPy arrays"
    raise errors.MissingError("gridsample with JAX arrays", f"jax {oldest} or newer", f"jax {jax.__version__}", do)

primitives: Any = None
if not handler.REFUSAL:
    try:
        from gridsample.frameworks.jax import compiled as primitives
    except (ImportError, AttributeError) as error:  # what primitives are made of is no stable part of JAX
        handler.REFUSAL = f"jax {jax.__version__} has other primitives than ours are made of: {error}"

Array = Any
ARRAY = (jax.Array, jax.core.Tracer)
REFUSED: dict[str, str] = {}
SPACE = space


def pull_made(*_: Any) -> None:
    """No loops of ours evaluate maps here: the library's own do, from coordinates."""


def pull(where: str, image: Array, coords: Array, options: Options, out: Any = None) -> Array:
    if out is not None:
        do = "JAX arrays do not change: leave out= away"
        raise errors.ArgumentTypeError(where, "out=None", type(out).__name__, do)
    return _read("pull", where, image, coords, options)


def pull_grad(where: str, image: Array, coords: Array, options: Options) -> Array:
    return _read("pull_grad", where, image, coords, options)


def push(where: str, values: Array, coords: Array, sizes: tuple[int, ...], options: Options) -> Array:
    plan.check_values(where, values.shape, coords.shape)
    plan.check_sizes(where, sizes, coords.shape)
    batch = coords.shape[0] if values.shape[0] == 1 else values.shape[0]
    p = _planned(where, (batch, values.shape[1], *sizes), values, coords, options)
    if jnp.iscomplexobj(values):
        return jax.lax.complex(*(push(where, part, coords, sizes, options) for part in (values.real, values.imag)))
    image = _verb("push", p, widened(values), widened(coords))
    return narrowed(_coefficients(p, image, adjoint=True), values.dtype)


def affine_grid(theta: Array, size: tuple[int, ...], align_corners: bool) -> Array:
    plan.check_affine(theta.shape, theta.dtype.name, size)
    wide = widened(theta)
    grid = affine.affine_grid(wide, size[2:], align_corners, lambda *steps: jnp.arange(*steps).astype(wide.dtype))
    return grid.astype(theta.dtype)


def multiscale_deformable_attention(value: Array, shapes: Any, locations: Array, weights: Array) -> Array:
    """Level by level; each level's samples are held together."""
    levels = attention.levels_of(shapes)
    arrays = {"value": value, "locations": locations, "weights": weights}
    attention.check(value.shape, levels, locations.shape, weights.shape, {k: a.dtype.name for k, a in arrays.items()})
    (batch, pixels, heads, channels), (_, queries, _, _, points, axes) = value.shape, locations.shape
    by_head = widened(value).transpose(0, 2, 3, 1).reshape(batch * heads, channels, pixels)
    many = (batch * heads, len(levels), queries, points)
    places = widened(locations).transpose(0, 2, 3, 1, 4, 5).reshape(*many, axes)
    shares = weights.astype(by_head.dtype).transpose(0, 2, 3, 1, 4).reshape(many)
    total = jnp.zeros((batch * heads, channels, queries), by_head.dtype)
    for level, (start, end, sizes) in enumerate(attention.starts(levels)):
        image = by_head[..., start:end].reshape(batch * heads, channels, *sizes)
        samples = pull("sample", image, places[:, level], attention.OPTIONS)
        total = total + (samples * shares[:, level, None]).sum(-1)
    return total.reshape(batch, heads * channels, queries).swapaxes(1, 2).astype(value.dtype)


def widened(image: Array) -> Array:
    """In the type it is computed in; a complex image as it is. Never wider than JAX's own mode allows."""
    if jnp.iscomplexobj(image):
        return image
    return image.astype(jax.dtypes.canonicalize_dtype(DTYPES[image.dtype.name].computed))


def narrowed(values: Array, dtype: Any) -> Array:
    """In an image's type: rounded once, and kept to its range."""
    row = DTYPES[jnp.dtype(dtype).name]
    if row.kind == "whole":
        # the float below the highest number, where that has none of its own
        values = jnp.where(jnp.isnan(values), 0.0, jnp.round(values))
        return jnp.where(values >= row.high, row.high, jnp.clip(values, row.low, row.high).astype(jnp.dtype(dtype)))
    return values.astype(dtype)


def _verb(name: str, p: plan.Plan, array: Array, coords: Array) -> Array:
    """A verb of arrays in the types they are computed in, by the engine where it can."""
    if not p.uncompiled and not handler.REFUSAL:
        text = p.options.filtered.text
        if name == "push":
            return primitives.push(array, coords, p.image_shape, text)
        return getattr(primitives, name)(array, coords, text)
    if name == "push":
        array = jnp.broadcast_to(array, p.out_shape)
    return getattr(portable, name)(space, p, array, coords)


def _read(verb: str, where: str, image: Array, coords: Array, options: Options) -> Array:
    p = _planned(where, image.shape, image, coords, options)
    if jnp.iscomplexobj(image):  # what is read elsewhere is real
        pairs = ((image.real, options), (image.imag, options.linear()))
        return jax.lax.complex(*(_read(verb, where, part, coords, these) for part, these in pairs))
    found = _verb(verb, p, _coefficients(p, widened(image)), widened(coords))
    return narrowed(found, image.dtype)


def _coefficients(p: plan.Plan, image: Array, adjoint: bool = False) -> Array:
    if not p.options.prefilter:
        return image
    kernels, boundaries = zip(*((axis.kernel, p.tap_rule(axis)) for axis in p.axes), strict=True)
    return coefficients(space, image, kernels, boundaries, p.options.fill, adjoint)


def _planned(where: str, shape: Any, image: Array, coords: Array, options: Options) -> plan.Plan:
    if options.nonfinite == "error":
        if isinstance(coords, jax.core.Tracer):
            do = "choose 'propagate' or 'outside' inside jit, grad and vmap"
            raise errors.OptionError(where, "nonfinite='error' on arrays with values", "an array that is traced", do)
        if not bool((finite := jnp.isfinite(coords)).all()):
            wrong = jnp.argwhere(~finite)
            plan.refuse_nonfinite(where, len(wrong), tuple(int(i) for i in wrong[0]))
    return plan.make(where, tuple(shape), image.dtype.name, tuple(coords.shape), coords.dtype.name, options)
