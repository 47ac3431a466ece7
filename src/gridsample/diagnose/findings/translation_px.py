# SPDX-License-Identifier: Apache-2.0
"""A translation in pixels among normalised numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case, Fit
from gridsample.diagnose.finding import Diagnostic, Repair, Seen
from gridsample.diagnose.lattice import half_sizes, of_theta, thetas
from gridsample.diagnose.words import AXES, elements


def _far(case: Case, fit: Fit) -> bool:
    reach = np.abs(fit.matrix).sum(1)
    size = np.array(case.sizes_in)
    away = (np.abs(fit.shift) >= 1 + 0.99 * reach) & (np.abs(fit.shift) <= size)
    ordinary = 0.1 < abs(np.linalg.det(fit.matrix)) < 30 and reach.max() < 6
    return bool(away.any() and ordinary)


def _look(case: Case) -> Seen | None:
    t = case.thin
    hits = [fit for fit in t.affine if _far(t, fit)]
    if not hits or not t.dense:
        return None
    shift = hits[0].shift
    parts = ", ".join(f"{AXES[k]} by {b:.4g}" for k, b in enumerate(shift) if abs(b) > 1e-6)
    size = ", ".join(
        f"{abs(b) / 2:.3g} {'widths' if k == 0 else 'heights'}" for k, b in enumerate(shift[:2]) if abs(b) > 1e-6
    )
    text = (
        f"the whole grid is moved in {parts}: {size} of the image, so all of it lies outside{elements(len(hits), case)}"
    )
    return Seen("error", 0.93, text, fix=_fix(case))


def _fix(case: Case) -> str:
    names = ("tx", "ty", "tz")
    less = 1 if case.align_corners else 0
    return "\n".join(
        f"theta[:, {k}, -1] = 2 * {names[k]} / {n - less}  # {names[k]} in pixels" for k, n in enumerate(case.sizes_in)
    )


def _repairs(case: Case) -> Iterator[Repair]:
    if len(case.affine) != len(case.grid) or max(float(np.abs(fit.shift).max()) for fit in case.fits) < 0.9:
        return
    matrices, shifts = thetas(case)
    half = half_sizes(case.sizes_in, case.align_corners)
    yield Repair(case.change(grid=of_theta(case, matrices, [b / half for b in shifts])), _fix(case))
    signed = [-b / half for b in shifts]
    yield Repair(
        case.change(grid=of_theta(case, matrices, signed)), _fix(case) + "\n# and with the other sign", "and sign"
    )


DIAGNOSTIC = Diagnostic(
    name="translation_px",
    title="A translation in pixels in a normalised theta",
    because=(
        "The last column of theta is in normalised units, where 2 is the whole image. A translation of 10 moves the"
        " grid five image sizes away, and nothing is left to see."
    ),
    fix="theta[:, 0, 2] = 2 * tx / W  # with align_corners=True: 2 * tx / (W - 1)",
    look=_look,
    repairs=_repairs,
    explains=("outside", "constant", "gradients"),
    rare=2,
)
