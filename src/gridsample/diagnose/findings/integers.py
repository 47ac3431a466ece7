# SPDX-License-Identifier: Apache-2.0
"""Whole-number images: refused, or wrapped round on the way back."""

from __future__ import annotations

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Seen
from gridsample.diagnose.words import percent


def _look(case: Case) -> Seen | None:
    whole = case.image.dtype.kind in "iu"
    if case.image.dtype.kind == "b":
        return None
    overshoots = (
        case.valid and case.options.kernel not in ("nearest", "linear", "smoothstep", "mitchell") and case.finite
    )
    if overshoots and (whole or _bytes(case)):
        low, high = (np.iinfo(case.image.dtype).min, np.iinfo(case.image.dtype).max) if whole else (0, 255)
        out = case.thin.output
        wraps = float(((out < low - 0.5) | (out > high + 0.5)).mean())
        if wraps:
            text = (
                f"mode={case.mode!r} overshoots: {percent(wraps)} of the output lies outside {low} … {high} (from"
                f" {out.min():.4g} to {out.max():.4g}), and wraps round when stored in"
                f" {case.image_dtype if whole else 'uint8'}"
            )
            return Seen("warning" if whole else "note", 0.88, text)
    if whole and case.library == "torch":
        text = f"the image is {case.image_dtype}; torch's grid_sample takes floating point only"
        return Seen("error", 0.6, text, about="The image holds whole numbers")
    if whole:
        text = f"the image is {case.image_dtype} and is looked at as float32"
        return Seen("note", 0.1, text, about="The image holds whole numbers")
    return None


def _bytes(case: Case) -> bool:
    some = case.thin.image.reshape(-1)
    some = some[:: max(1, some.size // 50_000)]
    return bool(some.size and some.min() >= 0 and 16 < some.max() <= 255 and (some == np.rint(some)).all())


DIAGNOSTIC = Diagnostic(
    name="integers",
    title="Whole numbers overflow",
    because=(
        "A cubic kernel has negative weights: beside an edge it goes below the darkest and above the brightest pixel."
        " 256 stored in a byte is 0, -1 is 255: white specks in black and black ones in white."
    ),
    fix="out = out.round().clamp(0, 255).to(torch.uint8)",
    look=_look,
    shapes=True,
    picture="compare",
    explains=("types",),
)
