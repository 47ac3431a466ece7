# SPDX-License-Identifier: Apache-2.0
"""How long `gs.why` takes on a picture of 1920 x 1080: the table in docs/why.md, and bench/results/programs/why.json.

    python bench/diagnosis.py
    python bench/diagnosis.py --runs 9

In turns, on one thread: the call alone, the call with the picture wanted, the page with its pictures. Seconds are of
the processor, so that other programs do little harm; of the clock, too, which is what one waits for.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

import gridsample as gs
from gridsample.bench.machine import describe, load

RESULTS = Path(__file__).parent / "results" / "programs" / "why.json"


def calls() -> dict[str, tuple[Any, Any]]:
    """Name to (call made beforehand, call timed)."""
    image = np.random.default_rng(2).random((1, 3, 1080, 1920), dtype=np.float32)
    grid = gs.affine_grid(np.array([[[0.9, -0.2, 0], [0.3, 0.8, 0]]], np.float32), image.shape)
    wanted = gs.grid_sample(image, gs.affine_grid(np.array([[[0.9, 0.2, 0], [-0.3, 0.8, 0]]], np.float32), image.shape))
    return {
        "a call": (lambda: None, lambda _: gs.why(image, grid)),
        "with the picture wanted": (lambda: None, lambda _: gs.why(image, grid, expected=wanted)),
        "its page, beside the call": (lambda: gs.why(image, grid), lambda report: report.html()),
    }


def measure(runs: int) -> list[dict[str, Any]]:
    seconds: dict[str, list[tuple[float, float]]] = {}
    for run in range(runs + 1):
        for name, (before, work) in calls().items():
            given = before()
            clock, processor = time.perf_counter(), time.process_time()
            work(given)
            taken = time.process_time() - processor, time.perf_counter() - clock
            if run:  # the first is for warming up
                seconds.setdefault(name, []).append(taken)
    rows = []
    for name, found in seconds.items():
        row: dict[str, Any] = {"name": name, "runs": runs}
        for what, values in zip(("processor_s", "clock_s"), zip(*found, strict=True), strict=True):
            row[what] = {"median": round(statistics.median(values), 2), "least": round(min(values), 2)}
        rows.append(row)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """As it stands in docs/why.md."""
    lines = ["| 1920 × 1080, one thread | seconds of the processor, median | least |", "|---|---|---|"]
    lines += [f"| {r['name']} | {r['processor_s']['median']:.2f} | {r['processor_s']['least']:.2f} |" for r in rows]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    gs.set_num_threads(1)
    about = describe(("gridsample", "numpy", "matplotlib"))
    rows = measure(asked.runs)
    date = f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC"
    found = {
        "command": "python bench/diagnosis.py",
        "date": date,
        "machine": about | {"load_after": load()},
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
