# SPDX-License-Identifier: Apache-2.0
"""A y axis that points up, as in mathematics."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair, Seen


def _look(case: Case) -> Seen | None:
    t = case.thin
    if t.axes < 2 or not t.dense:
        return None
    hits = [
        f
        for f in t.fits
        if f.explained > 0.8 and f.matrix[1, 1] < -0.1 and f.matrix[0, 0] > 3 * np.abs(f.matrix[0, 1:]).max()
    ]
    hits = [f for f in hits if abs(f.matrix[1, 1]) > 3 * abs(f.matrix[1, 0])]
    if not hits:
        return None
    text = (
        f"y falls from {hits[0].shift[1] - hits[0].matrix[1, 1]:.3g} in the first row to"
        f" {hits[0].shift[1] + hits[0].matrix[1, 1]:.3g} in the last"
    )
    return Seen("note", 0.9, text, because=" If a flip is what you want, this is right.")


def _repairs(case: Case) -> Iterator[Repair]:
    if case.axes > 1:
        sign = np.ones(case.axes)
        sign[1] = -1
        yield Repair(case.change(grid=case.grid * sign), DIAGNOSTIC.fix)


DIAGNOSTIC = Diagnostic(
    name="y_up",
    title="The y axis points up: the picture is upside down",
    because=(
        "In an image y grows downwards: -1 is the first row. Coordinates from a plot or a camera model, where y grows"
        " upwards, show the picture flipped from top to bottom and turn rotations round."
    ),
    fix="grid[..., 1] = -grid[..., 1]",
    look=_look,
    repairs=_repairs,
    picture="arrows",
    rare=3,
)
