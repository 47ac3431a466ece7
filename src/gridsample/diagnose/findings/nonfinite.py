# SPDX-License-Identifier: Apache-2.0
"""NaN and infinity."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair, Seen
from gridsample.diagnose.words import percent


def _look(case: Case) -> Seen | None:
    if not case.finite:
        nan, inf = np.isnan(case.grid), np.isinf(case.grid)
        bad = (nan | inf).any(-1)
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        value = case.grid[first]
        text = (
            f"{int(nan.sum())} NaN and {int(inf.sum())} infinite coordinates, in {percent(float(bad.mean()))} of the"
            f" outputs; first at {case.place(first)} = {value.tolist()}"
        )
        return Seen("error", 1.0, text, place=first)
    if case.image.dtype.kind == "f" and not np.isfinite(case.image.sum(dtype=np.float64)):
        bad = ~np.isfinite(case.image)
        if bad.any():
            first = tuple(int(i) for i in np.argwhere(bad)[0])
            text = f"{int(bad.sum())} pixels of the image are NaN or infinite; first at image{list(first)}"
            return Seen(
                "warning", 0.9, text, fix="image = torch.nan_to_num(image)", about="NaN or infinity in the image"
            )
    return None


def _repairs(case: Case) -> Iterator[Repair]:
    if not case.finite:
        yield Repair(case.change(grid=np.nan_to_num(case.grid, nan=-2.0, posinf=2.0, neginf=-2.0)), DIAGNOSTIC.fix)


DIAGNOSTIC = Diagnostic(
    name="nonfinite",
    title="NaN or infinite coordinates",
    because=(
        "A NaN is read as -1 by this library; by torch as -1, 0 or a border pixel depending on mode and device, and"
        " its backward pass crashes on some. They come from divisions by zero: a homography's w, a norm, an axis of"
        " one pixel."
    ),
    fix="assert torch.isfinite(grid).all()  # then look for the division; torch.nan_to_num(grid, nan=-2) hides it",
    look=_look,
    repairs=_repairs,
)
