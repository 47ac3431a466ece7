# SPDX-License-Identifier: Apache-2.0
"""JAX's half of the portable backend: the operations of `Space`. Each is differentiable by JAX, to any order."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

Array = Any
block: int | None = None  # everything at once: XLA decides

floor, round, abs, isnan, isfinite = jnp.floor, jnp.round, jnp.abs, jnp.isnan, jnp.isfinite
clip, where, remainder, stack, matmul = jnp.clip, jnp.where, jnp.remainder, jnp.stack, jnp.matmul
broadcast = jnp.broadcast_to


def most(x: Array) -> float:
    return float(x.max())


def whole(x: Array) -> Array:
    return x.astype(jnp.int32)  # positions saturate within it


def cast(x: Array, like: Array) -> Array:
    return x.astype(like.dtype)


def zeros(shape: tuple[int, ...], like: Array) -> Array:
    return jnp.zeros(shape, like.dtype)


def concat(arrays: list[Array], axis: int) -> Array:
    return jnp.concatenate(arrays, axis)


def constant(array: Any, like: Array) -> Array:
    return jnp.asarray(array, like.dtype if array.dtype.kind == "f" else jnp.int32)


def take(image: Array, index: Array) -> Array:
    if len(index) == 1:
        return jnp.take(image, index[0], axis=2, mode="clip")
    n = max(len(image), len(index))
    return jnp.take_along_axis(jnp.broadcast_to(image, (n, *image.shape[1:])), index[:, None], 2, mode="clip")


def add_at(image: Array, index: Array, values: Array) -> Array:
    n = jnp.arange(len(image))[:, None, None]
    channel = jnp.arange(image.shape[1])[None, :, None]
    return image.at[n, channel, index[:, None]].add(values)


@jax.custom_jvp
def with_slope(x: Array, slope: Array, g: Array) -> Array:
    return x


@with_slope.defjvp
def _with_slope_jvp(primals: Any, tangents: Any) -> Any:
    x, slope, g = primals
    tangent = tangents[2]
    # a NaN or infinite coordinate may have any tangent: where the slope is 0, it counts for nothing
    return with_slope(x, slope, g), jnp.where(slope == 0, 0.0, slope * tangent)
