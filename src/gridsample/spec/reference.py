# SPDX-License-Identifier: Apache-2.0
"""The oracle: the one formula, slow and exact, for any number of axes. What it says is what every backend must say.

    out[n, c, o] = sum over taps, prod over axes  w_k(t) * s * image[n, c, fold(i + k)]

It reads the tables and nothing else. Taps are loops, points are arrays, everything is float64.

Shapes: image (N or 1, C, *n), coords (N or 1, *out, D), values (N, C, *out).
Options (all verbs): kernel, boundary (one name, or one per spatial axis in memory order), fill, frame, order, ties
(None: the kernel's own), fold ("tap" or "coordinate"), nonfinite ("minus_one", "propagate", "outside"; refusing is the
Plan's), outside, and precision, the type positions are computed in: float32 repeats an engine's float32 roundings.
One fill serves a call: v if any axis is "constant", else 0; a tap that is a hole on any axis reads it.
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
from gridsample.spec.kernels import KERNELS, Polynomial

Array = np.ndarray[Any, np.dtype[Any]]
FAR = 2.0**30  # positions saturate here, in pixels


@dataclass(frozen=True)
class Rules:
    kernel: str = "linear"
    boundary: str | Sequence[str] = "zero"
    fill: float = 0.0
    frame: str = "pixel"
    order: str = "xy"
    ties: str | None = None
    fold: str = "tap"
    nonfinite: str = "propagate"
    outside: float | None = None
    precision: type[np.floating[Any]] = np.float64


@dataclass(frozen=True)
class Axis:
    """The taps of all points along one axis: arrays [tap][batch, point], and what the chain rule adds."""

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
    names = [rules.boundary] * axes if isinstance(rules.boundary, str) else list(rules.boundary)
    fill = float(rules.fill) if "constant" in names else 0.0
    lost = np.zeros(g_all.shape[:2], bool)
    beyond, buried = lost.copy(), lost.copy()
    components = [component(rules.order, d, axes) for d in range(axes)]
    located = []
    for n, name, j in zip(sizes, names, components, strict=True):
        g = g_all[..., j]
        nan = np.isnan(g)
        lost |= ~np.isfinite(g) if rules.nonfinite == "outside" else nan & (rules.nonfinite != "minus_one")
        offset, scale, shift = FRAMES[rules.frame].numbers(n)
        g = np.clip(np.where(nan, rules.precision(-1), g), -1e18, 1e18)  # so that infinity times a scale of 0 is 0
        x = np.clip((g + offset) * scale + shift, -FAR, FAR)
        beyond |= (x < -0.5) | (x > n - 0.5)
        multiplier = np.where(nan, 0.0, scale)
        folds = rules.fold == "coordinate" and BOUNDARIES[name].family != "hole"
        if folds:
            x, turned = _fold_position(x, n, name)
            multiplier = multiplier * turned
        axis = _place(x.astype(np.float64), n, rules, "zero" if folds else name, multiplier)
        buried |= np.logical_and.reduce(axis.hole)
        located.append(axis)
    # A point all of whose taps are holes is the fill itself, not the fill times weights that add up to almost one.
    answer = np.full(lost.shape, fill)
    if rules.outside is not None:
        answer[beyond | lost] = rules.outside
        buried = buried | beyond
    if rules.nonfinite != "outside":
        answer[lost] = np.nan
    return Points(located, lost | buried, answer, fill, components)


def _place(x: Array, n: int, rules: Rules, boundary: str, multiplier: Array) -> Axis:
    """The taps of positions x: i = floor(x) + first tap, t = x - floor(x); one tap: x rounded."""
    kernel = KERNELS[rules.kernel]
    floor = np.floor(x)
    t = x - floor
    if kernel.taps == 1:
        floor = np.rint(x) if (rules.ties or kernel.ties) == "even" else floor + (t >= 0.5)
    index, hole, sign = [], [], []
    for k in range(kernel.taps):
        i, s = _fold(floor.astype(np.int64) + kernel.first_tap + k, n, boundary)
        index.append(np.maximum(i, 0))
        hole.append(i < 0)
        sign.append(s)
    weight = [s * _polynomial(w, t) for s, w in zip(sign, kernel.weights, strict=True)]
    derivative = [s * multiplier * _polynomial(w, t) for s, w in zip(sign, kernel.derivative(), strict=True)]
    return Axis(index, hole, weight, derivative)


def _polynomial(coefficients: Polynomial, t: Array) -> Any:
    return sum(float(c) * t**p for p, c in enumerate(coefficients))


def _fold(i: Array, n: int, boundary: str) -> tuple[Array, Array]:
    """The table's fold for an array of indices: pixel or -1 for a hole, and sign."""

    def one(i: int) -> tuple[int, int]:
        pixel, sign = BOUNDARIES[boundary].fold(int(i), n)
        return (-1 if pixel is None else pixel), sign

    pixel, sign = np.vectorize(one, otypes=[np.int64, np.int64])(i)
    return pixel, sign


def _fold_position(x: Array, n: int, boundary: str) -> tuple[Array, Array]:
    """torch's rule: mirror the position, then clip it; the multiplier is 0 on and beyond the outermost centres."""
    turned: Any = np.ones_like(x)
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
