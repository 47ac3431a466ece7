# SPDX-License-Identifier: Apache-2.0
"""A flow whose first channel is dy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair


def _repairs(case: Case) -> Iterator[Repair]:
    if case.axes < 2 or case.scale.min() <= 0:
        return
    flow = case.grid - case.identity()
    if float(np.abs(flow).max(initial=0.0)) < 1e-9 or not case.finite:
        return
    yield Repair(case.change(grid=case.identity() + (flow * case.scale)[..., ::-1] / case.scale), DIAGNOSTIC.fix)
    if len(set(case.sizes_in)) > 1:
        yield Repair(case.change(grid=case.identity() + flow[..., ::-1]), DIAGNOSTIC.fix, "normalised before")


DIAGNOSTIC = Diagnostic(
    name="flow_channels",
    title="The flow's channels are swapped: (dy, dx) used as (dx, dy)",
    because=(
        "grid[..., 0] is x. A flow stored rows first moves things down where they should move right; on smooth fields"
        " the result looks plausible, only wrong."
    ),
    fix="grid = identity + flow.flip(-1)  # (dy, dx) -> (dx, dy), before it is normalised",
    repairs=_repairs,
    picture="arrows",
    rare=4,
)
