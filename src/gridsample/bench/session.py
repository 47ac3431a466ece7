# SPDX-License-Identifier: Apache-2.0
"""One result as it grows: every run is measured, refused with a reason, or found wrong; and where the rows go."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from gridsample.bench import machine, measure, report
from gridsample.bench.cases import Run
from gridsample.bench.peers import PEERS
from gridsample.errors import OptionError


@dataclass
class Session:
    """One result as it grows, and where it goes."""

    peer: str
    budget: float
    command: str
    output: Path | None = None
    result: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.result = {
            "peer": self.peer,
            "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "command": self.command,
            "machine": machine.describe(("gridsample", "numpy", PEERS[self.peer].package)),
            **{name: [] for name in ("rows", "wrong", "skipped")},
        }

    @property
    def partial(self) -> Path | None:
        """Where rows go until all are there: a run cut short must not replace a whole result."""
        return self.output and self.output.with_name(self.output.name + ".partial")

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

        peer = PEERS[self.peer]
        with tqdm(runs, file=sys.stderr, unit="case", disable=None) as bar:
            for run in bar:
                bar.set_postfix_str(str(run), refresh=False)
                name: dict[str, Any] = {"case": run.case.name, "mode": run.mode, "padding": run.padding}
                name |= {"verb": run.verb, "threads": run.threads}
                reason = peer.refuse(run)
                if reason:
                    self.result["skipped"].append({**name, "reason": reason})
                    continue
                try:
                    found = measure.compare(*peer.prepare(run), self.budget, run.jumps)
                except measure.WrongResultError as error:
                    self.result["wrong"].append({**name, "reason": str(error)})
                    continue
                facts = {"group": run.case.group, "batch": run.case.image[0], "note": peer.note(run)}
                self.result["rows"].append({**name, **facts, **found})
                self.result["machine"]["load_after"] = machine.load()
                if self.partial:
                    report.write(self.result, self.partial)

    def finish(self, stopped: bool) -> None:
        if self.output is None or self.partial is None:
            return
        if stopped:
            print(f"interrupted: what was measured is in {self.partial}", file=sys.stderr)
            return
        report.write(self.result, self.output)
        self.partial.unlink(missing_ok=True)
        print(f"written to {self.output}", file=sys.stderr)
