# SPDX-License-Identifier: Apache-2.0
"""A zoom that makes things smaller where it should make them larger, or that is not there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair
from gridsample.diagnose.lattice import half_sizes, of_theta, pixel_matrix, similarity, thetas

# Zooms that people forget, or put the wrong number to.
FACTORS = {1 / 2: "0.5", 2.0: "2", 1 / 3: "(1 / 3)", 3.0: "3"}


def _repairs(case: Case) -> Iterator[Repair]:
    if len(case.affine) != len(case.grid):
        return
    matrices, shifts = thetas(case)
    if any(abs(np.linalg.det(a)) < 1e-6 for a in matrices):
        return
    middle = max(np.abs(b).max() for b in shifts) < 1e-5
    for factor, said in FACTORS.items():
        line = f"grid = {said} * grid" if middle else f"theta[..., :-1] *= {said}"
        apart = case.grid - np.stack(shifts).reshape(len(shifts), *(1,) * case.axes, case.axes)
        comment = "  # reads from so much of the image: below 1 the picture is larger"
        yield Repair(case.change(grid=case.grid + (factor - 1) * apart), line + comment, f"times {said}")
    if all(_unit(a) for a in matrices):
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
    title="Zoom forgotten, or the wrong way round",
    because=(
        "The factor multiplies positions in the input. A factor of 2 reads from twice as wide an area, so the picture"
        " comes out half as large; to make it twice as large the factor is 0.5. Over the whole of [-1, 1] a grid shows"
        " the whole image, however few or many outputs it has."
    ),
    fix="theta = torch.tensor([[[1 / zoom, 0, 0], [0, 1 / zoom, 0]]])",
    repairs=_repairs,
    rare=3,
)
