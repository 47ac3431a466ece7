# SPDX-License-Identifier: Apache-2.0
"""With the picture wanted at hand: every repair is tried, and the one that comes nearest says what the mistake was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair
from gridsample.diagnose.findings import diagnostics
from gridsample.errors import GridSampleError

ENOUGH = 0.8  # share of the difference a repair must take away to be believed


@dataclass(frozen=True)
class Trial:
    """A repair, and what it left of the difference."""

    diagnostic: Diagnostic
    repair: Repair
    left: float  # root mean square, in the image's units
    explained: float  # share of the difference


def difference(case: Case) -> float:
    """Root mean square of output - expected; infinite where their shapes differ or nothing can be sampled."""
    if case.expected is None or not case.valid:
        return float("inf")
    wanted = case.expected
    if wanted.shape[2:] != case.grid.shape[1:-1] or wanted.shape[1] != case.image.shape[1]:
        return float("inf")
    if len(wanted) not in (1, case.batch):
        return float("inf")
    rest = case.output - wanted
    finite = np.isfinite(rest)
    return float(np.sqrt(np.mean(rest[finite].astype(np.float64) ** 2))) if finite.any() else float("inf")


def floor(case: Case) -> float:
    """Differences below this are rounding: of float32, and of what ``expected`` was stored in."""
    wanted = case.expected
    step = 0.0
    if wanted is not None and wanted.dtype.kind in "iu":
        step = 0.35
    return max(step, 2e-5 * max(case.contrast, 1e-12))


def trials(case: Case) -> tuple[float, list[Trial]]:
    """(the difference now, all repairs that explain it, the likeliest first)."""
    small = case.thin
    before = difference(small)
    if before <= floor(small):
        return before, []
    found = []
    for row, repair in _repairs(small, case):
        left = _after(repair)
        if left < before or (np.isinf(before) and np.isfinite(left)):
            ceiling = before if np.isfinite(before) else max(small.contrast, 1e-12)
            found.append(Trial(row, repair, left, max(0.0, 1 - left / ceiling)))
    if not found:
        return before, []
    least = max(min(trial.left for trial in found), floor(small))
    near = [trial for trial in found if trial.left <= 1.5 * least]
    near.sort(key=lambda trial: (trial.diagnostic.rare, trial.left))
    rest = sorted((trial for trial in found if trial not in near), key=lambda trial: trial.left)
    best: dict[str, Trial] = {}
    for trial in (*near, *rest):
        best.setdefault(trial.diagnostic.name, trial)
    return before, [trial for trial in best.values() if trial.explained >= ENOUGH]


def _repairs(small: Case, whole: Case) -> Iterator[tuple[Diagnostic, Repair]]:
    for row in diagnostics().values():
        exact = row.name in ("reshaped", "output_size")  # these need every number of the grid
        for repair in row.repairs(whole if exact else small):
            yield row, repair


def _after(repair: Repair) -> float:
    try:
        return difference(repair.case.thin)
    except (GridSampleError, np.linalg.LinAlgError):
        return float("inf")


def then(case: Case, first: Trial) -> Trial | None:
    """A second mistake on top of the first, if most of what the first left goes with it."""
    if first.left <= 3 * floor(case.thin):
        return None
    _, more = trials(first.repair.case)
    worth = [
        trial for trial in more if trial.diagnostic.name != first.diagnostic.name and trial.left < 0.3 * first.left
    ]
    return worth[0] if worth else None
