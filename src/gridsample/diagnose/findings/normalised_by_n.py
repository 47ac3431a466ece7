# SPDX-License-Identifier: Apache-2.0
"""2*x/W - 1: the normalisation that is right under neither align_corners."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair, Seen
from gridsample.diagnose.lattice import recognised
from gridsample.diagnose.words import normalise


def _look(case: Case) -> Seen | None:
    t = case.thin
    if not t.dense or recognised(t) != "by_n":
        return None
    n = t.sizes_out[0]
    here = (
        "half a pixel too far left and up everywhere"
        if not case.align_corners
        else "0 at the left, 1 px short at the right"
    )
    text = (
        f"x runs from -1 in steps of {2 / n:.5g} = 2/{n} and ends at {1 - 2 / n:.5g}; with {case.corners_word} that is"
        f" {here}"
    )
    return Seen("warning", 0.95, text, fix=normalise(case, "px"))


def _repairs(case: Case) -> Iterator[Repair]:
    x = (case.grid.astype(np.float64) + 1) * np.array(case.sizes_in) / 2
    yield Repair(case.change(grid=case.normalised(x)), normalise(case))


DIAGNOSTIC = Diagnostic(
    name="normalised_by_n",
    title="Coordinates normalised by W where the first pixel is not -1 (2*x/W - 1)",
    because=(
        "Pixel x lies at 2*x/(W-1) - 1 with align_corners=True and at (2*x + 1)/W - 1 with False. 2*x/W - 1 is"
        " neither: the picture is shifted by half a pixel, or stretched by W/(W-1)."
    ),
    fix="grid_x = (2 * x + 1) / W - 1  # align_corners=False\ngrid_x = 2 * x / (W - 1) - 1  # align_corners=True",
    look=_look,
    repairs=_repairs,
    explains=("rim", "outside"),
    picture="ruler",
    rare=4,
)
