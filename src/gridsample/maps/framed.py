# SPDX-License-Identifier: Apache-2.0
"""Maps in other frames, and grids for and from plain torch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from gridsample import mapped
from gridsample.errors import MapWarning, RankError
from gridsample.maps import arrays, pixels
from gridsample.maps.affine import Affine, described
from gridsample.maps.arrays import Array
from gridsample.maps.base import Map, spatial
from gridsample.maps.fields import Positions


class Framed:
    """A map called with, and answering in, positions of another frame; made by ``map.in_frame(...)``.

        framed(g) = to_frame(map(to_pixels(g)))

    `matrix` is the matrix in that frame, for an affine map. Samplers take it as they take the map.
    """

    def __init__(
        self, map_: Map, frame: str, input_size: Sequence[int], output_size: Sequence[int] | None, order: str
    ) -> None:
        pixels.check("in_frame", frame, order)
        self.map, self.frame, self.order = map_, frame, order
        self.input_size = spatial("in_frame", "input_size", input_size, map_.axes)
        outer = output_size or map_.size or input_size
        self.output_size = spatial("in_frame", "output_size", outer, map_.axes)

    def __call__(self, positions: Any) -> Array:
        here, g = self.map._beside(positions)
        x = pixels.positions_to_pixels(g, self.frame, self.output_size, self.order)
        return pixels.positions_from_pixels(here(x), self.frame, self.input_size, self.order)

    def coords(self, size: Sequence[int] | None = None) -> Array:
        """Input positions of every output pixel, in the frame: (N, *output_size, D)."""
        x = self.map.coords(size or self.output_size)
        return pixels.positions_from_pixels(x, self.frame, self.input_size, self.order)

    @property
    def gridsample_map(self) -> Map:
        """What the verbs take: the map from output to input pixels."""
        if self.map.size is None:
            return mapped.changed(self.map, size=self.output_size)
        if self.map.size == self.output_size:
            return self.map
        return self.map @ Affine(np.eye(self.map.axes, self.map.axes + 1), size=self.output_size)

    @property
    def matrix(self) -> Array:
        """(N, D, D + 1), of an affine map."""
        if not isinstance(self.map, Affine):
            raise RankError("in_frame", "an affine map", type(self.map).__name__, "call it, or use coords()")
        return pixels.matrix_from_pixels(
            "in_frame", self.map.matrix, self.frame, self.input_size, self.output_size, self.order
        )

    def __repr__(self) -> str:
        first = "last axis first" if self.order == "ij" else "x first"
        details = f": {described(self.matrix)}" if isinstance(self.map, Affine) else ""
        sizes = f"{'×'.join(map(str, self.output_size))} → {'×'.join(map(str, self.input_size))}"
        kind = type(self.map).__name__
        return f"{kind}(output → input, in frame {self.frame!r}, {first}; {self.map.axes}D, {sizes}{details})"


def to_grid(
    map_: Map, input_size: Sequence[int], output_size: Sequence[int] | None = None, *, align_corners: bool
) -> Array:
    """The grid with which ``F.grid_sample`` does what the map does.

        F.grid_sample(image, to_grid(map, image.shape[2:], align_corners=a), align_corners=a) = gs.sample(image, map)

    Shapes:
        input_size, output_size: spatial lengths in memory order; the output's default is the map's own, else the
        input's.

    Convention:
        align_corners must be the one that F.grid_sample is then given. With True, an axis of one pixel has a single
        position: everything lies in it. Positions that lie nowhere are NaN.

    Returns:
        (N, *output_size, D), normalised, x first.

    >>> import gridsample as gs
    >>> gs.maps.to_grid(gs.maps.Affine.identity(), (1, 2), align_corners=False)
    array([[[[-0.5,  0. ],
             [ 0.5,  0. ]]]])
    """
    inner = spatial("to_grid", "input_size", input_size, map_.axes)
    x = map_.coords(output_size or map_.size or inner)
    return pixels.positions_from_pixels(x, "corners" if align_corners else "edges", inner)


def from_grid(grid: Any, input_size: Sequence[int], *, align_corners: bool) -> Map:
    """The map of a grid made for ``F.grid_sample``.

    Shapes:
        grid: (N or 1, *out, D), normalised, x first. input_size: the image's spatial lengths, in memory order.

    Returns:
        Positions, for an output of size *out; between its pixels it is linear.

    Raises:
        MapWarning (a warning): the grid holds numbers far outside -1 … 1, as pixels would be.

    >>> import gridsample as gs
    >>> gs.maps.from_grid([[[[0.0, 0.0]]]], (3, 5), align_corners=True).coords()
    array([[[[2., 1.]]]])
    """
    grid = arrays.one("from_grid", "grid", grid)
    axes = grid.shape[-1] if grid.ndim else 0
    if not 1 <= axes <= 3 or grid.ndim != axes + 2:
        got = f"shape {tuple(grid.shape)}"
        raise RankError("from_grid", "grid (N, *out, D) with D output axes", got, "put the coordinates last")
    numbers = arrays.concrete(grid)
    if numbers is not None and numbers.size and np.nanmedian(np.abs(numbers)) > 2:
        message = (
            f"from_grid: half of the coordinates are beyond ±2 (median {np.nanmedian(np.abs(numbers)):.3g}): these "
            "look like pixels; maps.Positions takes pixels"
        )
        warnings.warn(message, MapWarning, stacklevel=2)
    inner = spatial("from_grid", "input_size", input_size, axes)
    return Positions(pixels.positions_to_pixels(grid, "corners" if align_corners else "edges", inner))
