# SPDX-License-Identifier: Apache-2.0
"""The portable backend: the whole operation in array operations, for what the compiled engine does not take.

Any number of axes, any kernel and boundary on each, derivatives of any order. ``xp`` is the array library's `Space`. The
verbs take the Plan, the image in the type it is computed in, and coordinates of at least float32; and answer new arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

from gridsample.backends.portable.taps import Array, Points, Space, either, locate
from gridsample.plan import Plan
from gridsample.spec.kernels import find

Orders = tuple[int, ...]  # how often by each spatial axis's coordinate


def pull(xp: Space, plan: Plan, image: Array, coords: Array) -> Array:
    """out (N, C, *out) = S(coords) image, or the derivative of it that the options name."""
    flat = _flat(plan, image)
    orders = _orders(plan)

    def part(points: Points, _: slice) -> Array:
        found = _sum(xp, flat, points, [orders])[orders]
        return _instead(xp, points, found, points.answer)

    return _over_points(xp, plan, coords, flat, part).reshape(plan.out_shape)


def pull_grad(xp: Space, plan: Plan, image: Array, coords: Array) -> Array:
    """out (N, C, *out, D): the derivative of pull by each component of the coordinates."""
    flat = _flat(plan, image)

    def part(points: Points, _: slice) -> Array:
        return _by_component(xp, plan, points, _slopes(xp, plan, flat, points))

    return _over_points(xp, plan, coords, flat, part).reshape(plan.jacobian_shape)


def push(xp: Space, plan: Plan, values: Array, coords: Array) -> Array:
    """image (N or 1, C, *n) = S(coords)^T values (N, C, *out); of a derivative of S, if the options name one."""
    batch, channels, *sizes = plan.image_shape
    flat = values.reshape(plan.batch, channels, prod(plan.coords_shape[1:-1]))
    image = xp.zeros((plan.batch, channels, prod(sizes)), flat)
    orders = _orders(plan)
    for at, points in _points(xp, plan, coords, flat):
        index, hole = _pixels(points)
        weight: Any = 1.0
        for d, (axis, order) in enumerate(zip(points.axes, orders, strict=True)):
            weight = weight * _along(axis.weights(xp, order), d, len(orders))
        spread = flat[:, :, at].reshape(*flat.shape[:2], *(1,) * len(orders), index.shape[-1]) * weight[:, None]
        spread = spread if hole is None else xp.where(hole[:, None], 0.0, spread)
        taps = _in_a_row(index)
        image = xp.add_at(image, taps, spread.reshape(*flat.shape[:2], taps.shape[1]))
    if batch < plan.batch:
        image = image.sum(0)[None]
    return image.reshape(plan.image_shape)


def backward_coords(xp: Space, plan: Plan, grad: Array, image: Array, coords: Array) -> Array:
    """The gradient of sum(grad * pull) to the coordinates, in their shape; `push` has the one to the image."""
    flat = _flat(plan, image)
    weigh = grad.reshape(plan.batch, plan.image_shape[1], prod(plan.coords_shape[1:-1]))

    def part(points: Points, at: slice) -> Array:
        slopes = [(slope * weigh[:, :, at]).sum(1)[:, None] for slope in _slopes(xp, plan, flat, points)]
        found = _by_component(xp, plan, points, slopes)[:, 0]
        found = found if points.dead is None else xp.where(points.dead[..., None], 0.0, found)
        return found if plan.coords_shape[0] == plan.batch else found.sum(0)[None]

    return _over_points(xp, plan, coords, flat, part, axis=1).reshape(plan.coords_shape)


def _orders(plan: Plan) -> Orders:
    return plan.options.derivative or (0,) * len(plan.axes)


def _flat(plan: Plan, image: Array) -> Array:
    return image.reshape(*plan.image_shape[:2], prod(plan.image_shape[2:]))


def _points(xp: Space, plan: Plan, coords: Array, like: Array) -> Iterator[tuple[slice, Points]]:
    """The points of a call, block by block, located."""
    count = prod(plan.coords_shape[1:-1])
    coords = coords.reshape(plan.coords_shape[0], count, len(plan.axes))
    taps = prod(row.taps for row in map(find, (axis.kernel for axis in plan.axes)) if row)
    block = max(count, 1) if xp.block is None else max(xp.block // taps, 1)
    for start in range(0, max(count, 1), block):
        at = slice(start, min(start + block, count))
        yield at, locate(xp, plan, coords[:, at], like)


def _over_points(
    xp: Space, plan: Plan, coords: Array, flat: Array, part: Callable[[Points, slice], Array], axis: int = 2
) -> Array:
    parts = [part(points, at) for at, points in _points(xp, plan, coords, flat)]
    return parts[0] if len(parts) == 1 else xp.concat(parts, axis)


def _slopes(xp: Space, plan: Plan, flat: Array, points: Points) -> list[Array]:
    """One derivative more by each spatial axis, [axis] of (N, C, points)."""
    orders = _orders(plan)
    above = [tuple(m + (d == e) for e, m in enumerate(orders)) for d in range(len(orders))]
    found = _sum(xp, flat, points, above)
    nothing = points.answer if points.dead is None else xp.where(points.dead, 0.0, points.answer)
    return [_instead(xp, points, found[one], nothing) for one in above]


def _by_component(xp: Space, plan: Plan, points: Points, slopes: list[Array]) -> Array:
    """By spatial axis, as coordinates have them."""
    found: list[Any] = [None] * len(slopes)
    for axis, slope in zip(plan.axes, slopes, strict=True):
        found[axis.component] = slope
    return xp.stack(found, -1)


def _instead(xp: Space, points: Points, found: Array, answer: Array) -> Array:
    """Points that read nothing have their answer."""
    return found if points.dead is None else xp.where(points.dead[:, None], answer[:, None], found)


def _sum(xp: Space, flat: Array, points: Points, wanted: list[Orders]) -> dict[Orders, Array]:
    """The sums over taps, (N, C, points), for several derivatives at once: each pixel is read once."""
    index, hole = _pixels(points)
    value = xp.take(flat, _in_a_row(index))
    value = value.reshape(*value.shape[:2], *index.shape[1:])
    value = value if hole is None else xp.where(hole[:, None], points.fill, value)
    sums: dict[Orders, Array] = {(): value}
    for d in reversed(range(len(points.axes))):  # the last axis's taps are summed first
        orders = {one[d] for one in wanted}
        weights = {m: _along(points.axes[d].weights(xp, m), d, d + 1)[:, None] for m in orders}
        ends = {one[d:] for one in wanted}
        sums = {end: (sums[end[1:]] * weights[end[0]]).sum(-2) for end in ends}
    return sums


def _pixels(points: Points) -> tuple[Array, Array | None]:
    """The pixel of every tap of all axes, (batch, *taps, point), and whether it is a hole."""
    axes = len(points.axes)
    index: Any = 0
    dead = points.dead
    hole = None if dead is None else dead.reshape(dead.shape[0], *(1,) * axes, dead.shape[1])
    for d, axis in enumerate(points.axes):
        index = index + _along(axis.index, d, axes)
        hole = either(hole, None if axis.hole is None else _along(axis.hole, d, axes))
    return index, hole


def _in_a_row(index: Array) -> Array:
    return index.reshape(index.shape[0], prod(index.shape[1:]))


def _along(taps: Array, d: int, axes: int) -> Array:
    """(batch, tap, point) of axis ``d`` of ``axes`` beside the taps of the others: (batch, 1, ..., tap, ..., 1, point)."""
    batch, count, points = taps.shape
    return taps.reshape(batch, *(1,) * d, count, *(1,) * (axes - 1 - d), points)
