# SPDX-License-Identifier: Apache-2.0
"""The taps of points in array operations: where each lies in the flattened image, whether it is a hole, what it weighs.

Every array library that has the operations of `Space` can run this. Nothing depends on the numbers in an array, so it can
be traced; what may change with a position is chosen by ``where``. Indices are of pixels always, holes' too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gridsample.plan import AxisPlan, Plan
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.kernels import Kernel, Polynomial, find

Array = Any
FAR = 2.0**30  # positions saturate here, in pixels, so that indices fit 32 bits
FINITE = 1e18  # what stands for infinity before it is scaled, since infinity times a scale of 0 is no number


class Space(Protocol):
    """What the portable backend asks of an array library, besides arithmetic, comparison, indexing and ``reshape``."""

    block: int | None  # taps of one channel worked on at once, where the library computes at once; None: all, in one go

    def floor(self, x: Array) -> Array: ...
    def round(self, x: Array) -> Array: ...  # half to even
    def abs(self, x: Array) -> Array: ...
    def isnan(self, x: Array) -> Array: ...
    def isfinite(self, x: Array) -> Array: ...
    def where(self, condition: Array, a: Any, b: Any) -> Array: ...
    def clip(self, x: Array, low: float, high: float) -> Array: ...
    def remainder(self, x: Array, period: Any) -> Array: ...  # of the period's sign
    def whole(self, x: Array) -> Array: ...  # as integers that index
    def cast(self, x: Array, like: Array) -> Array: ...  # to another's type
    def zeros(self, shape: tuple[int, ...], like: Array) -> Array: ...
    def stack(self, arrays: list[Array], axis: int) -> Array: ...
    def concat(self, arrays: list[Array], axis: int) -> Array: ...
    def constant(
        self, array: Any, like: Array
    ) -> Array: ...  # NumPy's to this library's, of like's type if it is a float
    def most(self, x: Array) -> float: ...  # its highest number
    def broadcast(self, x: Array, shape: tuple[int, ...]) -> Array: ...
    def matmul(self, a: Array, b: Array) -> Array: ...
    def take(self, image: Array, index: Array) -> Array: ...  # (N|1, C, M) at (B|1, P) -> (N, C, P)
    def add_at(self, image: Array, index: Array, values: Array) -> Array: ...  # adds (N, C, P) at (B|1, P) to (N, C, M)
    def with_slope(self, x: Array, slope: Array, g: Array) -> Array: ...  # x, whose derivative by g is the slope


@dataclass
class Axis:
    """The taps along one axis, arrays (batch, tap, point); None for holes and signs that the boundary does not have."""

    kernel: Kernel
    index: Array  # in pixels of the flattened image
    hole: Array | None
    sign: Array | None
    t: Array  # (batch, 1, point), as what follows
    multiplier: Array

    def weights(self, xp: Space, order: int) -> Array:
        """Of every tap, derived ``order`` times by the coordinate."""
        rows = self.kernel.derivative(order)
        weight = polynomial(xp, rows, self.t)
        for _ in range(order):
            weight = weight * self.multiplier
        return weight if self.sign is None else weight * self.sign


@dataclass
class Points:
    axes: list[Axis]
    dead: Array | None  # points that read nothing, (batch, point) ...
    answer: Array  # ... and what they are instead
    fill: float


def locate(xp: Space, plan: Plan, coords: Array, like: Array) -> Points:
    """The taps of coords (B, P, D) in an image of ``like``'s type."""
    options = plan.options
    fill = options.fill if "constant" in (axis.boundary for axis in plan.axes) else 0.0
    lost = beyond = buried = None
    axes: list[Axis] = []
    stride = 1
    strides: list[int] = []
    for axis in reversed(plan.axes):
        strides.insert(0, stride)
        stride *= axis.length
    for axis, step in zip(plan.axes, strides, strict=True):
        g = coords[..., axis.component]
        nan = xp.isnan(g)
        if options.nonfinite == "outside":
            lost = either(lost, ~xp.isfinite(g))
        elif options.nonfinite != "minus_one":
            lost = either(lost, nan)
        n = axis.length
        known = xp.clip(xp.where(nan, -1.0, g), -FINITE, FINITE)
        x = xp.clip((known + axis.offset) * axis.scale + axis.shift, -FAR, FAR)
        if options.outside is not None:
            rim = 0.5 if options.limit == "edges" else 0.0
            beyond = either(beyond, (x < -rim) | (x > n - 1 + rim))
        multiplier = xp.where(nan, 0.0, known * 0.0 + axis.scale)
        rule = axis.boundary
        if options.fold == "coordinate" and BOUNDARIES[rule].family != "hole":
            x, turned = _fold_position(xp, x, n, rule)
            multiplier = multiplier * turned
            rule = plan.tap_rule(axis)
        x = xp.with_slope(x, multiplier, g)
        axes.append(_place(xp, axis, x, rule, options.ties, xp.cast(multiplier, like), step, like))
        hole = axes[-1].hole
        buried = either(buried, None if hole is None else hole.all(1))
    constant = any(options.derivative)
    answer = xp.cast(known * 0.0, like) + (0.0 if constant else fill)
    if options.outside is not None:
        away = beyond if lost is None else beyond | lost
        answer = xp.where(away, 0.0 if constant else options.outside, answer)
        buried = either(buried, beyond)
    if options.nonfinite not in ("outside", "minus_one") and not constant:
        answer = xp.where(lost, float("nan"), answer)
    return Points(axes, either(lost, buried), answer, fill)


