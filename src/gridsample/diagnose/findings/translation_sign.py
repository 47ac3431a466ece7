# SPDX-License-Identifier: Apache-2.0
"""A translation the wrong way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair
from gridsample.diagnose.lattice import of_theta, thetas


def _repairs(case: Case) -> Iterator[Repair]:
    if len(case.affine) != len(case.grid) or all(float(np.abs(fit.shift).max()) < 1e-6 for fit in case.fits):
        return
    matrices, shifts = thetas(case)
    yield Repair(case.change(grid=of_theta(case, matrices, [-b for b in shifts])), DIAGNOSTIC.fix)
    for k in range(case.axes):
        if all(abs(b[k]) > 1e-6 for b in shifts) and any(
            np.abs(np.delete(b, k)).max(initial=0.0) > 1e-6 for b in shifts
        ):
            one = [np.where(np.arange(case.axes) == k, -b, b) for b in shifts]
            fix = f"theta[:, {k}, -1] = -theta[:, {k}, -1]"
            yield Repair(case.change(grid=of_theta(case, matrices, one)), fix, f"component {k} alone")


DIAGNOSTIC = Diagnostic(
    name="translation_sign",
    title="The translation has the wrong sign",
    because=(
        "The grid says where to read. Reading further right shows what lay further right, so the picture moves left:"
        " to move it right by t, subtract t."
    ),
    fix="theta[:, :, -1] = -theta[:, :, -1]  # the picture moves against the grid",
    repairs=_repairs,
    picture="arrows",
    rare=3,
)
