# SPDX-License-Identifier: Apache-2.0
"""Seeded mistakes and correct programs: what `why` is measured on. Written in NumPy as users write them in torch.

A mistake is a function from a picture to the arguments of `why`, and the names of the findings that call it by its
name. Those with ``wanted`` cannot be seen in the arrays (a rotation to the left is no mistake in itself): they come
with the picture wanted. Every mistake is made on ten pictures, with align_corners False and True in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


# ------------------------------------------------------------------------------------------------------------ mistakes


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


@mistake("pixel coordinates", "pixel_coordinates")
def _(image, rng, corners):
    yy, xx = np.mgrid[: image.shape[2], : image.shape[3]].astype(float)
    return call(image, np.stack([xx, yy], -1)[None] + 0.3 * rng.standard_normal(2), corners)


@mistake("pixel coordinates of a flow", "pixel_coordinates")
def _(image, rng, corners):
    h, w = image.shape[2:]
    yy, xx = np.mgrid[:h, :w].astype(float)
    return call(image, np.stack([xx, yy], -1)[None] + flow(rng, h, w, 3), corners, padding_mode="border")


@mistake("pixel coordinates of points", "pixel_coordinates")
def _(image, rng, corners):
    h, w = image.shape[2:]
    return call(image, rng.uniform(0, 1, (1, 1, 200, 2)) * [w - 1, h - 1], corners)


@mistake("pixel coordinates from the centre", "pixel_coordinates")
def _(image, rng, corners):
    h, w = image.shape[2:]
    yy, xx = np.mgrid[:h, :w].astype(float)
    return call(image, np.stack([xx - (w - 1) / 2, yy - (h - 1) / 2], -1)[None], corners)


@mistake("[0, 1] for [-1, 1]", "unit_coordinates")
def _(image, rng, corners):
    return call(image, (identity(*image.shape[2:], corners) + 1) / 2, corners)


@mistake("[0, 1] for [-1, 1], random points", "unit_coordinates")
def _(image, rng, corners):
    return call(image, rng.random((1, 10, 30, 2)), corners)


@mistake("x and y swapped", "xy_swapped")
def _(image, rng, corners):
    return call(image, identity(*image.shape[2:], corners)[..., ::-1], corners)


@mistake("x and y swapped, turned by 10°", "xy_swapped")
def _(image, rng, corners):
    return call(image, affine(image, turned(image, np.radians(10), corners), corners)[..., ::-1], corners)


@mistake('meshgrid "ij"', "ij_meshgrid")
def _(image, rng, corners):
    image = oblong(image)
    h, w = image.shape[2:]
    xx, yy = np.meshgrid(line(w, corners), line(h, corners), indexing="ij")
    return call(image, np.stack([xx, yy], -1)[None], corners)


@mistake("layout (N, 2, H, W)", "layout")
def _(image, rng, corners):
    return call(image, np.repeat(f4(np.moveaxis(identity(*image.shape[2:], corners), -1, 1)), len(image), 0), corners)


@mistake("layout (2, H, W)", "layout")
def _(image, rng, corners):
    return call(image, np.moveaxis(identity(*image.shape[2:], corners), -1, 1)[0], corners)


@mistake("view for permute", "reshaped")
def _(image, rng, corners):
    h, w = image.shape[2:]
    grid = affine(image, turned(image, 0.2, corners), corners)
    return call(image, np.moveaxis(grid, -1, 1).reshape(1, h, w, 2), corners)


@mistake("output of another size", "output_size")
def _(image, rng, corners):
    h, w = image.shape[2:]
    return call(image, identity(h, w, corners), corners, size=(h // 2, w + 3))


@mistake("size given as (W, H)", "output_size")
def _(image, rng, corners):
    image = oblong(image)
    h, w = image.shape[2:]
    return call(image, affine(image, [1, 0, 0.1, 0, 1, 0], corners, (w, h)), corners)


@mistake("built with the other align_corners", "align_corners")
def _(image, rng, corners):
    return call(image, identity(*image.shape[2:], not corners), corners)


@mistake("built with the other align_corners, turned", "align_corners")
def _(image, rng, corners):
    return call(image, affine(image, turned(image, 0.3, not corners), not corners), corners)


@mistake("built with the other align_corners, some flow", "align_corners")
def _(image, rng, corners):
    h, w = image.shape[2:]
    some = flow(rng, h, w, 3) * per_px(image, corners)
    some[:, :, : w // 2] = 0
    return call(image, identity(h, w, not corners) + some, corners)


@mistake("2*x/W - 1", "normalised_by_n")
def _(image, rng, corners):
    h, w = image.shape[2:]
    yy, xx = np.mgrid[:h, :w].astype(float)
    return call(image, np.stack([2 * xx / w - 1, 2 * yy / h - 1], -1)[None], corners)


@mistake("rotation that shears", "rotation_shear")
def _(image, rng, corners):
    image, angle = oblong(image), rng.uniform(0.15, 1.2)
    c, s = np.cos(angle), np.sin(angle)
    return call(image, affine(image, [c, -s, 0, s, c, 0], corners), corners)


@mistake("translation in pixels", "translation_px")
def _(image, rng, corners):
    return call(image, affine(image, [1, 0, rng.integers(3, 20), 0, 1, -5], corners), corners)


@mistake("degrees for radians", "degrees")
def _(image, rng, corners):
    angle = float(rng.choice([10, 15, 20, 30, 40, 45, 60, 75, 90, 120]))
    return call(image, affine(image, turned(image, angle, corners), corners), corners)


@mistake("flow without identity", "flow_without_identity")
def _(image, rng, corners):
    return call(image, flow(rng, *image.shape[2:], 4) * per_px(image, corners), corners)


@mistake("flow in pixels without identity", "flow_without_identity")
def _(image, rng, corners):
    return call(image, 2 * flow(rng, *image.shape[2:], 8), corners)


@mistake("NaN", "nonfinite")
def _(image, rng, corners):
    grid = affine(image, turned(image, 0.3, corners), corners)
    grid[0, rng.integers(3), rng.integers(9)] = np.nan
    return call(image, grid, corners)


@mistake("bfloat16 coordinates", "half")
def _(image, rng, corners):
    grid = np.repeat(affine(image, turned(image, 0.1, corners, 0.9), corners), len(image), 0)
    return call(as_torch(image, "bfloat16"), as_torch(grid, "bfloat16"), corners)


@mistake("an axis of one pixel", "one_pixel")
def _(image, rng, corners):
    flat = np.ascontiguousarray(image[:, :, :1])
    grid = identity(1, image.shape[3], corners)
    grid[..., 1] = rng.uniform(-1, 1, grid.shape[:-1])
    return call(flat, grid, corners)


@mistake("labels with linear", "labels")
def _(image, rng, corners):
    labels = np.round(6 * image[:, :1] / image.max())
    h, w = labels.shape[2:]
    labels = labels[:, :, np.arange(h) // 6 * 6][..., np.arange(w) // 6 * 6] + (np.arange(w) // 7 % 3)
    return call(f4(labels), affine(image, turned(image, 0.3, corners), corners), corners)


@mistake("nearest on ties", "ties")
def _(image, rng, corners):
    h, w = image.shape[2:]
    yy, xx = np.mgrid[: h - 2, : w - 2] + 0.5
    grid = np.stack([xx, yy], -1)[None] * per_px(image, corners) - 1 + (0 if corners else per_px(image, corners) / 2)
    return call(image, grid, corners, mode="nearest")


@mistake("a constant grid", "constant")
def _(image, rng, corners):
    image = np.repeat(image[:1], 3, 0)
    grid = np.zeros((3, *image.shape[2:], 2), np.float32)
    grid[0] = identity(*image.shape[2:], corners)[0]
    return call(image, grid, corners)


@mistake("channels last", "channels_last")
def _(image, rng, corners):
    colours = np.repeat(image[:1, :1], 3, 1) * f4([1, 0.8, 0.6])[:, None, None]
    return call(np.moveaxis(colours, 1, -1), affine(image, turned(image, 0.2, corners), corners), corners)


@mistake("(H, W, C) without batch", "channels_last")
def _(image, rng, corners):
    colours = np.repeat(image[0, :1], 3, 0)
    return call(np.moveaxis(colours, 0, -1), affine(image, turned(image, 0.2, corners), corners), corners)


@mistake("bytes and bicubic", "integers")
def _(image, rng, corners):
    sharp = (image > np.median(image)).astype(np.uint8) * 255
    return call(sharp, affine(image, turned(image, 0.2, corners), corners), corners, mode="bicubic")


@mistake("batches that differ", "batch")
def _(image, rng, corners):
    grid = np.repeat(affine(image, turned(image, 0.2, corners), corners), 2, 0)
    return call(np.repeat(image[:1], 6, 0), grid, corners)


@mistake("a batch of 1 with torch", "batch")
def _(image, rng, corners):
    grid = affine(image, turned(image, 0.2, corners), corners)
    return call(as_torch(np.repeat(image[:1], 3, 0)), as_torch(grid), corners)


@mistake("no gradient: nearest", "gradients")
def _(image, rng, corners):
    grid = np.repeat(affine(image, turned(image, 0.2, corners), corners), len(image), 0)
    return call(as_torch(image), as_torch(grid).requires_grad_(), corners, mode="nearest")


@mistake("no gradient: points beyond the edge", "gradients")
def _(image, rng, corners):
    points = np.repeat(f4(rng.uniform(1.05, 1.6, (1, 1, 300, 2)) * [-1, 1]), len(image), 0)
    return call(as_torch(image), as_torch(points).requires_grad_(), corners, padding_mode="border")


@mistake("folds", "folds")
def _(image, rng, corners):
    h, w = image.shape[2:]
    wave = 3.0 * np.sin(np.mgrid[:h, :w][1] * 2 * np.pi / 8)
    return call(image, identity(h, w, corners) + np.stack([wave, 0 * wave], -1)[None] * per_px(image, corners), corners)


@mistake("aliasing", "aliasing")
def _(image, rng, corners):
    h, w = image.shape[2:]
    return call(image, affine(image, turned(image, 0.3, corners), corners, (h // 3, w // 3)), corners)


@mistake("samples outside", "outside")
def _(image, rng, corners):
    return call(image, affine(image, [1, 0, rng.uniform(0.5, 0.9), 0, 1, 0], corners), corners, padding_mode="border")


@mistake("a dark rim", "rim")
def _(image, rng, corners):
    h, w = image.shape[2:]
    grid = affine(image, [1, 0, 0, 0, 1, 0], False, (3 * h, 3 * w))
    return call(image, grid, False)


# ----- with the picture wanted


@mistake("direction inverted", "direction", wanted=True)
def _(image, rng, corners):
    theta = turned(image, rng.uniform(0.2, 0.6), corners, rng.uniform(0.7, 0.9), rng.uniform(-0.2, 0.2, 2))
    back = np.linalg.inv(np.vstack([theta, [0, 0, 1]]))[:2]
    return wanting(image, affine(image, theta, corners), affine(image, back, corners), corners)


@mistake("direction inverted, a flow", "direction", wanted=True)
def _(image, rng, corners):
    h, w = image.shape[2:]
    d = flow(rng, h, w, 5) * per_px(image, corners)
    return wanting(image, identity(h, w, corners) + d, identity(h, w, corners) - d, corners)


@mistake("zoom the wrong way round", "zoom", wanted=True)
def _(image, rng, corners):
    z = rng.uniform(1.3, 2.2)
    right, wrong = ([k, 0, 0, 0, k, 0] for k in (1 / z, z))
    return wanting(image, affine(image, right, corners), affine(image, wrong, corners), corners)


@mistake("zoom the wrong way round, turned", "zoom", wanted=True)
def _(image, rng, corners):
    z, angle = rng.uniform(1.3, 1.8), rng.uniform(0.3, 0.6)
    right, wrong = np.zeros((2, 2, 3))
    right[:, :2], wrong[:, :2] = (z**-k * turned(image, angle, corners)[:, :2] for k in (1, -1))
    return wanting(image, affine(image, right, corners), affine(image, wrong, corners), corners)


@mistake("translation with the wrong sign", "translation_sign", wanted=True)
def _(image, rng, corners):
    b = rng.uniform(0.1, 0.4, 2)
    right, wrong = ([1, 0, s * b[0], 0, 1, s * b[1]] for s in (1, -1))
    return wanting(image, affine(image, right, corners), affine(image, wrong, corners), corners)


@mistake("translation in pixels, a small one", "translation_px", wanted=True)
def _(image, rng, corners):
    t = per_px(image, corners)
    right, wrong = ([0.9, 0, k[0], 0, 0.9, k[1]] for k in (t, np.ones(2)))
    return wanting(image, affine(image, right, corners), affine(image, wrong, corners), corners)


@mistake("y axis up", "y_up", wanted=True)
def _(image, rng, corners):
    theta = np.array([[0.8, 0.1, 0.1], [0.05, 0.8, -0.1]])
    grid = affine(image, theta, corners)
    return wanting(image, grid, grid * f4([1, -1]), corners)


@mistake("rotation that shears, seen", "rotation_shear", wanted=True)
def _(image, rng, corners):
    image, angle = oblong(image), rng.uniform(0.3, 1.2)
    c, s = np.cos(angle), np.sin(angle)
    right = affine(image, turned(image, angle, corners), corners)
    return wanting(image, right, affine(image, [c, -s, 0, s, c, 0], corners), corners)


@mistake("degrees for radians, seen", "degrees", wanted=True)
def _(image, rng, corners):
    d = float(rng.choice([10, 15, 20, 25, 35, 50, 70]))
    right, wrong = (affine(image, turned(image, a, corners, 0.9), corners) for a in (np.radians(d), d))
    return wanting(image, right, wrong, corners)


@mistake("flow channels swapped", "flow_channels", wanted=True)
def _(image, rng, corners):
    h, w = image.shape[2:]
    d, eye = flow(rng, h, w, 5), identity(h, w, corners)
    right, wrong = (eye + k * per_px(image, corners) for k in (d, d[..., ::-1]))
    return wanting(image, right, wrong, corners)


@mistake("flow normalised by the wrong W", "flow_scale", wanted=True)
def _(image, rng, corners):
    h, w = image.shape[2:]
    d, eye = flow(rng, h, w, 8), identity(h, w, corners)
    return wanting(image, eye + d * per_px(image, corners), eye + d * per_px(image, not corners), corners)


@mistake("flow without identity, seen", "flow_without_identity", wanted=True)
def _(image, rng, corners):
    h, w = image.shape[2:]
    d = flow(rng, h, w, 5) * per_px(image, corners)
    return wanting(image, identity(h, w, corners) + d, d, corners)


@mistake("pixel coordinates, seen", "pixel_coordinates", wanted=True)
def _(image, rng, corners):
    h, w = image.shape[2:]
    px = np.stack(np.meshgrid(np.arange(w), np.arange(h)), -1)[None] * 0.7 + flow(rng, h, w, 4)
    right = px * per_px(image, corners) - 1 + (0 if corners else per_px(image, corners) / 2)
    return wanting(image, right, px, corners)


@mistake("x and y swapped, seen", "xy_swapped", wanted=True)
def _(image, rng, corners):
    right = affine(image, turned(image, 0.5, corners, 0.8, (0.1, 0.05)), corners)
    return wanting(image, right, right[..., ::-1], corners)


@mistake("built with the other align_corners, seen", "align_corners", wanted=True)
def _(image, rng, corners):
    theta = turned(image, rng.uniform(0.2, 0.5), corners, 0.83, (0.05, -0.08))
    right = gs.grid_sample(image, np.repeat(affine(image, theta, corners), len(image), 0), align_corners=corners)
    return call(image, affine(image, theta, corners), not corners, expected=right)


@mistake("another padding mode", "boundary", wanted=True)
def _(image, rng, corners):
    grid = affine(image, turned(image, 0.4, corners, 1.1), corners)
    wanted = gs.grid_sample(image, np.repeat(grid, len(image), 0), padding_mode="reflection", align_corners=corners)
    return call(image, grid, corners, expected=wanted)


@mistake("another kernel", "kernel", wanted=True)
def _(image, rng, corners):
    grid = affine(image, turned(image, 0.4, corners, 0.8), corners)
    wanted = gs.grid_sample(image, np.repeat(grid, len(image), 0), "bicubic", align_corners=corners)
    return call(image, grid, corners, expected=wanted)


def mistaken(seed: int) -> Iterator[tuple[Mistake, int, Call]]:
    """Every mistake on every picture."""
    images = pictures(seed)
    for row, m in enumerate(MISTAKES):
        for i, image in enumerate(images):
            yield m, i, m.make(image.copy(), np.random.default_rng([seed, row, i]), bool((row + i) % 2))


# ----------------------------------------------------------------------------------------------------- correct programs


def _resize(image, rng, corners):
    size = tuple(max(2, int(n * rng.uniform(0.5, 2))) for n in image.shape[2:])
    return identity(*size, corners)


def _rigid(image, rng, corners):
    return affine(image, turned(image, rng.uniform(-3, 3), corners, 1, rng.uniform(-0.4, 0.4, 2)), corners)


def _any_affine(image, rng, corners):
    theta = turned(image, rng.uniform(-0.7, 0.7), corners, rng.uniform(0.5, 1.8), rng.uniform(-0.3, 0.3, 2))
    shear = np.array([[1, rng.uniform(-0.3, 0.3)], [0, rng.uniform(0.7, 1.4)]])
    theta[:, :2] = theta[:, :2] @ shear
    return affine(image, theta, corners, tuple(int(n * rng.uniform(0.6, 1.5)) for n in image.shape[2:]))


def _crop(image, rng, corners):
    h, w = image.shape[2:]
    oh, ow = rng.integers(6, h + 1), rng.integers(6, w + 1)
    y, x = rng.integers(0, h - oh + 1), rng.integers(0, w - ow + 1)
    px = np.stack(np.meshgrid(np.arange(ow) + x, np.arange(oh) + y), -1)[None].astype(float)
    return px * per_px(image, corners) - 1 + (0 if corners else per_px(image, corners) / 2)


def _box(image, rng, corners):
    low, high = np.sort(rng.uniform(-1, 1, (2, 2)), axis=0)
    high = np.maximum(high, low + 0.3)
    at = identity(*rng.integers(7, 40, 2), corners)
    return low + (at + 1) / 2 * (high - low)


def _homography(image, rng, corners):
    eye = identity(*image.shape[2:], corners)
    w = 1 + eye @ rng.uniform(-0.25, 0.25, 2)
    return eye @ (np.eye(2) + rng.uniform(-0.2, 0.2, (2, 2))).T / w[..., None] + rng.uniform(-0.1, 0.1, 2)


def _flow(image, rng, corners):
    h, w = image.shape[2:]
    return identity(h, w, corners) + flow(rng, h, w, rng.uniform(0.3, 8)) * per_px(image, corners)


def _lens(image, rng, corners):
    eye = identity(*image.shape[2:], corners)
    r2 = (eye**2).sum(-1, keepdims=True)
    return eye * (1 + rng.uniform(-0.15, 0.3) * r2)


def _polar(image, rng, corners):
    r, a = np.meshgrid(np.linspace(0.05, 0.95, rng.integers(20, 50)), np.linspace(0, 2 * np.pi, rng.integers(30, 80)))
    return np.stack([r * np.cos(a), r * np.sin(a)], -1)[None]


def _panorama(image, rng, corners):
    h, w = image.shape[2:]
    eye = identity(h, w, corners)
    eye[..., 0] = (eye[..., 0] + rng.uniform(0.1, 1.9) + 1) % 2 - 1
    return eye


def _points(image, rng, corners):
    return rng.uniform(-1, 1, (1, 1, rng.integers(5, 400), 2))


def _attention(image, rng, corners):
    centre = rng.uniform(-0.9, 0.9, (1, rng.integers(8, 60), 1, 2))
    return centre + 0.1 * rng.standard_normal((1, 1, 4, 2))


def _flip(image, rng, corners):
    return identity(*image.shape[2:], corners) * [-1, 1]


def _quarter(image, rng, corners):
    h, w = image.shape[2:]
    return np.rot90(identity(h, w, corners), int(rng.integers(1, 4)), axes=(1, 2))


PROGRAMS = (
    *(_resize, _rigid, _any_affine, _crop, _box, _homography, _flow, _lens, _polar, _panorama),
    *(_points, _attention, _flip, _quarter),
)


def correct(count: int, seed: int) -> Iterator[tuple[str, Call]]:
    """Programs without a mistake: maps, sizes, frames, modes and types by chance."""
    images = pictures(seed)
    for i in range(count):
        rng = np.random.default_rng([seed, 99, i])
        program = PROGRAMS[i % len(PROGRAMS)]
        image = images[rng.integers(len(images))]
        if rng.random() < 0.3:
            h, w = rng.integers(9, 70, 2)
            image = rng.random((1, int(rng.integers(1, 5)), h, w), dtype=np.float32)
        corners = bool(rng.integers(2))
        mode = str(rng.choice(["bilinear", "bilinear", "nearest", "bicubic"]))
        if rng.random() < 0.1:
            image, mode = f4(np.round(5 * image / image.max())), "nearest"
        grid = np.ascontiguousarray(program(image, rng, corners), dtype=rng.choice([np.float32, np.float64]))
        grid = np.repeat(grid, len(image), 0)
        padding = str(rng.choice(["zeros", "border", "reflection"]))
        yield (
            program.__name__[1:],
            {"image": image, "grid": grid, "mode": mode, "padding_mode": padding, "align_corners": corners},
        )