def polynomial(xp: Space, rows: tuple[Polynomial, ...], t: Array) -> Array:
    """One polynomial for each tap, (batch, tap, point), by Horner, in t's type."""
    columns = [xp.constant(np.array([[float(row[p])] for row in rows]), t) for p in range(len(rows[0]))]
    value = t * 0.0 + columns[-1]
    for column in reversed(columns[:-1]):
        value = value * t + column
    return value


def either(a: Array | None, b: Array | None) -> Array | None:
    return b if a is None else a if b is None else a | b


def _place(
    xp: Space, plan: AxisPlan, x: Array, rule: str, ties: str, multiplier: Array, stride: int, like: Array
) -> Axis:
    """Taps at i = floor(x + h) + first tap, with t = x + h - floor(x + h); one tap: x rounded."""
    kernel = find(plan.kernel)
    assert kernel is not None
    half = 0.5 if kernel.taps % 2 and kernel.taps > 1 else 0.0
    floor = xp.floor(x + half)
    t = x - floor + half
    if kernel.taps == 1:
        floor = xp.round(x) if ties == "even" else xp.where(t >= 0.5, floor + 1, floor)
    taps = np.arange(kernel.first_tap, kernel.first_tap + kernel.taps)[:, None]
    first = xp.whole(floor)[:, None]
    pixel, hole, sign = fold(xp, first + xp.constant(taps, first), plan.length, rule)
    sign = None if sign is None else xp.cast(sign, like)
    return Axis(kernel, pixel * stride, hole, sign, xp.cast(t, like)[:, None], multiplier[:, None])


def fold(xp: Space, i: Array, n: int, boundary: str) -> tuple[Array, Array | None, Array | None]:
    """The boundary table's rule for an array of indices: pixel, whether it is a hole, sign."""
    rule = BOUNDARIES[boundary]
    if rule.family == "clamp":
        return xp.clip(i, 0, n - 1), None, None
    if rule.family == "hole":
        return xp.clip(i, 0, n - 1), (i < 0) | (i >= n), None
    period = max(rule.p1 * n + rule.p0, 1)
    j = xp.remainder(i + rule.shift, period)
    straight, turned = j - rule.shift, period - rule.c - j
    direct = (straight >= 0) & (straight < n)
    pixel = xp.where(direct, straight, turned)
    sign = None if rule.sign > 0 else xp.where(direct, 1.0, -1.0)
    if rule.shift == 0:  # an index that is no pixel is another's mirror image
        return pixel, None, sign
    hole = (pixel < 0) | (pixel >= n)
    return xp.clip(pixel, 0, n - 1), hole, sign if sign is None else xp.where(hole, 1.0, sign)


def _fold_position(xp: Space, x: Array, n: int, boundary: str) -> tuple[Array, Array]:
    """The position folded into the image, and how its derivative turns: docs/design/0005 has the rule."""
    if boundary == "wrap":  # SciPy's: from the first centre to the last
        if n == 1:
            return x * 0.0, x * 0.0
        down = (n - 1) - xp.remainder(-x, n - 1)
        return xp.where(x < 0, down, xp.where(x > n - 1, xp.remainder(x, n - 1), x)), x * 0.0 + 1.0
    turned = x * 0.0 + 1.0
    low = {"clamp": None, "reflect": -0.5, "mirror": 0.0}[boundary]
    if low is not None:
        span = n - 1 - 2 * low
        if span > 0:
            rest = xp.remainder(xp.abs(x - low), 2 * span)
            turned = xp.where((x < low) ^ (rest > span), -1.0, 1.0)
            x = low + xp.where(rest > span, 2 * span - rest, rest)
        else:
            x = x * 0.0
    turned = xp.where((x <= 0) | (x >= n - 1), 0.0, turned)
    return xp.clip(x, 0, n - 1), turned
