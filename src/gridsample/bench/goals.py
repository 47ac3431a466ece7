# SPDX-License-Identifier: Apache-2.0
"""What must be shown: one row per goal, and what the committed results say about it.

A measured number is the geometric mean over cases; a case that is run in several ways counts once, with its own mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gridsample.bench import tables
from gridsample.bench.runs import run_text
from gridsample.bench.tables import Row

HEAD = ("", "goal", "floor", "measured", "")


@dataclass(frozen=True)
class Part:
    """Rows with these values, and how many times faster we want to be there and must be."""

    where: dict[str, Any]
    goal: float
    floor: float


@dataclass(frozen=True)
class Goal:
    """A row of the table; several parts stand beside each other, divided by a slash."""

    text: str
    parts: tuple[Part, ...]
    value: Callable[[Row], float | None] = lambda row: float(row["ratio"])
    most: bool = False  # the value shall be at most the goal, not at least
    every: bool = False  # each row has to keep it, not the mean


def _part(goal: float, floor: float, peer: str = "torch", **where: Any) -> Part:
    return Part({"peer": peer, "dtype": "float32", "mode": "bilinear", "verb": "forward", **where}, goal, floor)


_FLAT = ("2D", "2D interleaved", "2D channels last", "3D", "1D")  # all but the small call
GOALS: tuple[Goal, ...] = (
    Goal(
        "2D bilinear forward, NCHW, geometric mean over cases, 1 thread",
        (_part(2.5, 1.7, group="2D", threads=1),),
    ),
    Goal("one image (N=1), 2 threads", (_part(4.5, 3, group="2D", threads=2, batch=1),)),
    Goal("channels_last with C ≥ 32", (_part(6, 4, group="2D channels last", threads=1),)),
    Goal("2D bicubic forward", (_part(3, 2, group="2D", mode="bicubic", threads=1),)),
    Goal(
        "2D backward (both gradients), 1 thread / N=1 with 2 threads",
        (
            _part(3, 2, group="2D", verb="backward", threads=1),
            _part(6, 3.5, group="2D", verb="backward", threads=2, batch=1),
        ),
    ),
    Goal(
        "3D bilinear forward, 1 thread / N=1 with 2 threads",
        (_part(10, 6, group="3D", threads=1), _part(18, 11, group="3D", threads=2, batch=1)),
    ),
    Goal("3D backward", (_part(6, 4, group="3D", verb="backward", threads=1),)),
    Goal(
        "fused affine against affine_grid + grid_sample: 2D / 3D",
        (
            _part(4, 2.5, group="2D", verb="affine", threads=1),
            _part(15, 8, group="3D", verb="affine", threads=1),
        ),
    ),
    Goal(
        "u8 photo against OpenCV remap (float maps), same threads",
        (_part(1.3, 1, "opencv", dtype="uint8", group=("2D", "2D interleaved")),),
    ),
    Goal(
        "smooth grids: time over the streaming limit",
        (_part(2, 3, smooth=True, group=_FLAT),),
        value=tables.over_limit,
        most=True,
    ),
    Goal(
        "no case, mode or size slower than torch, the small ones included",
        (Part({"peer": "torch"}, 1, 0.95),),
        every=True,
    ),
)


def pool(results: Sequence[dict[str, Any]]) -> list[Row]:
    """The rows of all files, with their peer; of rows that measure the same, the one measured last."""
    found: dict[Any, Row] = {}
    for result in sorted(results, key=lambda result: str(result["date"])):
        for row in result["rows"]:
            found[(result["peer"], tables.key(row))] = {"dtype": "float32", **row, "peer": result["peer"]}
    return list(found.values())


def table(rows: Sequence[Row]) -> tuple[list[list[str]], list[bool]]:
    """The cells under HEAD; and which of the rows missed their goal."""
    lines = [_line(goal, rows) for goal in GOALS]
    return lines, [line[-1] not in ("met", "not measured") for line in lines]


def _line(goal: Goal, rows: Sequence[Row]) -> list[str]:
    sign, unit = ("≤ ", "×") if goal.most else ("", "×")

    def numbers(values: Sequence[float]) -> str:
        return " / ".join(f"{sign}{value:g}{unit}" for value in values)

    measured, verdicts = [], []
    for part in goal.parts:
        members = [(row, value) for row in rows if _fits(row, part.where) if (value := goal.value(row)) is not None]
        if not members:
            measured.append("not measured")
            verdicts.append("not measured")
            continue
        if goal.every:
            row, value = min(members, key=lambda member: member[1])
            below = sum(value < part.goal for _, value in members)
            text = f"{value:.2f}{unit} ({run_text(row)}); {below} of {len(members)} below {part.goal:g}"
        else:
            cases: dict[str, list[float]] = {}
            for row, value in members:
                cases.setdefault(tables.case_text(row), []).append(value)
            value = tables.geometric_mean([tables.geometric_mean(values) for values in cases.values()])
            text = f"{value:.2f}{unit}"
        measured.append(text)
        verdicts.append(_verdict(value, part, goal.most))
    worst = max(verdicts, key=("met", "not measured", "floor met", "missed").index)
    goals, floors = numbers([part.goal for part in goal.parts]), numbers([part.floor for part in goal.parts])
    return [goal.text, goals, floors, " / ".join(measured), worst]


def _fits(row: Row, where: dict[str, Any]) -> bool:
    return all(
        row.get(name) in value if isinstance(value, tuple) else row.get(name) == value for name, value in where.items()
    )


def _verdict(value: float, part: Part, most: bool) -> str:
    for name, bound in (("met", part.goal), ("floor met", part.floor)):
        if value <= bound if most else value >= bound:
            return name
    return "missed"
