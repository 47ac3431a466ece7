# SPDX-License-Identifier: Apache-2.0
"""What happens to arrays around a verb: batch axes, coordinates relative to the output, the footprint of an output
pixel.

Everything is written in the array library's own operations (its `Space`), so its derivatives and its tracing apply.
``framework`` is a module of `frameworks`, which gives ``SPACE``, ``widened`` and ``narrowed``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import ceil, prod
from typing import Any

import numpy as np

from gridsample.errors import ArgumentTypeError, DtypeError, OptionError, ShapeError
from gridsample.made import Made
from gridsample.options import Options
from gridsample.plan import COMPUTED
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.frames import FRAMES, component
from gridsample.spec.kernels import Kernel

Array = Any
MOST_SAMPLES = 64  # along one output axis: a horizon's footprint has no end


def batched(framework: Any, where: str, image: Array, coords: Array, verb: Callable[[Array, Array], Array]) -> Array:
    """``verb`` on an image (*batch, C, *n) and coords (*batch, *out, D) with any number of batch axes, also none.

    The last D + 1 axes of the image are channels and space; those before are its batch, and coords has as many, each
    of the same length or 1 (either way). An image with space alone, (*n), is one channel of one image.
    """
    if not hasattr(image, "shape") or len(coords.shape) < 1:
        return verb(image, coords)
    lead = len(image.shape) - 1 - int(coords.shape[-1])
    if lead == 1 or lead < -1 or len(coords.shape) <= lead:
        return verb(image, coords)
    if lead == -1:
        return verb(image[None, None], coords[None])[0, 0]
    if lead == 0:
        return verb(image[None], coords[None])[0]
    first, second = tuple(image.shape[:lead]), tuple(coords.shape[:lead])
    if any(a != b and 1 not in (a, b) for a, b in zip(first, second, strict=True)):
        got = f"image of shape {tuple(image.shape)} and coords of shape {tuple(coords.shape)}"
        do = f"the first {lead} axes of both are batch axes: repeat or select"
        raise ShapeError(where, "batch axes that are equal or 1", got, do)
    common = tuple(max(a, b) if 0 not in (a, b) else 0 for a, b in zip(first, second, strict=True))
    flat = []
    for array, own in ((image, first), (coords, second)):
        rest = tuple(array.shape[lead:])
        whole = array if prod(own) in (1, prod(common)) else framework.SPACE.broadcast(array, (*common, *rest))
        flat.append(whole.reshape(1 if prod(own) == 1 else prod(common), *rest))
    found = verb(*flat)
    return found.reshape(*common, *found.shape[1:])


def absolute(framework: Any, where: str, coords: Array, frame: str, order: str) -> Array:
    """Coordinates from those relative to each output's own place in the output, in the same frame."""
    axes = coords.shape[-1]
    sizes = tuple(coords.shape[1:-1])
    _check_outputs(where, "relative=True", coords)
    own = np.zeros((*sizes, axes))
    for d, m in enumerate(sizes):
        offset, scale, shift = FRAMES[frame].numbers(m)
        along = (np.arange(m) - shift) / (scale or 1.0) - offset if scale else np.zeros(m)
        own[..., component(order, d, axes)] += along.reshape(-1, *(1,) * (axes - 1 - d))
    wide = framework.widened(coords)
    return wide + framework.SPACE.constant(own, wide)


def displaced(framework: Any, where: str, image: Array, coords: Array, frame: str, order: str) -> Made | None:
    """Relative coordinates as the engine's loops take them; None where they do not."""
    axes, kind = len(image.shape) - 2, str(coords.dtype).removeprefix("torch.")
    if frame != "pixel" or kind not in COMPUTED or len(coords.shape) != axes + 2 or coords.shape[-1] != axes:
        return None

    def coordinates(numbers: Array) -> Array:
        return absolute(framework, where, numbers, frame, order)

    return Made("displaced", coords, tuple(coords.shape[1:-1]), coordinates, dtype=COMPUTED[kind])


def extended(
    framework: Any, where: str, image: Array, coords: Array, options: Options, pixels: int
) -> tuple[Array, Array, Options]:
    """The image with ``pixels`` more on every side, as its boundary has them; coords and options for that image."""
    xp, axes = framework.SPACE, coords.shape[-1]
    if options.outside is not None:
        do = "use prefilter=True, where the image keeps its size"
        raise OptionError(where, "prefilter=pixels without outside=", f"outside={options.outside:g}", do)
    if len(image.shape) != axes + 2:  # the verb says it better
        return image, coords, options
    boundaries = options.boundary * axes if len(options.boundary) == 1 else options.boundary
    wide, image = framework.widened(coords), framework.widened(image)
    moved: list[Any] = [None] * axes
    for d, boundary in enumerate(boundaries):
        n = image.shape[d + 2]
        folded = [BOUNDARIES[boundary].fold(i, n) for i in range(-pixels, n + pixels)]
        index = np.array([0 if i is None else i for i, _ in folded])
        sign = np.array([float(sign) for _, sign in folded])
        hole = np.array([i is None for i, _ in folded])
        along = image.swapaxes(d + 2, -1)[..., xp.constant(index, image)] * xp.constant(sign, image)
        image = xp.where(xp.constant(hole, image), options.fill, along).swapaxes(d + 2, -1)
        offset, scale, shift = FRAMES[options.frame].numbers(n)
        j = component(options.order, d, axes)
        moved[j] = (wide[..., j] + offset) * scale + (shift + pixels)
    return image, xp.stack(moved, -1), replace(options, frame="pixel")


