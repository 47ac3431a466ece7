# SPDX-License-Identifier: Apache-2.0
"""Positions: from coordinates to pixels along every axis, in elementary operations. What `core/src/locate.hpp` does.

    x = (g + offset)*scale + shift, clipped to ±2^30; then folded into the image where the boundary folds positions

NaN and infinity are dealt with first, so that nothing behind this sees them: no two runtimes agree on what they do.
"""

from __future__ import annotations

from dataclasses import dataclass

from gridsample.errors import OptionError
from gridsample.export.ops import Ops, Size, Value
from gridsample.options import Options
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.frames import FRAMES, component
from gridsample.spec.kernels import Kernel, find

FAR = 2.0**30  # positions saturate here, in pixels, as in the engine
HUGE = 1e18  # coordinates are clipped to this first, so that infinity times a scale of 0 is no NaN
INFINITE = 3.4e38  # what is larger counts as infinite


@dataclass(frozen=True)
class Axis:
    """One spatial axis in memory order: n its length, x the positions (N, P), ``boundary`` what is left to do."""

    n: Size
    x: Value
    boundary: str


@dataclass(frozen=True)
class Positions:
    """``dead`` points, if there can be any, get ``answer`` whatever was sampled: pairs, the last one wins."""

    axes: tuple[Axis, ...]
    dead: tuple[tuple[Value, float], ...]


def boundaries(options: Options, axes: int) -> tuple[str, ...]:
    return options.boundary if len(options.boundary) > 1 else options.boundary * axes


def kernels(options: Options, axes: int) -> tuple[Kernel, ...]:
    names = options.kernel if len(options.kernel) > 1 else options.kernel * axes
    return tuple(row for row in map(find, names) if row is not None)


def fill_of(options: Options) -> float:
    """What a hole reads."""
    return options.fill if "constant" in options.boundary else 0.0


def locate(o: Ops, coords: Value, sizes: tuple[Size, ...], options: Options) -> Positions:
    """Positions of coords (N, P, D), real, in an image of spatial ``sizes``."""
    if options.nonfinite == "error":
        do = "an exported model cannot raise: choose nonfinite='propagate' or 'outside'"
        raise OptionError("gridsample.export", "nonfinite other than 'error'", "nonfinite='error'", do)
    axes, lost, beyond = [], None, None
    for d, (n, boundary) in enumerate(zip(sizes, boundaries(options, len(sizes)), strict=True)):
        g = o.component(coords, component(options.order, d, len(sizes)))
        number = o.equal(g, g)
        if options.nonfinite != "minus_one":
            bad = o.equal(o.real(number), 0.0)
            if options.nonfinite == "outside":
                bad = o.either(bad, o.less(INFINITE, o.absolute(g)))
            lost = bad if lost is None else o.either(lost, bad)
        g = o.clip(o.where(number, g, -1.0), -HUGE, HUGE)
        x = o.clip(_position(o, g, n, options.frame), -FAR, FAR)
        if options.outside is not None:
            rim = 0.5 if options.limit == "edges" else 0.0
            past = o.either(o.less(x, -rim), o.less(length(o, n) - (1.0 - rim), x))
            beyond = past if beyond is None else o.either(beyond, past)
        if options.fold == "coordinate" and BOUNDARIES[boundary].family != "hole":
            x, boundary = fold(o, x, n, boundary), "clamp"
        axes.append(Axis(n, x, boundary))
    dead = []
    outside = fill_of(options) if options.outside is None else options.outside
    if beyond is not None:
        dead.append((beyond, outside))
    if lost is not None:
        dead.append((lost, float("nan") if options.nonfinite == "propagate" else outside))
    return Positions(tuple(axes), tuple(dead))


def fold(o: Ops, x: Value, n: Size, boundary: str) -> Value:
    """torch's rule: the position is mirrored, then clipped to the pixels' centres."""
    if boundary != "clamp":
        x = mirrored(o, x, n, boundary)
    return o.clip(x, 0.0, length(o, n) - 1.0)


def mirrored(o: Ops, x: Value, n: Size, boundary: str) -> Value:
    """x between the mirrors of "reflect" or "mirror"; far away its half pixel is rounded as the engine rounds it."""
    low = -0.5 if boundary == "reflect" else 0.0
    turn = _turn(o, n, boundary)
    rest = _rest(o, o.absolute(x - low), turn)
    return o.minimum(rest, o.real(turn) - rest) + low


def turned(o: Ops, x: Value, n: Size, boundary: str) -> Value:
    """A position, at most one fold away, whose taps read what those of x read when each is folded."""
    turn = _turn(o, n, boundary)
    rest = _rest(o, x, turn)
    return o.minimum(rest, (o.real(turn) - 1.0 if boundary == "reflect" else o.real(turn)) - rest)


def _turn(o: Ops, n: Size, boundary: str) -> Value:
    """The period, as an index."""
    span = o.integer(n)
    if boundary == "mirror":
        span = max(n - 1, 1) if isinstance(n, int) else o.clip(span - 1, 1, int(FAR))
    return span * 2


def _rest(o: Ops, x: Value, turn: Value) -> Value:
    """x modulo ``turn``: whole turns are taken off in integers, which is exact."""
    whole = o.floor(x)
    return o.real(o.modulo(o.integer(whole), turn)) + (x - whole)


def _position(o: Ops, g: Value, n: Size, frame: str) -> Value:
    row = FRAMES[frame]
    x = g + row.offset if row.offset else g
    constant, slope = row.scale
    if isinstance(n, int):
        scale = row.numbers(n)[1]
        x = x * scale if scale != 1 else x
    elif slope:
        scale = length(o, n) * slope
        x = x * (scale + constant if constant else scale)
    return x + row.shift if row.shift else x


def length(o: Ops, n: Size) -> Value:
    """A size as a real."""
    return float(n) if isinstance(n, int) else o.real(n)
