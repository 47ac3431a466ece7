# SPDX-License-Identifier: Apache-2.0
"""Another padding mode than the picture wanted was made with."""

from __future__ import annotations

from collections.abc import Iterator

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair


def _repairs(case: Case) -> Iterator[Repair]:
    for mode in ("zeros", "border", "reflection", "wrap", "mirror", "reflect"):
        if mode != case.padding_mode:
            ours = "gs" if mode in ("wrap", "mirror", "reflect") else "F"
            yield Repair(case.change(padding_mode=mode), f"{ours}.grid_sample(..., padding_mode={mode!r})")


DIAGNOSTIC = Diagnostic(
    name="boundary",
    title="Another padding mode",
    because=(
        "The picture wanted shows something else outside the image: positions agree, what lies beyond the edge does"
        " not."
    ),
    fix="F.grid_sample(..., padding_mode=...)",
    repairs=_repairs,
    picture="compare",
    rare=4,
)
