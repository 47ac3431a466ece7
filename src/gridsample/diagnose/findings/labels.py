# SPDX-License-Identifier: Apache-2.0
"""Labels blended into labels that do not exist."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair, Seen
from gridsample.diagnose.words import percent


def _look(case: Case) -> Seen | None:
    if case.options.kernel == "nearest":
        return None
    image = case.thin.image
    part = image[:1, :1].reshape(-1)
    values = np.unique(part[:: max(1, part.size // 200_000)])
    if (
        not 3 <= len(values) <= 40
        or not np.isfinite(values).all()
        or (values != np.rint(values)).any()
        or part.size < 64
    ):
        return None
    flat = np.mean(
        [(np.diff(image[:1, :1], axis=axis) == 0).mean() for axis in range(2, image.ndim) if image.shape[axis] > 1]
    )
    if flat < 0.7:
        return None
    out = case.thin.output
    invented = float((np.abs(out - np.rint(out)) > 1e-3).mean())
    if invented < 1e-3:
        return None
    text = (
        f"the image holds {len(values)} whole numbers ({values[0]:g} … {values[-1]:g}) in flat regions;"
        f" mode={case.mode!r} makes {percent(invented)} of the output something in between"
    )
    return Seen("warning", 0.85, text)


def _repairs(case: Case) -> Iterator[Repair]:
    if case.options.kernel != "nearest":
        yield Repair(case.change(mode="nearest"), DIAGNOSTIC.fix)


DIAGNOSTIC = Diagnostic(
    name="labels",
    title="A label map sampled with weights",
    because=(
        "Between label 1 and label 5 linear interpolation gives 3, which is another label or none. Labels are names,"
        " not amounts."
    ),
    fix="F.grid_sample(labels, grid, mode='nearest')  # or one-hot, sample linearly, argmax",
    look=_look,
    repairs=_repairs,
    picture="compare",
    rare=4,
)
