# SPDX-License-Identifier: Apache-2.0
"""The components of the grid in the wrong order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case, Fit
from gridsample.diagnose.finding import Diagnostic, Repair, Seen
from gridsample.diagnose.words import elements


def swapped(case: Case, fit: Fit) -> bool:
    """Whether x follows the rows and y the columns, both forwards: a mirror at the diagonal, which nobody draws."""
    a = fit.matrix
    if case.axes < 2 or fit.explained < 0.8:
        return False
    ends = [0, case.axes - 1]
    corner = a[np.ix_(ends, ends)]
    across, along = corner[0, 1] * corner[1, 0], abs(corner[0, 0] * corner[1, 1])
    return bool(min(corner[0, 1], corner[1, 0]) > 0.15 and across > 3 * along)


def _look(case: Case) -> Seen | None:
    t = case.thin
    hits = [fit for fit in t.fits if swapped(t, fit)]
    if not hits or not t.dense:
        return None
    if t.axes == 2 and t.sizes_out == tuple(reversed(t.sizes_in)) and t.sizes_in[0] != t.sizes_in[1]:
        return None  # see ij_meshgrid
    a = hits[0].matrix
    text = (
        f"x changes by {2 * a[0, -1]:.3g} from the first row to the last and by {2 * a[0, 0]:.3g} along a row; "
        f"y by {2 * a[-1, 0]:.3g} along a row and by {2 * a[-1, -1]:.3g} down the rows{elements(len(hits), case)}"
    )
    return Seen("error", 0.95 * hits[0].explained, text)


def _repairs(case: Case) -> Iterator[Repair]:
    if case.axes > 1:
        yield Repair(case.change(grid=case.grid[..., ::-1]), DIAGNOSTIC.fix)


DIAGNOSTIC = Diagnostic(
    name="xy_swapped",
    title="x and y swapped",
    because=(
        "The last axis of a grid is (x, y): grid[..., 0] counts along the width. With y first, as array indices are"
        " written, or from meshgrid's arrays in the wrong order, the picture comes out mirrored at its diagonal."
    ),
    fix=(
        "grid = grid.flip(-1)  # (y, x) -> (x, y); or gs.sample(..., order='ij')\n"
        "# where it is made: yy, xx = torch.meshgrid(y, x, indexing='ij'); grid = torch.stack((xx, yy), -1)"
    ),
    look=_look,
    repairs=_repairs,
    explains=("folds", "rotation_shear", "y_up", "flow_without_identity", "align_corners", "normalised_by_n"),
    picture="arrows",
    rare=2,
)
