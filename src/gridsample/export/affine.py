# SPDX-License-Identifier: Apache-2.0
"""`affine_grid` in elementary operations: products and sums, so that theta may be computed by the model.

grid[n, *o, :] = theta[n] @ (g(o), 1),   g = (2i + 1 - n)/n, or (2i + 1 - n)/(n - 1) where corners are aligned
"""

from __future__ import annotations

from collections.abc import Sequence

from gridsample.export.ops import Ops, Size, Value
from gridsample.export.positions import length


def affine_grid(o: Ops, theta: Value, sizes: Sequence[Size], align_corners: bool) -> Value:
    """theta (N, D, D+1), real, to (N, *sizes, D)."""
    axes = len(sizes)
    total = o.reshape(o.component(theta, axes), (-1, *[1] * axes, axes))
    for d, n in enumerate(sizes):
        between = o.clip(length(o, n) - 1.0, 1.0, 2.0**30) if align_corners and not isinstance(n, int) else None
        if between is None:
            between = max(n - 1, 1) * 1.0 if align_corners else length(o, n)
        g = o.divide(o.real(o.ramp(n)) * 2.0 + 1.0 - length(o, n), between)
        g = o.reshape(g, (1, *[-1 if e == d else 1 for e in range(axes)], 1))
        column = o.reshape(o.component(theta, axes - 1 - d), (-1, *[1] * axes, axes))
        total = total + g * column
    return total
