# SPDX-License-Identifier: Apache-2.0
"""Samples exactly half-way between pixels, with nearest."""

from __future__ import annotations

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Seen
from gridsample.diagnose.words import percent


def _look(case: Case) -> Seen | None:
    if case.options.kernel != "nearest" or not case.thin.finite:
        return None
    x = case.thin.x.astype(np.float64)
    near = 1e-5 * np.maximum(np.array(case.sizes_in), 8) / 8
    tie = (np.abs(x - np.floor(x) - 0.5) < near).any(-1) & (np.abs(x) < 1e6).all(-1)
    share = float(tie.mean())
    if share < 0.02:
        return None
    first = tuple(int(i) for i in np.argwhere(tie)[0])
    text = f"{percent(share)} of the outputs lie exactly half-way between two pixels"
    return Seen("note", 0.5, text, place=(first[0], *(i * case.thin.stride for i in first[1:])))


DIAGNOSTIC = Diagnostic(
    name="ties",
    title="Ties: nearest has two nearest pixels",
    because=(
        "Half-way between two pixels the choice hangs on the last bit of the coordinate. torch and this library take"
        " the even one, JAX and SciPy others, and a rounding error decides for either: labels jump by a pixel here and"
        " there."
    ),
    fix="grid = grid + 1e-4 / W  # a hair to one side, the same everywhere; or another output size",
    look=_look,
    picture="ruler",
)
