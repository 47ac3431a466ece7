# SPDX-License-Identifier: Apache-2.0
"""Coordinates in half precision."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair, Seen
from gridsample.diagnose.lattice import of_theta, thetas

BITS = {"float16": 11, "bfloat16": 8, "float32": 24}


def _look(case: Case) -> Seen | None:
    bits = BITS.get(case.grid_dtype)
    if bits is None or not case.thin.finite:
        return None
    t = case.thin
    g = np.minimum(np.abs(t.grid.astype(np.float64)), 1.0)
    _, exponent = np.frexp(np.where(g == 0, 1e-9, g))
    off = np.exp2(exponent - bits - 1) * t.scale  # half a step of the type, in pixels
    worst, share = float(off.max()), float((off > 0.1).any(-1).mean())
    if worst < 0.03:
        return None
    where = "towards the rim, where numbers near 1 are coarsest"
    lost = ""
    if t.stride == 1 and t.dense:
        same = sum(int((np.abs(step).sum(-1) == 0).sum()) for step in case.steps)
        lost = f"; {same} outputs read exactly where their neighbour does" if same else ""
    text = (
        f"{case.grid_dtype} coordinates are rounded by up to {worst:.3g} px, {share:.0%} of them by more than 0.1 px,"
        f" {where}{lost}"
    )
    return Seen("warning" if worst > 0.05 else "note", 0.9, text)


def _repairs(case: Case) -> Iterator[Repair]:
    if (
        case.grid_dtype in ("float16", "bfloat16")
        and case.fits
        and max(f.rms_px for f in case.fits) < 4 * case.resolution_px + 0.05
    ):
        yield Repair(case.change(grid=of_theta(case, *thetas(case)), grid_dtype="float32"), DIAGNOSTIC.fix)


DIAGNOSTIC = Diagnostic(
    name="half",
    title="Half-precision coordinates lose pixels",
    because=(
        "float16 has 11 binary digits, bfloat16 8. Between 0.5 and 1 the steps are 1/2048 and 1/256, which is more"
        " than a fraction of a pixel on all but small images; no kernel can bring back what the grid no longer holds."
    ),
    fix="grid = F.affine_grid(theta.float(), size, align_corners=...)  # coordinates in float32, images as you like",
    look=_look,
    repairs=_repairs,
    explains=("folds", "torn", "ties"),
    picture="ruler",
    rare=2,
)
