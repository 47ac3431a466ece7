# SPDX-License-Identifier: Apache-2.0
"""A flow normalised by W where it is W-1, or the reverse."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair


def _repairs(case: Case) -> Iterator[Repair]:
    n = np.array(case.sizes_in, np.float64)
    if n.min() < 2 or not case.finite:
        return
    flow = case.grid - case.identity()
    if float(np.abs(flow * case.scale).max(initial=0.0)) < 0.05:
        return
    right, wrong = ("W - 1", "W") if case.align_corners else ("W", "W - 1")
    factor = n / (n - 1) if case.align_corners else (n - 1) / n
    fix = f"grid = identity + flow_px * 2 / size  # {case.corners_word}: size is {right}, not {wrong}"
    if case.align_corners:
        fix = fix.replace("/ size ", "/ (size - 1) ").replace("size is", "divide by")
    yield Repair(case.change(grid=case.identity() + flow * factor), fix)
    yield Repair(case.change(grid=case.identity() + flow / n * 2), fix, "by nothing")
    yield Repair(case.change(grid=case.identity() + flow * 2), "grid = identity + 2 * flow_px / size", "by half")


DIAGNOSTIC = Diagnostic(
    name="flow_scale",
    title="The flow is normalised by the wrong size",
    because=(
        "One pixel is 2/W in normalised coordinates with align_corners=False and 2/(W-1) with True. The wrong one"
        " makes every displacement too long or too short by one part in W: little, but it adds up over iterations."
        " Without the 2, or without any division, it is far off."
    ),
    fix="flow * 2 / W  # align_corners=False\nflow * 2 / (W - 1)  # align_corners=True",
    repairs=_repairs,
    picture="arrows",
    rare=4,
)
