# SPDX-License-Identifier: Apache-2.0
"""The oracle: the one formula, slow and exact, for any number of axes. What it says is what every backend must say.

    out[n, c, o] = sum over taps, prod over axes  w_k(t) * s * image[n, c, fold(i + k)]

It reads the tables and nothing else. Taps are loops, points are arrays, everything is float64.

Shapes: image (N or 1, C, *n), coords (N or 1, *out, D), values (N, C, *out).
Options (all verbs): kernel and boundary (one name, or one per spatial axis in memory order), fill, frame, order, ties
(None: the kernel's own), fold ("tap" or "coordinate"), nonfinite ("minus_one", "propagate", "outside"; refusing is the
Plan's), outside, limit (what counts as outside: beyond the "edges" of the image or the "centres" of its last pixels),
derivative (how often by the coordinate of each spatial axis, in memory order), and precision, the type positions are
computed in: float32 repeats an engine's float32 roundings.
One fill serves a call: v if any axis is "constant", else 0; a tap that is a hole on any axis reads it.
Kernels that need a prefilter are given coefficients: those of an image are what `prefilter` makes of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.frames import FRAMES, component
from gridsample.spec.kernels import Polynomial, find

Array = np.ndarray[Any, np.dtype[Any]]
FAR = 2.0**30  # positions saturate here, in pixels


@dataclass(frozen=True)
class Rules:
    kernel: str | Sequence[str] = "linear"
    boundary: str | Sequence[str] = "zero"
    fill: float = 0.0
    frame: str = "pixel"
    order: str = "xy"
    ties: str | None = None
    fold: str = "tap"
    nonfinite: str = "propagate"
    outside: float | None = None
    limit: str = "edges"
    derivative: Sequence[int] = ()
    precision: type[np.floating[Any]] = np.float64


@dataclass(frozen=True)
class Axis:
    """The taps of all points along one axis: arrays [tap][batch, point]; ``derivative`` is one order higher."""

    index: list[Array]
    hole: list[Array]
    weight: list[Array]
    derivative: list[Array]


@dataclass(frozen=True)
class Points:
    axes: list[Axis]
    dead: Array  # points that read nothing ...
    answer: Array  # ... and what they are instead
    fill: float
    component: list[int]


def pull(image: Array, coords: Array, **rules: Any) -> Array:
    """out = S(coords) image, shape (N, C, *out)."""
    image = np.asarray(image)
    points = _locate(coords, image.shape[2:], Rules(**rules))
    return _unflatten(_sum(image, points, [axis.weight for axis in points.axes], points.answer), coords)


def pull_grad(image: Array, coords: Array, **rules: Any) -> Array:
    """The derivative of pull by each component of the coordinates as given, shape (N, C, *out, D)."""
    image = np.asarray(image)
    points = _locate(coords, image.shape[2:], Rules(**rules))
    parts: list[Any] = [None] * len(points.axes)
    for d, j in enumerate(points.component):
        factors = [axis.derivative if d == e else axis.weight for e, axis in enumerate(points.axes)]
        parts[j] = _unflatten(_sum(image, points, factors, np.zeros_like(points.answer)), coords)
    return np.stack(parts, axis=-1)


def prefilter(image: Array, kernel: str | Sequence[str], boundary: str | Sequence[str], fill: float = 0.0) -> Array:
    """The coefficients c for which pull, by the same rules, returns the image at its pixels' centres; axis by axis.

    A c = image with A[i, fold(i + k)] += s * w_k of a point on a centre. Holes read the fill: since the weights sum to
    one, what is solved for is the image's difference from it.
    """
    image = np.asarray(image, np.result_type(image, np.float64))
    kernels, boundaries = _each(kernel, image.ndim - 2), _each(boundary, image.ndim - 2)
    fill = fill if "constant" in boundaries else 0.0
    image = image - fill
    for d, (name, rule) in enumerate(zip(kernels, boundaries, strict=True)):
        if find(name).prefilter:  # type: ignore[union-attr]
            matrix = collocation(image.shape[d + 2], name, rule)
            lines = np.moveaxis(image, d + 2, 0)
            solved = np.linalg.solve(matrix, lines.reshape(len(matrix), -1)).reshape(lines.shape)
            image = np.moveaxis(solved, 0, d + 2)
    return image + fill


def collocation(n: int, kernel: str, boundary: str) -> Array:
    """A (n, n): what the taps of a point on pixel i weigh every pixel; holes weigh nothing."""
    row: Any = find(kernel)
    t = 0.5 if row.taps % 2 and row.taps > 1 else 0.0  # of a point on a centre
    matrix = np.zeros((n, n))
    for k, weight in enumerate(row.weights):
        pixel, sign = _fold(np.arange(n) + row.first_tap + k, n, boundary)
        at = np.flatnonzero(pixel >= 0)
        np.add.at(matrix, (at, pixel[at]), sign[at] * _polynomial(weight, np.full(len(at), t)))
    return matrix


def push(values: Array, coords: Array, shape: Sequence[int], *, batch: int | None = None, **rules: Any) -> Array:
    """image = S(coords)^T values, shape (N, C, *shape); ``batch=1`` sums the images of all N."""
    points = _locate(coords, shape, Rules(**rules))
    values = np.asarray(values).reshape(*np.shape(values)[:2], points.dead.shape[1])
    images = len(values) if batch is None else batch
    image: Array = np.zeros((images, values.shape[1], *shape), np.result_type(values, np.float64))
    for weight, hole, index in _taps(points, [axis.weight for axis in points.axes]):
        weight, live = np.broadcast_arrays(weight, np.ones((len(values), 1), bool) & ~(hole | points.dead))
        at, o = np.nonzero(live)
        pixels = tuple(np.broadcast_to(i, live.shape)[live] for i in index)
        target: tuple[Any, ...] = (at % images, slice(None), *pixels)
        np.add.at(image, target, weight[live][:, None] * values[at, :, o])
    return image


def _sum(image: Array, points: Points, factors: list[list[Array]], answer: Array) -> Array:
    """The sum over taps, (N, C, points); dead points are ``answer``."""
    batch = max(len(image), len(points.dead))
    n = np.arange(batch)[:, None] % len(image)
    out: Any = np.zeros((batch, points.dead.shape[1], image.shape[1]), np.result_type(image, np.float64))
    with np.errstate(invalid="ignore", over="ignore"):  # pixels may hold NaN and infinity
        for weight, hole, index in _taps(points, factors):
            at: tuple[Any, ...] = (n, slice(None), *index)
            out += weight[..., None] * np.where(hole[..., None], points.fill, image[at])  # a hole reads no pixel
    return np.moveaxis(np.where(points.dead[..., None], answer[..., None], out), 2, 1)


def _taps(points: Points, factors: list[list[Array]]) -> Iterator[tuple[Array, Array, list[Array]]]:
    """Every tap: the product of its factors, whether it is a hole, its pixel."""
    for taps in product(*(range(len(factor)) for factor in factors)):
        weight, hole = np.ones(points.dead.shape), np.zeros(points.dead.shape, bool)
        for axis, factor, k in zip(points.axes, factors, taps, strict=True):
            weight, hole = weight * factor[k], hole | axis.hole[k]
        yield weight, hole, [axis.index[k] for axis, k in zip(points.axes, taps, strict=True)]


def _locate(coords: Array, sizes: Sequence[int], rules: Rules) -> Points:
    axes = len(sizes)
    g_all = np.asarray(coords, rules.precision).reshape(len(coords), math.prod(np.shape(coords)[1:-1]), axes)
    names, kernels = _each(rules.boundary, axes), _each(rules.kernel, axes)
    orders = tuple(rules.derivative) or (0,) * axes
    fill = float(rules.fill) if "constant" in names else 0.0
    lost = np.zeros(g_all.shape[:2], bool)
    beyond, buried = lost.copy(), lost.copy()
    components = [component(rules.order, d, axes) for d in range(axes)]
    located = []
    for n, name, kernel, order, j in zip(sizes, names, kernels, orders, components, strict=True):
        g = g_all[..., j]
        nan = np.isnan(g)
        lost |= ~np.isfinite(g) if rules.nonfinite == "outside" else nan & (rules.nonfinite != "minus_one")
        offset, scale, shift = FRAMES[rules.frame].numbers(n)
        g = np.clip(np.where(nan, rules.precision(-1), g), -1e18, 1e18)  # so that infinity times a scale of 0 is 0
        x = np.clip((g + offset) * scale + shift, -FAR, FAR)
        rim = 0.5 if rules.limit == "edges" else 0.0
        beyond |= (x < -rim) | (x > n - 1 + rim)
        multiplier = np.where(nan, 0.0, scale)
        folds = rules.fold == "coordinate" and BOUNDARIES[name].family != "hole"
        if folds:
            x, turned = _fold_position(x, n, name)
            multiplier = multiplier * turned
        beside = name == "wrap" or find(kernel).taps > 2  # type: ignore[union-attr]
        taps = ("mirror" if beside else "zero") if folds else name
        axis = _place(x.astype(np.float64), n, kernel, rules.ties, taps, multiplier, order)
        buried |= np.logical_and.reduce(axis.hole)
        located.append(axis)
    # A point all of whose taps are holes is the fill itself, not the fill times weights that add up to almost one.
    constant = any(orders)  # has no derivative
    answer = np.full(lost.shape, 0.0 if constant else fill)
    if rules.outside is not None:
        answer[beyond | lost] = 0.0 if constant else rules.outside
        buried = buried | beyond
    if rules.nonfinite != "outside" and not constant:
        answer[lost] = np.nan
    return Points(located, lost | buried, answer, fill, components)


def _each(names: str | Sequence[str], axes: int) -> list[str]:
    return [names] * axes if isinstance(names, str) else list(names)


def _place(x: Array, n: int, name: str, ties: str | None, boundary: str, multiplier: Array, order: int) -> Axis:
    """The taps of positions x: i = floor(x + h) + first tap, t = x + h - floor(x + h); one tap: x rounded."""
    kernel: Any = find(name)
    half = 0.5 if kernel.taps % 2 and kernel.taps > 1 else 0.0
    floor = np.floor(x + half)
    t = x + half - floor
    if kernel.taps == 1:
        floor = np.rint(x) if (ties or kernel.ties) == "even" else floor + (t >= 0.5)
    index, hole, sign = [], [], []
    for k in range(kernel.taps):
        i, s = _fold(floor.astype(np.int64) + kernel.first_tap + k, n, boundary)
        index.append(np.maximum(i, 0))
        hole.append(i < 0)
        sign.append(s)
    weight, derivative = (
        [s * multiplier**m * _polynomial(w, t) for s, w in zip(sign, kernel.derivative(m), strict=True)]
        for m in (order, order + 1)
    )
    return Axis(index, hole, weight, derivative)


def _polynomial(coefficients: Polynomial, t: Array) -> Any:
    return sum(float(c) * t**p for p, c in enumerate(coefficients))


def _fold(i: Array, n: int, boundary: str) -> tuple[Array, Array]:
    """The table's fold for an array of indices: pixel or -1 for a hole, and sign."""

    def one(i: int) -> tuple[int, int]:
        pixel, sign = BOUNDARIES[boundary].fold(int(i), n)
        return (-1 if pixel is None else pixel), sign

    each, where = np.unique(i, return_inverse=True)
    pixel, sign = np.array([one(index) for index in each], np.int64).reshape(-1, 2).T
    return pixel[where].reshape(i.shape), sign[where].reshape(i.shape)


