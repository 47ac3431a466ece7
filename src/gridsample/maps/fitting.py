# SPDX-License-Identifier: Apache-2.0
"""Matrices from pairs of points: affine by least squares, similarity after Umeyama (1991), homography by the DLT.

Points are moved to their centre and scaled first (Hartley 1997), so that the equations are well conditioned. Too few
points, or points on one line, are refused with their spread.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gridsample.errors import MapError, RankError, unknown
from gridsample.maps import arrays
from gridsample.maps.arrays import Array
from gridsample.maps.base import with_batch
from gridsample.maps.turning import inverted

KINDS = ("affine", "similarity", "rigid")
FLAT = 1e-6  # of the largest spread: points nearer to a line than this do not span the plane


def pairs(where: str, output_points: Any, input_points: Any, least: int) -> tuple[Array, Array]:
    """Both as (N, K, D) of one library, at least ``least`` of them."""
    out, into = arrays.together(where, output_points=output_points, input_points=input_points)
    out = with_batch(where, "output_points", out, 3, "(N, K, D)")
    into = with_batch(where, "input_points", into, 3, "(N, K, D)")
    if out.shape[1:] != into.shape[1:] or (out.shape[0] != into.shape[0] and 1 not in (out.shape[0], into.shape[0])):
        got = f"{tuple(out.shape)} and {tuple(into.shape)}"
        raise RankError(where, "as many output as input points", got, "give them in pairs")
    if out.shape[1] < least:
        got = f"{out.shape[1]} pairs"
        raise MapError(where, f"at least {least} pairs of points in {out.shape[2]}D", got, "give more points")
    count = max(out.shape[0], into.shape[0])
    xp = arrays.namespace(out)
    return tuple(xp.broadcast_to(p, (count, *p.shape[1:])) for p in (out, into))  # type: ignore[return-value]


def check_spread(where: str, points: Array, what: str = "output_points") -> None:
    """Raise if points (N, K, D) lie on one line or plane, with how thin they are."""
    numbers = arrays.concrete(points)
    if numbers is None:
        return
    spread = np.linalg.svd(numbers - numbers.mean(1, keepdims=True), compute_uv=False)[:, : points.shape[2]]
    flat = ~(spread[:, -1] > FLAT * spread[:, 0])
    if flat.any():
        n = int(np.argmax(flat))
        flat_in = {1: "at one place", 2: "on one line", 3: "on one plane"}[points.shape[2]]
        got = f"points {flat_in} in map {n} (spread {spread[n, 0]:.3g} by {spread[n, -1]:.3g})"
        raise MapError(where, f"{what} that span the space", got, "add a point away from the others")


def affine(output_points: Any, input_points: Any, kind: str = "affine") -> Array:
    """(N, D, D + 1) from output to input points."""
    where = "Affine.from_points"
    if kind not in KINDS:
        raise unknown(where, "kind", kind, KINDS)
    shape = np.shape(output_points) if arrays.library(output_points) == "numpy" else output_points.shape
    axes = int(shape[-1]) if len(shape) else 0
    least = axes + 1 if kind == "affine" else max(axes, 2)
    out, into = pairs(where, output_points, input_points, least)
    if kind == "affine" or axes != 2:
        check_spread(where, out)
    elif (numbers := arrays.concrete(out)) is not None and not (np.ptp(numbers, axis=1).max(-1) > 0).all():
        raise MapError(where, "points at two places", "points at one place", "add a point away from the others")
    xp = arrays.namespace(out)
    middle_out, middle_in = out.mean(1), into.mean(1)
    p, q = out - middle_out[:, None], into - middle_in[:, None]
    crossed = xp.matmul(xp.swapaxes(q, 1, 2), p)  # Σ q pᵀ
    if kind == "affine":
        scatter = xp.matmul(xp.swapaxes(p, 1, 2), p)
        linear = xp.swapaxes(xp.linalg.solve(scatter, xp.swapaxes(crossed, 1, 2)), 1, 2)
    else:
        linear = _similarity(xp, p, crossed, kind)
    shift = middle_in - (linear * middle_out[:, None, :]).sum(-1)
    return xp.concatenate([linear, shift[..., None]], axis=-1)


def _similarity(xp: Any, p: Array, crossed: Array, kind: str) -> Array:
    """The rotation, times the scale, that takes p to q best: Umeyama 1991, equations 39 to 42."""
    axes = p.shape[2]
    if axes == 2:  # in closed form, with a derivative everywhere
        a = crossed[:, 0, 0] + crossed[:, 1, 1]
        b = crossed[:, 1, 0] - crossed[:, 0, 1]
        under = xp.sqrt(a * a + b * b) if kind == "rigid" else (p * p).sum((1, 2))
        c, s = a / under, b / under
        return xp.stack([xp.stack([c, -s], axis=-1), xp.stack([s, c], axis=-1)], axis=-2)
    u, d, vt = xp.linalg.svd(crossed)
    sign = xp.where(xp.linalg.det(u) * xp.linalg.det(vt) < 0, -1.0, 1.0)
    signs = xp.concatenate([d[:, :-1] * 0 + 1, (sign * (d[:, -1] * 0 + 1))[:, None]], axis=1)
    turn = xp.matmul(u * signs[:, None, :], vt)
    if kind == "rigid":
        return turn
    return turn * ((d * signs).sum(-1) / (p * p).sum((1, 2)))[:, None, None]


def homography(output_points: Any, input_points: Any) -> Array:
    """(N, 3, 3) with output to input points: exactly for four, by least squares of the DLT's equations for more."""
    where = "Homography.from_points"
    out, into = pairs(where, output_points, input_points, 4)
    if out.shape[2] != 2:
        raise RankError(where, "points (N, K, 2)", f"shape {tuple(out.shape)}", "a homography is of the plane")
    for name, points in (("output_points", out), ("input_points", into)):
        check_spread(where, points, name)
        _check_quadrangle(where, name, points)
    xp = arrays.namespace(out)
    (p, to_p), (q, to_q) = _normalised(xp, out), _normalised(xp, into)
    x, y, u, v = p[..., 0], p[..., 1], q[..., 0], q[..., 1]
    zero, one = x * 0, x * 0 + 1
    upper = xp.stack([x, y, one, zero, zero, zero, -u * x, -u * y], axis=-1)
    lower = xp.stack([zero, zero, zero, x, y, one, -v * x, -v * y], axis=-1)
    equations, right = xp.concatenate([upper, lower], axis=1), xp.concatenate([u, v], axis=1)
    if equations.shape[1] > 8:
        transposed = xp.swapaxes(equations, 1, 2)
        equations, right = xp.matmul(transposed, equations), xp.matmul(transposed, right[..., None])[..., 0]
    entries = xp.linalg.solve(equations, right[..., None])[..., 0]
    h = xp.concatenate([entries, entries[:, :1] * 0 + 1], axis=1).reshape(-1, 3, 3)
    h = xp.matmul(inverted(where, to_q), xp.matmul(h, to_p))
    return h / h[:, 2:, 2:]


def _check_quadrangle(where: str, name: str, points: Array) -> None:
    """Four points of which three lie on one line fix no homography."""
    numbers = arrays.concrete(points)
    if numbers is None or numbers.shape[1] != 4:
        return
    for left_out in range(4):
        check_spread(where, np.delete(numbers, left_out, axis=1), f"{name} of which no three are on one line;")


def _normalised(xp: Any, points: Array) -> tuple[Array, Array]:
    """Points about 0 and of size about 1, and the matrix that made them so."""
    middle = points.mean(1)
    away = points - middle[:, None]
    scale = 1.0 / xp.sqrt((away * away).sum(-1).mean(1))
    zero, one = scale * 0, scale * 0 + 1
    rows = [[scale, zero, -scale * middle[:, 0]], [zero, scale, -scale * middle[:, 1]], [zero, zero, one]]
    return away * scale[:, None, None], xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)
