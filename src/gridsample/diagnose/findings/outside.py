# SPDX-License-Identifier: Apache-2.0
"""How much is read from outside, and on which side."""

from __future__ import annotations

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Seen
from gridsample.diagnose.words import AXES, SIDES, percent

_READS = {"zeros": "0", "zero": "0", "border": "the nearest edge pixel", "clamp": "the nearest edge pixel"}


def _look(case: Case) -> Seen | None:
    beyond = np.zeros(case.x.shape[:-1], bool)
    sides = []
    for k, n in enumerate(case.sizes_in):
        low, high = case.x[..., k] < -0.501, case.x[..., k] > n - 0.499
        beyond |= low
        beyond |= high
        for name, mask in zip(SIDES[k], (low, high), strict=True):
            part = np.count_nonzero(mask) / mask.size
            if part:
                sides.append(
                    (part, f"{percent(part)} beyond the {name} ({AXES[k]} {'< -1' if name == SIDES[k][0] else '> 1'})")
                )
    share = np.count_nonzero(beyond) / beyond.size
    if share < 0.005:
        return None
    said = ", ".join(text for _, text in sorted(sides, reverse=True))
    first = tuple(int(i) for i in np.unravel_index(int(beyond.argmax()), beyond.shape))
    reads = _READS.get(case.padding_mode, f"what padding_mode={case.padding_mode!r} makes up")
    text = f"{percent(share)} of the outputs read outside the image: {said}; there they get {reads}"
    if share > 0.95:
        return Seen("warning", 0.6, text, place=first)
    return Seen("note", 0.2 + 0.3 * share, text, place=first)


DIAGNOSTIC = Diagnostic(
    name="outside",
    title="Samples outside the image",
    because=(
        "Where the grid leaves [-1, 1] there is nothing to read, and the padding mode decides. It is right wherever"
        " the map really shows what lies beyond the picture, as the corners of a rotation."
    ),
    fix=(
        "F.grid_sample(..., padding_mode='border')  # or 'reflection'; gs.sample has wrap, constant(fill) and outside="
    ),
    look=_look,
    explains=("rim",),
)
