# SPDX-License-Identifier: Apache-2.0
"""Images' sizes and coordinates that the tests of exports share."""

from __future__ import annotations

from typing import Any

import numpy as np

from gridsample.options import Options
from gridsample.spec.frames import FRAMES

SIZES = {1: (5,), 2: (4, 8), 3: (2, 4, 5)}


def rules(options: Options) -> dict[str, Any]:
    """The options as the oracle takes them."""
    names = ("kernel", "boundary", "fill", "frame", "order", "ties", "fold", "nonfinite", "outside", "limit")
    found = {name: getattr(options, name) for name in names}
    one = {name: found[name][0] for name in ("kernel", "boundary") if len(found[name]) == 1}
    return found | one


def points(rng, batch: int, sizes: tuple[int, ...], options: Options) -> np.ndarray:
    """Quarter-pixel positions with ties, edges and far ones, as coordinates; NaN and infinity last."""
    axes = len(sizes)
    x = rng.integers(-16, 56, (batch, 60, axes)) / 4.0
    x[:, 50:56] *= 97
    columns = []
    for j in range(axes):
        n = sizes[axes - 1 - j] if options.order == "xy" else sizes[j]
        offset, scale, shift = FRAMES[options.frame].numbers(n)
        columns.append((x[..., j] - shift) / (scale or 1.0) - offset)
    g = np.stack(columns, axis=-1)
    g[:, 56:] = rng.choice([np.nan, np.inf, -np.inf, 3e9, 0.25], (batch, 4, axes))
    return g.reshape(batch, 12, 5, axes)
