# SPDX-License-Identifier: Apache-2.0
"""[0, 1] where grid_sample reads [-1, 1]."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair, Seen
from gridsample.diagnose.words import spans


def _look(case: Case) -> Seen | None:
    t = case.thin
    if not t.finite or t.grid[..., 0].size < 4:
        return None
    g = t.grid.astype(np.float64).reshape(-1, t.axes)
    low, high = g.min(0), g.max(0)
    slack = 1.0 / np.maximum(np.array(t.sizes_out), 2) if t.dense else np.full(t.axes, 0.05)
    if (low < -1e-6).any() or (high > 1 + 1e-6).any() or (low > slack + 0.01).any() or (high < 1 - slack - 0.01).any():
        return None
    if not t.dense and len(g) < 24:
        return None
    exact = any(np.abs(fit.matrix * 2 - np.eye(t.axes)).max() < 0.02 + slack.max() for fit in t.affine)
    text = f"every coordinate lies in [0, 1] and together they fill it: {spans(case)}; none is negative"
    return Seen("error" if exact else "warning", 0.97 if exact else 0.8, text)


def _repairs(case: Case) -> Iterator[Repair]:
    g = case.grid.astype(np.float64)
    yield Repair(case.change(grid=2 * g - 1), "grid = 2 * grid - 1")
    yield Repair(
        case.change(grid=case.normalised(g * np.array(case.sizes_in) - 0.5)), "grid = 2 * grid - 1", "by edges"
    )


DIAGNOSTIC = Diagnostic(
    name="unit_coordinates",
    title="[0, 1] passed as [-1, 1]",
    because=(
        "0 is the middle of the image and 1 its far end, so only the lower right quarter is read, and it fills the"
        " whole output: twice too large and shifted."
    ),
    fix="grid = 2 * grid - 1  # or gs.sample(image, grid, frame='unit')",
    look=_look,
    repairs=_repairs,
    explains=("zoom", "translation_px", "align_corners", "normalised_by_n", "rim"),
    rare=1,
)
