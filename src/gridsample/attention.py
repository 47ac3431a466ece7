# SPDX-License-Identifier: Apache-2.0
"""What multi-scale deformable attention needs to know besides arrays: its levels, its checks, how it reads an image.

No arithmetic on arrays: frameworks do that with the verbs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

from gridsample.errors import ArgumentTypeError, DtypeError, RankError, ShapeError
from gridsample.options import sample_options, whole_numbers
from gridsample.plan import COMPUTED, MAX_AXES, Shape

WHERE = "multiscale_deformable_attention"
# Locations are positions in the image as a whole, 0 and 1 its outer edges; what lies outside adds nothing.
OPTIONS = sample_options("sample", "linear", "zero", 0.0, "unit", "xy", "propagate", None)

MOST_LEVELS, MOST_POINTS = 64, 4096  # of a query and head, in one call of the engine


def fits(levels: int, points: int) -> bool:
    return levels <= MOST_LEVELS and levels * points <= MOST_POINTS


def levels_of(shapes: Any) -> tuple[Shape, ...]:
    """The spatial sizes of each level, from nested sequences or an array of whole numbers."""
    rows = shapes.tolist() if hasattr(shapes, "tolist") else shapes
    try:
        rows = list(rows)
    except TypeError:
        do = "pass one (height, width) per level"
        raise ArgumentTypeError(WHERE, "shapes to be a sequence of sizes", repr(shapes), do) from None
    return tuple(whole_numbers(WHERE, "each of shapes", row) for row in rows)


def starts(levels: Sequence[Shape]) -> Iterator[tuple[int, int, Shape]]:
    """Where each level begins and ends among the pixels of value, and its sizes."""
    start = 0
    for sizes in levels:
        yield start, start + prod(sizes), sizes
        start += prod(sizes)


def parts(levels: Sequence[Shape], points: int) -> Iterator[tuple[slice, tuple[slice, slice], list[int]]]:
    """Calls of the engine whose sum is the whole (nearly always one): pixels; levels and points; sizes."""
    if fits(len(levels), points):
        yield slice(None), (slice(None), slice(None)), [n for sizes in levels for n in sizes]
        return
    for level, (start, end, sizes) in enumerate(starts(levels)):
        for point in range(0, points, MOST_POINTS):
            yield slice(start, end), (slice(level, level + 1), slice(point, point + MOST_POINTS)), list(sizes)


def rows_of(shapes: Sequence[int], axes: int) -> tuple[Shape, ...]:
    """Levels from the flat list that an operator takes."""
    return tuple(tuple(shapes[i : i + axes]) for i in range(0, len(shapes), axes))


def check(value: Shape, levels: Sequence[Shape], locations: Shape, weights: Shape, dtypes: dict[str, str]) -> None:
    """Raises if anything does not fit."""
    if len(value) != 4:
        do = "value holds one vector of channels for each pixel of every level, and each head"
        raise RankError(WHERE, "value (N, pixels, heads, C)", f"value of shape {tuple(value)}", do)
    if len(locations) != 6 or not 1 <= locations[5] <= MAX_AXES:
        do = "give the position of each point, x first, 0 and 1 the outer edges of the level"
        got = f"locations of shape {tuple(locations)}"
        raise RankError(WHERE, "locations (N, queries, heads, levels, points, axes)", got, do)
    axes = locations[5]
    wrong = [row for row in levels if len(row) != axes or any(n < 1 for n in row)]
    if wrong:
        do = "give (height, width) per level, as many as locations have components"
        raise ShapeError(WHERE, f"{axes} positive sizes for each level in shapes", str(wrong[0]), do)
    if len(levels) != locations[3]:
        got = f"{len(levels)} shapes and locations of shape {tuple(locations)}"
        raise ShapeError(WHERE, "as many shapes as locations have levels", got, "give one per level")
    pixels = sum(prod(row) for row in levels)
    if value[1] != pixels:
        got = f"value of shape {tuple(value)} and shapes {[tuple(row) for row in levels]}"
        do = "concatenate the levels, each flattened row by row, along axis 1"
        raise ShapeError(WHERE, f"value with the {pixels} pixels of all levels", got, do)
    if locations[0] != value[0] or locations[2] != value[2]:
        got = f"value of shape {tuple(value)} and locations of shape {tuple(locations)}"
        raise ShapeError(WHERE, "value and locations of one batch and number of heads", got, "expand one of them")
    if tuple(weights) != tuple(locations[:5]):
        got = f"weights of shape {tuple(weights)} and locations of shape {tuple(locations)}"
        raise ShapeError(WHERE, "one of weights for each of locations", got, "(N, queries, heads, levels, points)")
    for name, dtype in dtypes.items():
        if dtype not in COMPUTED:
            raise DtypeError(WHERE, f"{name} of one of the types {', '.join(COMPUTED)}", dtype, "convert it first")
