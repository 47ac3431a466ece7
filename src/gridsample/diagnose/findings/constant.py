# SPDX-License-Identifier: Apache-2.0
"""A grid that reads one place only."""

from __future__ import annotations

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Seen
from gridsample.diagnose.words import AXES


def _look(case: Case) -> Seen | None:
    points = case.grid.reshape(len(case.grid), -1, case.axes)
    if points.shape[1] < 2:
        return None
    still = (points == points[:, :1]).all(1)  # (N, D)
    fixed = still.all(1)
    if fixed.any():
        which = [int(i) for i in np.nonzero(fixed)[0]]
        all_of = (
            "every element"
            if len(which) == len(fixed)
            else f"element {', '.join(map(str, which[:6]))}{' …' if len(which) > 6 else ''}"
        )
        text = f"in {all_of} of the batch all {points.shape[1]} outputs read {points[which[0], 0].tolist()}"
        return Seen("error", 0.9, text, place=(which[0], *(0 for _ in range(case.axes))))
    if min(case.sizes_out) > 1 and min(case.sizes_in) > 1 and still.any(0).any() and case.axes > 1:
        k = int(np.nonzero(still.any(0))[0][0])
        text = (
            f"{AXES[k]} is {points[int(np.nonzero(still[:, k])[0][0]), 0, k]:.4g} everywhere: all outputs lie on one"
            " line of the image"
        )
        return Seen("warning", 0.85, text)
    return None


DIAGNOSTIC = Diagnostic(
    name="constant",
    title="A constant grid",
    because=(
        "Every output reads the same place, so the output is one colour. The grid was never filled (torch.zeros, or"
        " only element 0 of the batch), or the layer that makes it has died."
    ),
    fix="grid = F.affine_grid(torch.eye(2, 3).expand(N, 2, 3), (N, C, H, W), align_corners=False)  # start here",
    look=_look,
    explains=("flow_without_identity", "outside", "rim"),
)
