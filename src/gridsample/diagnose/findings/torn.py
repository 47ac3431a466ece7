# SPDX-License-Identifier: Apache-2.0
"""Jumps in an otherwise smooth grid."""

from __future__ import annotations

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Seen


def _look(case: Case) -> Seen | None:
    t = case.thin
    if not t.dense:
        return None
    worst, count, place = 0.0, 0, None
    for axis in range(1, t.axes + 1):
        step = np.abs(np.diff(t.x, axis=axis)).max(-1)
        usual = float(np.median(step))
        jump = step > max(12 * usual, 0.25 * max(t.sizes_in))
        if jump.any() and jump.mean() < 0.1:
            count += int(jump.sum())
            if float(step.max()) > worst:
                worst = float(step.max())
                at = np.unravel_index(int(step.argmax()), step.shape)
                place = (int(at[0]), *(int(i) * t.stride for i in at[1:]))
    if not count:
        return None
    text = (
        f"{count} neighbouring outputs read up to {worst:.4g} px apart, the largest at output {place}; elsewhere the"
        " grid is smooth"
    )
    return Seen("note", 0.55, text, place=place)


DIAGNOSTIC = Diagnostic(
    name="torn",
    title="The grid is torn",
    because=(
        "Two outputs side by side read places far apart: an angle that jumps from 180° to -180°, a batch written over,"
        " coordinates wrapped one by one. Averages and gradients across the tear mean nothing."
    ),
    fix="# unwrap the angle before it is normalised, and let the sampler wrap: gs.sample(..., boundary='wrap')",
    look=_look,
    picture="jacobian",
)
