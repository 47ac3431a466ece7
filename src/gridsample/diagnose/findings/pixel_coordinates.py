# SPDX-License-Identifier: Apache-2.0
"""Pixel coordinates where grid_sample reads [-1, 1]."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair, Seen
from gridsample.diagnose.words import normalise, percent, sizes, spans


def _look(case: Case) -> Seen | None:
    t = case.thin
    if not t.finite or max(t.sizes_in) < 3:
        return None
    g, n = t.grid.astype(np.float64), np.array(t.sizes_in)
    inside = float((np.abs(g) <= 1.001).all(-1).mean())
    as_pixels = float(((g > -0.75) & (g < n - 0.25)).all(-1).mean())
    centred = np.abs(g) <= (n / 2 + 0.01)
    span = np.ptp(g.reshape(-1, t.axes), axis=0)
    reach = np.abs(g).reshape(-1, t.axes).max(0) / (n / 2)
    if as_pixels > 0.8 and inside < 0.55 and bool((span > np.maximum(2.5, 0.15 * n)).all()):
        text = (
            f"{percent(as_pixels)} of the coordinates lie in 0 … size-1 ({sizes(case)}), {percent(inside)} in [-1, 1]"
        )
        return Seen("error", 0.98 * as_pixels, f"{text}: {spans(case)}", fix=_fix(case))
    centre = np.abs(g.reshape(-1, t.axes).mean(0)) / n
    if inside < 0.1 and bool(centred.all()) and (reach > 0.75).all() and (centre < 0.1).all() and min(t.sizes_in) > 12:
        fix = (
            "px = grid + torch.tensor([" + ", ".join(f"({m} - 1) / 2" for m in t.sizes_in) + "])  # from the top left\n"
        )
        text = f"the coordinates run over ± half of the size in pixels ({sizes(case)}): {spans(case)}"
        return Seen(
            "error", 0.9, text, fix=fix + normalise(case), about="Centred pixel coordinates passed as normalised"
        )
    return None


def _fix(case: Case) -> str:
    return f"{DIAGNOSTIC.fix}\n# or, for F.grid_sample:\n{normalise(case, 'grid')}"


def _repairs(case: Case) -> Iterator[Repair]:
    g = case.grid.astype(np.float64)
    yield Repair(case.change(grid=case.normalised(g)), _fix(case))
    middle = (np.array(case.sizes_in) - 1) / 2
    yield Repair(
        case.change(grid=case.normalised(g + middle)), "px = grid + (size - 1) / 2\n" + normalise(case), "centred"
    )


DIAGNOSTIC = Diagnostic(
    name="pixel_coordinates",
    title="Pixel coordinates passed as normalised",
    because=(
        "grid_sample reads -1 and 1 as the ends of the image. A coordinate of 5 is not pixel 5 but a place two image"
        " sizes outside, where zeros padding gives 0 and border padding one edge pixel."
    ),
    fix="gs.sample(image, grid, frame='pixel')  # takes pixel coordinates as they are",
    look=_look,
    repairs=_repairs,
    explains=("outside", "translation_px", "aliasing", "rim", "flow_without_identity", "gradients"),
    rare=1,
)
