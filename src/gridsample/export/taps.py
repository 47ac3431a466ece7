# SPDX-License-Identifier: Apache-2.0
"""The decomposition: sampling written out as floor, gather, multiply and add. Any kernel, boundary and number of axes.

    out[n, c, o] = sum over taps, prod over axes  w_k(t) * s * image[n, c, fold(i + k)]

Coordinates are reals of float32 or better and indices 32-bit integers whatever the image is. Pixels are taken to be
finite: a hole is a pixel read with weight 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gridsample.errors import ShapeError
from gridsample.export.ops import Ops, Size, Value, product
from gridsample.export.positions import Axis, fill_of, kernels, locate
from gridsample.options import Options
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.kernels import Kernel, Polynomial

LARGEST = 2**31 - 1  # of an index


@dataclass(frozen=True)
class Tap:
    """One tap of all points along one axis: the pixel, its weight (None: 1), and if it is no hole (None: never one)."""

    pixel: Value
    weight: Value | None
    inside: Value | None


@dataclass(frozen=True)
class Factor:
    """The same as rows over all points: ``index`` in its axis, ``weight`` with holes as 0."""

    index: Value
    weight: Value | None
    inside: Value | None


def pull(o: Ops, image: Value, coords: Value, options: Options) -> Value:
    """What `gridsample::pull` computes: image (N or 1, C, *n) and coords (N or 1, *out, D) to (N, C, *out), reals."""
    sizes, out = o.shape(image)[2:], o.shape(coords)[1:-1]
    points = o.reshape(coords, (o.shape(coords)[0], -1, len(sizes)))
    located = locate(o, points, sizes, options)
    table = Table(o, image, points)
    taps = [
        [table.factor(tap, d) for tap in axis_taps(o, axis, kernel, options.ties)]
        for d, (axis, kernel) in enumerate(zip(located.axes, kernels(options, len(sizes)), strict=True))
    ]
    total = _sum(o, table, None, taps, sizes)
    fill = fill_of(options)
    if fill != 0:
        total = _filled(o, total, taps, fill)
    for dead, answer in located.dead:
        total = o.where(table.spread(dead), answer, total)
    return table.result(total, out)


def _sum(o: Ops, table: Table, start: Value | None, taps: list[list[Factor]], sizes: tuple[Size, ...]) -> Value:
    """The sum over the taps of the first axis of ``taps``, each the sum over the others; an index is never a float."""
    total = None
    for tap in taps[0]:
        index = tap.index if start is None else start + tap.index
        if len(taps) == 1:
            value = table.read(index)
        else:
            n = sizes[1] if isinstance(sizes[1], int) else o.integer(sizes[1])
            value = _sum(o, table, index * n, taps[1:], sizes[1:])
        value = value if tap.weight is None else value * tap.weight
        total = value if total is None else total + value
    return total


def axis_taps(o: Ops, axis: Axis, kernel: Kernel, ties: str) -> list[Tap]:
    """The taps of positions x: i = floor(x + h) + first tap, t = x + h - floor(x + h); one tap: x rounded."""
    x = axis.x
    if BOUNDARIES[axis.boundary].family == "hole":  # farther out every tap is a hole: a small range keeps t exact
        reach = float(kernel.taps)
        high = float(axis.n) + reach if isinstance(axis.n, int) else o.real(axis.n) + reach
        x = o.clip(x, -1.0 - reach, high)
    if kernel.taps == 1:
        return [_tap(o, o.integer(rounded(o, x, ties)), None, axis)]
    x = x + 0.5 if kernel.taps % 2 else x
    floor = o.floor(x)
    t = x - floor
    i = o.integer(floor)
    taps = []
    for k, row in enumerate(kernel.weights):
        step = kernel.first_tap + k
        taps.append(_tap(o, i + step if step else i, polynomial(row, t), axis))
    return taps


def rounded(o: Ops, x: Value, ties: str) -> Value:
    """The pixel a kernel of one tap takes."""
    if ties == "even":
        return o.rint(x)
    floor = o.floor(x)  # x + 1/2 might be rounded up
    return o.where(o.less(x - floor, 0.5), floor, floor + 1.0)


def fold_index(o: Ops, i: Value, axis: Axis) -> Value:
    """The pixel that index i reads, where the boundary has neither holes nor signs."""
    return _tap(o, i, None, axis).pixel


def polynomial(coefficients: Polynomial, t: Value) -> Value:
    """By Horner's rule; None would be 1."""
    *rest, result = [float(c) for c in coefficients]
    value: Any = result
    for c in reversed(rest):
        value = t * value if not (isinstance(value, float) and value == 1.0) else t
        value = value + c if c else value
    return value


