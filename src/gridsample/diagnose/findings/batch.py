# SPDX-License-Identifier: Apache-2.0
"""Batches that do not fit, or fit by accident."""

from __future__ import annotations

from collections.abc import Iterator

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair, Seen


def _look(case: Case) -> Seen | None:
    if case.image.ndim != case.grid.ndim:
        return None
    n, m = case.image.shape[0], case.grid.shape[0]
    if n != m and 1 not in (n, m):
        fix = (
            f"grid = grid.repeat_interleave({n // m}, 0)"
            if m and n % m == 0
            else f"image, grid = image[:{min(n, m)}], grid[:{min(n, m)}]"
        )
        return Seen("error", 0.97, f"{n} images and {m} grids", fix=fix)
    if n != m and case.library == "torch":
        short = "grid" if m == 1 else "image"
        fix = f"{short} = {short}.expand({max(n, m)}, -1, -1, -1)  # no copy; gs.sample takes a batch of 1 as it is"
        return Seen(
            "error",
            0.9,
            f"{n} image{'s' * (n > 1)} and {m} grid{'s' * (m > 1)}; torch's grid_sample does not broadcast",
            fix=fix,
        )
    if n != m:
        return Seen(
            "note", 0.15, f"{n} image{'s' * (n > 1)} and {m} grid{'s' * (m > 1)}: the one is used for all {max(n, m)}"
        )
    if (
        m > 1
        and case.valid
        and (case.grid[1:, ..., 0] == case.grid[:1, ..., 0]).all()
        and (case.grid[1:] == case.grid[:1]).all()
    ):
        text = f"all {m} grids of the batch are the same"
        return Seen(
            "note",
            0.15,
            text,
            fix=f"grid = grid[:1]  # gs.sample takes it for all {m}; torch: .expand({m}, -1, -1, -1)",
        )
    return None


def _repairs(case: Case) -> Iterator[Repair]:
    n, m = case.image.shape[0], case.grid.shape[0]
    if case.image.ndim == case.grid.ndim and n != m and 1 not in (n, m) and min(n, m):
        few = min(n, m)
        yield Repair(
            case.change(image=case.image[:few], grid=case.grid[:few]), f"image, grid = image[:{few}], grid[:{few}]"
        )


DIAGNOSTIC = Diagnostic(
    name="batch",
    title="The batches of image and grid",
    because=(
        "Image n is read at grid n. torch refuses different lengths; this library's sample lets a batch of 1 stand for"
        " all. Times that were folded into the batch (B*T) must be folded in the same order on both sides."
    ),
    fix="grid = grid.expand(image.shape[0], -1, -1, -1)",
    look=_look,
    repairs=_repairs,
    shapes=True,
    rare=2,
)
