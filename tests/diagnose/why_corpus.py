# SPDX-License-Identifier: Apache-2.0
"""Seeded mistakes and correct programs: what `why` is measured on. Written in NumPy as users write them in torch.

A mistake is a function from a picture to the arguments of `why`, and the names of the findings that call it by its
name (why_seen.py; why_wanted.py for those that come with the picture wanted). Every mistake is made on ten pictures,
with align_corners False and True in turn.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import why_seen
import why_wanted
from why_making import (
    MISTAKES,
    Call,
    Mistake,
    affine,
    f4,
    flow,
    identity,
    per_px,
    pictures,
    turned,
)

assert why_seen
assert why_wanted


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