def _tap(o: Ops, i: Value, weight: Value | None, axis: Axis) -> Tap:
    """An index outside is folded to the pixel it reads."""
    rule = BOUNDARIES[axis.boundary]
    last = axis.n - 1 if isinstance(axis.n, int) else o.integer(axis.n) - 1
    if rule.family == "clamp":
        return Tap(o.clip(i, 0, last), weight, None)
    if rule.family == "hole":
        pixel = o.clip(i, 0, last)
        return Tap(pixel, weight, o.real(o.equal(pixel, i)))
    n = axis.n if isinstance(axis.n, int) else o.integer(axis.n)
    period = rule.p1 * n + rule.p0
    period = max(period, 1) if isinstance(period, int) else o.clip(period, 1, LARGEST)
    j = o.modulo(i + rule.shift if rule.shift else i, period)
    direct = j - rule.shift if rule.shift else j
    if rule.p1 == 1:  # wrap: j is a pixel
        return Tap(direct, weight, None)
    # The smaller of the two readings of j is the pixel; where it is none (antimirror), both miss and it is a hole.
    mirrored = (period - rule.c) - j
    pixel = o.minimum(direct, mirrored)
    clipped = o.clip(pixel, 0, last)
    if rule.sign == 1:
        return Tap(clipped, weight, None)
    sign = (o.real(o.less(direct, mirrored)) * 2.0 - 1.0) * o.real(o.equal(clipped, pixel))
    return Tap(clipped, sign if weight is None else weight * sign, None)


def _filled(o: Ops, total: Value, taps: list[list[Factor]], fill: float) -> Value:
    """Holes read the fill: it gets the weight that pixels lack. Only where there is a hole, as it may be infinite."""
    covered, inside = None, None
    for axis in taps:
        if axis[0].inside is None:
            continue
        part: Value = axis[0].weight
        whole: Value = axis[0].inside
        for tap in axis[1:]:
            part, whole = part + tap.weight, whole * tap.inside
        covered = part if covered is None else covered * part
        inside = whole if inside is None else inside * whole
    assert covered is not None
    return o.where(o.equal(inside, 1.0), total, total + (covered * -1.0 + 1.0) * fill)


class Table:
    """The image as a table of pixels, so that an index never repeats per channel.

    Its channels are N*C where one set of points serves all images; else C, and images lie behind one another: their
    index is offset. Which way it lies is the Ops' choice: "columns", pixels side by side; "rows", pixels below one
    another, and results too; "turned", the same, but what is read is turned back to lie side by side.
    """

    def __init__(self, o: Ops, image: Value, points: Value) -> None:
        self.o = o
        self.images, self.channels, *sizes = o.shape(image)
        self.sets = o.shape(points)[0]
        pixels = product([self.images, *sizes])
        if isinstance(pixels, int) and pixels > LARGEST:
            do = "split the batch or the image"
            got = f"an image of shape {o.shape(image)}"
            raise ShapeError("gridsample.export", "at most 2**31 - 1 pixels, for 32-bit indices", got, do)
        self.one_set = isinstance(self.sets, int) and self.sets == 1
        one_image = isinstance(self.images, int) and self.images == 1
        channels = product([self.images, self.channels]) if self.one_set else self.channels
        pixels_last = o.reshape(image if self.one_set or one_image else o.swap(image), (channels, -1))
        self.layout = o.layout(channels)
        self.pixels = pixels_last if self.layout == "columns" else o.swap(pixels_last)
        self.start = None  # where each image begins, in units of its first axis
        if not (self.one_set or one_image):
            n = sizes[0] if isinstance(sizes[0], int) else o.integer(sizes[0])
            self.start = o.reshape(o.ramp(self.images) * n, (-1, 1))

    def read(self, index: Value) -> Value:
        value = self.o.take(self.pixels, index, 1 if self.layout == "columns" else 0)
        return self.o.swap(value) if self.layout == "turned" else value

    def spread(self, x: Value) -> Value:
        """(sets, P), for all channels of what is read."""
        return self.o.reshape(x, (-1, 1) if self.layout == "rows" else (1, -1))

    def factor(self, tap: Tap, axis: int) -> Factor:
        index = tap.pixel if axis or self.start is None else tap.pixel + self.start
        weight, inside = tap.weight, tap.inside
        if inside is not None:
            weight = inside if weight is None else weight * inside
        spread = [None if x is None else self.spread(x) for x in (weight, inside)]
        return Factor(self.o.reshape(index, (-1,)), *spread)

    def result(self, total: Value, out: tuple[Size, ...]) -> Value:
        """What was read and summed, to (N, C, *out)."""
        total = self.o.swap(total) if self.layout == "rows" else total
        if self.one_set:
            return self.o.reshape(total, (self.images, self.channels, *out))
        return self.o.swap(self.o.reshape(total, (self.channels, self.sets, *out)))
