# SPDX-License-Identifier: Apache-2.0
"""Rotation, scale, shear and translation of a picture to the matrix of its map, and matrices inverted with care.

Inverses are written down factor by factor where they can be, so that quarter turns and whole pixels stay exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gridsample.errors import MapError, ShapeError
from gridsample.maps import arrays
from gridsample.maps.arrays import Array

SINGULAR = 1e-12  # a determinant smaller than this times the product of its rows' lengths: no inverse to rely on


def centre(size: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """The centre of an image in pixels, x first."""
    return np.array([(n - 1) / 2 for n in reversed(size)])


def matrix(
    rotation_deg: Any, scale: Any, shear: Any, translation_px: Any, from_px: Any, to_px: Any, axes: int
) -> Array:
    """(N, D, D + 1): output to input, for x_out = to + translation + R Sh S (x_in - from)."""
    values = arrays.together(
        "Affine.from_parts",
        rotation_deg=rotation_deg,
        scale=scale,
        shear=shear,
        translation_px=translation_px,
        centre_px=from_px,
        to_px=to_px,
    )
    angles, scales, shears, move, from_, to = values
    xp = arrays.namespace(angles)
    scales, move, from_, to = (_vectors(value, axes) for value in (scales, move, from_, to))
    _check_scale(scales)
    way_back = _sheared_back(xp, _shears(shears, axes), axes)
    turned = _turned_back(xp, angles, axes)
    linear = xp.matmul(*(_broadcast(xp, way_back, turned)))  # Sh⁻¹ R⁻¹
    linear = linear / scales[..., :, None]
    shift = from_ - (linear * (to + move)[..., None, :]).sum(-1)
    count = max(linear.shape[0], shift.shape[0])
    linear = xp.broadcast_to(linear, (count, axes, axes))
    return xp.concatenate([linear, xp.broadcast_to(shift, (count, axes))[..., None]], axis=-1)


def cos_sin(degrees: Array) -> tuple[Array, Array]:
    """Cosine and sine, exact for quarter turns: cos(90°) would be 6e-17."""
    xp = arrays.namespace(degrees)
    quarter = xp.round(arrays.detached(degrees) / 90.0)
    rest = (degrees - quarter * 90.0) * (np.pi / 180.0)
    c, s = xp.cos(rest), xp.sin(rest)
    turn = quarter % 4
    cosine = xp.where(turn == 0, c, xp.where(turn == 1, -s, xp.where(turn == 2, -c, s)))
    sine = xp.where(turn == 0, s, xp.where(turn == 1, c, xp.where(turn == 2, -s, -c)))
    return cosine, sine


def rotation(degrees: Array, axes: int) -> Array:
    """R of `Affine.from_parts`: (N, D, D)."""
    xp = arrays.namespace(degrees)
    return xp.swapaxes(_turned_back(xp, degrees, axes), -1, -2)


def inverted(where: str, rows: Array) -> Array:
    """The inverse of [A | b] (N, D, D + 1) or of a square (N, K, K): adjugates up to 3×3, so that 1/1 stays 1."""
    affine = rows.shape[-1] == rows.shape[-2] + 1
    axes = rows.shape[-2]
    linear = rows[..., :axes] if affine else rows
    check_regular(where, linear)
    xp = arrays.namespace(rows)
    back = _adjugate(xp, linear) if axes <= 3 else xp.linalg.inv(linear)
    if not affine:
        return back
    shift = -(back * rows[..., None, :, axes]).sum(-1)
    return xp.concatenate([back, shift[..., None] + 0.0], axis=-1)


def check_regular(where: str, linear: Array) -> None:
    """Raise if a matrix has no inverse to rely on, with its determinant."""
    numbers = arrays.concrete(linear)
    if numbers is None:
        return
    size = np.prod(np.linalg.norm(numbers.astype(np.float64), axis=-1), axis=-1)
    found = np.linalg.det(numbers.astype(np.float64))
    wrong = ~(np.abs(found) > SINGULAR * size)
    if wrong.any():
        first = int(np.argmax(wrong))
        got = f"determinant {found.reshape(-1)[first]:.3g} in map {first}"
        raise MapError(where, "a matrix with an inverse", got, "the map squeezes the plane onto a line or a point")


def _adjugate(xp: Any, m: Array) -> Array:
    n = m.shape[-1]
    if n == 1:
        return 1.0 / m
    if n == 2:
        a, b, c, d = m[..., 0, 0], m[..., 0, 1], m[..., 1, 0], m[..., 1, 1]
        det = a * d - b * c
        rows = [xp.stack([d / det, -b / det], axis=-1), xp.stack([-c / det, a / det], axis=-1)]
        return xp.stack(rows, axis=-2)
    rows = [[_cofactor(m, j, i) for j in range(3)] for i in range(3)]
    det = sum(m[..., 0, j] * rows[j][0] for j in range(3))
    return xp.stack([xp.stack([entry / det for entry in row], axis=-1) for row in rows], axis=-2)


def _cofactor(m: Array, i: int, j: int) -> Array:
    a, b = (i + 1) % 3, (i + 2) % 3
    c, d = (j + 1) % 3, (j + 2) % 3
    return m[..., a, c] * m[..., b, d] - m[..., a, d] * m[..., b, c]


def _turned_back(xp: Any, degrees: Array, axes: int) -> Array:
    """R⁻¹ = Rᵀ, (N, D, D)."""
    if axes == 1:
        return (degrees.reshape(-1) * 0 + 1)[:, None, None]
    if axes == 2:
        c, s = cos_sin(degrees.reshape(-1))
        return xp.stack([xp.stack([c, -s], axis=-1), xp.stack([s, c], axis=-1)], axis=-2)
    if degrees.ndim and degrees.shape[-1] == 3:
        angles = degrees.reshape(-1, 3)
    else:
        numbers = arrays.concrete(degrees)
        if degrees.ndim or (numbers is not None and numbers != 0):
            got = f"shape {tuple(degrees.shape)}"
            do = "give the angles about x, y and z"
            raise ShapeError("Affine.from_parts", "rotation_deg (3,) or (N, 3) in 3D", got, do)
        angles = xp.stack([degrees, degrees, degrees])[None]
    c, s = cos_sin(angles)
    zero, one = c[:, 0] * 0, c[:, 0] * 0 + 1
    about_x = _square(xp, [[one, zero, zero], [zero, c[:, 0], -s[:, 0]], [zero, s[:, 0], c[:, 0]]])
    about_y = _square(xp, [[c[:, 1], zero, s[:, 1]], [zero, one, zero], [-s[:, 1], zero, c[:, 1]]])
    about_z = _square(xp, [[c[:, 2], -s[:, 2], zero], [s[:, 2], c[:, 2], zero], [zero, zero, one]])
    return xp.swapaxes(xp.matmul(about_z, xp.matmul(about_y, about_x)), -1, -2)


def _sheared_back(xp: Any, shears: Array, axes: int) -> Array:
    """Sh⁻¹, (N, D, D), Sh having ones on its diagonal."""
    one = shears[:, 0] * 0 + 1
    entries = iter(range(shears.shape[1]))
    full = _square(xp, [[one if i == j else shears[:, next(entries)] for j in range(axes)] for i in range(axes)])
    return inverted("Affine.from_parts: shear", full)


def _square(xp: Any, rows: list[list[Array]]) -> Array:
    return xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)


def _shears(shears: Array, axes: int) -> Array:
    """(N, D (D - 1)), row by row off the diagonal."""
    count = axes * (axes - 1)
    if count == 0:
        return shears.reshape(-1, 1) * 0
    if shears.ndim and shears.shape[-1] == count and (shears.ndim == 2 or count > 2 or axes == 2):
        return shears.reshape(-1, count)
    if shears.ndim > 1:
        do = "give one number per pair of axes"
        raise ShapeError("Affine.from_parts", f"shear (N, {count})", str(tuple(shears.shape)), do)
    xp = arrays.namespace(shears)
    first = shears.reshape(-1, 1)
    return xp.concatenate([first, *[first * 0] * (count - 1)], axis=1)


def _vectors(value: Array, axes: int) -> Array:
    """(N, D) from (), (N,), (D,) or (N, D)."""
    xp = arrays.namespace(value)
    if value.ndim == 2 and value.shape[-1] == axes:
        return value
    if value.ndim == 1 and value.shape[0] == axes:
        return value[None]
    if value.ndim <= 1:
        return xp.stack([value.reshape(-1)] * axes, axis=-1)
    do = "give one number, one per axis, or (N, D)"
    raise ShapeError("Affine.from_parts", f"numbers for {axes} axes", f"shape {tuple(value.shape)}", do)


def _check_scale(scales: Array) -> None:
    numbers = arrays.concrete(scales)
    if numbers is not None and not np.all(numbers != 0):
        raise MapError("Affine.from_parts", "scale not 0", str(numbers), "a picture of no size has no way back")


def _broadcast(xp: Any, a: Array, b: Array) -> tuple[Array, Array]:
    count = max(a.shape[0], b.shape[0])
    return tuple(xp.broadcast_to(m, (count, *m.shape[1:])) for m in (a, b))  # type: ignore[return-value]
