# SPDX-License-Identifier: Apache-2.0
"""The grid's coordinates on another axis than the last, or without a batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair, Seen


def _forms(case: Case) -> Iterator[tuple[str, Repair]]:
    """Every way to read the grid's shape that would do: what it is called, and the call put right."""
    shape, axes = case.grid.shape, case.axes
    if not 1 <= axes <= 3 or (len(shape) == axes + 2 and shape[-1] == axes):
        return
    names = "HW" if axes == 2 else "DHW"[-axes:]
    line = f"({', '.join(names)}, {axes})"
    if len(shape) == axes + 2 and shape[1] == axes:
        order = f"0, {', '.join(str(i) for i in range(2, axes + 2))}, 1"
        name = f"(N, {axes}, {', '.join(names)}): channels first, like an image"
        yield name, Repair(case.change(grid=np.moveaxis(case.grid, 1, -1)), f"grid = grid.permute({order})")
    elif len(shape) == axes + 1 and shape[-1] == axes:
        yield f"{line}: without a batch", Repair(case.change(grid=case.grid[None]), "grid = grid[None]")
    elif len(shape) == axes + 1 and shape[0] == axes:
        order = f"{', '.join(str(i) for i in range(1, axes + 1))}, 0"
        name = f"({axes}, {', '.join(names)}): channels first and without a batch"
        yield name, Repair(case.change(grid=np.moveaxis(case.grid, 0, -1)[None]), f"grid = grid.permute({order})[None]")
    elif len(shape) == axes + 3 and shape[-1] == axes and 1 in shape[:2]:
        axis = shape.index(1)
        yield "one axis too many", Repair(case.change(grid=case.grid.squeeze(axis)), f"grid = grid.squeeze({axis})")
    elif len(shape) == axes + 3 and shape[-1] == axes:
        yield "one axis too many: a batch of batches", Repair(case.change(grid=case.grid[0]), "grid = grid[0]")
    elif len(shape) in (2, 3) and shape[-1] == axes:  # a list of points
        points = case.grid.reshape(-1, *(1,) * (axes - 1), shape[-2], axes)
        ones = "1, " * (axes - 1)
        name = f"a list of {shape[-2]} points"
        yield (
            name,
            Repair(
                case.change(grid=points),
                f"grid = grid.reshape(-1, {ones}{shape[-2]}, {axes})  # out: (N, C, {ones}P)",
            ),
        )


def _look(case: Case) -> Seen | None:
    for name, repair in _forms(case):
        shape = tuple(case.grid.shape)
        axes = case.axes
        text = (
            f"the grid has shape {shape}, which looks like {name}; for an image of shape {tuple(case.image.shape)} it"
            f" must be (N, *out, {axes})"
        )
        return Seen("error", 0.99, text, fix=repair.fix)
    return None


DIAGNOSTIC = Diagnostic(
    name="layout",
    title="The grid's axes are in the wrong places",
    because=(
        "A grid is (N, H, W, 2): output rows, output columns, and last the two numbers (x, y). In the layout of images"
        " the 2 is taken for the number of rows and the width for the number of coordinates."
    ),
    fix="grid = grid.permute(0, 2, 3, 1)",
    look=_look,
    repairs=lambda case: (repair for _, repair in _forms(case)),
    shapes=True,
    rare=1,
)
