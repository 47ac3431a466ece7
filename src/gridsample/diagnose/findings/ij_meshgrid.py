# SPDX-License-Identifier: Apache-2.0
"""meshgrid(x, y) with indexing "ij": the output lies on its side."""

from __future__ import annotations

from collections.abc import Iterator

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair, Seen
from gridsample.diagnose.findings.xy_swapped import swapped


def _look(case: Case) -> Seen | None:
    t = case.thin
    if t.axes != 2 or t.sizes_in[0] == t.sizes_in[1] or t.sizes_out != tuple(reversed(t.sizes_in)) or not t.dense:
        return None
    if not any(swapped(t, fit) for fit in t.fits):
        return None
    w, h = t.sizes_out
    text = f"the output is {h} rows of {w}, the input {t.sizes_in[1]} rows of {t.sizes_in[0]}; x follows the rows"
    return Seen("error", 0.97, text)


def _repairs(case: Case) -> Iterator[Repair]:
    if case.axes == 2:
        full = None if case.full is None else case.full[::-1]
        yield Repair(case.change(grid=case.grid.swapaxes(1, 2), full=full), DIAGNOSTIC.fix)


DIAGNOSTIC = Diagnostic(
    name="ij_meshgrid",
    title='The grid was built with an "ij" meshgrid: x runs down the rows',
    because=(
        'meshgrid(x, y, indexing="ij") makes arrays of shape (W, H) in which x changes along the first axis.'
        " grid_sample takes the first axis for the rows, so the output is transposed and has the transposed shape."
    ),
    fix="xx, yy = torch.meshgrid(x, y, indexing='xy')  # shape (H, W)\ngrid = torch.stack((xx, yy), dim=-1)[None]",
    look=_look,
    repairs=_repairs,
    explains=("output_size", "folds", "xy_swapped", "rotation_shear", "align_corners", "normalised_by_n"),
    rare=3,
)
