# SPDX-License-Identifier: Apache-2.0
"""Another kernel than the picture wanted was made with."""

from __future__ import annotations

from collections.abc import Iterator

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair


def _repairs(case: Case) -> Iterator[Repair]:
    for mode in ("bilinear", "nearest", "bicubic", "catmull_rom"):
        if mode != case.mode:
            yield Repair(
                case.change(mode=mode),
                (
                    f"F.grid_sample(..., mode={mode!r})"
                    if mode != "catmull_rom"
                    else "gs.grid_sample(..., mode='catmull_rom')  # a = -1/2; torch's bicubic has -3/4"
                ),
            )


DIAGNOSTIC = Diagnostic(
    name="kernel",
    title="Another interpolation mode",
    because="The picture wanted was made with another kernel: positions agree, values between pixels do not.",
    fix="F.grid_sample(..., mode=...)",
    repairs=_repairs,
    picture="compare",
    rare=5,
)
