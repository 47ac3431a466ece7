# SPDX-License-Identifier: Apache-2.0
"""Free-form deformation: x_in = x_out + Σ_k B(c - k) d[k], a B-spline over a coarse grid of control points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gridsample import api, mapped
from gridsample.errors import OptionError, RankError, ShapeError, unknown
from gridsample.made import Made
from gridsample.maps import arrays
from gridsample.maps.arrays import Array
from gridsample.maps.base import Components, Map, Size, spatial
from gridsample.spec.frames import ORDERS

KERNELS = {1: "linear", 3: "bspline3"}  # of the splines' degrees


class BSplineField(Map):
    """x_in = x_out + Σ_k B(c(x_out) - k) d[k], B a B-spline, d the displacements of control points, in pixels.

    Shapes:
        control: (N or 1, D, *m), or without N; at least degree + 1 control points on each axis.
        size: the output's spatial lengths, in memory order.

    Convention:
        degree: 3, the cubic B-spline, or 1, straight lines between the control points. Cubic: control point 1 lies on
        the first pixel of an axis and point m - 2 on the last, so one row of points lies outside at each end. Linear:
        the first and the last point lie on the first and the last pixel, as ``F.interpolate(align_corners=True)`` has
        it. Both: c = (degree - 1)/2 + x (m - degree) / (n - 1). Beyond those the field goes on as it is there.
        Displacements are the spline's coefficients, not its values (no prefilter); all zero is exactly the identity,
        all equal exactly that shift up to rounding. order: "xy" has component 0 along x. Rueckert et al. 1999.

    Raises:
        RankError, ShapeError. OptionError: another degree.

    >>> import numpy as np, gridsample as gs
    >>> control = np.zeros((2, 4, 4))
    >>> control[0] = 3.0
    >>> gs.maps.BSplineField(control, size=(20, 30))([[7.0, 5.0]])
    array([[10.,  5.]])
    """

    def __init__(self, control: Any, size: Sequence[int], *, degree: int = 3, order: str = "xy") -> None:
        if order not in ORDERS:
            raise unknown("BSplineField", "order", order, ORDERS)
        if degree not in KERNELS:
            raise OptionError("BSplineField", "degree 1 or 3", repr(degree), "3 is smooth, 1 has straight lines")
        control = arrays.one("BSplineField", "control", control)
        self.axes = len(tuple(size))
        if control.ndim == self.axes + 1:
            control = control[None]
        if not 1 <= self.axes <= 3 or control.ndim != self.axes + 2 or control.shape[1] != self.axes:
            got = f"shape {tuple(control.shape)}"
            raise RankError("BSplineField", f"control (N, {self.axes}, *m) for a {self.axes}D output", got, "see size")
        if min(control.shape[2:]) < degree + 1:
            got = f"{tuple(control.shape[2:])}"
            raise ShapeError("BSplineField", f"{degree + 1} control points or more on each axis", got, "give more")
        if order == "ij":
            control = control[:, list(reversed(range(self.axes)))]
        self.control = control  # (N, D, *m), x first, pixels
        self.degree = int(degree)
        self.size = spatial("BSplineField", "size", size, self.axes)

    def _at(self, xs: Components) -> list[Array]:
        """Points of any shape: the control points are an image, read with the spline's kernel as they are."""
        c = [self._control_position(x, self.axes - 1 - j) for j, x in enumerate(xs)]
        kernel = KERNELS[self.degree]
        field = api.sample(
            self.control, arrays.stacked(c), kernel=kernel, boundary="clamp", prefilter=False, nonfinite="propagate"
        )
        return [x + field[:, j] for j, x in enumerate(xs)]

    def components(self, size: Sequence[int] | None = None) -> list[Array]:
        field = self.displacements(size)
        return [x + field[:, j] for j, x in enumerate(self.ramps(self.output_size(size)))]

    def made(self, size: Size) -> Made | None:
        """The engine's loops know control points that are no denser than the output they are laid for."""
        assert self.size is not None
        if any(m - self.degree > max(n - 1, 1) for m, n in zip(self.control.shape[2:], self.size, strict=True)):
            return None

        def coordinates(numbers: Array) -> Array:
            return mapped.changed(self, control=numbers).coords(size)

        return Made("control", self.control, size, coordinates, control=(self.degree, self.size))

    def displacements(self, size: Sequence[int] | None = None) -> Array:
        """The field at every pixel of an output, (N, D, *size): the control points times a matrix for each axis."""
        field = self.control
        for d, n in enumerate(self.output_size(size)):
            field = _along(field, self._matrix(arrays.ramp(self.control, n), d), 2 + d)
        return field

    def _control_position(self, x: Array, d: int) -> Array:
        """c of positions along spatial axis ``d``, kept between the first pixel's and the last's."""
        assert self.size is not None
        m = self.control.shape[2 + d]
        per_pixel, first = float(m - self.degree) / max(self.size[d] - 1, 1), (self.degree - 1) // 2
        return arrays.namespace(x).clip(x * per_pixel + first, float(first), float(m - 1 - first))

    def _matrix(self, x: Array, d: int) -> Array:
        """What each control point of an axis weighs in each position: (positions, control points)."""
        xp, m = arrays.namespace(x), self.control.shape[2 + d]
        c = self._control_position(x, d)
        before = (self.degree - 1) // 2
        first = xp.clip(xp.floor(arrays.detached(c)) - before, 0.0, float(m - 1 - self.degree))
        t, columns = c - before - first, arrays.ramp(x, m)
        taps = weights(t) if self.degree == 3 else [1 - t, t]
        return sum((columns[None] == (first + k)[:, None]) * tap[:, None] for k, tap in enumerate(taps))

    def _details(self) -> str:
        numbers = arrays.concrete(self.control)
        count = "×".join(map(str, self.control.shape[2:]))
        return f"{count} control points" + ("" if numbers is None else f" up to {np.abs(numbers).max():.3g} px")


def weights(t: Array) -> list[Array]:
    """The cubic B-spline's four weights."""
    s = 1 - t
    return [s * s * s / 6, 2 / 3 - t * t * (1 - t / 2), 2 / 3 - s * s * (1 - s / 2), t * t * t / 6]


def _along(field: Array, matrix: Array, axis: int) -> Array:
    xp = arrays.namespace(field)
    moved = xp.matmul(xp.moveaxis(field, axis, -1), xp.swapaxes(matrix, 0, 1))
    return xp.moveaxis(moved, -1, axis)
