# SPDX-License-Identifier: Apache-2.0
"""Numbers and names in sentences, and the lines of code that several diagnostics recommend."""

from __future__ import annotations

from collections.abc import Sequence

from gridsample.diagnose.case import Case

AXES = "xyz"
SIDES = (("left", "right"), ("top", "bottom"), ("front", "back"))
SIZES = "WHD"  # what the sizes are called, by component


def percent(part: float) -> str:
    """A share as people say it; never 0 % of something, never all of almost all."""
    value = 100 * part
    if 0 < value < 0.1:
        return "under 0.1 %"
    if 99.9 < value < 100:
        return "over 99.9 %"
    return f"{value:.3g} %" if value < 10 else f"{value:.0f} %"


def spans(case: Case) -> str:
    """``x from -0.5 to 63.5, y from ...``"""
    parts = []
    for k in range(case.axes):
        g = case.thin.grid[..., k]
        parts.append(f"{AXES[k]} from {g.min():.4g} to {g.max():.4g}")
    return ", ".join(parts)


def numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def sizes(case: Case) -> str:
    """The input's spatial size, ``W=64, H=48``."""
    return ", ".join(f"{SIZES[k]}={n}" for k, n in enumerate(case.sizes_in))


def normalise(case: Case, source: str = "px") -> str:
    """From pixel positions to what this call reads, line by line."""
    lines = []
    for k, n in enumerate(case.sizes_in):
        formula = (
            f"2 * {source}[..., {k}] / {n - 1} - 1" if case.align_corners else f"(2 * {source}[..., {k}] + 1) / {n} - 1"
        )
        lines.append(f"grid[..., {k}] = {formula}")
    return "\n".join(lines)


def elements(count: int, case: Case) -> str:
    """Where in the batch, if there is one."""
    looked = len(case.thin.grid)
    return "" if looked == 1 else f" (in {count} of {looked} elements of the batch looked at)"
