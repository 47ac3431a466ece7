# SPDX-License-Identifier: Apache-2.0
"""What mistakes and correct programs are made of: pictures, maps, and how a call is put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import gridsample as gs

Call = dict[str, Any]


# ------------------------------------------------------------------------------------------------------------ pictures


def noise(rng: np.random.Generator, channels: int, h: int, w: int, power: float = 1.6) -> np.ndarray:
    """A random texture whose spectrum falls like a photograph's."""
    fy, fx = np.fft.fftfreq(h)[:, None] * h, np.fft.rfftfreq(w)[None] * w
    amplitude = 1 / np.maximum(np.hypot(fy, fx), 1) ** power
    spectrum = rng.standard_normal((channels, h, w // 2 + 1)) + 1j * rng.standard_normal((channels, h, w // 2 + 1))
    picture = np.fft.irfft2(spectrum * amplitude, s=(h, w))
    low, high = picture.min(), picture.max()
    return ((picture - low) / (high - low)).astype(np.float32)[None]


def rings(h: int, w: int) -> np.ndarray:
    y, x = np.mgrid[:h, :w]
    r = np.hypot(x - 0.4 * w, y - 0.6 * h)
    return (0.5 + 0.5 * np.cos(r / 3) * np.exp(-r / w) + 0.2 * x / w).astype(np.float32)[None, None]


def drawing(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    picture = np.linspace(0.1, 0.6, w, dtype=np.float32) * np.ones((3, h, 1), np.float32)
    for _ in range(12):
        y, x = rng.integers(0, h - 4), rng.integers(0, w - 4)
        picture[:, y : y + rng.integers(3, h // 2), x : x + rng.integers(3, w // 2)] += rng.uniform(
            -0.4, 0.4, (3, 1, 1)
        )
    return picture[None].astype(np.float32)


def pictures(seed: int) -> list[np.ndarray]:
    """Ten, (N, C, H, W): textures and drawings, upright, oblong and square, of one to three channels."""
    rng = np.random.default_rng(seed)
    ramp = np.arange(24 * 30, dtype=np.float32).reshape(1, 1, 24, 30)
    photo = noise(rng, 3, 150, 200, 2.0)
    return [
        noise(rng, 1, 64, 64),
        noise(rng, 3, 48, 80),
        rings(100, 60),
        drawing(rng, 33, 57),
        noise(rng, 2, 128, 96, 1.2),
        ramp + 3 * noise(rng, 1, 24, 30),
        photo,
        np.round(255 * noise(rng, 3, 72, 54)),
        np.concatenate([drawing(rng, 40, 40), drawing(rng, 40, 40)]),
        rings(37, 90) + 0.1 * noise(rng, 1, 37, 90, 1.0),
    ]


# ---------------------------------------------------------------------------------------------------------------- maps


def line(n: int, corners: bool) -> np.ndarray:
    return np.linspace(-1, 1, n) if corners else (2 * np.arange(n) + 1) / n - 1


def identity(h: int, w: int, corners: bool) -> np.ndarray:
    xx, yy = np.meshgrid(line(w, corners), line(h, corners))
    return np.stack([xx, yy], -1)[None]


def affine(image: np.ndarray, theta: Any, corners: bool, size: tuple[int, int] | None = None) -> np.ndarray:
    h, w = size or image.shape[2:]
    return gs.affine_grid(np.asarray(theta, np.float32).reshape(1, 2, 3), (1, 1, h, w), corners)


def turned(image: np.ndarray, angle: float, corners: bool, scale: float = 1.0, shift: Any = (0, 0)) -> np.ndarray:
    """theta of a rotation of pixels, right on any aspect."""
    h, w = (n - corners for n in image.shape[2:])
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[c, -s * h / w, shift[0]], [s * w / h, c, shift[1]]])


def flow(rng: np.random.Generator, h: int, w: int, size_px: float, smooth: float = 6) -> np.ndarray:
    """A smooth field of displacements in pixels, (1, H, W, 2), that does not fold."""
    coarse = rng.uniform(-1, 1, (1, 2, 4, 4)).astype(np.float32)
    field = gs.grid_sample(coarse, identity(h, w, True).astype(np.float32), "bicubic", "border", True)
    field = np.moveaxis(field, 1, -1)
    limit = min(size_px, 0.08 * min(h, w))
    return (field / np.abs(field).max() * limit).astype(np.float64)


def per_px(image: np.ndarray, corners: bool) -> np.ndarray:
    return np.array([2 / (n - corners) for n in image.shape[:1:-1]])


def as_torch(array: np.ndarray, dtype: str = "float32") -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(array)).to(getattr(torch, dtype))


def f4(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)


# --------------------------------------------------------------------------------------------------------------- calls


@dataclass(frozen=True)
class Mistake:
    """``names``: the findings that are right. ``wanted``: it comes with the picture that was wanted."""

    title: str
    names: tuple[str, ...]
    make: Callable[[np.ndarray, np.random.Generator, bool], Call]
    wanted: bool = False


MISTAKES: list[Mistake] = []


def mistake(title: str, *names: str, wanted: bool = False) -> Callable[[Any], Any]:
    def add(make: Any) -> Any:
        MISTAKES.append(Mistake(title, names, make, wanted))
        return make

    return add


def oblong(image: np.ndarray) -> np.ndarray:
    h, w = image.shape[2:]
    return np.ascontiguousarray(image[..., : w * 3 // 4]) if h == w else image


def call(image: np.ndarray, grid: Any, corners: bool, **more: Any) -> Call:
    grid = f4(grid) if isinstance(grid, np.ndarray) and grid.dtype == np.float64 else grid
    n = len(image)
    if isinstance(grid, np.ndarray) and grid.ndim == 4 and len(grid) == 1 and n > 1:
        grid = np.repeat(grid, n, 0)
    return {"image": image, "grid": grid, "align_corners": corners, **more}


def wanting(image: np.ndarray, right: np.ndarray, wrong: Any, corners: bool, **more: Any) -> Call:
    right = np.repeat(f4(right), len(image), 0)
    wanted = gs.grid_sample(image, right, more.get("mode", "bilinear"), more.get("padding_mode", "zeros"), corners)
    return call(image, wrong, corners, expected=wanted, **more)
