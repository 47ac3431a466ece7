# SPDX-License-Identifier: Apache-2.0
"""The B-spline prefilter: from an image to the coefficients whose spline goes through it, and the adjoint of that.

Along each axis the coefficients c solve A c = image, A being what the taps of points on the pixels' centres weigh, ends
folded by the boundary. A is banded, and A^-1 falls off by a factor z < 1 (the filter's largest pole) from its diagonal:
beyond `reach` entries nothing is left in float64. So a short axis is multiplied by A^-1; a long one block by block, with
the same matrix for every block but those at its ends. docs/design/0011 says why not by the usual recursion.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, log
from typing import Any

import numpy as np

from gridsample.backends.portable.taps import Array, Space
from gridsample.spec.kernels import find
from gridsample.spec.reference import collocation

DENSE = 256  # pixels: up to here one matrix for the whole axis is cheaper
BLOCK = 128
SMALLEST = 2.0**-54


def coefficients(
    xp: Space, image: Array, kernels: tuple[str, ...], boundaries: tuple[str, ...], fill: float, adjoint: bool = False
) -> Array:
    """The coefficients of image (..., *n), of its shape; with ``adjoint`` the transposed linear map, without the fill."""
    fill = fill if "constant" in boundaries and not adjoint and np.isfinite(fill) else 0.0
    image = image - fill if fill else image  # holes read the fill, and the weights add up to one
    axes = len(kernels)
    for d, (kernel, boundary) in enumerate(zip(kernels, boundaries, strict=True)):
        row = find(kernel)
        if row is None or not row.prefilter:
            continue
        axis = len(image.shape) - axes + d
        moved = image.swapaxes(axis, -1)
        image = _along_last(xp, moved, kernel, boundary, adjoint).swapaxes(axis, -1)
    return image + fill if fill else image


def _along_last(xp: Space, x: Array, kernel: str, boundary: str, adjoint: bool) -> Array:
    n = x.shape[-1]
    far = reach(kernel)
    if n <= max(DENSE, 8 * far):
        matrix = _inverse(n, kernel, boundary)
        return xp.matmul(x, xp.constant(matrix if adjoint else matrix.T, x))
    ends = _ends(kernel, boundary)
    if boundary == "wrap":  # symmetric, so its own adjoint
        return _middle(xp, xp.concat([x[..., -far:], x, x[..., :far]], -1), kernel)
    first, last = (xp.constant(end, x) for end in (ends.first, ends.last))
    m = ends.first.shape[1]
    if not adjoint:
        parts = [xp.matmul(x[..., :m], first.T), _middle(xp, x, kernel), xp.matmul(x[..., -m:], last.T)]
        return xp.concat(parts, -1)
    nothing = xp.zeros((*x.shape[:-1], 2 * far), x)
    spread = _middle(xp, xp.concat([nothing, x[..., far:-far], nothing], -1), kernel)
    left, right = xp.matmul(x[..., :far], first), xp.matmul(x[..., -far:], last)
    return xp.concat([spread[..., :m] + left, spread[..., m:-m], spread[..., -m:] + right], -1)


def _middle(xp: Space, x: Array, kernel: str) -> Array:
    """x filtered where the filter's whole reach lies in it: (..., q + 2 reach) to (..., q), block by block."""
    far = reach(kernel)
    q = x.shape[-1] - 2 * far
    blocks = ceil(q / BLOCK)
    short = blocks * BLOCK - q
    x = xp.concat([x, xp.zeros((*x.shape[:-1], short), x)], -1) if short else x
    window = np.arange(blocks)[:, None] * BLOCK + np.arange(BLOCK + 2 * far)
    found = xp.matmul(x[..., xp.constant(window, x)], xp.constant(_toeplitz(kernel), x))
    return found.reshape(*found.shape[:-2], blocks * BLOCK)[..., :q]


@dataclass(frozen=True)
class _Ends:
    first: Any
    last: Any


@lru_cache(maxsize=64)
def reach(kernel: str) -> int:
    """How far from its diagonal A^-1 has entries that count: the largest pole to this power is below 2^-54."""
    matrix = collocation(17, kernel, "wrap")[8]
    taps = matrix[np.abs(matrix) > 0]
    pole = max(abs(z) for z in np.roots(taps) if abs(z) < 1)
    return ceil(log(SMALLEST) / log(pole)) + 2


@lru_cache(maxsize=64)
def _inverse(n: int, kernel: str, boundary: str) -> Any:
    return np.linalg.inv(collocation(n, kernel, boundary))


@lru_cache(maxsize=64)
def _toeplitz(kernel: str) -> Any:
    """(BLOCK + 2 reach, BLOCK): row r weighs into column c what lies r - c - reach from it."""
    far = reach(kernel)
    filtered = _inverse(4 * far + 1, kernel, "mirror")[2 * far, far : 3 * far + 1]
    matrix = np.zeros((BLOCK + 2 * far, BLOCK))
    for c in range(BLOCK):
        matrix[c : c + 2 * far + 1, c] = filtered
    return matrix


@lru_cache(maxsize=64)
def _ends(kernel: str, boundary: str) -> _Ends:
    """The rows of A^-1 for the first and the last ``reach`` pixels of a long axis."""
    far = reach(kernel)
    inverse = _inverse(4 * far, kernel, boundary)
    return _Ends(inverse[:far, : 3 * far], inverse[-far:, far:])
