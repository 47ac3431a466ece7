# SPDX-License-Identifier: Apache-2.0
"""A zoom that makes things smaller where it should make them larger."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair
from gridsample.diagnose.lattice import half_sizes, of_theta, pixel_matrix, similarity, thetas


def _repairs(case: Case) -> Iterator[Repair]:
    if len(case.affine) != len(case.grid):
        return
    matrices, shifts = thetas(case)
    if any(abs(np.linalg.det(a)) < 1e-6 for a in matrices) or all(_unit(a) for a in matrices):
        return
    other = [np.linalg.inv(a).T for a in matrices]  # every scale to its inverse, every rotation as it is
    yield Repair(case.change(grid=of_theta(case, other, shifts)), DIAGNOSTIC.fix)
    into, out = half_sizes(case.sizes_in, case.align_corners), half_sizes(case.sizes_out, case.align_corners)
    pixels = [np.linalg.inv(pixel_matrix(case, a, case.align_corners)).T for a in matrices]
    back = [m / into[:, None] * out[None, :] for m in pixels]
    yield Repair(case.change(grid=of_theta(case, back, shifts)), DIAGNOSTIC.fix, "in pixels")


def _unit(matrix: np.ndarray) -> bool:  # type: ignore[type-arg]
    scale = similarity(matrix, 1e-3)
    return scale is not None and abs(scale - 1) < 1e-3


DIAGNOSTIC = Diagnostic(
    name="zoom",
    title="Zoom the wrong way round",
    because=(
        "The factor multiplies positions in the input. A factor of 2 reads from twice as wide an area, so the picture"
        " comes out half as large; to make it twice as large the factor is 0.5."
    ),
    fix="theta = torch.tensor([[[1 / zoom, 0, 0], [0, 1 / zoom, 0]]])",
    repairs=_repairs,
    rare=3,
)
