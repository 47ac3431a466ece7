# SPDX-License-Identifier: Apache-2.0
"""Zero padding shining through at the rim."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair, Seen
from gridsample.diagnose.words import percent


def _look(case: Case) -> Seen | None:
    if case.options.boundary != ("zero",) or case.options.kernel == "nearest" or not case.thin.finite:
        return None
    t = case.thin
    lost, inside = np.ones(t.x.shape[:-1]), np.ones(t.x.shape[:-1], bool)
    for k, n in enumerate(t.sizes_in):
        x = t.x[..., k]
        inside &= (x >= -0.5) & (x <= n - 0.5)
        lost = lost * np.clip(np.minimum(x + 1, n - x), 0, 1)
    dark = inside & (lost < 0.98)
    share = float(dark.mean())
    if not share:
        return None
    text = (
        f"{percent(share)} of the outputs lie inside the image but nearer than a pixel to its edge, and lose"
        f" {percent(float(1 - lost[dark].mean()))} of their value on average, {percent(float(1 - lost[dark].min()))}"
        " at most"
    )
    first = tuple(int(i) for i in np.argwhere(dark)[0])
    return Seen("note", 0.3, text, place=(first[0], *(i * t.stride for i in first[1:])))


def _repairs(case: Case) -> Iterator[Repair]:
    if case.padding_mode in ("zeros", "zero"):
        yield Repair(case.change(padding_mode="border"), DIAGNOSTIC.fix)


DIAGNOSTIC = Diagnostic(
    name="rim",
    title="The rim is darkened by zero padding",
    because=(
        "Within half a pixel of the edge one of the taps lies outside and reads 0, so the edge fades to black over"
        " one pixel instead of ending. Enlarging shows it as a dark frame."
    ),
    fix="F.grid_sample(..., padding_mode='border')  # or gs.sample(..., boundary='clamp', outside=0): sharp edges",
    look=_look,
    repairs=_repairs,
    picture="ruler",
    rare=3,
)
