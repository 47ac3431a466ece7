# SPDX-License-Identifier: Apache-2.0
"""Where the time goes where a goal of docs/benchmarks.md is missed or just met: perf's samples, by what is done there.

    pip install . -C cmake.define.GRIDSAMPLE_SYMBOLS=ON -C install.strip=false
    python bench/profiles.py [--seconds 5] [--only volume]

writes bench/results/programs/profiles.json and the table of docs/profiles.md. The first line builds an engine whose
functions have names, which it otherwise has not. Needs Linux and its `perf`.

Each case runs our call over and over in a process of its own, which perf watches once it runs; what perf finds there is
added up by the names below, in their order. Functions that were inlined count as those they are in.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from gridsample._core import engine
from gridsample.bench import machine, ours
from gridsample.bench.cases import CASES
from gridsample.bench.measure import Call
from gridsample.bench.peers import torch as torch_peer
from gridsample.bench.runs import Run

sys.path.insert(0, str(Path(__file__).parent))
import pairs

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results" / "programs" / "profiles.json"
PAGE = ROOT / "docs" / "profiles.md"
MARKS = ("<!-- table: written by bench/profiles.py -->", "<!-- end of the table -->")

# (case, mode, verb, threads, type)
RUNS = (
    ("volume 128, affine", "bilinear", "forward", 1, "float32"),
    ("volume 192, affine", "bilinear", "forward", 2, "float32"),
    ("volume 128, affine", "bilinear", "affine", 1, "float32"),
    ("volume 128, affine", "bilinear", "backward", 1, "float32"),
    ("volume 64, affine", "bilinear", "backward", 1, "float32"),
    ("photo, small rotation", "bilinear", "backward", 2, "float32"),
    ("photo, random points", "bilinear", "backward", 2, "float32"),
    ("features 8x64, channels last", "bilinear", "forward", 1, "float32"),
    ("features 1x256, channels last", "bilinear", "forward", 1, "float32"),
    ("digits", "nearest", "forward", 1, "float32"),
    ("photo, small rotation", "bilinear", "forward", 1, "uint8"),
    ("small call", "bilinear", "backward", 1, "float32"),
    ("small call", "bilinear", "step", 1, "float32"),
)
# What is done, by the library's and the function's names: the first that fits counts.
SYSTEM = "pages and the rest of the system"
OTHER = "Python and torch"
PARTS = (
    ("points found and weighed", r"engine.*(Filler|fill_|Folder|find_tile|locate|weigh<|note_dead|make_row)"),
    ("pixels converted, results rounded", r"engine.*(Stage|Converter|staged|widen|narrow)"),
    ("taps read and summed", r"engine.*(pull_|gradient_channel|backward_channels_last)"),
    ("values added to cells", r"engine.*Window.*::(add|weigh|open|find_reach)"),
    ("cells, or taps one by one, added to pixels", r"engine.*(add_channel|merge|add_copies|in_turn|Scatter|scatter_)"),
    ("coordinates' gradient written", r"engine.*(gradient_tile|both_gradients_task|map_gradient)"),
    ("memory cleared or copied", r"(mem(set|cpy|move)|engine.*clear_)"),
    ("waiting for another thread", r"engine.*(await_turn|run_tasks|Team|threads)"),
    ("the call set up, and all else in the engine", r"engine"),
    (SYSTEM, r"kernel"),
    (OTHER, r""),
)


def the_call(run: Run) -> Call:
    if run.dtype == "uint8":
        return ours.by_pixels(run, *run.pixels(), theirs=lambda: ()).ours
    return torch_peer.PEER.prepare(run).ours


def child(which: int, seconds: float) -> None:
    """Says that it runs, runs, and prints the median time of a call."""
    run = wanted()[which]
    the_call(run)()  # the first call of a process goes the long way, and what it recorded keeps another node
    call = the_call(run)
    for _ in range(3):
        call()
    print("runs", flush=True)
    times, end = [], time.perf_counter() + seconds + 1
    while (start := time.perf_counter()) < end:
        call()
        times.append(time.perf_counter() - start)
    print(median(times))


def wanted() -> list[Run]:
    by_name = {case.name: case for case in CASES}
    return [Run(by_name[case], mode, "zeros", verb, threads, dtype) for case, mode, verb, threads, dtype in RUNS]


def profiled(which: int, seconds: float) -> tuple[float, dict[str, float]]:
    """Milliseconds of a call, and each part's share of the samples in percent."""
    command = [sys.executable, __file__, "--child", str(which), "--seconds", str(seconds)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
    ):
        assert process.stdout is not None
        if process.stdout.readline().strip() != "runs":
            raise SystemExit(f"profiles: expected run {which} to start, it ended with {process.wait()}")
        data = str(Path(folder) / "perf.data")
        record = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "4000", "-o", data, "-p", str(process.pid)]
        subprocess.run([*record, "--", "sleep", str(seconds)], check=True, capture_output=True)
        found = process.stdout.read()
        report = ["perf", "report", "-i", data, "--stdio", "--no-children", "-F", "overhead,dso,sym", "-t", "|"]
        lines = subprocess.run(report, check=True, capture_output=True, text=True).stdout.splitlines()
    shares = dict.fromkeys((name for name, _ in PARTS), 0.0)
    for line in lines:
        if match := re.match(r"\s*([\d.]+)%\s*\|(.*)", line):
            name = next(name for name, pattern in PARTS if re.search(pattern, match[2]))
            shares[name] += float(match[1])
    return float(found) * 1e3, {name: round(share, 1) for name, share in shares.items() if share >= 0.05}


def has_symbols() -> bool:
    names = subprocess.run(["nm", "-C", engine.__file__], capture_output=True, text=True, check=False).stdout
    return "pull_task<float" in names


def table(result: dict[str, Any]) -> str:
    lines = ["| run | a call | where the time goes |", "|---|---|---|"]
    for row in result["rows"]:
        parts = sorted(row["parts"].items(), key=lambda part: -part[1])
        text = ", ".join(f"{name} {share:.0f} %" for name, share in parts if share >= 2)
        lines.append(f"| {row['run']} | {row['ms']:.3g} ms | {text} |")
    return "\n".join(lines)


def write_page(result: dict[str, Any]) -> None:
    before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    PAGE.write_text(f"{before}{MARKS[0]}\n\n{table(result)}\n\n{MARKS[1]}{after}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="that perf watches each run (5)")
    parser.add_argument("--only", default="", help="runs whose text has this in it")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.child is not None:
        child(asked.child, asked.seconds)
        return 0
    if shutil.which("perf") is None or shutil.which("nm") is None:
        raise SystemExit("profiles: expected perf and nm on the path, found them not: install linux-perf and binutils")
    if not has_symbols():
        raise SystemExit(f"profiles: expected an engine with names, got {engine.__file__}: build it as said in --help")
    rows = []
    for which, run in enumerate(wanted()):
        text = str(run)
        if asked.only in text:
            ms, parts = profiled(which, asked.seconds)
            rows.append({"run": text, "ms": round(ms, 4), "parts": parts})
            print(text, f"{ms:.3g} ms", parts, flush=True)
    here = machine.describe(("torch", "gridsample"))
    about = {"seconds": asked.seconds, **{key: here[key] for key in ("cpu", "target", "versions")}}
    pairs.write(RESULTS, about, rows, lambda row: row["run"], not asked.only)
    write_page(json.loads(RESULTS.read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
