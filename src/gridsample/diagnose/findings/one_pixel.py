# SPDX-License-Identifier: Apache-2.0
"""Axes of one pixel."""

from __future__ import annotations

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Seen
from gridsample.diagnose.words import AXES


def _look(case: Case) -> Seen | None:
    g = case.thin.grid
    for k, (n, m) in enumerate(zip(case.sizes_in, case.sizes_out, strict=True)):
        low, high = float(g[..., k].min()), float(g[..., k].max())
        axis = AXES[k]
        if n == 1 and case.align_corners and high - low > 1e-6:
            text = f"the image has one pixel along {axis}; {axis} runs from {low:.3g} to {high:.3g} and changes nothing"
            return Seen("warning", 0.9, text)
        if (
            n == 1
            and not case.align_corners
            and case.padding_mode == "zeros"
            and case.mode != "nearest"
            and max(-low, high) > 0.02
        ):
            text = (
                f"the image has one pixel along {axis}, and {axis} reaches {max(-low, high, key=abs):.3g}: only 0 is"
                " its middle"
            )
            return Seen("warning", 0.9, text, because=" With zeros padding values fall off to half at -1 and 1.")
        if m == 1 and n > 1 and low == high == -1:
            text = f"the output has one pixel along {axis}, and {axis} is -1 there: the first edge, not the middle"
            return Seen("warning", 0.9, text, fix=f"grid[..., {k}] = 0  # linspace(-1, 1, 1) is [-1]")
    return None


DIAGNOSTIC = Diagnostic(
    name="one_pixel",
    title="An axis of one pixel",
    because=(
        "With align_corners=True the first and the last pixel are the same, so every coordinate is that pixel and has"
        " no gradient. With False it is one pixel wide, from -1 to 1. linspace(-1, 1, 1) is -1, not 0."
    ),
    fix="grid[..., k] = 0  # the middle of the axis of one pixel; or gs.grid_sample on (N, C, W), which takes 1D",
    look=_look,
    explains=("outside", "rim", "constant"),
)