def antialiased(
    framework: Any,
    where: str,
    image: Array,
    coords: Array,
    frame: str,
    order: str,
    samples: bool | int,
    verb: Callable[[Array, Array], Array],
) -> Array:
    """The mean of ``verb`` over each output pixel's footprint; docs/design/0012 has the formula and why this one.

    The differences of neighbouring coordinates say how far an output pixel reaches, along each output axis. Where that
    is further than a pixel of the image, samples are spread over what is beyond it; elsewhere they all lie on the point
    itself.
    """
    _check_outputs(where, "antialias", coords)
    if samples is not True and (isinstance(samples, bool) or not isinstance(samples, int) or samples < 1):
        do = "True asks the grid; a number is how many samples to take along each output axis"
        raise ArgumentTypeError(where, "antialias to be True, False or a number of samples", repr(samples), do)
    xp = framework.SPACE
    axes = coords.shape[-1]
    wide = framework.widened(coords)
    scales = np.ones(axes)
    for d, n in enumerate(image.shape[2:]):
        scales[component(order, d, axes)] = FRAMES[frame].numbers(n)[1]
    points = wide.reshape(*wide.shape[:-1], *(1,) * axes, axes)
    for a in range(axes):
        step, squared = _footprint(xp, wide, a + 1, xp.constant(scales, wide))
        wider = squared > 1
        reach = xp.where(wider, 1 - 1 / xp.where(wider, squared, 1.0) ** 0.5, 0.0)[..., None] * step / 2
        count = _count(xp, where, squared) if samples is True else samples
        spread = np.linspace(-1, 1, count) if count > 1 else np.zeros(1)
        spread = spread.reshape(count, *(1,) * (axes - 1 - a), 1)
        points = points + reach.reshape(*wide.shape[:-1], *(1,) * axes, axes) * xp.constant(spread, wide)
    found = verb(framework.widened(image), points)
    return framework.narrowed(found.reshape(*found.shape[:-axes], prod(found.shape[-axes:])).mean(-1), image.dtype)


def valid(framework: Any, where: str, coords: Array, sizes: tuple[int, ...], frame: str, order: str, rim: Any) -> Array:
    """Whether every axis's position lies from -rim to n - 1 + rim; NaN does not."""
    xp, axes = framework.SPACE, len(sizes)
    if len(coords.shape) < 1 or coords.shape[-1] != axes or any(n < 1 for n in sizes):
        got = f"coords of shape {tuple(coords.shape)} and shape {sizes}"
        raise ShapeError(
            where, "coords (*out, D) and D positive lengths in shape", got, "name the image's spatial sizes"
        )
    if (kind := str(coords.dtype).removeprefix("torch.")) not in COMPUTED:
        do = "coordinates are real numbers: make them float32"
        raise DtypeError(where, f"coords of one of the types {', '.join(COMPUTED)}", kind, do)
    wide = framework.widened(coords)
    inside = None
    for d, n in enumerate(sizes):
        offset, scale, shift = FRAMES[frame].numbers(n)
        g = wide[..., component(order, d, axes)]
        x = (xp.clip(g, -1e18, 1e18) + offset) * scale + shift
        known = (x >= -rim) & (x <= n - 1 + rim) & ~xp.isnan(g)
        inside = known if inside is None else inside & known
    return inside


def rim_of(within: str, row: Kernel) -> float:
    """How far beyond the outermost pixels' centres a position may lie: all taps that weigh anything must be pixels."""
    return {"edges": 0.5, "centres": 0.0}.get(within, 1 - row.taps / 2)


def _footprint(xp: Any, coords: Array, axis: int, scales: Array) -> tuple[Array, Array]:
    """The step of coords along an output axis, and its squared length in pixels; of both sides the shorter."""
    m = coords.shape[axis]
    if m == 1:
        return coords * 0.0, (coords * 0.0).sum(-1)
    low, high = (tuple(slice(None) if d != axis else cut for d in range(len(coords.shape))) for cut in (_LOW, _HIGH))
    difference = coords[high] - coords[low]
    forward = xp.concat([difference, difference[_at(axis, -1, coords)]], axis)
    backward = xp.concat([difference[_at(axis, 0, coords)], difference], axis)
    ahead, behind = (((step * scales) ** 2).sum(-1) for step in (forward, backward))
    nearer = (ahead <= behind) | ~xp.isfinite(behind)
    step, squared = xp.where(nearer[..., None], forward, backward), xp.where(nearer, ahead, behind)
    known = xp.isfinite(squared)
    return xp.where(known[..., None], step, 0.0), xp.where(known, squared, 0.0)


_LOW, _HIGH = slice(None, -1), slice(1, None)


def _at(axis: int, index: int, array: Array) -> tuple[slice, ...]:
    one = slice(index, None) if index < 0 else slice(index, index + 1)
    return tuple(one if d == axis else slice(None) for d in range(len(array.shape)))


def _count(xp: Any, where: str, squared: Array) -> int:
    try:
        longest = xp.most(squared) ** 0.5 if prod(squared.shape) else 1.0
    except (RuntimeError, TypeError) as error:  # of an array whose numbers are not known yet
        do = "pass antialias=16 or another number of samples along each output axis"
        raise OptionError(where, "antialias as a number while arrays are traced", "antialias=True", do) from error
    return min(max(ceil(longest - 1e-3), 1), MOST_SAMPLES)


def _check_outputs(where: str, what: str, coords: Array) -> None:
    if len(coords.shape) != coords.shape[-1] + 2:
        got = f"coords of shape {tuple(coords.shape)}"
        do = "a list of points has no neighbours along axes: give one output axis for each of the image's"
        raise ShapeError(where, f"coords (N, *out, D) with D output axes for {what}", got, do)
