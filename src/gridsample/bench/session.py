# SPDX-License-Identifier: Apache-2.0
"""One result as it grows: every run is measured, refused with a reason, or found wrong; and where the rows go."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from math import inf
from pathlib import Path
from typing import Any

from gridsample.bench import limit, machine, measure, report
from gridsample.bench.peers import PEERS
from gridsample.bench.runs import Run
from gridsample.errors import GridSampleError, OptionError

SAME = ("cpu", "cores", "target", "commit", "versions", "environment")  # of the machine, for rows to stand together

OVERRUN = 0.5  # of the minutes: runs that begin within it are brief (measure.BRIEF), later ones are left out
NO_TIME = "no time was left: give more --minutes, or --resume"


@dataclass
class Session:
    """One peer's result, and where it goes. ``budget`` is seconds for each run, ``minutes`` for all of them."""

    peer: str
    budget: float
    command: str
    output: Path | None = None
    minutes: float | None = None
    result: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.result = {
            "peer": self.peer,
            "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "command": self.command,
            "machine": machine.describe(("gridsample", "numpy", *PEERS[self.peer].packages.values())),
            **{name: [] for name in ("rows", "wrong", "skipped")},
        }

    @property
    def partial(self) -> Path | None:
        """Where rows go until all are there: a run cut short must not replace a whole result."""
        return self.output and self.output.with_name(self.output.name + ".partial")

    def resume(self) -> None:
        """Takes over what was measured before on this machine and commit; the wrong and the late are tried again."""
        for path in (self.output, self.partial):
            if path is None or not path.is_file():
                continue
            try:
                old = report.read(path)
            except (OSError, ValueError):
                continue
            same = all(old["machine"].get(name) == self.result["machine"].get(name) for name in SAME)
            if old["peer"] == self.peer and same and len(old["rows"]) >= len(self.result["rows"]):
                skipped = [row for row in old.get("skipped", []) if row["reason"] != NO_TIME]
                self.result = {**old, "skipped": skipped, "wrong": []}

    def check_output(self) -> None:
        """Whether the result can be written is found out now, not after minutes of measuring."""
        if self.output is None:
            return
        try:
            if self.output.is_dir():
                raise IsADirectoryError(0, "a folder")
            assert self.partial
            report.write(self.result, self.partial)
        except OSError as error:
            do = "name a file in a folder that can be written to"
            raise OptionError("--output", "a file to write", f"{self.output} ({error.strerror})", do) from None

    def run(self, runs: Sequence[Run]) -> None:
        from tqdm import tqdm

        known = [row for part in ("rows", "wrong", "skipped") for row in self.result[part]]
        left = [run for run in runs if not any(run.name.items() <= row.items() for row in known)]
        if len(left) < len(runs):
            print(f"{self.peer}: {len(runs) - len(left)} of {len(runs)} runs are there already", file=sys.stderr)
        start = time.perf_counter()
        with tqdm(left, file=sys.stderr, unit="run", disable=None) as bar:
            for done, run in enumerate(bar):
                bar.set_postfix_str(f"{self.peer}: {run}", refresh=False)
                rest = inf if self.minutes is None else start + 60 * self.minutes - time.perf_counter()
                if self.minutes is not None and rest < -OVERRUN * 60 * self.minutes:
                    self.result["skipped"].append({**run.name, "reason": NO_TIME})
                    continue
                self._one(run, min(self.budget, max(rest, 0.0) / (len(left) - done)))

    def _one(self, run: Run, budget: float) -> None:
        peer = PEERS[self.peer]
        reason = peer.refuse(run)
        if reason:
            self.result["skipped"].append({**run.name, "reason": reason})
            return
        try:
            start = time.perf_counter()
            calls = peer.prepare(run)
            beside = {"limit": limit.stream(*limit.moved(run), run.threads)}
            if calls.reused:
                beside["reused"] = calls.reused
            spent = time.perf_counter() - start  # making the arrays is paid from the budget too
            found = measure.compare(calls.ours, calls.theirs, max(budget - spent, budget / 4), run.jumps, beside)
        except GridSampleError as error:  # ours cannot do it: that is no comparison, but no wrong result either
            self.result["skipped"].append({**run.name, "reason": f"gridsample: {error}"})
        except measure.WrongResultError as error:
            self.result["wrong"].append({**run.name, "reason": str(error)})
        except Exception as error:  # a peer may raise anything, and must not take the other rows with it
            lines = str(error).strip().splitlines() or [""]
            self.result["wrong"].append({**run.name, "reason": f"raised {type(error).__name__}: {lines[0]}"})
        else:
            case = run.case
            facts = {"group": case.group, "batch": case.image[0], "smooth": case.smooth, "note": peer.note(run)}
            self.result["rows"].append({**run.name, **facts, **found})
        self.result["machine"]["load_after"] = machine.load()
        if self.partial:
            report.write(self.result, self.partial)

    def finish(self, stopped: bool) -> None:
        if self.output is None or self.partial is None:
            return
        if stopped:
            do = "--resume takes it from there"
            print(f"interrupted: what was measured is in {self.partial}; {do}", file=sys.stderr)
            return
        report.write(self.result, self.output)
        self.partial.unlink(missing_ok=True)
        print(f"written to {self.output}", file=sys.stderr)
