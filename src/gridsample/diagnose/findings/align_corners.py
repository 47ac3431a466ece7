# SPDX-License-Identifier: Apache-2.0
"""The grid built for one meaning of -1 and 1, and sampled with the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair, Seen
from gridsample.diagnose.lattice import plain, recognised, theta


def _look(case: Case) -> Seen | None:
    t = case.thin
    shift = max((n / m for n, m in zip(t.sizes_in, t.sizes_out, strict=True)), default=0.0) / 2
    other = not case.align_corners
    if case.built_with is not None and case.built_with != case.align_corners:
        at = f" at {case.built_at}" if case.built_at else ""
        text = f"affine_grid{at} was called with align_corners={other}, grid_sample with {case.corners_word}"
        return Seen("error", 0.99, f"{text}; at the rim that is {shift:.2g} px", fix=_fix(case))
    if not t.dense or case.built_with is not None:
        return None
    found = recognised(t)
    if found == ("corners" if other else "edges"):
        ends = f"from {t.grid[..., 0].min():.5g} to {t.grid[..., 0].max():.5g}"
        text = (
            f"x runs {ends} over {t.sizes_out[0]} outputs: a lattice of align_corners={other}, "
            f"sampled with {case.corners_word}; off by up to {shift:.2g} px at the rim, 0 in the middle"
        )
        return Seen("warning", 0.96, text, fix=_fix(case))
    if found or not t.affine:
        return None
    hits = [fit for fit in t.affine if plain(t, fit, other) and not plain(t, fit, case.align_corners)]
    if not hits:
        return None
    here, there = theta(t, hits[0], case.align_corners), theta(t, hits[0], other)
    text = (
        f"read as a lattice of align_corners={other} the map is {_said(there)}; with {case.corners_word}, as sampled, "
        f"it is {_said(here)}"
    )
    rigid = bool(abs(abs(np.linalg.det(there)) - 1) < 1e-3)
    zoom = there - there[0, 0] * np.eye(t.axes)  # a plain zoom about the middle is hardly an accident either
    rigid |= bool(max(np.abs(zoom).max(), np.abs(hits[0].shift).max()) < 1e-4)
    return Seen("warning" if rigid else "note", 0.85, text, fix=_fix(case))


def _said(matrix: np.ndarray) -> str:  # type: ignore[type-arg]
    return "[" + ", ".join("[" + ", ".join(f"{v:.5g}" for v in row) + "]" for row in matrix) + "]"


def _fix(case: Case) -> str:
    other = not case.align_corners
    return (
        f"F.grid_sample(image, grid, align_corners={other})  # as the grid was built; or build it for "
        f"{case.corners_word}:\nF.affine_grid(theta, size, {case.corners_word})"
    )


def _repairs(case: Case) -> Iterator[Repair]:
    other = not case.align_corners
    yield Repair(case.change(align_corners=other, built_with=None), _fix(case))
    d = case.grid - case.identity("corners" if other else "edges")
    yield Repair(case.change(grid=d + case.identity(), built_with=None), _fix(case), "identity rebuilt")


DIAGNOSTIC = Diagnostic(
    name="align_corners",
    title="align_corners differs between how the grid was built and how it is sampled",
    because=(
        "With align_corners=True -1 and 1 are the centres of the corner pixels, with False the outer edges of the"
        " image, half a pixel further out. A grid of the one read as the other is stretched: right in the middle, half"
        " a pixel off at the rim (and with zeros padding the rim is darkened)."
    ),
    fix="F.grid_sample(image, grid, align_corners=...)  # the same as in affine_grid or linspace",
    look=_look,
    repairs=_repairs,
    explains=("rim", "outside", "normalised_by_n", "gradients"),
    picture="ruler",
    rare=3,
)
