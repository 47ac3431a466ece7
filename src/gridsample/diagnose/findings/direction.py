# SPDX-License-Identifier: Apache-2.0
"""The map of input to output, where output to input is wanted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair
from gridsample.diagnose.intake import Array
from gridsample.diagnose.lattice import of_theta, thetas


def _repairs(case: Case) -> Iterator[Repair]:
    if len(case.affine) == len(case.grid):
        matrices, shifts = thetas(case)
        if all(abs(np.linalg.det(a)) > 1e-6 for a in matrices):
            inverses = [np.linalg.inv(a) for a in matrices]
            back = [-a @ b for a, b in zip(inverses, shifts, strict=True)]
            yield Repair(case.change(grid=of_theta(case, inverses, back)), DIAGNOSTIC.fix)
    elif case.dense and case.finite:
        fix = "grid = identity + gs.maps.Displacement(...).inverse()  # not identity - displacement, which is near it"
        yield Repair(case.change(grid=_inverse(case)), fix, "numerically")
        yield Repair(case.change(grid=2 * case.identity() - case.grid), "grid = identity - displacement", "the sign")


def _inverse(case: Case) -> Array:
    """Where output o is read from if the grid says where o goes to: d(y) = -e(y + d(y)), by repetition."""
    base = case.identity()
    moved = case.grid - base
    field = np.ascontiguousarray(np.moveaxis(moved, -1, 1))
    found = -moved
    for _ in range(12):
        at = np.broadcast_to(base, moved.shape) + found
        found = -np.moveaxis(case.change(padding_mode="border", mode="bilinear").sampled(field, at), 1, -1)
    return np.asarray(base + found)


DIAGNOSTIC = Diagnostic(
    name="direction",
    title="The map points the wrong way: it takes input to output",
    because=(
        "grid_sample asks, for every output pixel, where in the input to read. A map that says where an input pixel"
        " goes is the inverse of that: a rotation turns the other way, and with a translation or zoom as well the"
        " picture lands elsewhere."
    ),
    fix=(
        "inverse = torch.linalg.inv(theta[:, :, :2])\n"
        "theta = torch.cat((inverse, -inverse @ theta[:, :, 2:]), dim=2)  # output -> input, for affine_grid"
    ),
    repairs=_repairs,
    picture="arrows",
    rare=5,
)
