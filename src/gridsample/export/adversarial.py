# SPDX-License-Identifier: Apache-2.0
"""Inputs that tell implementations apart: borders, ties, far outside, minified, magnified, no numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gridsample.plan import Plan
from gridsample.spec.frames import FRAMES

Array = Any  # NumPy's
KINDS = ("border", "ties", "far", "minified", "magnified", "random", "not finite")


def positions(kind: str, shape: Sequence[int], sizes: Sequence[int], rng: np.random.Generator) -> Array:
    """Pixel positions (*shape, D) of one kind, x last to first as in memory order, in an image of ``sizes``."""
    n = np.array(sizes, np.float64)
    full = (*shape, len(sizes))
    if kind == "border":  # at and next to the outermost pixels' centres and edges
        side = rng.choice([0.0, 1.0], full) * (n - 1)
        return side + rng.choice([-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0], full)
    if kind == "ties":
        return np.floor(rng.uniform(-2, n + 1, full)) + 0.5
    if kind == "far":
        return (n - 1) / 2 + n * rng.choice([-100.25, -10.5, -3.0, 3.0, 10.25, 100.5], full)
    if kind == "minified":
        return rng.uniform(-2, 3, full) * n
    if kind == "magnified":
        return rng.uniform(0, n - 1, (*[1] * len(shape), len(sizes))) + rng.uniform(-1, 1, full)
    if kind == "random":
        return rng.uniform(-1.5, n + 0.5, full)
    bad = rng.choice([np.nan, np.inf, -np.inf, 3e9, -1e20], full)
    return np.where(rng.random(full) < 0.4, bad, rng.uniform(-1.5, n + 0.5, full))


def coordinates(kind: str, plan: Plan, rng: np.random.Generator) -> Array:
    """Coordinates of one kind for a Plan, in its frame and order, of its shape and type."""
    x = positions(kind, plan.coords_shape[:-1], plan.image_shape[2:], rng)
    g = np.empty_like(x)
    for d, axis in enumerate(plan.axes):
        offset, scale, shift = FRAMES[plan.options.frame].numbers(axis.length)
        with np.errstate(invalid="ignore"):
            g[..., axis.component] = (x[..., d] - shift) / (scale or 1.0) - offset
    return g.astype(plan.coords_dtype)
