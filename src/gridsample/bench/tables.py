# SPDX-License-Identifier: Apache-2.0
"""Rows of a result file as summaries and tables: text for a terminal, Markdown for the page. Losses are marked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Any

from gridsample.bench.runs import run_text

Row = dict[str, Any]
KEY = ("case", "mode", "padding", "verb", "threads", "dtype")  # what makes two rows of two files the same measurement
HEAD = (
    *("case", "mode", "padding", "threads", "ratio", "quartiles", "ours, ms", "theirs, ms"),
    *("out=, ms", "limit, ms", "over limit", "pairs"),
)
SUMMARY_HEAD = ("group", "mode", "threads", "geometric mean", "worst", "worst case", "losses")
ONE_IMAGE = "one image"


@dataclass(frozen=True)
class Summary:
    """Ratios of one group, way, mode and number of threads."""

    group: str
    mode: str
    threads: int
    mean: float
    worst: Row
    losses: int
    rows: int


def key(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name, "float32" if name == "dtype" else None) for name in KEY)


def case_text(row: Row) -> str:
    """Case and type; float32 goes without saying."""
    dtype = row.get("dtype", "float32")
    return str(row["case"]) if dtype == "float32" else f"{row['case']} ({dtype})"


def group_text(row: Row) -> str:
    dtype = row.get("dtype", "float32")
    text = f"{row['group']} {row['verb']}"
    return text if dtype == "float32" else f"{text}, {dtype}"


def over_limit(row: Row) -> float | None:
    """Our time over the time to stream the bytes that must move."""
    return row["ours_ms"] / row["limit_ms"] if "limit_ms" in row else None


def geometric_mean(ratios: Sequence[float]) -> float:
    return exp(sum(map(log, ratios)) / len(ratios))


def grouped(rows: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    """Rows by key, in the order the keys first come."""
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


def summaries(rows: Sequence[Row]) -> list[Summary]:
    """One for each group, way, mode and number of threads; and one over its cases of one image, if it has others too.

    The mean is over cases: one that is run with three paddings counts once, with its own geometric mean.
    """
    found = []
    for (group, mode, threads), members in grouped(
        rows, lambda row: (group_text(row), row["mode"], row["threads"])
    ).items():
        single = [row for row in members if row.get("batch") == 1]
        parts = [(group, members)]
        if 0 < len(single) < len(members):
            parts.append((f"{group}, {ONE_IMAGE}", single))
        for name, part in parts:
            cases = grouped(part, lambda row: row["case"]).values()
            mean = geometric_mean([geometric_mean([row["ratio"] for row in case]) for case in cases])
            worst = min(part, key=lambda row: float(row["ratio"]))
            losses = sum(row["ratio"] < 1 for row in part)
            found.append(Summary(name, mode, threads, mean, worst, losses, len(part)))
    return found


def mark(row: Row) -> str:
    """Nothing for a win; else whether the quartiles reach 1."""
    if row["ratio"] >= 1:
        return ""
    return "slower" if row["ratio_high"] < 1 else "slower, within the spread"


def cells(row: Row) -> list[str]:
    quartiles = f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f}"
    names = [case_text(row), row["mode"], row["padding"], str(row["threads"])]
    times = [f"{row[name]:.3f}" if name in row else "" for name in ("ours_ms", "theirs_ms", "reused_ms", "limit_ms")]
    over = over_limit(row)
    limits = "" if over is None else f"{over:.2f}"
    return [*names, f"{row['ratio']:.2f}", quartiles, *times, limits, str(row["pairs"])]


def summary_cells(summary: Summary) -> list[str]:
    worst = f"{case_text(summary.worst)}, {summary.worst['padding']}"
    losses = f"{summary.losses} of {summary.rows}"
    names = [summary.group, summary.mode, str(summary.threads)]
    return [*names, f"{summary.mean:.2f}", f"{summary.worst['ratio']:.2f}", worst, losses]


def plain(result: dict[str, Any]) -> str:
    """For a terminal: aligned columns, losses marked at the end of their line."""
    parts = [f"ratio = median of {result['peer']} / median of gridsample: above 1, gridsample is faster"]
    for group, rows in grouped(result["rows"], group_text).items():
        body = [[*cells(row), f"<- {mark(row)}" if mark(row) else ""] for row in rows]
        parts.append(f"{group}\n{aligned([[*HEAD, ''], *body])}")
    found = summaries(result["rows"])
    if found:
        body = [[*summary_cells(summary), "<-" if summary.losses else ""] for summary in found]
        parts.append(f"summary\n{aligned([[*SUMMARY_HEAD, ''], *body])}")
    parts += [f"wrong: {run_text(row)}: {row['reason']}" for row in result.get("wrong", ())]
    skipped = grouped(result.get("skipped", ()), lambda row: row["reason"])
    parts += [f"skipped {len(rows)} (--list names them): {reason}" for reason, rows in skipped.items()]
    return "\n\n".join(parts)


def aligned(table: Sequence[Sequence[str]]) -> str:
    """Columns of text to the left, of numbers to the right."""
    columns = list(zip(*table, strict=True))
    right = [all(re.fullmatch(r"([\d.]+( (to|of) [\d.]+)?)?", cell) for cell in column[1:]) for column in columns]
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for row in table:
        fields = zip(row, widths, right, strict=True)
        lines.append("  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in fields).rstrip())
    return "\n".join(lines)


def compared(new: dict[str, Any], old: dict[str, Any]) -> str:
    """The ratios of two files, row by row: their change, marked where the quartiles of the two do not touch."""
    before = {key(row): row for row in old["rows"]}
    head = (*KEY, "old ratio", "new ratio", "change", "")
    table: list[Sequence[str]] = [head]
    changes = []
    for row in new["rows"]:
        last = before.get(key(row))
        if last is None:
            continue
        changes.append(row["ratio"] / last["ratio"])
        apart = row["ratio_low"] > last["ratio_high"] or row["ratio_high"] < last["ratio_low"]
        verdict = ("<- better" if changes[-1] > 1 else "<- worse") if apart else ""
        numbers = [f"{value:.2f}" for value in (last["ratio"], row["ratio"], changes[-1])]
        table.append([*map(str, key(row)), *numbers, verdict])
    if not changes:
        return "compared: no row is in both results"
    text = f"compared with the result of {old['date']} (commit {old['machine']['commit']})\n{aligned(table)}"
    if old["machine"]["cpu"] != new["machine"]["cpu"]:
        text += f"\nanother machine: that was {old['machine']['cpu']}, this is {new['machine']['cpu']}"
    return f"{text}\ngeometric mean of the changes: {geometric_mean(changes):.3f} over {len(changes)} rows"


def markdown(head: Sequence[str], body: Iterable[Sequence[str]], strong: Sequence[bool]) -> str:
    """A Markdown table; a strong row is bold throughout."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row, loud in zip(body, strong, strict=True):
        lines.append("| " + " | ".join(f"**{cell}**" if loud and cell else cell for cell in row) + " |")
    return "\n".join(lines)
