# SPDX-License-Identifier: Apache-2.0
"""view where permute was meant: the numbers are shuffled, the shape looks right."""

from __future__ import annotations

from collections.abc import Iterator

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair, Seen
from gridsample.diagnose.intake import Array


def _look(case: Case) -> Seen | None:
    if min(case.sizes_out) < 4 or not case.finite or not case.fits:
        return None
    if max(fit.explained for fit in case.fits) > 0.5:
        return None
    for repair in _repairs(case):
        if repair.case.dense and _smooth(repair.case):
            text = (
                f"neighbours in the grid {tuple(case.grid.shape)} are unrelated, but with its numbers read as "
                f"{repair.how} they lie in order"
            )
            return Seen("error", 0.96, text, fix=repair.fix)
    return None


def _smooth(case: Case) -> bool:
    return bool(case.fits) and all(fit.explained > 0.97 for fit in case.fits)


def _repairs(case: Case) -> Iterator[Repair]:
    n, *out, d = case.grid.shape
    if case.stride > 1 or min(case.sizes_out) < 4:
        return

    def moved(array: Array) -> Array:
        return array.reshape(n, d, *out).transpose(0, *range(2, 2 + len(out)), 1)

    order = f"0, {', '.join(str(i) for i in range(2, 2 + len(out)))}, 1"
    yield Repair(
        case.change(grid=moved(case.grid)),
        f"grid = grid.permute({order})  # not view or reshape",
        f"(N, {d}, {', '.join('DHW'[-d:])})",
    )
    if len(set(out)) > 1:
        turned = case.grid.reshape(n, *out[::-1], d)
        fix = (
            f"grid = grid.reshape(N, {', '.join(map(str, out[::-1]))}, {d})  # H before W; to turn it: .transpose(1, 2)"
        )
        yield Repair(case.change(grid=turned), fix, f"{out[::-1]} outputs")


DIAGNOSTIC = Diagnostic(
    name="reshaped",
    title="The grid was reshaped where its axes should have been moved",
    because=(
        "view and reshape keep the numbers in their order and cut them anew: x coordinates end up as y, rows run into"
        " each other, and the output is noise or stripes. permute moves the axes."
    ),
    fix="grid = grid.permute(0, 2, 3, 1)",
    look=_look,
    repairs=_repairs,
    explains=("folds", "aliasing", "torn", "xy_swapped"),
    rare=3,
)
