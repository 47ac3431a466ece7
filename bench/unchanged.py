# SPDX-License-Identifier: Apache-2.0
"""Programs as they are, with and without `gs.torch.accelerate()`: the same results, and how much faster.

    python bench/unchanged.py                          everything: tables, and bench/results/programs/unchanged.json
    python bench/unchanged.py --only rt_detr remap     some of it: these rows are replaced
    python bench/unchanged.py --side 320 --runs 7

Runs alternate, one with and one without, each after one that is not timed: a program turns acceleration on once, and
its steps do not pay for the first call after that. A ratio is the time without over the time with, of neighbours, and
the median of these is given with its quartiles. Outputs and gradients are compared first; a difference beyond the bound
raises.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import warnings
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

import gridsample as gs

sys.path.insert(0, str(Path(__file__).parent))
import models
import pairs
import warps

RESULTS = Path(__file__).parent / "results" / "programs" / "unchanged.json"
BOUND = 2e-3  # of the largest magnitude: what float32 leaves of differences in the last bits after a whole model


class Program:
    """One row: a forward pass, alone and with its backward."""

    def __init__(self, name: str, side: int) -> None:
        self.name, self.side = name, side
        if name in models.FAMILIES:
            self.model, self.inputs = models.build(name, side)
            self.leaves = [p for p in self.model.parameters() if p.requires_grad]
        else:
            self.call, self.leaves = warps.build(name, side)

    def forward(self) -> Any:
        if self.name in models.FAMILIES:
            torch.manual_seed(1)  # some losses sample points
            return self.model(**self.inputs)
        return {"out": self.call(*self.leaves)}

    def inference(self) -> Any:
        with torch.no_grad():
            return self.forward()

    def training(self) -> list[torch.Tensor | None]:
        loss = models.loss_of(self.forward())
        return list(torch.autograd.grad(loss, self.leaves, allow_unused=True))


def floats(outputs: Any) -> list[torch.Tensor]:
    if isinstance(outputs, torch.Tensor):
        return [outputs] if outputs.is_floating_point() else []
    if isinstance(outputs, dict):
        outputs = list(outputs.values())
    return [x for part in outputs for x in floats(part)] if isinstance(outputs, (list, tuple)) else []


def compare(program: Program) -> tuple[float, str]:
    """The largest difference of any output or gradient, relative to that tensor's largest magnitude; what ran."""
    want = floats(program.inference()), floats(program.training())
    with gs.torch.accelerate() as acceleration:
        got = floats(program.inference()), floats(program.training())
    worst = 0.0
    for name, ours, theirs in (("output", got[0], want[0]), ("gradient", got[1], want[1])):
        if len(ours) != len(theirs):
            raise AssertionError(f"{program.name}: {len(ours)} {name}s with, {len(theirs)} without")
        largest = max((float(b.abs().max()) for b in theirs if b.numel()), default=0.0)
        for a, b in zip(ours, theirs, strict=True):
            # a gradient that is rounding alone has no magnitude of its own: the largest of its kind is the measure
            scale = max(float(b.abs().max()) if b.numel() else 0.0, 1e-3 * largest, 1e-12)
            finite = torch.isfinite(b)
            difference = float((a - b)[finite].abs().max()) / scale if finite.any() else 0.0
            if not torch.equal(torch.isfinite(a), finite) or difference > BOUND:
                raise AssertionError(f"{program.name}: an {name} of shape {tuple(a.shape)} differs by {difference:.2g}")
            worst = max(worst, difference)
    return worst, acceleration.report()


def faster(work: Any, runs: int, clock: str) -> dict[str, float]:
    """Milliseconds without, and the ratios of neighbours: the time without over the time with."""

    @contextlib.contextmanager
    def warmed(context: Any) -> Any:
        with context():
            work()
            yield

    contexts = [partial(warmed, context) for context in (gs.torch.accelerate, contextlib.nullcontext)]
    times = pairs.timed((work, work), runs, clock, around=contexts)
    return {"torch_ms": round(1e3 * median(times[1]), 3)} | pairs.ratios(*times, digits=3)


def measure(name: str, side: int, runs: int, clock: str) -> dict[str, Any]:
    program = Program(name, side)
    difference, report = compare(program)
    row = {"name": name, "kind": "model" if name in models.FAMILIES else "warp", "side": side, "runs": runs}
    row |= {"difference": float(f"{difference:.2g}"), "calls": report.split("\n")}
    for what, work in (("inference", program.inference), ("training", program.training)):
        row[what] = faster(work, runs, clock)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=[*warps.WARPS, *models.FAMILIES])
    parser.add_argument("--side", type=int, default=384)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=pairs.CLOCKS, default="wall")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(asked.threads)
    rows = []
    print(
        f"| {'program':20} | inference: torch ms, times faster (quartiles) | training | difference |\n|---|---|---|---|"
    )
    for name in asked.only or [*warps.WARPS, *models.FAMILIES]:
        row = measure(name, asked.side, asked.runs, asked.clock)
        cells = [
            f"{c['torch_ms']:8.1f}, {c['ratio']:.2f} ({c['low']:.2f} … {c['high']:.2f})"
            for c in (row["inference"], row["training"])
        ]
        print(f"| {name:20} | {cells[0]} | {cells[1]} | {row['difference']:.1e} |", flush=True)
        rows.append(row)
    about = {"torch": torch.__version__, "gridsample": gs.__version__, "threads": asked.threads, "clock": asked.clock}
    pairs.write(RESULTS, about, rows, lambda row: row["name"], not asked.only)


if __name__ == "__main__":
    main()
