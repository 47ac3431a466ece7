# SPDX-License-Identifier: Apache-2.0
"""A rotation written in normalised coordinates, on an image that is not square."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case, Fit
from gridsample.diagnose.finding import Diagnostic, Repair, Seen
from gridsample.diagnose.lattice import half_sizes, of_theta, pixel_matrix, similarity, theta, thetas


def _sheared(case: Case, fit: Fit) -> bool:
    a = theta(case, fit, case.align_corners)
    off = abs(a[0, 1])
    return (
        off > 0.02
        and similarity(a, 2e-3) is not None
        and similarity(pixel_matrix(case, a, case.align_corners), 0.02) is None
    )


def _look(case: Case) -> Seen | None:
    t = case.thin
    if t.axes != 2:
        return None
    hits = [fit for fit in t.affine if _sheared(t, fit)]
    if not hits:
        return None
    a = theta(t, hits[0], case.align_corners)
    long, short = np.linalg.svd(pixel_matrix(t, a, case.align_corners))[1]
    angle = np.degrees(np.arctan2(a[1, 0], a[0, 0]))
    text = (
        f"theta is a rotation by {angle:.4g}°, but the image is {t.sizes_in[0]} x {t.sizes_in[1]}: in pixels the map "
        f"stretches {long:.3g} times one way and {short:.3g} the other"
    )
    return Seen("warning", 0.94, text, fix=_fix(case))


def _fix(case: Case) -> str:
    w, h = case.sizes_in
    less = " - 1" if case.align_corners else ""
    return (
        f"r = {f'({w}{less}) / ({h}{less})' if less else f'{w} / {h}'}  # the image's aspect\n"
        "theta = torch.tensor([[[c, -s / r, 0], [s * r, c, 0]]])  # c, s = cos, sin of the angle"
    )


def _repairs(case: Case) -> Iterator[Repair]:
    if case.axes != 2 or len(case.affine) != len(case.grid) or not all(_sheared(case, fit) for fit in case.fits):
        return
    matrices, shifts = thetas(case)
    into, out = half_sizes(case.sizes_in, case.align_corners), half_sizes(case.sizes_out, case.align_corners)
    fair = [a * np.sqrt(out[None, :] / out[:, None] * into[None, :] / into[:, None]) for a in matrices]
    yield Repair(case.change(grid=of_theta(case, fair, shifts)), _fix(case))


DIAGNOSTIC = Diagnostic(
    name="rotation_shear",
    title="The rotation shears: the image is not square",
    because=(
        "Normalised coordinates are -1 to 1 along both axes whatever their lengths, so a rotation written in them is"
        " one only in a square. On an oblong image right angles do not stay right, and lengths change with direction."
    ),
    fix="r = W / H\ntheta = torch.tensor([[[c, -s / r, 0], [s * r, c, 0]]])",
    look=_look,
    repairs=_repairs,
    explains=("outside",),
    rare=2,
)
