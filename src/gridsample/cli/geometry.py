# SPDX-License-Identifier: Apache-2.0
"""Where each pixel of the new picture reads the old one: all options of `warp` as one output -> input map.

    x = M @ f(p)      p output pixel, f the flow or grid file (or nothing), M everything else, x input pixel

The options speak of the picture (turn it left, make it larger), the map goes the other way. Every number is float64
and every inverse is written down, not solved for, so that quarter turns and whole pixels stay exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridsample.spec.frames import FRAMES

Array = NDArray[Any]
Size = tuple[int, int]  # width, height, in pixels


@dataclass(frozen=True)
class Turn:
    """What --rotate, --scale, --shear and --translate ask for; the picture is scaled, sheared, turned, then moved."""

    rotate_deg: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    shear: tuple[float, float] = (0.0, 0.0)
    translate_px: tuple[float, float] = (0.0, 0.0)

    def linear(self) -> Array:
        """The 2x2 matrix that moves the picture's points, seen from its centre; y points down."""
        c, s = _cos_sin(self.rotate_deg)
        turn = np.array([[c, s], [-s, c]])  # counter-clockwise as seen
        shear = np.array([[1.0, self.shear[0]], [self.shear[1], 1.0]])
        return np.asarray(turn @ shear @ np.diag(self.scale))

    def inverse(self) -> Array:
        c, s = _cos_sin(self.rotate_deg)
        (kx, ky), (sx, sy) = self.shear, self.scale
        shear = np.array([[1.0, -kx], [-ky, 1.0]]) / (1.0 - kx * ky)
        return np.asarray(np.diag([1.0 / sx, 1.0 / sy]) @ shear @ np.array([[c, -s], [s, c]]))

    def matrix(self, source: Size, canvas: Size) -> Array:
        """Output pixel -> input pixel, 3x3: the centre of ``source`` comes to the centre of ``canvas``."""
        from_centre, to_centre = (np.array([(n - 1) / 2 for n in size]) for size in (source, canvas))
        matrix = np.eye(3)
        matrix[:2, :2] = self.inverse()
        matrix[:2, 2] = from_centre - matrix[:2, :2] @ (to_centre + self.translate_px)
        return matrix

    def fitting(self, source: Size) -> Size:
        """The smallest canvas that holds the whole picture, --translate apart."""
        width, height = np.abs(self.linear()) @ np.array(source, float)
        return max(math.ceil(width - 1e-6), 1), max(math.ceil(height - 1e-6), 1)  # 1e-6 px: cosines round


@dataclass(frozen=True)
class Field:
    """A file of numbers per output pixel, (H, W, 2), x first: a flow to add, or a grid of positions in ``frame``."""

    values: Array
    frame: str | None = None  # None: a flow, in pixels

    @property
    def size(self) -> Size:
        return self.values.shape[1], self.values.shape[0]

    def apply(self, p: Array, rows: slice, canvas: Size) -> Array:
        values = np.asarray(self.values[rows], np.float64)
        if self.frame is None:
            return p + values
        offset, scale, shift = np.array([FRAMES[self.frame].numbers(n) for n in canvas]).T
        return np.asarray((values + offset) * scale + shift)


@dataclass(frozen=True)
class Map:
    """One output -> input map: for output pixels, positions in the input, in pixels and x first."""

    size: Size  # of the output
    matrix: Array
    field: Field | None
    canvas: Size  # what the matrix and the numbers of a grid refer to

    def coords(self, rows: slice) -> Array:
        """The positions (h, W, 2) of some rows of the output. NaN: nowhere (beyond a homography's horizon)."""
        y, x = np.mgrid[rows, 0 : self.size[0]].astype(np.float64)
        p = np.stack([x, y], axis=-1)
        if self.field is not None:
            p = self.field.apply(p, rows, self.canvas)
        x, y = p[..., 0], p[..., 1]
        with np.errstate(invalid="ignore"):  # infinity in a field times a 0 of the matrix: nowhere, as it should be
            # Sums written out, not `@`: what BLAS adds first depends on the shape, and strips would show.
            moved = [m[0] * x + (m[1] * y + m[2]) for m in self.matrix[: 2 if self.affine else 3]]
            if not self.affine:
                w = np.where(moved[2] > 0, moved[2], np.nan)
                moved = [moved[0] / w, moved[1] / w]
        return np.stack(moved, axis=-1)

    @property
    def affine(self) -> bool:
        return np.array_equal(self.matrix[2], [0, 0, 1])

    def facing(self) -> Map:
        """The same map with the sign of a homography chosen so that the canvas's centre is before the horizon."""
        centre = [(n - 1) / 2 for n in self.canvas]
        flip = not self.affine and self.matrix[2] @ [*centre, 1.0] < 0
        return Map(self.size, -self.matrix if flip else self.matrix, self.field, self.canvas)


def _cos_sin(angle_deg: float) -> tuple[float, float]:
    """Exact for quarter turns, which math.cos is not: cos(90 degrees) would be 6e-17."""
    quarter, rest = divmod(angle_deg, 90.0)
    c, s = math.cos(math.radians(rest)), math.sin(math.radians(rest))
    return ((c, s), (-s, c), (-c, -s), (s, -c))[int(quarter) % 4]
