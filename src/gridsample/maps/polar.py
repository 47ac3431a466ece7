# SPDX-License-Identifier: Apache-2.0
"""Polar and log-polar pictures: angle down, radius across, as OpenCV's and scikit-image's."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from typing import Any

from gridsample.errors import OptionError
from gridsample.maps import arrays
from gridsample.maps.arrays import Array
from gridsample.maps.base import Components, Map, spatial


class Polar(Map):
    """The picture unrolled about a centre: rows are angles, columns are radii.

        x_in = centre + r (cos a, sin a),   a = 2π y / height,   r = radius x / width    (log: r = radius^(x / width))

    Shapes:
        centre_px: (2,) or (N, 2). radius_px: () or (N,): that of column ``width``, the first that is not there.
        size: (height, width) of the output: angles, radii.

    Convention:
        Angle 0 points right, and angles grow downwards (clockwise as seen); ``skimage.transform.warp_polar`` and
        OpenCV's ``warpPolar``. Log-polar starts at radius 1. Reading the output beyond its top needs "wrap".

    Raises:
        OptionError: a radius not above 0 (log: not above 1).

    >>> import gridsample as gs
    >>> gs.maps.Polar([50, 50], 40, size=(360, 40))([[10, 0], [10, 90]])
    array([[60., 50.],
           [50., 60.]])
    """

    axes = 2

    def __init__(self, centre_px: Any, radius_px: Any, size: Sequence[int], *, log: bool = False) -> None:
        centre, radius = arrays.together("Polar", centre_px=centre_px, radius_px=radius_px)
        self.centre, self.radius = centre.reshape(-1, 2), radius.reshape(-1)
        self.size = spatial("Polar", "size", size, 2)
        self.log = bool(log)
        numbers = arrays.concrete(self.radius)
        if numbers is not None and not (numbers > (1 if log else 0)).all():
            raise OptionError("Polar", f"radius_px above {1 if log else 0}", str(numbers), "give the largest radius")

    def _at(self, xs: Components) -> list[Array]:
        from gridsample.maps.turning import cos_sin

        xp, (x, y) = arrays.namespace(xs[0]), xs
        height, width = self.size or (1, 1)
        radius = arrays.raised(self.radius, x)
        r = xp.exp(x * (xp.log(radius) / width)) if self.log else x * (radius / width)
        c, s = cos_sin(y * (360.0 / height))
        return [arrays.raised(self.centre[:, 0], x) + r * c, arrays.raised(self.centre[:, 1], x) + r * s]

    def inverse(self, **_: Any) -> Unpolar:
        """From the picture's positions to those of the unrolled picture."""
        return Unpolar(self)


class Unpolar(Map):
    """The inverse of `Polar`: an unrolled picture rolled up again. Angles from 0 up to 2π; the centre lies at angle 0.

    >>> import gridsample as gs
    >>> gs.maps.Polar([50, 50], 40, size=(360, 40)).inverse()([[60, 50], [50, 60]])
    array([[10.,  0.],
           [10., 90.]])
    """

    axes = 2
    boundary = ("wrap", "clamp")

    def __init__(self, polar: Polar) -> None:
        self.polar = polar

    def _at(self, xs: Components) -> list[Array]:
        xp, polar = arrays.namespace(xs[0]), self.polar
        x = xs[0] - arrays.raised(polar.centre[:, 0], xs[0])
        y = xs[1] - arrays.raised(polar.centre[:, 1], xs[0])
        squares = x * x + y * y
        away = squares > 0
        squares = xp.where(away, squares, squares * 0 + 1)
        height, width = polar.size or (1, 1)
        radius = arrays.raised(polar.radius, squares)
        if polar.log:
            column = xp.where(away, 0.5 * xp.log(squares) * (width / xp.log(radius)), -float("inf"))
        else:
            column = xp.where(away, xp.sqrt(squares) * (width / radius), 0.0)
        angle = xp.arctan2(xp.where(away, y + 0 * x, squares * 0), xp.where(away, x + 0 * y, squares))
        angle = xp.where(angle < 0, angle + 2 * pi, angle)
        return [column, angle * (height / (2 * pi))]

    def inverse(self, **_: Any) -> Polar:
        """The `Polar` itself."""
        return self.polar

    def _details(self) -> str:
        return f"inverse of {self.polar!r}"
