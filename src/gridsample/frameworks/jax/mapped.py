# SPDX-License-Identifier: Apache-2.0
"""jax.vmap of the primitives in `compiled`: the mapped axis is folded into the batch, and taken out again.

A JAX rule gets arrays and where their mapped axis is (None: not mapped), and answers the same of the result.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

Array = Any


def pull(primitive: Any, arrays: Any, dims: Any, **how: Any) -> Any:
    size, batch, folded = _folded(arrays, dims)
    return _unfolded(primitive.bind(*folded, **how), size, batch, batch), 0


def push(primitive: Any, arrays: Any, dims: Any, shape: Any, **how: Any) -> Any:
    size, batch, (values, coords) = _folded(arrays, dims)
    values = jnp.broadcast_to(values, (size * batch, *values.shape[1:]))
    found = primitive.bind(values, coords, shape=(size * batch, *shape[1:]), **how)
    return _unfolded(found, size, batch, shape[0]), 0


def along(primitive: Any, arrays: Any, dims: Any, **how: Any) -> Any:
    size, batch, folded = _folded(arrays, dims, share=False)  # a tangent has its array's batch
    return _unfolded(primitive.bind(*folded, **how), size, batch, batch), 0


def push_along(primitive: Any, arrays: Any, dims: Any, shape: Any, **how: Any) -> Any:
    size, batch, folded = _folded(arrays, dims, share=False)
    found = primitive.bind(*folded, shape=(size * batch, *shape[1:]), **how)
    return _unfolded(found, size, batch, shape[0]), 0


def backward(primitive: Any, arrays: Any, dims: Any, asked: Any, **how: Any) -> Any:
    size, batch, folded = _folded(arrays, dims, share=False)
    batches = [_batch(a, d) for a, d, one in zip(arrays[1:], dims[1:], asked, strict=True) if one]
    found = primitive.bind(*folded, asked=asked, **how)
    return [_unfolded(g, size, batch, n) for g, n in zip(found, batches, strict=True)], [0] * len(found)


def _batch(array: Array, d: Any) -> int:
    """Of the array as one call sees it."""
    sizes = list(array.shape)
    if d is not None:
        del sizes[d]
    return int(sizes[0])


def _folded(arrays: Any, dims: Any, share: bool = True) -> tuple[int, int, list[Array]]:
    """The mapped axis's size, the batch of one call, and the arrays with both in one axis.

    With ``share`` an array that is not mapped and has a batch of 1 stays as it is: it stands for all.
    """
    size = next(int(a.shape[d]) for a, d in zip(arrays, dims, strict=True) if d is not None)
    batches = [_batch(a, d) for a, d in zip(arrays, dims, strict=True)]
    batch = next((n for n in batches if n != 1), 1)
    folded = []
    for array, d, n in zip(arrays, dims, batches, strict=True):
        if d is None and n == 1 and share:
            folded.append(array)
            continue
        whole = array[None] if d is None else jnp.moveaxis(array, d, 0)
        whole = jnp.broadcast_to(whole, (size, batch, *whole.shape[2:]))
        folded.append(whole.reshape(size * batch, *whole.shape[2:]))
    return size, batch, folded


def _unfolded(array: Array, size: int, batch: int, wanted: int) -> Array:
    array = array.reshape(size, batch, *array.shape[1:])
    return array if wanted == batch else array.sum(1, keepdims=True)
