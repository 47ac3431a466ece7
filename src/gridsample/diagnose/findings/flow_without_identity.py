# SPDX-License-Identifier: Apache-2.0
"""A displacement field passed as if it were positions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair, Seen
from gridsample.diagnose.words import spans


def _look(case: Case) -> Seen | None:
    t = case.thin
    g = t.grid.astype(np.float64)
    if not t.dense or not t.fits or min(t.sizes_out) < 4:
        return None
    fit = max(t.fits, key=lambda fit: float(np.abs(np.diag(fit.matrix)).max()))
    along = float(np.abs(np.diag(fit.matrix)).max())
    spread = g.reshape(-1, t.axes).std(0)
    largest = float(np.abs(g).max())
    if not spread.max() or (g == g.reshape(-1, t.axes)[0]).all():
        return None
    if largest < 0.45 and along < 0.12 and np.abs(fit.shift).max() < 0.2:
        text = (
            f"all coordinates are small ({spans(case)}) and do not grow across the output: everything reads near the"
            " middle"
        )
        return Seen("warning", 0.9, text)
    n = np.array(t.sizes_in)
    outside = float((np.abs(g) > 1).any(-1).mean())
    explained = max(fit.explained for fit in t.fits)
    if (
        (outside > 0.6 if explained > 0.5 else outside > 0.25)
        and explained < 0.85
        and (np.abs(g.reshape(-1, t.axes).mean(0)) < 0.25 * n).all()
        and largest < 0.6 * n.max()
    ):
        signs = float((g < 0).mean())
        if t.sizes_out == t.sizes_in and 0.02 < signs < 0.98:
            text = (
                f"coordinates of both signs without any order across the output, as large as {largest:.3g}:"
                f" {spans(case)}"
            )
            return Seen("warning", 0.85, text, fix=_fix(case, pixels=True))
    return None


def _fix(case: Case, pixels: bool) -> str:
    size = ", ".join(str(n) for n in reversed(case.sizes_out))
    eye = (
        f"identity = F.affine_grid(torch.eye({case.axes}, {case.axes + 1})[None], (1, 1, {size}),"
        f" {case.corners_word})\n"
    )
    less = 1 if case.align_corners else 0
    scale = ", ".join(str(n - less) for n in case.sizes_in)
    return eye + (f"grid = identity + flow * 2 / torch.tensor([{scale}])" if pixels else "grid = identity + flow")


def _repairs(case: Case) -> Iterator[Repair]:
    yield Repair(case.change(grid=case.grid + case.identity()), _fix(case, False))
    if case.scale.min() > 0:
        yield Repair(case.change(grid=case.grid / case.scale + case.identity()), _fix(case, True), "in pixels")


DIAGNOSTIC = Diagnostic(
    name="flow_without_identity",
    title="A flow without the identity: displacements passed as positions",
    because=(
        "grid_sample wants the position to read at, not the way there. Without the identity added every output reads"
        " near the middle of the image, and the result is a smear of what lies there."
    ),
    fix="grid = identity + flow",
    look=_look,
    repairs=_repairs,
    explains=("outside", "folds", "pixel_coordinates", "constant", "rim"),
    picture="arrows",
    rare=2,
)