def _fold_position(x: Array, n: int, boundary: str) -> tuple[Array, Array]:
    """torch's rule: mirror the position, then clip it; the multiplier is 0 on and beyond the outermost centres.

    SciPy's "wrap" is the rule of this kind for *wrap*: the period is n - 1, from the first centre to the last.
    """
    turned: Any = np.ones_like(x)
    if boundary == "wrap":
        if n == 1:
            return np.zeros_like(x), np.zeros_like(x)
        back, forth = n - 1 - np.fmod(-x, n - 1), np.fmod(x, n - 1)
        return np.where(x < 0, back, np.where(x > n - 1, forth, x)), turned
    low = {"clamp": None, "reflect": -0.5, "mirror": 0.0}[boundary]
    if low is not None:
        span = n - 1 - 2 * low
        if span > 0:
            rest = np.fmod(np.abs(x - low), 2 * span)
            turned = np.where((x < low) ^ (rest > span), -1.0, 1.0)
            x = low + np.minimum(rest, 2 * span - rest)
        else:
            x = np.zeros_like(x)
    turned = np.where((x <= 0) | (x >= n - 1), 0.0, turned)
    return np.clip(x, 0, n - 1), turned


def _unflatten(out: Array, coords: Array) -> Array:
    return out.reshape(*out.shape[:2], *np.shape(coords)[1:-1])
