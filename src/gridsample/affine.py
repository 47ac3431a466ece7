# SPDX-License-Identifier: Apache-2.0
"""The mathematics of `affine_grid`, once for every array library.

    grid[n, *o, :] = theta[n] @ (g(o), 1),   g = the normalised position of output o, the last axis first

It uses arithmetic only; the library's namespace comes as an argument, so that its own derivative rules apply.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def affine_grid(theta: Any, sizes: tuple[int, ...], align_corners: bool, ramp: Callable[[int], Any], xp: Any) -> Any:
    """theta (N, D, D+1) of at least float32 to a grid (N, *sizes, D).

    ``ramp(n)`` gives 0 .. n-1 in theta's type and place. One pixel lies at 0 whatever align_corners is.
    """
    axes = len(sizes)
    columns = []
    for j in range(axes):
        d = axes - 1 - j  # theta's first column multiplies x, the last axis
        n = sizes[d]
        steps = ramp(n)
        g = steps * (2 / max(n - 1, 1)) - min(n - 1, 1) if align_corners else (steps * 2 + (1 - n)) / n
        columns.append(g.reshape(tuple(n if e == d else 1 for e in range(axes))))

    def entry(i: int, j: int) -> Any:
        return theta[:, i, j].reshape((-1,) + (1,) * axes)

    rows = []
    for i in range(axes):
        total = entry(i, 0) * columns[0] + entry(i, axes)  # small arrays first: only the last sum is full size
        for j in range(1, axes):
            total = total + entry(i, j) * columns[j]
        rows.append(xp.broadcast_to(total, (theta.shape[0], *sizes)))
    return xp.stack(rows, -1)
