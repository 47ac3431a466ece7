# SPDX-License-Identifier: Apache-2.0
"""What the programs here measure with: calls timed in turn, ratios of neighbours in time, and peaks of memory.

    seconds = pairs.timed((ours, theirs), runs)      of each call, round by round
    pairs.summary(*seconds)                          milliseconds of ours; theirs over ours: median and quartiles
    pairs.write(path, about, rows, name, whole)      the result file, or some of its rows
    pairs.peak(call)                                 MiB that a call adds to this process; on Linux
    pairs.apart(__file__, "--peak", ...)             what a program prints, run in a process of its own

The orders of calls and the quartiles are those of `gridsample bench`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

from gridsample.bench.measure import Call, Times, orders, quartiles

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}  # "cpu" with one thread: little harmed by other programs

# Large arrays go back to the system when they are freed, so that what a process holds is what is in use.
RETURNING = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


def timed(
    calls: Sequence[Call],
    runs: int,
    clock: str = "wall",
    around: Sequence[Callable[[], AbstractContextManager[Any]]] | None = None,
) -> list[Times]:
    """Seconds of each call in each of ``runs`` rounds; who goes first alternates. Entering ``around`` is not timed."""
    times: list[Times] = [[] for _ in calls]
    rounds, now = orders(len(calls)), CLOCKS[clock]
    contexts = around or [nullcontext] * len(calls)
    for run in range(runs):
        for which in rounds[run % len(rounds)]:
            with contexts[which]():
                start = now()
                calls[which]()
                times[which].append(now() - start)
    return times


def ratios(ours: Times, theirs: Times, digits: int = 2) -> dict[str, float]:
    """Theirs over ours of each round: median and quartiles."""
    found = [b / a for a, b in zip(ours, theirs, strict=True)]
    low, high = quartiles(found)
    return {"ratio": round(median(found), digits), "low": round(low, digits), "high": round(high, digits)}


def summary(ours: Times, theirs: Times) -> dict[str, float]:
    """The median time of ours in milliseconds, and the ratios."""
    return {"ms": round(1e3 * median(ours), 3)} | ratios(ours, theirs)


def write(
    path: Path, about: dict[str, Any], rows: Sequence[dict[str, Any]], name: Callable[[Any], Any], whole: bool
) -> None:
    """Writes a result file. Rows that are not the whole take their places in the one that stands, if that was measured
    alike; one of another setting is left as it is."""
    if not whole and path.exists():
        kept = json.loads(path.read_text())
        if kept["about"] != about:
            print(f"{path.name} has rows of {kept['about']}; nothing is written: measure all of it to replace them")
            return
        rows = list({name(row): row for row in [*kept["rows"], *rows]}.values())
    path.write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")


def peak(call: Call) -> float:
    """MiB by which this process grew at most while it made the call, the result included."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is held now
    before = _held("VmRSS")
    kept = call()
    grown = _held("VmHWM") - before
    del kept
    return round(grown, 1)


def _held(what: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(what))
    return int(line.split()[1]) / 1024


def apart(*command: str) -> str:
    """What a Python program prints, in a process that gives memory back as soon as it can."""
    given = os.environ | RETURNING
    return subprocess.run([sys.executable, *command], env=given, stdout=subprocess.PIPE, text=True, check=True).stdout
