# SPDX-License-Identifier: Apache-2.0
"""A map where coordinates are expected: the one place in which the verbs turn it into coordinates.

A map is whatever has ``gridsample_map``, as every object of `gridsample.maps` does; that room is not imported here.
Where it is ``made`` of something that the compiled engine knows, a matrix, displacements or control points, the engine
computes the coordinates in its loops and none are stored; else they are computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from gridsample.errors import ArgumentTypeError, OptionError, RankError
from gridsample.made import Made

Changed = TypeVar("Changed")  # a map, whose room is not imported here


def of(coords: Any) -> Any:
    """The map that ``coords`` is, or None where it is an array."""
    return getattr(coords, "gridsample_map", None)


def resolved(
    where: str, coords: Any, image: Any, size: Sequence[int] | None, frame: str, order: str, relative: object
) -> Any:
    """``coords`` as they are, or those of the map that they are."""
    if (map_ := of(coords)) is not None:
        return coordinates(where, map_, image, size, frame, order, relative)
    no_size(where, size)
    return coords


def made(coords: Any, image: Any, size: Sequence[int] | None, frame: str, order: str) -> Made | None:
    """What the engine's loops make the coordinates from, if ``coords`` is a map that they know."""
    map_ = of(coords)
    if not hasattr(map_, "made") or (frame, order) != ("pixel", "xy") or len(image.shape) != map_.axes + 2:
        return None
    found: Made | None = map_.to(image).made(map_.output_size(size or map_.size or tuple(image.shape[2:])))
    return found


def changed(map_: Changed, **numbers: Any) -> Changed:
    """``map_`` with other numbers."""
    other = object.__new__(type(map_))  # as copy.copy, which takes five times as long
    vars(other).update(vars(map_), **numbers)
    return other


def of_matrix(kind: str, map_: Any, size: tuple[int, ...]) -> Made:
    """A map that its matrix says all of."""
    return Made(kind, map_.matrix, size, lambda matrix: changed(map_, matrix=matrix).coords(size))


def placed(where: str, map_: Any, image: Any, size: Sequence[int] | None) -> Any:
    """What `sample` takes for a map that several images are read by: the map itself, of that size, where the engine's
    loops know it, else its coordinates, computed once for all."""
    found = made(map_, image, size, "pixel", "xy")
    if found is None or (found.kind not in ("affine", "homography") and found.sizes != map_.size):
        return coordinates(where, map_, image, size, "pixel", "xy")
    return changed(map_, size=found.sizes)


def coordinates(
    where: str, map_: Any, image: Any, size: Sequence[int] | None, frame: str, order: str, relative: object = False
) -> Any:
    """Input positions of every output pixel, (N, *out, D): pixels, x first, beside ``image`` (N, C, *n).

    The output's size is ``size``, else the one the map is made for, else the image's. Positions are float64 for float64
    images and float32 for all others, rounded once from what the map computes in.
    """
    own_frame(where, frame, order)
    if relative is not False:
        do = "leave it away: a map says where each output pixel reads"
        raise OptionError(where, "relative=False with a map", f"relative={relative!r}", do)
    shape = tuple(image.shape)
    if len(shape) != map_.axes + 2:
        do = f"this is a map of {map_.axes}D images"
        raise RankError(where, f"image (N, C, *{map_.axes} axes) for {type(map_).__name__}", f"shape {shape}", do)
    found = map_.to(image).coords(size or map_.size or shape[2:])
    wide = str(image.dtype).endswith("float64") or not str(found.dtype).endswith("float64")
    return found if wide else _single(found)


def own_frame(where: str, frame: str, order: str) -> None:
    """Refuse a frame or an order beside a map, which has its own."""
    if (frame, order) != ("pixel", "xy"):
        got = f"frame={frame!r}, order={order!r}"
        raise OptionError(where, "no frame or order with a map", got, "leave them away: a map carries its own")


def no_size(where: str, size: Sequence[int] | None) -> None:
    """Refuse ``size`` beside an array of coordinates, whose shape is the output's."""
    if size is not None:
        do = "leave it away: coords already say where every output point lies"
        raise ArgumentTypeError(where, "size only with a map", f"size={tuple(size)} and an array", do)


def _single(found: Any) -> Any:
    return found.float() if hasattr(found, "float") else found.astype("float32")
