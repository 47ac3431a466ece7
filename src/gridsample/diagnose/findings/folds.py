# SPDX-License-Identifier: Apache-2.0
"""Places where the map turns over on itself."""

from __future__ import annotations

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Seen
from gridsample.diagnose.words import percent


def _look(case: Case) -> Seen | None:
    if not case.dense or len(case.steps) != case.axes:
        return None
    with np.errstate(all="ignore"):
        if case.axes == 2:
            (a, b), (c, d) = ((s[..., 0], s[..., 1]) for s in case.steps)
            det = a * d - b * c
        else:
            det = np.linalg.det(np.stack(case.steps, axis=-1))
    longest = np.max([np.abs(step).max(-1) for step in case.steps], axis=0)
    far = np.any([(np.abs(step) > 0.4 * np.array(case.sizes_in)).any(-1) for step in case.steps], axis=0)
    torn = far & (longest > 5 * float(np.median(longest)))  # see torn: a jump is no fold
    det = np.where(torn, 0.0, det)
    size = float(np.median(np.abs(det)))
    below, above = np.count_nonzero(det < -0.02 * size - 1e-6), np.count_nonzero(det > 0.02 * size + 1e-6)
    fewer = min(below, above) / det.size
    if fewer < 2e-4:
        return None
    mask = det < 0 if below <= above else det > 0
    first = tuple(int(i) for i in np.argwhere(mask)[0])
    lowest = float(det.min() if below <= above else det.max())
    text = (
        f"{percent(fewer)} of the outputs ({min(below, above)}) are folded over; first at output {first}, Jacobian"
        f" {lowest:.3g} at worst"
    )
    return Seen("warning", 0.75, text, place=first)


DIAGNOSTIC = Diagnostic(
    name="folds",
    title="The map folds: its Jacobian changes sign",
    because=(
        "Where the Jacobian is negative neighbouring outputs read in reversed order: a part of the picture appears"
        " several times, mirrored in between. Displacements that differ by more than the distance of their points do"
        " this."
    ),
    fix="flow = gaussian_blur(flow)  # smoother or smaller; or integrate a velocity field, which cannot fold",
    look=_look,
    explains=("torn", "aliasing"),
    picture="jacobian",
)
