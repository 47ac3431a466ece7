# SPDX-License-Identifier: Apache-2.0
"""Maps given by numbers at the pixels of the output: displacements (flow), positions, and stationary velocities.

Between pixels a field is linear, beyond its rim it goes on as it is there.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from gridsample import api, mapped
from gridsample.errors import MapWarning, RankError, unknown
from gridsample.made import Made
from gridsample.maps import arrays
from gridsample.maps.arrays import Array
from gridsample.maps.base import Components, Map, Size
from gridsample.spec.frames import ORDERS


class Displacement(Map):
    """x_in = x_out + u(x_out): a flow, in pixels.

    Shapes:
        field: (N or 1, D, *n), or without N: component 0 moves along x (order="xy"; as RAFT's flow), or along the
        first spatial axis (order="ij"; as VoxelMorph's). *n is the output's size.

    Convention:
        Output to input: where to look for each output pixel, so that ``image2`` sampled along the flow from 1 to 2
        looks like ``image1``. A field of zeros is exactly the identity.

    Raises:
        RankError: components not in axis 1. MapWarning (a warning): the field looks like positions, not displacements.

    >>> import numpy as np, gridsample as gs
    >>> flow = np.zeros((2, 3, 4))
    >>> flow[0] = 1.5  # look 1.5 pixels to the right
    >>> gs.maps.Displacement(flow).coords()[0, 0, 0]
    array([1.5, 0. ])
    """

    def __init__(self, field: Any, *, order: str = "xy") -> None:
        name = type(self).__name__
        if order not in ORDERS:
            raise unknown(name, "order", order, ORDERS)
        field = _batched(name, arrays.one(name, "field", field))
        self.axes = field.shape[1]
        if order == "ij":
            field = field[:, list(reversed(range(self.axes)))]
        self.field = field  # (N, D, *n), x first, pixels
        self.size = tuple(int(n) for n in field.shape[2:])
        _warn_of_positions(name, field)

    def _at(self, xs: Components) -> list[Array]:
        read = read_field(self.field, arrays.stacked(list(xs)))
        return [x + read[:, j] for j, x in enumerate(xs)]

    def components(self, size: Sequence[int] | None = None) -> list[Array]:
        if self.output_size(size) != self.size:
            return super().components(size)
        return [x + self.field[:, j] for j, x in enumerate(self.ramps(self.size))]

    def made(self, size: Size) -> Made | None:
        if size != self.size:
            return None
        xp = arrays.namespace(self.field)

        def coordinates(numbers: Array) -> Array:
            return mapped.changed(self, field=xp.moveaxis(numbers, -1, 1)).coords(size)

        return Made("displaced", xp.moveaxis(self.field, 1, -1), size, coordinates)

    def resized(self, size: Sequence[int]) -> Displacement:
        """The same field for an output, and an image, of another size: read in between, and scaled as they are.

        u'(x') = u(x) n'/n,   x = (x' + 1/2) n/n' - 1/2
        """
        new = self.output_size(size)
        old = self.size
        assert old is not None
        ratios = [n / m for n, m in zip(reversed(new), reversed(old), strict=True)]
        places = [(x + 0.5) / ratio - 0.5 for x, ratio in zip(self.ramps(new), ratios, strict=True)]
        read = read_field(self.field, arrays.stacked(places))
        xp = arrays.namespace(read)
        return Displacement(xp.stack([read[:, j] * ratio for j, ratio in enumerate(ratios)], axis=1))

    def _entries(self, xs: Components) -> list[list[Array]]:
        return lattice_entries(self, xs)

    def _slopes(self, xs: Components) -> list[list[Array]]:
        slopes, axes = read_slopes(self.field, xs), range(self.axes)
        return [[slopes[:, i, ..., j] + float(i == j) for j in axes] for i in axes]

    def _details(self) -> str:
        numbers = arrays.concrete(self.field)
        return "" if numbers is None else f"displacements up to {np.abs(numbers).max(initial=0):.3g} px"


class Positions(Map):
    """x_in = p[x_out]: positions written down for every output pixel, such as OpenCV's remap tables.

    Shapes:
        positions: (N or 1, *n, D), D = the number of axes of n. *n is the output's size.

    Convention:
        In pixels, x first. Between pixels linear; beyond the rim as on it.

    Raises:
        RankError. MapWarning (a warning): all positions are within ±1.5 on an output that is larger.

    >>> import numpy as np, gridsample as gs
    >>> y, x = np.mgrid[0:9, 0:9].astype(float)
    >>> gs.maps.Positions(np.stack([x, y], axis=-1)[None])([[3.5, 2.0]])
    array([[3.5, 2. ]])
    """

    def __init__(self, positions: Any) -> None:
        positions = arrays.one("Positions", "positions", positions)
        axes = positions.shape[-1] if positions.ndim else 0
        if not 1 <= axes <= 3 or positions.ndim != axes + 2:
            got = f"shape {tuple(positions.shape)}"
            raise RankError("Positions", "positions (N, *n, D) with D output axes", got, "put x, y last; add a batch")
        self.axes = axes
        self.positions = positions  # (N, *n, D)
        self.size = tuple(int(n) for n in positions.shape[1:-1])
        numbers = arrays.concrete(positions)
        if numbers is not None and max(self.size) > 4 and np.nanmax(np.abs(numbers), initial=0) <= 1.5:
            message = (
                f"Positions: all positions are within ±{np.nanmax(np.abs(numbers)):.3g} px on an output of "
                f"{'×'.join(map(str, self.size))}: these look normalised; from_grid takes such grids"
            )
            warnings.warn(message, MapWarning, stacklevel=2)

    def _at(self, xs: Components) -> list[Array]:
        xp = arrays.namespace(self.positions)
        read = read_field(xp.moveaxis(self.positions, -1, 1), arrays.stacked(list(xs)))
        return [read[:, j] for j in range(self.axes)]

    def coords(self, size: Sequence[int] | None = None) -> Array:
        return self.positions if self.output_size(size) == self.size else super().coords(size)

    def components(self, size: Sequence[int] | None = None) -> list[Array]:
        if self.output_size(size) != self.size:
            return super().components(size)
        return [self.positions[..., j] for j in range(self.axes)]

    def _entries(self, xs: Components) -> list[list[Array]]:
        return lattice_entries(self, xs)

    def _slopes(self, xs: Components) -> list[list[Array]]:
        slopes = read_slopes(arrays.namespace(self.positions).moveaxis(self.positions, -1, 1), xs)
        return [[slopes[:, i, ..., j] for j in range(self.axes)] for i in range(self.axes)]


class Velocity(Displacement):
    """The flow, after unit time, of a velocity that stays as it is: a smooth map with a smooth inverse.

        φ = exp(v):   u ← v / 2^steps,   then ``steps`` times   u ← u + u∘(id + u)     (scaling and squaring)

    Shapes:
        velocity: (N or 1, D, *n), or without N, in pixels; as the field of a `Displacement`.

    Convention:
        ``field`` is the displacement it comes to; the inverse is the flow of -v. Arsigny et al. 2006.

    >>> import numpy as np, gridsample as gs
    >>> v = np.stack([np.full((5, 6), 2.0), np.zeros((5, 6))])
    >>> gs.maps.Velocity(v)([[1.0, 1.0]])
    array([[3., 1.]])
    """

    def __init__(self, velocity: Any, *, steps: int = 7, order: str = "xy") -> None:
        super().__init__(velocity, order=order)
        self.velocity, self.steps = self.field, int(steps)
        ramps = self.ramps(self.size or ())
        u = self.velocity / 2.0**self.steps
        for _ in range(self.steps):
            places = arrays.stacked([x + u[:, j] for j, x in enumerate(ramps)])
            u = u + read_field(u, places)
        self.field = u

    def inverse(self, **_: Any) -> Velocity:
        """The flow of -v: the inverse to the accuracy of the integration."""
        return Velocity(-self.velocity, steps=self.steps)


def read_field(field: Array, positions: Array) -> Array:
    """``field`` (N, C, *n) at pixel positions (N, …, D): linear, and beyond the rim as on it; (N, C, …)."""
    return api.sample(field, positions, boundary="clamp")


def read_slopes(field: Array, xs: Components) -> Array:
    """d field / d position at components, of the field as it is read: (N, C, …, D)."""
    return api.sample_grad(field, arrays.stacked(list(xs)), boundary="clamp")


def lattice_entries(map_: Map, xs: Components) -> list[list[Array]]:
    """J by differences over whole pixels, one-sided at the rim: what fields are registered and judged by."""
    xp, axes = arrays.namespace(xs[0]), range(map_.axes)
    assert map_.size is not None
    lengths = list(reversed(map_.size))
    columns = []
    for j in axes:
        ahead, behind = xp.clip(xs[j] + 1, 0, lengths[j] - 1), xp.clip(xs[j] - 1, 0, lengths[j] - 1)
        step = ahead - behind
        step = xp.where(step > 0, step, step * 0 + 1)  # one pixel long, or beyond the rim
        front = map_._at([ahead if i == j else x for i, x in enumerate(xs)])
        back = map_._at([behind if i == j else x for i, x in enumerate(xs)])
        columns.append([(f - b) / step for f, b in zip(front, back, strict=True)])
    return [[columns[j][i] for j in axes] for i in axes]


def _batched(name: str, field: Array) -> Array:
    rank = field.ndim
    axes = rank - 2
    if rank >= 2 and field.shape[0] == rank - 1 and not (3 <= rank <= 5 and field.shape[1] == axes):
        field, axes = field[None], rank - 1
    if not 1 <= axes <= 3 or field.shape[1] != axes:
        do = "put the components in axis 1: field.permute(0, 3, 1, 2), numpy.moveaxis(field, -1, 1)"
        raise RankError(name, "field (N, D, *n) with D spatial axes", f"shape {tuple(field.shape)}", do)
    return field


def _warn_of_positions(name: str, field: Array) -> None:
    """Fields that are positions grow by one a pixel along their own axis; a few lines of the first show that."""
    numbers = arrays.concrete(field)
    if numbers is None or min(field.shape[2:]) < 4 or 0 in field.shape:
        return
    axes = field.shape[1]
    lines = [np.moveaxis(numbers[0, j], -1 - j, -1).reshape(-1, numbers.shape[-1 - j]) for j in range(axes)]
    slopes = [float(np.median(np.diff(line[:: max(len(line) // 8, 1)]))) for line in lines]
    if all(abs(slope - 1) < 0.1 for slope in slopes):
        message = (
            f"{name}: the field grows by {', '.join(f'{s:.3g}' for s in slopes)} px per pixel along its own axes: it "
            "looks like positions, not displacements; maps.Positions takes positions"
        )
        warnings.warn(message, MapWarning, stacklevel=3)
