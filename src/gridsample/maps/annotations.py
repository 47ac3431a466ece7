# SPDX-License-Identifier: Apache-2.0
"""Points, boxes and masks through the map that warps their picture.

A map goes from output to input; what is annotated on the input goes the other way, through the inverse. For a mask or
a label image sample it with the same map and ``kernel="nearest"``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_
from typing import Any

from gridsample.errors import ShapeError
from gridsample.maps import arrays
from gridsample.maps.affine import Affine
from gridsample.maps.arrays import Array
from gridsample.maps.base import Map, spatial
from gridsample.maps.homography import Homography

PER_SIDE = 9  # places looked at on each side of a box that a map may bend


def points(map_: Map, points: Any) -> Array:
    """Where points of the input come to lie in the output.

        moved = map⁻¹(points)

    Shapes:
        points: (N or 1, …, D); one map also takes any (…, D).

    Convention:
        In pixels, x first, 0 the centre of the first pixel. Points that the map never reads have no place: those beyond
        a horizon are NaN.

    Returns:
        (N, …, D).

    >>> import gridsample as gs
    >>> gs.maps.points(gs.maps.Affine([[2, 0, 0], [0, 2, 0]]), [[4, 6]])  # the picture is halved
    array([[2., 3.]])
    """
    return map_.inverse()(points)


def boxes(map_: Map, boxes: Any, *, clip: Sequence[int] | None = None) -> Array:
    """The boxes, along the axes, around what boxes of the input become in the output.

    Shapes:
        boxes: (N or 1, K, 2 D): (x0, y0, x1, y1), or (x0, y0, z0, x1, y1, z1). clip: the output's size, memory order.

    Convention:
        Outer edges, as torchvision, COCO and `Crop`: (0, 0, width, height) is the whole image. ``clip`` cuts at the
        output's edges. Sides that the map may bend are looked at in several places.

    Returns:
        (N, K, 2 D).

    >>> import gridsample as gs
    >>> mirror = gs.maps.Affine([[-1, 0, 9], [0, 1, 0]])  # of an image 10 wide
    >>> gs.maps.boxes(mirror, [[[0, 0, 4, 5]]])
    array([[[ 6.,  0., 10.,  5.]]])
    """
    axes = map_.axes
    boxes = arrays.one("boxes", "boxes", boxes)
    if boxes.ndim != 3 or boxes.shape[2] != 2 * axes:
        expected = f"boxes (N, K, {2 * axes})"
        do = "give the low corner, then the high one, x first"
        raise ShapeError("boxes", expected, f"shape {tuple(boxes.shape)}", do)
    map_, boxes = _beside(map_, boxes)
    per_side = 2 if isinstance(map_, (Affine, Homography)) else PER_SIDE
    xp = arrays.namespace(boxes)
    low, high = boxes[..., :axes] - 0.5, boxes[..., axes:] - 0.5
    shares = _rim(axes, per_side)
    places = xp.stack(
        [
            xp.stack([low[..., j] * (1 - share[j]) + high[..., j] * share[j] for j in range(axes)], axis=-1)
            for share in shares
        ],
        axis=2,
    )
    moved = points(map_, places) + 0.5  # (N, K, places, D)
    lowest, highest = _extremes(moved)
    if clip is not None:
        size = spatial("boxes", "clip", clip, axes)
        limits = [float(n) for n in reversed(size)]
        lowest, highest = (
            xp.stack([xp.clip(corner[..., j], 0.0, limits[j]) for j in range(axes)], axis=-1)
            for corner in (lowest, highest)
        )
    return xp.concatenate([lowest, highest], axis=-1)


def inside(map_: Map, input_size: Sequence[int], output_size: Sequence[int] | None = None) -> Array:
    """Which output pixels show the input: those whose position is not beyond its outer edges.

        -1/2 ≤ x ≤ n - 1/2 on every axis

    Returns:
        A mask (N, *output_size); the output's default size is the map's own, else the input's.

    >>> import gridsample as gs
    >>> gs.maps.inside(gs.maps.Affine([[1, 0, 1], [0, 1, 0]]), (1, 3))
    array([[[ True,  True, False]]])
    """
    inner = spatial("inside", "input_size", input_size, map_.axes)
    size = map_.output_size(output_size or map_.size or inner)
    lengths = zip(map_.components(size), reversed(inner), strict=True)
    each = [(x >= -0.5) & (x <= n - 0.5) for x, n in lengths]  # a component at a time: no array holds them all
    within = reduce(and_, each)
    return arrays.namespace(within).broadcast_to(within, (*within.shape[: -map_.axes], *size))


def _beside(map_: Map, boxes: Array) -> tuple[Map, Array]:
    here, centres = map_._beside(boxes[..., : map_.axes])
    return here, arrays.like(boxes, centres)


def _rim(axes: int, per_side: int) -> list[tuple[float, ...]]:
    """Places on the rim of the unit box."""
    steps = [k / (per_side - 1) for k in range(per_side)]
    places: list[tuple[float, ...]] = [()]
    for _ in range(axes):
        places = [(*place, step) for place in places for step in steps]
    return [place for place in places if any(share in (0.0, 1.0) for share in place)]


def _extremes(moved: Array) -> tuple[Array, Array]:
    xp = arrays.namespace(moved)
    if arrays.library(moved) == "torch":
        return xp.amin(moved, dim=2), xp.amax(moved, dim=2)
    return moved.min(axis=2), moved.max(axis=2)
