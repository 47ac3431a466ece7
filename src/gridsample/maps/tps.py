# SPDX-License-Identifier: Apache-2.0
"""Thin-plate splines: the smoothest map that takes given points to given points."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from gridsample.errors import MapError, OptionError, RankError
from gridsample.maps import arrays, fitting
from gridsample.maps.affine import Affine
from gridsample.maps.arrays import Array
from gridsample.maps.base import Components, Map, spatial

AT_ONCE = 1 << 22  # numbers: as many knots at once as do not make larger arrays
TINY = 1e-30  # added to r² under the logarithm: r² log r² is 0 at 0, and so is its derivative


class ThinPlateSpline(Map):
    """x_in = x_out + a + B x_out + Σ_k w_k U(|x_out - p_k|), with x_in(p_k) = q_k; U(r) = r² log r², in 3D r.

    Shapes:
        output_points p, input_points q: (N or 1, K, D), or without N; D 2 or 3, K at least D + 1.

    Convention:
        Output points are taken to input points, both in pixels, x first. ``smoothing`` ≥ 0 lets the map miss them for
        being smoother (added to the diagonal, in units of U). Equal points give exactly the identity.
        Bookstein 1989.

    Raises:
        MapError: too few points, points on one line or plane, or two output points at one place.

    >>> import gridsample as gs
    >>> p = [[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0], [4.0, 4.0]]
    >>> q = [[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0], [5.0, 4.0]]
    >>> gs.maps.ThinPlateSpline(p, q)([[4.0, 4.0]]).round(6)
    array([[5., 4.]])
    """

    def __init__(
        self, output_points: Any, input_points: Any, *, smoothing: float = 0.0, size: Sequence[int] | None = None
    ) -> None:
        where = "ThinPlateSpline"
        p, q = fitting.pairs(where, output_points, input_points, 0)
        self.axes = p.shape[2]
        if self.axes not in (2, 3):
            raise RankError(where, "points (N, K, 2) or (N, K, 3)", f"shape {tuple(p.shape)}", "put x first, last axis")
        if p.shape[1] < self.axes + 1:
            got = f"{p.shape[1]}"
            raise MapError(where, f"at least {self.axes + 1} pairs of points in {self.axes}D", got, "give more points")
        if not smoothing >= 0:
            raise OptionError(where, "smoothing ≥ 0", str(smoothing), "0 passes through every point")
        fitting.check_spread(where, p)
        _check_apart(p)
        self.output_points, self.input_points, self.smoothing = p, q, float(smoothing)
        self.size = None if size is None else spatial(where, "size", size, self.axes)
        self._solve()

    def _solve(self) -> None:
        """Weights and the affine part, solved in coordinates about 0 and of size about 1."""
        xp, p, count = arrays.namespace(self.output_points), self.output_points, self.output_points.shape[1]
        self.middle = p.mean(1)  # (N, D)
        away = p - self.middle[:, None]
        self.unit = xp.sqrt((away * away).sum(-1).mean(1))  # (N,)
        self.knots = away / self.unit[:, None, None]
        apart = self.knots[:, :, None] - self.knots[:, None]
        bending = _bending((apart * apart).sum(-1), self.axes)
        number = arrays.ramp(p, count)
        bending = bending + self.smoothing * (number[:, None] == number)
        plane = xp.concatenate([self.knots[..., :1] * 0 + 1, self.knots], axis=-1)  # (N, K, 1 + D)
        nothing = plane[:, : self.axes + 1, : self.axes + 1] * 0
        upper = xp.concatenate([bending, plane], axis=2)
        lower = xp.concatenate([xp.swapaxes(plane, 1, 2), nothing], axis=2)
        move = self.input_points - p
        right = xp.concatenate([move, move[:, : self.axes + 1] * 0], axis=1)
        solved = xp.linalg.solve(xp.concatenate([upper, lower], axis=1), right)
        self.weights, self.plane = solved[:, :count], solved[:, count:]  # (N, K, D), (N, 1 + D, D)

    def _at(self, xs: Components) -> list[Array]:
        here = [(x - arrays.raised(self.middle[:, j], x)) / arrays.raised(self.unit, x) for j, x in enumerate(xs)]
        moved = []
        for i in range(self.axes):
            total = arrays.raised(self.plane[:, 0, i], xs[0])
            for j, x in enumerate(here):
                total = total + arrays.raised(self.plane[:, 1 + j, i], x) * x
            moved.append(total)
        count, points = self.knots.shape[1], prod(np.broadcast_shapes(*(tuple(x.shape) for x in here)))
        step = max(AT_ONCE // max(points, 1), 1)
        for k in range(0, count, step):
            bent = self._bent(here, slice(k, k + step))
            moved = [m + bent[..., i] for i, m in enumerate(moved)]
        return [x + m for x, m in zip(xs, moved, strict=True)]

    def _bent(self, here: Components, some: slice) -> Array:
        """Σ_k w_k U over some of the knots: (N, …, D)."""
        knots, weights = self.knots[:, some], self.weights[:, some]
        parts = [x[..., None] - _between(knots[..., j], x.ndim) for j, x in enumerate(here)]
        bend = _bending(sum(part * part for part in parts), self.axes)
        if bend.ndim < 3:  # one point for each map
            return (bend[..., None] * weights).sum(-2)
        weights = arrays.matched(weights, bend)
        return arrays.namespace(bend).matmul(
            bend, weights.reshape(len(weights), *(1,) * (bend.ndim - 3), *weights.shape[1:])
        )

    def _entries(self, xs: Components) -> list[list[Array]]:
        xp, axes = arrays.namespace(xs[0]), range(self.axes)
        per_unit = 1 / arrays.raised(self.unit, xs[0])
        here = [(x - arrays.raised(self.middle[:, j], x)) * per_unit for j, x in enumerate(xs)]
        rows: list[list[Any]] = [
            [arrays.raised(self.plane[:, 1 + j, i], xs[0]) * per_unit + float(i == j) for j in axes] for i in axes
        ]
        for k in range(self.knots.shape[1]):
            away = [x - arrays.raised(self.knots[:, k, j], x) for j, x in enumerate(here)]
            squares = sum(a * a for a in away) + TINY
            slope = (2 * (xp.log(squares) + 1) if self.axes == 2 else 1 / xp.sqrt(squares)) * per_unit  # U'(r) / r
            for i in axes:
                weighted = arrays.raised(self.weights[:, k, i], slope) * slope
                rows[i] = [rows[i][j] + weighted * away[j] for j in axes]
        return rows

    def inverse(self, **choices: Any) -> Map:
        """By iteration from the affine map that fits the points best; see `Inverse`."""
        choices.setdefault("start", Affine.from_points(self.input_points, self.output_points))
        return super().inverse(**choices)

    def _details(self) -> str:
        return f"{self.knots.shape[1]} points"


def _between(knots: Array, rank: int) -> Array:
    """(N, K) as (N, 1, …, 1, K), beside positions of ``rank`` axes."""
    return knots.reshape(knots.shape[0], *(1,) * (rank - 1), knots.shape[1])


def _bending(squares: Array, axes: int) -> Array:
    """U of r²."""
    xp = arrays.namespace(squares)
    return squares * xp.log(squares + TINY) if axes == 2 else xp.sqrt(squares + TINY)


def _check_apart(points: Array) -> None:
    numbers = arrays.concrete(points)
    if numbers is None:
        return
    apart = np.linalg.norm(numbers[:, :, None] - numbers[:, None], axis=-1)
    apart[:, np.arange(points.shape[1]), np.arange(points.shape[1])] = np.inf
    n, i, j = np.unravel_index(int(apart.argmin()), apart.shape)
    if not apart[n, i, j] > fitting.FLAT * np.ptp(numbers[n]):
        got = f"points {min(i, j)} and {max(i, j)} at {numbers[n, i]} in map {n}"
        raise MapError("ThinPlateSpline", "output points at different places", got, "leave one of them out")
