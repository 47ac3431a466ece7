# SPDX-License-Identifier: Apache-2.0
"""Image and grid of two types."""

from __future__ import annotations

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Seen


def _look(case: Case) -> Seen | None:
    if case.library != "torch" or case.image_dtype == case.grid_dtype or case.image.dtype.kind != "f":
        return None
    text = f"the image is {case.image_dtype}, the grid {case.grid_dtype}; torch's grid_sample wants one type"
    return Seen("error", 0.5, text)


DIAGNOSTIC = Diagnostic(
    name="types",
    title="Image and grid are of different types",
    because=(
        "torch refuses the call, and the quick remedy, a half-precision grid, costs pixels. Coordinates want float32"
        " whatever the image is."
    ),
    fix="gs.sample(image, grid, ...)  # takes a float16 image with a float32 grid; torch: image.float()",
    look=_look,
    shapes=True,
)
