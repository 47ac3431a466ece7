# SPDX-License-Identifier: Apache-2.0
"""What is timed: one row of CASES per case. Arrays are made from a fixed seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, radians, sin
from typing import Any

import numpy as np

import gridsample as gs

Array = np.ndarray[Any, np.dtype[Any]]
GridMaker = Callable[[np.random.Generator, int, tuple[int, ...]], Array]


@dataclass(frozen=True)
class Case:
    """An image (N, C, *n), a grid (N, *out, D) in normalised coordinates, and how to sample."""

    name: str
    group: str
    image: tuple[int, ...]
    out: tuple[int, ...]
    grid: GridMaker
    channels_last: bool = False
    modes: tuple[str, ...] = ("bilinear", "nearest", "bicubic")
    paddings: tuple[str, ...] = ("zeros",)  # all but the first are run bilinear, forward and in float32 only
    dtypes: tuple[str, ...] = ("float32",)  # of the image

    def arrays(self, dtype: str = "float32") -> tuple[Array, Array]:
        """Image and grid, contiguous. The grid is float32, but float64 for a float64 image."""
        rng = np.random.default_rng(20240611)
        if np.issubdtype(np.dtype(dtype), np.integer):
            image = rng.integers(0, 256, self.image).astype(dtype)
        else:
            image = rng.random(self.image, dtype=np.float32).astype(dtype, copy=False)
        points = "float64" if dtype == "float64" else "float32"
        return image, np.ascontiguousarray(self.grid(rng, self.image[0], self.out), dtype=points)

    @property
    def axes(self) -> int:
        return len(self.image) - 2

    @property
    def smooth(self) -> bool:
        """Whether neighbouring points read neighbouring pixels, so that the image could be streamed."""
        return self.grid is not anywhere

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the result: (N, C, *out)."""
        return (*self.image[:2], *self.out)


@dataclass(frozen=True)
class Turned:
    """A rotation in the plane of the last two axes; a zoom above 1 shows more of the image."""

    degrees: float
    zoom: float = 1.0

    def __call__(self, rng: np.random.Generator, batch: int, out: tuple[int, ...]) -> Array:
        return np.asarray(gs.affine_grid(self.theta(batch, len(out)), (batch, 1, *out)))

    def theta(self, batch: int, axes: int) -> Array:
        """(batch, axes, axes + 1), as torch's affine_grid takes it."""
        theta = np.zeros((batch, axes, axes + 1), np.float32)
        for d in range(axes):
            theta[:, d, d] = self.zoom
        if axes > 1:
            c, s = self.zoom * cos(radians(self.degrees)), self.zoom * sin(radians(self.degrees))
            theta[:, :2, :2] = [[c, -s], [s, c]]
        return theta


def anywhere(rng: np.random.Generator, batch: int, out: tuple[int, ...]) -> Array:
    """Uniformly random points."""
    return rng.uniform(-1, 1, (batch, *out, len(out))).astype(np.float32)


def bent(rng: np.random.Generator, batch: int, out: tuple[int, ...]) -> Array:
    """A smooth displacement of a few pixels."""
    grid = Turned(0)(rng, batch, out)
    return np.asarray(grid + 0.03 * np.sin(3 * np.pi * grid[..., ::-1]))


_VOLUME = ("bilinear", "nearest")
_PIXELS = ("float32", "uint8")
_BOTH = ("float32", "float64")
_ALL = ("zeros", "border", "reflection")
_PHOTO, _HD = (1, 3, 1080, 1920), (1080, 1920)

CASES: tuple[Case, ...] = (
    Case("photo, small rotation", "2D", _PHOTO, _HD, Turned(5), paddings=_ALL, dtypes=_PIXELS),
    Case("photo, random points", "2D", _PHOTO, _HD, anywhere, dtypes=_PIXELS),
    Case("photo, 4x zoom-out", "2D", _PHOTO, _HD, Turned(5, 4.0), dtypes=_PIXELS),
    Case("photo, 4x zoom-in", "2D", _PHOTO, _HD, Turned(5, 0.25), dtypes=_PIXELS),
    Case("photo, interleaved", "2D interleaved", _PHOTO, _HD, Turned(5), True, dtypes=_PIXELS),
    Case("features 8x64", "2D", (8, 64, 128, 128), (128, 128), Turned(10), paddings=_ALL, dtypes=_BOTH),
    Case("features 1x256", "2D", (1, 256, 100, 150), (100, 150), Turned(10)),
    Case("features 8x64, channels last", "2D channels last", (8, 64, 128, 128), (128, 128), Turned(10), True),
    Case("features 1x256, channels last", "2D channels last", (1, 256, 100, 150), (100, 150), Turned(10), True),
    Case("digits", "2D", (64, 1, 28, 28), (28, 28), Turned(20)),
    Case("deformable", "2D", (64, 32, 100, 150), (900, 4), anywhere),
    Case("small call", "2D small", (1, 1, 8, 8), (8, 8), Turned(20)),
    Case("volume 128, affine", "3D", (1, 1, 128, 128, 128), (128, 128, 128), Turned(10), modes=_VOLUME),
    Case("volume 128, displacement", "3D", (1, 1, 128, 128, 128), (128, 128, 128), bent, modes=_VOLUME),
    Case("volume 64, affine", "3D", (2, 4, 64, 64, 64), (64, 64, 64), Turned(10), False, _VOLUME, _ALL, _BOTH),
    Case("volume 64, displacement", "3D", (2, 4, 64, 64, 64), (64, 64, 64), bent, modes=_VOLUME),
    Case("volume 192, affine", "3D", (1, 2, 192, 192, 192), (192, 192, 192), Turned(10), modes=_VOLUME),
    Case("volume 192, displacement", "3D", (1, 2, 192, 192, 192), (192, 192, 192), bent, modes=_VOLUME),
    Case("signal", "1D", (16, 32, 16384), (16384,), Turned(0, 0.9)),
)
