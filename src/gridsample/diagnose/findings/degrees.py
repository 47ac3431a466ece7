# SPDX-License-Identifier: Apache-2.0
"""cos(30) for thirty degrees."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case, Fit
from gridsample.diagnose.finding import Diagnostic, Repair, Seen
from gridsample.diagnose.lattice import half_sizes, of_theta, pixel_matrix, similarity, theta, thetas

NICE = 1e-3  # degrees from a whole number, within which an angle counts as meant


def _turn(case: Case, fit: Fit) -> tuple[int, bool] | None:
    """The whole number of degrees d whose *radians* the grid is turned by, and whether the turn is one of pixels."""
    a = theta(case, fit, case.align_corners)
    for in_pixels, m in ((False, a), (True, pixel_matrix(case, a, case.align_corners))):
        if similarity(m, 1e-4) is None or np.linalg.det(m) < 0:
            continue
        angle = math.atan2(m[1, 0], m[0, 0])
        degrees = math.degrees(angle)
        if abs(degrees - round(degrees)) < NICE:
            return None
        near = 2e-6 + 2 * case.resolution_px / max(case.scale.max(), 1)
        whole = [d for d in range(-360, 361) if abs(math.remainder(angle - d, 2 * math.pi)) < near]
        if whole:
            return min(whole, key=lambda d: (d % 5 != 0, abs(d))), in_pixels
    return None


def _look(case: Case) -> Seen | None:
    t = case.thin
    if t.axes != 2 or t.resolution_px > 0.001 * t.scale.max():
        return None
    for fit in t.affine:
        found = _turn(t, fit)
        if found:
            d, _ = found
            really = math.degrees(math.remainder(d, 2 * math.pi))
            text = f"the grid is turned by {really:.5g}°, which is {d} radians to six digits"
            return Seen("warning", 0.95, text, fix=f"angle = math.radians({d})  # before cos and sin")
    return None


def _repairs(case: Case) -> Iterator[Repair]:
    if case.axes != 2 or len(case.affine) != len(case.grid):
        return
    matrices, shifts = thetas(case)
    into, out = half_sizes(case.sizes_in, case.align_corners), half_sizes(case.sizes_out, case.align_corners)
    fair = []
    for fit, a in zip(case.fits, matrices, strict=True):
        found = _turn(case, fit)
        if not found:
            return
        d, in_pixels = found
        m = pixel_matrix(case, a, case.align_corners) if in_pixels else a
        c, s = math.cos(math.radians(d)), math.sin(math.radians(d))
        m = np.array([[c, -s], [s, c]]) * (similarity(m, 1e-4) or 1.0)
        fair.append(m / into[:, None] * out[None, :] if in_pixels else m)
    yield Repair(case.change(grid=of_theta(case, fair, shifts)), DIAGNOSTIC.fix)


DIAGNOSTIC = Diagnostic(
    name="degrees",
    title="Degrees given where radians are expected",
    because=(
        "cos and sin take radians. cos(30) is the cosine of 1719 degrees, so the picture is turned by an angle that"
        " has nothing to do with 30."
    ),
    fix="angle = math.radians(angle_deg)  # before cos and sin",
    look=_look,
    repairs=_repairs,
    explains=("outside", "align_corners"),
    rare=2,
)
