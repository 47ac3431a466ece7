# SPDX-License-Identifier: Apache-2.0
"""What a map does to a small neighbourhood: its Jacobian, and where it folds.

    J[i, j] = d x_in[i] / d x_out[j],   folded where det J has not the sign that it has at most pixels

Matrices give J exactly, compositions by the chain rule, everything else by central differences of fourth order,

    f'(x) ≈ (8 (f(x + h) - f(x - h)) - (f(x + 2h) - f(x - 2h))) / 12h,   h = 1/16 pixel, 1/2 in float32,

except maps given on the pixels of the output, where it is (f(x + 1) - f(x - 1)) / 2, one-sided at the rim.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gridsample.maps import arrays
from gridsample.maps.affine import Affine, apply_rows
from gridsample.maps.arrays import Array
from gridsample.maps.base import Components, Map
from gridsample.maps.composed import Composed
from gridsample.maps.homography import Homography


def jacobian(map_: Map, positions: Any = None, *, size: Sequence[int] | None = None) -> Array:
    """The Jacobian of a map, d input / d output, in pixels per pixel.

    Shapes:
        positions: (N or 1, …, D), output positions; without them, every pixel of an output of ``size``.

    Convention:
        J[…, i, j] is how fast input component i moves with output component j, x first. |det J| is the area (volume)
        of input that one output pixel covers.

    Returns:
        (N, …, D, D).

    >>> import gridsample as gs
    >>> gs.maps.jacobian(gs.maps.Affine([[2, 0, 0], [0, 1, 5]]), [[0, 0]])
    array([[[2., 0.],
            [0., 1.]]])
    """
    if positions is None:
        components = map_.ramps(map_.output_size(size))
    else:
        map_, positions = map_._beside(positions)
        components = [positions[..., j] for j in range(map_.axes)]
    rows = entries(map_, components)
    whole = sum(components) * 0  # of the full shape: entries may be constant along some axes
    stacked_rows = [arrays.stacked([entry + whole for entry in row]) for row in rows]
    return arrays.namespace(whole).stack(stacked_rows, axis=-2)


def determinant(map_: Map, size: Sequence[int] | None = None) -> Array:
    """det J at every pixel of an output: (N, *size).

    >>> import gridsample as gs
    >>> gs.maps.determinant(gs.maps.Affine([[2, 0, 0], [0, 3, 0]]), (1, 2))
    array([[[6., 6.]]])
    """
    j = jacobian(map_, size=size)
    if map_.axes == 1:
        return j[..., 0, 0]
    if map_.axes == 2:
        return j[..., 0, 0] * j[..., 1, 1] - j[..., 0, 1] * j[..., 1, 0]
    return arrays.namespace(j).linalg.det(j)


def fold_fraction(map_: Map, size: Sequence[int] | None = None) -> Array:
    """The part of an output's pixels at which a map folds: det J ≤ 0, or ≥ 0 for maps that mirror the whole image.

    Returns:
        (N,), from 0 (the map can be inverted) to 1/2. Positions that lie nowhere (NaN) do not count.

    >>> import gridsample as gs
    >>> gs.maps.fold_fraction(gs.maps.Affine([[-1, 0, 9], [0, 1, 0]]), (4, 4))  # a mirror image, not a fold
    array([0.])
    """
    found = determinant(map_, size)
    xp = arrays.namespace(found)
    found = found.reshape(found.shape[0], -1)
    known = (found == found).sum(-1)
    forward, backward = (found > 0).sum(-1), (found < 0).sum(-1)
    most = xp.where(forward >= backward, forward, backward)
    return (known - most) / xp.where(known > 0, known, known * 0 + 1)


def entries(map_: Map, xs: Components, *, exact: bool = False) -> list[list[Array]]:
    """J as rows of arrays that broadcast against each other.

    exact: of what the map computes, also where it is linear between pixels (`Inverse` needs that).
    """
    axes = range(map_.axes)
    if isinstance(map_, Affine):
        return [[arrays.raised(map_.matrix[..., i, j], xs[0]) for j in axes] for i in axes]
    if isinstance(map_, Homography):
        w = apply_rows(map_.matrix, xs)[-1]
        found = map_._at(xs)
        m = [[arrays.raised(map_.matrix[..., i, j], xs[0]) for j in axes] for i in range(3)]
        return [[(m[i][j] - found[i] * m[2][j]) / w for j in axes] for i in axes]
    if isinstance(map_, Composed):
        inner, outer = entries(map_.inner, xs, exact=exact), entries(map_.outer, map_.inner._at(xs), exact=exact)
        return [[sum(outer[i][k] * inner[k][j] for k in axes) for j in axes] for i in axes]
    own = getattr(map_, "_slopes" if exact and hasattr(map_, "_slopes") else "_entries", None)
    return own(xs) if own is not None else differences(map_, xs)


def differences(map_: Map, xs: Components) -> list[list[Array]]:
    """J by central differences."""
    h = 1 / 16 if arrays.dtype_name(xs[0]) == "float64" else 1 / 2
    columns = []
    for j in range(map_.axes):
        moved = {k: map_._at([x + k * h if i == j else x for i, x in enumerate(xs)]) for k in (-2, -1, 1, 2)}
        columns.append(
            [(8 * (moved[1][i] - moved[-1][i]) - (moved[2][i] - moved[-2][i])) / (12 * h) for i in range(map_.axes)]
        )
    return [[columns[j][i] for j in range(map_.axes)] for i in range(map_.axes)]
