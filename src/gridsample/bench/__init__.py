# SPDX-License-Identifier: Apache-2.0
"""``gridsample bench``: our calls against a peer's, in one interleaved run, into a JSON file with a schema."""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import subprocess
import sys
from datetime import datetime, timezone
from fnmatch import fnmatch
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gridsample.bench import measure, report
from gridsample.bench.cases import CASES, Case
from gridsample.bench.peers import PEERS

Run = tuple[Case, str, str, str, int]


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    options = _parser().parse_args(argv)
    if options.page:
        return report.write_page(check=options.check)
    missing = [name for name in (PEERS[options.peer].package, "jsonschema", "tqdm") if find_spec(name) is None]
    if missing:
        print(
            f"gridsample bench: expected {', '.join(missing)}, not installed; run pip install {' '.join(missing)}",
            file=sys.stderr,
        )
        return 2
    chosen = [case for case in CASES if fnmatch(case.name, options.cases)]
    if not chosen:
        names = ", ".join(repr(case.name) for case in CASES)
        print(f"gridsample bench: expected --cases to match one of {names}; got {options.cases!r}", file=sys.stderr)
        return 2
    runs: list[Run] = [
        (case, mode, padding, verb, threads)
        for verb in options.verb
        for threads in options.threads
        for case in chosen
        for mode in case.modes
        if mode in options.modes
        for padding in case.paddings
    ]
    if options.list:
        for case, mode, padding, verb, threads in runs:
            reason = PEERS[options.peer].refuse(case, mode, padding, verb)
            print(
                f"{case.name}, {mode}, {padding}, {verb}, {threads} thread(s)"
                + (f": skipped, {reason}" if reason else "")
            )
        return 0
    result = {
        "peer": options.peer,
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": shlex.join(["gridsample", "bench", *argv]),
        "machine": machine(options.peer),
        "rows": _rows(runs, options.peer, options.budget),
    }
    print(report.tables(result))
    if options.output:
        report.write(result, options.output)
        print(f"written to {options.output}", file=sys.stderr)
    return 0


def _rows(runs: list[Run], name: str, budget: float) -> list[dict[str, Any]]:
    from tqdm import tqdm

    peer, rows = PEERS[name], []
    for case, mode, padding, verb, threads in tqdm(runs, file=sys.stderr, unit="case", disable=None):
        if peer.refuse(case, mode, padding, verb):
            continue
        ours, theirs = peer.prepare(case, mode, padding, verb, threads)
        labels = {"case": case.name, "group": case.group, "mode": mode, "padding": padding, "verb": verb}
        rows.append({**labels, "threads": threads, **measure.compare(ours, theirs, budget)})
    return rows


def machine(peer: str) -> dict[str, Any]:
    """What the numbers were measured on."""
    from gridsample._core import engine

    versions = {}
    for package in ("gridsample", "numpy", PEERS[peer].package):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "cpu": _cpu(),
        "cores": engine.hardware_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "target": engine.target(),
        "targets": engine.targets(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0,
        "commit": _commit(),
        "versions": versions,
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    pairs = [line.partition(":") for line in lines[:30]]
    facts = {key.strip(): value.strip() for key, _, value in pairs}
    return f"{facts.get('model name', 'unknown')} (family {facts.get('cpu family')}, model {facts.get('model')})"


def _commit() -> str:
    try:
        found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return found.stdout.strip() or "unknown"


def _parser() -> argparse.ArgumentParser:
    def names(allowed: list[str]) -> Any:
        def parse(text: str) -> list[str]:
            wrong = [part for part in text.split(",") if part not in allowed]
            if wrong:
                raise argparse.ArgumentTypeError(f"expected some of {', '.join(allowed)}; got {', '.join(wrong)}")
            return text.split(",")

        return parse

    modes, verbs = ["nearest", "bilinear", "bicubic"], ["forward", "backward"]
    parser = argparse.ArgumentParser(prog="gridsample bench", description=__doc__)
    parser.add_argument("--peer", choices=sorted(PEERS), default="torch")
    parser.add_argument("--cases", default="*", metavar="GLOB", help="cases whose name matches, e.g. 'photo*'")
    parser.add_argument("--modes", type=names(modes), default=modes, help="comma-separated")
    parser.add_argument("--verb", type=names(verbs), default=["forward"], help="forward, backward or both")
    parser.add_argument("--threads", type=lambda text: [int(n) for n in text.split(",")], default=[1])
    parser.add_argument("--budget", type=float, default=1.0, metavar="SECONDS", help="time for each case")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the result as JSON")
    parser.add_argument("--page", action="store_true", help="write docs/benchmarks.md from bench/results, time nothing")
    parser.add_argument("--check", action="store_true", help="with --page: only say whether the page is in step")
    parser.add_argument("--list", action="store_true", help="show what would be run")
    return parser
