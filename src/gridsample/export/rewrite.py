# SPDX-License-Identifier: Apache-2.0
"""The native lowerings: coordinates made tame in elementary operations, then the target's own operator.

Behind this there is no NaN, nothing farther than a few pixels outside, no tie and no fold of more than one turn: where
runtimes differ, they are not asked.
"""

from __future__ import annotations

from functools import reduce
from itertools import product as every
from operator import mul

from gridsample.export import taps
from gridsample.export.ops import Native, Ops, Size, Value
from gridsample.export.positions import Axis, boundaries, fill_of, kernels, length, locate, turned
from gridsample.export.targets import Lowering
from gridsample.options import Options
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.frames import component
from gridsample.spec.kernels import KERNELS

TAME = 9.0  # normalised coordinates are clipped to this: with an axis of one pixel still four pixels outside


def pull(o: Ops, image: Value, coords: Value, options: Options, lowering: Lowering) -> Value:
    """image (N or 1, C, *n) and coords (N or 1, *out, D), both real, to (N, C, *out), as ``lowering`` says."""
    if lowering.kind == "decomposed":
        return taps.pull(o, image, coords, options)
    if lowering.kind == "tapped":
        return _tapped(o, image, coords, options)
    sizes, out = o.shape(image)[2:], o.shape(coords)[1:-1]
    axes = len(sizes)
    sets = o.shape(coords)[0]
    shaped = len(out) == axes
    if lowering.kind == "native":
        names = boundaries(options, axes)
        op = Native(options.kernel[0], names[0], options.frame, fill_of(options))
        grid = o.clip(o.where(o.equal(coords, coords), coords, -1.0), -TAME, TAME)
        if not shaped:
            grid = o.reshape(grid, (sets, *[1] * (axes - 1), -1, axes))
        located = None
    else:
        points = o.reshape(coords, (sets, -1, axes))
        located = locate(o, points, sizes, options)
        op, grid = _rewritten(o, located.axes, options)
        grid = o.reshape(grid, (sets, *(out if shaped else (*[1] * (axes - 1), -1)), axes))
    image, grid = _one_batch(o, image, grid)
    value = o.native(image, grid, op)
    batch = o.shape(image)[0]
    if located is not None and located.dead:
        spread = (sets, 1, *(out if shaped else (*[1] * (axes - 1), -1)))
        for dead, answer in located.dead:
            value = o.where(o.reshape(dead, spread), answer, value)
    return value if shaped else o.reshape(value, (batch, o.shape(image)[1], *out))


def _tapped(o: Ops, image: Value, coords: Value, options: Options) -> Value:
    """Every tap read by the operator's own "nearest", for targets that cannot gather."""
    sizes, out = o.shape(image)[2:], o.shape(coords)[1:-1]
    axes = len(sizes)
    sets = o.shape(coords)[0]
    block = out if len(out) == axes else (*[1] * (axes - 1), -1)
    located = locate(o, o.reshape(coords, (sets, -1, axes)), sizes, options)
    rows = kernels(options, axes)
    chosen = [taps.axis_taps(o, axis, row, options.ties) for axis, row in zip(located.axes, rows, strict=True)]
    grids = [
        [_normalised(o, o.real(tap.pixel), axis.n, "edges") for tap in row]
        for row, axis in zip(chosen, located.axes, strict=True)
    ]
    order = [component("xy", d, axes) for d in range(axes)]
    total = None
    for at in every(*(range(row.taps) for row in rows)):
        grid = o.join([grids[d][at[d]] for d in order])
        pixels, grid = _one_batch(o, image, o.reshape(grid, (sets, *block, axes)))
        value = o.native(pixels, grid, Native("nearest", "clamp", "edges"))
        factors = [
            f for row, k in zip(chosen, at, strict=True) for f in (row[k].weight, row[k].inside) if f is not None
        ]
        if factors:
            value = value * o.reshape(reduce(mul, factors), (sets, 1, *block))
        total = value if total is None else total + value
    for dead, answer in located.dead:
        total = o.where(o.reshape(dead, (sets, 1, *block)), answer, total)
    return o.reshape(total, (o.shape(pixels)[0], o.shape(image)[1], *out))


def _rewritten(o: Ops, axes: tuple[Axis, ...], options: Options) -> tuple[Native, Value]:
    """The call of the operator, and its grid (N, P, D), x first."""
    kernel = "linear" if options.kernel[0] == "smoothstep" else options.kernel[0]
    rule = axes[0].boundary
    hole = BOUNDARIES[rule].family == "hole"
    bounces = kernel == "cubic" and rule in ("reflect", "mirror")
    boundary = rule if hole or bounces else "clamp"
    frame = "corners" if rule == "mirror" and bounces else "pixel" if o.pixels else "edges"
    parts = [_normalised(o, _tamed(o, axis, options), axis.n, frame) for axis in axes]
    order = [component("xy", d, len(axes)) for d in range(len(axes))]
    return Native(kernel, boundary, frame, fill_of(options)), o.join([parts[d] for d in order])


def _tamed(o: Ops, axis: Axis, options: Options) -> Value:
    """Where the operator is asked: in pixels, rounded for one tap, folded or at most a few pixels outside."""
    x, n, rule = axis.x, axis.n, axis.boundary
    if options.kernel[0] == "nearest":
        if BOUNDARIES[rule].family == "hole":
            x = o.clip(x, -2.0, length(o, n) + 1.0)
            return o.clip(taps.rounded(o, x, options.ties), -1.0, length(o, n))
        return o.real(taps.fold_index(o, o.integer(taps.rounded(o, x, options.ties)), axis))
    if options.kernel[0] == "cubic":
        if rule in ("reflect", "mirror"):
            return turned(o, x, n, rule)
        return o.clip(x, -4.0, length(o, n) + 3.0)
    if BOUNDARIES[rule].family == "hole":
        x = o.clip(x, -2.0, length(o, n) + 1.0)
    else:
        x = o.clip(x if rule == "clamp" else turned(o, x, n, rule), 0.0, length(o, n) - 1.0)
    if options.kernel[0] == "smoothstep":
        floor = o.floor(x)
        x = floor + taps.polynomial(KERNELS["smoothstep"].weights[1], x - floor)
    return x


def _normalised(o: Ops, x: Value, n: Size, frame: str) -> Value:
    if frame == "pixel":
        return x
    if frame == "corners":
        last = max(n - 1, 1) * 1.0 if isinstance(n, int) else o.clip(o.real(n) - 1.0, 1.0, 2.0**30)
        return o.divide(x * 2.0, last) - 1.0
    return o.divide(x * 2.0 + 1.0, length(o, n)) - 1.0


def _one_batch(o: Ops, image: Value, grid: Value) -> tuple[Value, Value]:
    images, sets = o.shape(image)[0], o.shape(grid)[0]
    if isinstance(images, int) and images == 1 and not (isinstance(sets, int) and sets == 1):
        return o.repeat(image, sets), grid
    if isinstance(sets, int) and sets == 1 and not (isinstance(images, int) and images == 1):
        return image, o.repeat(grid, images)
    return image, grid
