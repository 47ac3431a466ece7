# SPDX-License-Identifier: Apache-2.0
"""Cameras of the sphere: pixel to direction of sight, and back. `Reprojection` joins two of them to a map.

    direction: (right, down, ahead), not of unit length; longitude = atan2(right, ahead), latitude = atan2(down, …)

Pixels are cells: a picture's outer edges are at -1/2 and n - 1/2.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import pi, radians, tan
from typing import Any

from gridsample.errors import OptionError, ShapeError
from gridsample.maps import arrays
from gridsample.maps.arrays import Array
from gridsample.maps.base import Components, spatial

# Faces of a cube: for each the directions of its picture's right, down and ahead. The order of a strip from the left.
FACES = {
    "front": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "right": ((0, 0, -1), (0, 1, 0), (1, 0, 0)),
    "back": ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),
    "left": ((0, 0, 1), (0, 1, 0), (-1, 0, 0)),
    "up": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "down": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
}


class Camera(ABC):
    """Pixels to directions and back."""

    size: tuple[int, ...]
    boundary: str | tuple[str, ...] | None = None

    @abstractmethod
    def ray(self, xs: Components) -> list[Array]:
        """(right, down, ahead) of pixel positions (x, y)."""

    @abstractmethod
    def pixel(self, ray: Components) -> list[Array]:
        """(x, y) of directions; NaN where the camera does not look."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'×'.join(map(str, self.size))})"


class Equirectangular(Camera):
    """The whole sphere: longitude across from -180° to 180°, latitude down from 90° above to 90° below.

    size: (height, width), usually 1 : 2. Straight ahead is the middle; the left and the right edge are one meridian.
    """

    boundary = ("clamp", "wrap")

    def __init__(self, size: Any) -> None:
        self.size = spatial("Equirectangular", "size", size, 2)

    def ray(self, xs: Components) -> list[Array]:
        xp, (height, width) = arrays.namespace(xs[0]), self.size
        longitude = (xs[0] + 0.5) * (2 * pi / width) - pi
        latitude = (xs[1] + 0.5) * (pi / height) - pi / 2  # positive below
        level = xp.cos(latitude)
        return [xp.sin(longitude) * level, xp.sin(latitude), xp.cos(longitude) * level]

    def pixel(self, ray: Components) -> list[Array]:
        xp, (height, width) = arrays.namespace(ray[0]), self.size
        right, down, ahead = (part + 0 * sum(ray) for part in ray)
        level2 = right * right + ahead * ahead
        pole = level2 == 0  # every longitude at once: take 0
        level = xp.sqrt(xp.where(pole, level2 * 0 + 1, level2))
        longitude = xp.arctan2(xp.where(pole, level * 0, right), xp.where(pole, level * 0 + 1, ahead))
        latitude = xp.where(pole, xp.sign(down) * (pi / 2), xp.arctan(down / level))
        return [(longitude + pi) * (width / (2 * pi)) - 0.5, (latitude + pi / 2) * (height / pi) - 0.5]


class Perspective(Camera):
    """A pinhole camera that looks straight ahead. fov_deg is the angle across the width; pixels are square."""

    def __init__(self, size: Any, fov_deg: float) -> None:
        self.size = spatial("Perspective", "size", size, 2)
        if not 0 < fov_deg < 180:
            raise OptionError(
                "Perspective", "fov_deg between 0 and 180", str(fov_deg), "give the angle across, in degrees"
            )
        self.fov_deg = float(fov_deg)
        self.focal_px = self.size[1] / 2 / tan(radians(self.fov_deg) / 2)

    def ray(self, xs: Components) -> list[Array]:
        height, width = self.size
        right, down = xs[0] - (width - 1) / 2, xs[1] - (height - 1) / 2
        return [right / self.focal_px, down / self.focal_px, xs[0] * 0 + 1]

    def pixel(self, ray: Components) -> list[Array]:
        xp, (right, down, ahead) = arrays.namespace(ray[0]), ray
        height, width = self.size
        seen = ahead > 0
        safe = xp.where(seen, ahead, ahead * 0 + 1)
        x, y = right / safe * self.focal_px + (width - 1) / 2, down / safe * self.focal_px + (height - 1) / 2
        return [xp.where(seen, x, float("nan")), xp.where(seen, y, float("nan"))]

    def __repr__(self) -> str:
        return f"Perspective({self.size[0]}×{self.size[1]}, {self.fov_deg:g}° across)"


class Cubemap(Camera):
    """Six square pictures of 90°, side by side: front, right, back, left, up, down; the strip is (face, 6 face).

    ``border`` pixels around each face belong to its neighbours (see `cube_strip`): with one, linear sampling crosses
    from face to face without a seam. The strip is then (face + 2 border, 6 (face + 2 border)).
    """

    boundary = "clamp"

    def __init__(self, face: int, *, border: int = 0) -> None:
        if face < 1 or border < 0:
            raise ShapeError("Cubemap", "face ≥ 1 and border ≥ 0", f"{face} and {border}", "give pixels")
        self.face, self.border = int(face), int(border)
        self.tile = self.face + 2 * self.border
        self.size = (self.tile, 6 * self.tile)

    def ray(self, xs: Components) -> list[Array]:
        xp = arrays.namespace(xs[0])
        face = xp.clip(xp.floor((arrays.detached(xs[0]) + 0.5) / self.tile), 0.0, 5.0)
        u = self._side(xs[0] - face * self.tile)
        v = self._side(xs[1])
        rays: list[Any] = [0.0, 0.0, 0.0]
        for k, (across, below, ahead) in enumerate(FACES.values()):
            chosen = face == k
            for i in range(3):
                rays[i] = xp.where(chosen, across[i] * u + below[i] * v + ahead[i], rays[i] + 0 * u)
        return rays

    def pixel(self, ray: Components) -> list[Array]:
        xp = arrays.namespace(ray[0])
        ray = [part + 0 * sum(ray) for part in ray]
        depths = [sum(a * r for a, r in zip(ahead, ray, strict=True)) for _, _, ahead in FACES.values()]
        nearest = depths[0]
        for depth in depths[1:]:
            nearest = xp.maximum(nearest, depth)
        x, y, taken = ray[0] * float("nan"), ray[0] * float("nan"), ray[0] != ray[0]
        for k, ((across, below, _), depth) in enumerate(zip(FACES.values(), depths, strict=True)):
            chosen = (depth == nearest) & ~taken
            taken = taken | chosen
            safe = xp.where(chosen, depth, depth * 0 + 1)
            u, v = (sum(a * r for a, r in zip(axis, ray, strict=True)) / safe for axis in (across, below))
            x = xp.where(chosen, self._place(u) + k * self.tile, x)
            y = xp.where(chosen, self._place(v), y)
        return [x, y]

    def _side(self, x: Array) -> Array:
        """Pixel of a tile to -1 … 1 across its face."""
        return (x - self.border + 0.5) * (2 / self.face) - 1

    def _place(self, u: Array) -> Array:
        return (u + 1) * (self.face / 2) - 0.5 + self.border
