# SPDX-License-Identifier: Apache-2.0
"""What is timed: one row per case. Arrays are made from a fixed seed; a case fits every peer that says it can do it."""

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
    paddings: tuple[str, ...] = ("zeros",)

    def arrays(self) -> tuple[Array, Array]:
        rng = np.random.default_rng(20240611)
        image = rng.random(self.image, dtype=np.float32)
        return image, np.ascontiguousarray(self.grid(rng, self.image[0], self.out), dtype=np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the result: (N, C, *out)."""
        return (*self.image[:2], *self.out)


@dataclass(frozen=True)
class Run:
    """One row of a result file: a case, how to sample, which way, on how many threads."""

    case: Case
    mode: str
    padding: str
    verb: str
    threads: int

    @property
    def jumps(self) -> bool:
        """Whether results are not continuous in the coordinates: nearest, and derivatives where pieces meet."""
        return self.mode == "nearest" or self.verb == "backward"

    def __str__(self) -> str:
        return f"{self.case.name}, {self.mode}, {self.padding}, {self.verb}, {threads_text(self.threads)}"


def threads_text(threads: int) -> str:
    return f"{threads} thread{'s' * (threads != 1)}"


def turned(degrees: float, zoom: float = 1.0) -> GridMaker:
    """A rotation in the plane of the last two axes; a zoom above 1 shows more of the image."""

    def make(rng: np.random.Generator, batch: int, out: tuple[int, ...]) -> Array:
        axes = len(out)
        theta = np.zeros((batch, axes, axes + 1), np.float32)
        for d in range(axes):
            theta[:, d, d] = zoom
        if axes > 1:
            c, s = zoom * cos(radians(degrees)), zoom * sin(radians(degrees))
            theta[:, :2, :2] = [[c, -s], [s, c]]
        return np.asarray(gs.affine_grid(theta, (batch, 1, *out)))

    return make


def anywhere(rng: np.random.Generator, batch: int, out: tuple[int, ...]) -> Array:
    """Uniformly random points."""
    return rng.uniform(-1, 1, (batch, *out, len(out))).astype(np.float32)


def bent(rng: np.random.Generator, batch: int, out: tuple[int, ...]) -> Array:
    """A smooth displacement of a few pixels."""
    grid = turned(0)(rng, batch, out)
    return np.asarray(grid + 0.03 * np.sin(3 * np.pi * grid[..., ::-1]))


_VOLUME = ("bilinear", "nearest")
_ALL = ("zeros", "border", "reflection")
_PHOTO, _HD = (1, 3, 1080, 1920), (1080, 1920)

CASES: tuple[Case, ...] = (
    Case("photo, small rotation", "2D", _PHOTO, _HD, turned(5), paddings=_ALL),
    Case("photo, random points", "2D", _PHOTO, _HD, anywhere),
    Case("photo, 4x zoom-out", "2D", _PHOTO, _HD, turned(5, 4.0)),
    Case("photo, 4x zoom-in", "2D", _PHOTO, _HD, turned(5, 0.25)),
    Case("features 8x64", "2D", (8, 64, 128, 128), (128, 128), turned(10), paddings=_ALL),
    Case("features 1x256", "2D", (1, 256, 100, 150), (100, 150), turned(10)),
    Case("features 8x64, channels last", "2D channels last", (8, 64, 128, 128), (128, 128), turned(10), True),
    Case("features 1x256, channels last", "2D channels last", (1, 256, 100, 150), (100, 150), turned(10), True),
    Case("digits", "2D", (64, 1, 28, 28), (28, 28), turned(20)),
    Case("deformable", "2D", (64, 32, 100, 150), (900, 4), anywhere),
    Case("small call", "2D small", (1, 1, 8, 8), (8, 8), turned(20)),
    Case("volume 128, affine", "3D", (1, 1, 128, 128, 128), (128, 128, 128), turned(10), modes=_VOLUME),
    Case("volume 128, displacement", "3D", (1, 1, 128, 128, 128), (128, 128, 128), bent, modes=_VOLUME),
    Case("volume 64, affine", "3D", (2, 4, 64, 64, 64), (64, 64, 64), turned(10), modes=_VOLUME, paddings=_ALL),
    Case("volume 64, displacement", "3D", (2, 4, 64, 64, 64), (64, 64, 64), bent, modes=_VOLUME),
    Case("volume 192, affine", "3D", (1, 2, 192, 192, 192), (192, 192, 192), turned(10), modes=_VOLUME),
    Case("volume 192, displacement", "3D", (1, 2, 192, 192, 192), (192, 192, 192), bent, modes=_VOLUME),
    Case("signal", "1D", (16, 32, 16384), (16384,), turned(0, 0.9)),
)
