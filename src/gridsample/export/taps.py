# SPDX-License-Identifier: Apache-2.0
"""The decomposition: sampling written out as floor, gather, multiply and add. Any kernel, boundary and number of axes.

    out[n, c, o] = sum over taps, prod over axes  w_k(t) * s * image[n, c, fold(i + k)]

Coordinates are reals of float32 or better and indices 32-bit integers whatever the image is. Pixels are taken to be
finite: a hole is a pixel read with weight 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product as every
from typing import Any

from gridsample.errors import ShapeError
from gridsample.export.ops import Ops, Size, Value, product
from gridsample.export.positions import Axis, fill_of, locate
from gridsample.options import Options
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.kernels import KERNELS, Kernel, Polynomial

LARGEST = 2**31 - 1  # of an index


@dataclass(frozen=True)
class Tap:
    """One tap of all points along one axis: the pixel, its weight (None: 1), and whether it is no hole (None: never)."""

    pixel: Value
    weight: Value | None
    inside: Value | None


def pull(o: Ops, image: Value, coords: Value, options: Options) -> Value:
    """What `gridsample::pull` computes: image (N or 1, C, *n), real, and coords (N or 1, *out, D), real, to (N, C, *out)."""
    sizes, out = o.shape(image)[2:], o.shape(coords)[1:-1]
    points = o.reshape(coords, (o.shape(coords)[0], -1, len(sizes)))
    located = locate(o, points, sizes, options)
    kernel = KERNELS[options.kernel]
    taps = [axis_taps(o, axis, kernel, options.ties) for axis in located.axes]
    table = Table(o, image, points)
    total = None
    for chosen in every(*taps):
        value = table.read(_flat(o, [tap.pixel for tap in chosen], sizes))
        weight = _times([tap.weight for tap in chosen] + [tap.inside for tap in chosen])
        if weight is not None:
            value = value * table.spread(weight)
        total = value if total is None else total + value
    assert total is not None
    fill = fill_of(options)
    if fill != 0:
        total = _filled(o, table, total, taps, fill)
    for dead, answer in located.dead:
        total = o.where(table.spread(dead), answer, total)
    return table.result(total, out)


def axis_taps(o: Ops, axis: Axis, kernel: Kernel, ties: str) -> list[Tap]:
    """The taps of positions x: i = floor(x) + first tap, t = x - floor(x); one tap: x rounded."""
    x = axis.x
    if BOUNDARIES[axis.boundary].family == "hole":  # farther out every tap is a hole: a small range keeps t exact
        reach = float(kernel.taps)
        high = float(axis.n) + reach if isinstance(axis.n, int) else o.real(axis.n) + reach
        x = o.clip(x, -1.0 - reach, high)
    if kernel.taps == 1:
        return [_tap(o, o.integer(rounded(o, x, ties)), None, axis)]
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
    sign = o.where(o.less(direct, mirrored), 1.0, -1.0) * o.real(o.equal(clipped, pixel))
    return Tap(clipped, sign if weight is None else weight * sign, None)


def _flat(o: Ops, pixels: list[Value], sizes: tuple[Size, ...]) -> Value:
    """The index into the image as one row, in integers throughout."""
    flat = pixels[0]
    for pixel, n in zip(pixels[1:], sizes[1:], strict=True):
        flat = flat * (n if isinstance(n, int) else o.integer(n)) + pixel
    return flat


def _times(factors: list[Value | None]) -> Value | None:
    given = [factor for factor in factors if factor is not None]
    result = given[0] if given else None
    for factor in given[1:]:
        result = result * factor
    return result


def _filled(o: Ops, table: Table, total: Value, taps: list[list[Tap]], fill: float) -> Value:
    """Holes read the fill: it gets the weight that the pixels lack. Only where there is a hole, as it may be infinite."""
    covered, inside = None, None
    for axis in taps:
        if axis[0].inside is None:
            continue
        parts = [_times([tap.weight, tap.inside]) for tap in axis]
        part = parts[0]
        for more in parts[1:]:
            part = part + more
        covered = part if covered is None else covered * part
        whole = _times([tap.inside for tap in axis])
        inside = whole if inside is None else inside * whole
    assert covered is not None
    lacking = (covered * -1.0 + 1.0) * fill
    return o.where(table.spread(o.equal(inside, 1.0)), total, total + table.spread(lacking))


class Table:
    """The image as a table of which points read columns, so that an index never repeats per channel.

    Rows: N*C where one set of points serves all images, else C, and images lie side by side: their index is offset.
    """

    def __init__(self, o: Ops, image: Value, points: Value) -> None:
        self.o = o
        self.images, self.channels, *sizes = o.shape(image)
        self.sets = o.shape(points)[0]
        pixels = product(sizes)
        if isinstance(pixels, int) and isinstance(self.images, int) and pixels * self.images > LARGEST:
            do = "split the batch or the image"
            got = f"{pixels} in each of {self.images} images"
            raise ShapeError("gridsample.export", "at most 2**31 - 1 pixels, for 32-bit indices", got, do)
        self.one_set = isinstance(self.sets, int) and self.sets == 1
        self.one_image = isinstance(self.images, int) and self.images == 1
        if self.one_set:
            self.rows = product([self.images, self.channels])
            self.table = o.reshape(image, (self.rows, -1))
        else:
            self.rows = self.channels
            self.table = o.reshape(image if self.one_image else o.swap(image), (self.channels, -1))
        self.offset = None
        if not (self.one_set or self.one_image):
            n = pixels if isinstance(pixels, int) else o.integer(pixels)
            self.offset = o.reshape(o.ramp(self.images) * n, (-1, 1))

    def read(self, index: Value) -> Value:
        """(sets, P) to (rows, sets*P)."""
        index = index if self.offset is None else index + self.offset
        return self.o.take(self.table, self.o.reshape(index, (-1,)))

    def spread(self, weight: Value) -> Value:
        """(sets, P) to one row, for all rows of what was read."""
        return self.o.reshape(weight, (1, -1))

    def result(self, total: Value, out: tuple[Size, ...]) -> Value:
        """(rows, sets*P) to (N, C, *out)."""
        if self.one_set:
            return self.o.reshape(total, (self.images, self.channels, *out))
        return self.o.swap(self.o.reshape(total, (self.channels, self.sets, *out)))
