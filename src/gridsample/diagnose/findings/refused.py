# SPDX-License-Identifier: Apache-2.0
"""Shapes that nothing can be made of."""

from __future__ import annotations

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Seen


def _look(case: Case) -> Seen | None:
    if case.valid:
        return None
    text = f"the image has shape {tuple(case.image.shape)}, the grid {tuple(case.grid.shape)}"
    return Seen("error", 0.1, text)


DIAGNOSTIC = Diagnostic(
    name="refused",
    title="The shapes do not fit each other",
    because="An image (N, C, H, W) wants a grid (N, H_out, W_out, 2), a volume (N, C, D, H, W) one of"
    " (N, D_out, H_out, W_out, 3).",
    fix="print(image.shape, grid.shape)  # the grid has as many numbers last as the image has spatial axes",
    look=_look,
    shapes=True,
)
