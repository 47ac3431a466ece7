# SPDX-License-Identifier: Apache-2.0
"""The mathematics of `affine_grid`, once for every array library.

    grid[n, *o, :] = theta[n] @ (g(o), 1),   g = the normalised position of output o, the last axis first

Output i of an axis of n lies at (2i + 1 - n) / n, or / (n - 1) where the corners are aligned; one pixel lies at 0.
Only arithmetic is used, so that each library's own derivative rules apply.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def affine_grid(theta: Any, sizes: tuple[int, ...], align_corners: bool, ramp: Callable[[int, int, int], Any]) -> Any:
    """theta (N, D, D+1) of at least float32 to a grid (N, *sizes, D).

    ``ramp(start, stop, step)`` gives whole numbers in theta's type and place.
    """
    axes = len(sizes)
    grid = theta[..., axes].reshape(-1, *(1,) * axes, axes)  # the translation
    for d, n in enumerate(sizes):  # axis by axis, so that only the last sum has the full size
        g = ramp(1 - n, n, 2) / max(n - align_corners, 1)
        column = theta[:, None, :, axes - 1 - d]  # theta's first column multiplies x, the last axis
        along = tuple(n if e == d else 1 for e in range(axes))
        grid = grid + (g[:, None] * column).reshape(-1, *along, axes)
    return grid
