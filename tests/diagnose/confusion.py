# SPDX-License-Identifier: Apache-2.0
"""How often `why` is right: measured over the corpus, kept in docs/why/confusion.json and drawn beside it.

python tests/diagnose/confusion.py          # measure and write both; the test measures and compares
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import why_corpus

import gridsample as gs

SEED = 2026  # not the one the diagnostics were tuned on, which was 7
PROGRAMS = 500
FOLDER = Path(__file__).resolve().parents[2] / "docs" / "why"


def measure(every: int = 1) -> dict[str, Any]:
    """For every mistake how often which finding came first, and what correct programs were suspected of.

    every: only so many-th picture and program, for tests in a hurry.
    """
    rows: dict[str, dict[str, Any]] = {}
    for row, (mistake, picture, call) in enumerate(why_corpus.mistaken(SEED)):
        if (row // 10 + picture) % every:
            continue
        report = gs.why(**call)
        empty: dict[str, Any] = {"right": list(mistake.names), "wanted": mistake.wanted, "first": Counter()}
        rows.setdefault(mistake.title, empty)["first"][report.first or "nothing"] += 1
    alarms: Counter[str] = Counter()
    suspected = 0
    programs = 0
    for i, (name, call) in enumerate(why_corpus.correct(PROGRAMS, SEED)):
        if i % every:
            continue
        programs += 1
        report = gs.why(**call)
        suspected += not report.ok
        alarms.update(f"{name}: {finding.name}" for finding in report if finding.severity != "note")
    right = sum(row["first"][name] for row in rows.values() for name in row["right"])
    total = sum(sum(row["first"].values()) for row in rows.values())
    return {
        "seed": SEED,
        "mistakes": len(rows),
        "calls": total,
        "right_first": right,
        "correct_programs": programs,
        "suspected": suspected,
        "alarms": dict(alarms),
        "rows": {title: {**row, "first": dict(row["first"])} for title, row in rows.items()},
    }


def draw(result: dict[str, Any], path: Path) -> None:
    """Mistakes down, findings across; a number is how many of the ten pictures."""
    import numpy as np
    from matplotlib.figure import Figure

    rows = result["rows"]
    names = list(dict.fromkeys([n for row in rows.values() for n in row["right"]]))
    names += sorted({n for row in rows.values() for n in row["first"]} - set(names))
    table = np.array([[row["first"].get(name, 0) for name in names] for row in rows.values()])
    figure = Figure(figsize=(12, 14), layout="constrained")
    axes = figure.subplots()
    axes.imshow(table, cmap="Blues", vmin=0, vmax=10, aspect="auto")
    for i, j in zip(*np.nonzero(table), strict=True):
        axes.text(j, i, table[i, j], ha="center", va="center", fontsize=7, color="w" if table[i, j] > 5 else "k")
    axes.set_xticks(range(len(names)), names, rotation=60, ha="left", fontsize=8)
    axes.xaxis.tick_top()
    labels = [title + (" *" if row["wanted"] else "") for title, row in rows.items()]
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    said = f"{result['right_first']} of {result['calls']} mistakes named first"
    quiet = f"{result['suspected']} of {result['correct_programs']} correct programs suspected"
    axes.set_xlabel(f"{said}; {quiet}.  * with the picture wanted", fontsize=9)
    figure.savefig(path, dpi=80)


def main() -> None:
    result = measure()
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "confusion.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draw(result, FOLDER / "confusion.png")
    print({key: value for key, value in result.items() if key != "rows"})


if __name__ == "__main__":
    main()
