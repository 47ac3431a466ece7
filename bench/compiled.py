# SPDX-License-Identifier: Apache-2.0
"""Calls compiled by `torch.compile(fullgraph=True)`: against the same call as it is, and F.grid_sample compiled.

    python bench/compiled.py [--rounds 25] [--only "2D image"]

writes its rows into bench/results/programs/compiled.json: one for each case, pass (forward; forward and backward) and
kind of shapes (static; dynamic). Calls are made in turn; a ratio is the other's time over that of our compiled call, of
one round, and the median of these is given with its quartiles. Results and gradients are compared first; a difference
beyond rounding raises.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

import gridsample as gs

RESULTS = Path(__file__).parent / "results" / "programs" / "compiled.json"
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
BOUND = 1e-4  # of the mean magnitude

# image and points, all sizes different: torch takes equal ones for the same symbol
CASES: dict[str, tuple[tuple[int, ...], tuple[int, ...], bool]] = {
    "2D small": ((1, 1, 16, 18), (1, 14, 15, 2), False),
    "2D image": ((2, 3, 256, 254), (2, 250, 252, 2), False),
    "2D program": ((2, 3, 256, 254), (2, 250, 252, 2), True),  # with work before and after, which compilation fuses
    "3D volume": ((1, 2, 48, 47, 46), (1, 45, 44, 43, 3), False),
}
Call = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def program(sample: Any, more: bool) -> Call:
    if not more:
        return lambda image, grid: sample(image, grid, align_corners=False)

    def around(image: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
        moved = grid + 0.02 * torch.sin(grid * 9)
        return torch.tanh(sample(image * 0.5 + 0.1, moved, align_corners=False) - 0.2)  # type: ignore[no-any-return]

    return around


def tensors(case: str) -> list[torch.Tensor]:
    torch.manual_seed(0)
    image, points, _ = CASES[case]
    axes = [torch.linspace(-1, 1, n) for n in points[1:-1]]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], -1).expand(points)
    return [torch.rand(image), (grid + torch.randn(points) * 0.01).contiguous()]


def work(call: Call, inputs: list[torch.Tensor], backward: bool) -> Callable[[], list[torch.Tensor]]:
    if not backward:
        return lambda: [call(*inputs)]
    leaves = [tensor.clone().requires_grad_() for tensor in inputs]
    torch.manual_seed(1)
    grad = torch.rand_like(call(*inputs))

    def both() -> list[torch.Tensor]:
        out = call(*leaves)
        return [out, *torch.autograd.grad(out, leaves, grad)]

    return both


def compare(case: str, got: list[torch.Tensor], want: list[torch.Tensor]) -> None:
    for a, b in zip(got, want, strict=True):
        difference = float((a - b).abs().mean() / b.abs().mean())  # at a pixel's centre the last bit decides on a side
        if difference > BOUND:
            raise AssertionError(f"{case}: results of shape {tuple(a.shape)} differ by {difference:.2g}")


def seconds(run: Callable[[], Any], calls: int, clock: Callable[[], float]) -> float:
    kept = (
        run()
    )  # the last result lives until there is the next, in all calls alike: none writes to memory still in a cache
    start = clock()
    for _ in range(calls):
        kept = run()
    taken = (clock() - start) / calls
    del kept
    return taken


def measure(case: str, backward: bool, dynamic: bool, rounds: int, clock: Callable[[], float]) -> dict[str, Any]:
    inputs = tensors(case)
    torch.compiler.reset()
    ours, theirs = program(gs.grid_sample, CASES[case][2]), program(F.grid_sample, CASES[case][2])
    compiled = {call: torch.compile(call, fullgraph=True, dynamic=dynamic) for call in (ours, theirs)}
    calls = {"compiled": compiled[ours], "eager": ours, "compiled_torch": compiled[theirs], "eager_torch": theirs}
    runs = {name: work(call, inputs, backward) for name, call in calls.items()}
    for run in runs.values():
        compare(case, runs["compiled"](), run())
    if dynamic:  # other sizes are the same program
        with torch._dynamo.config.patch(error_on_recompile=True):
            smaller = [inputs[0][:, :, 1:, 1:].contiguous(), inputs[1]]
            compare(case, work(compiled[ours], smaller, backward)(), work(ours, smaller, backward)())
    many = max(1, int(2e-3 / seconds(runs["eager"], 3, clock)))
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds):
        order = list(runs)[turn % 4 :] + list(runs)[: turn % 4]
        for name in order:
            times[name].append(seconds(runs[name], many, clock))
    row: dict[str, Any] = {"case": case, "backward": backward, "dynamic": dynamic}
    row["compiled_us"] = round(statistics.median(times["compiled"]) * 1e6, 1)
    for name in ("eager", "compiled_torch", "eager_torch"):
        found = [a / b for a, b in zip(times[name], times["compiled"], strict=True)]
        low, middle, high = statistics.quantiles(found, n=4, method="inclusive")
        row[name] = {"ratio": round(middle, 3), "low": round(low, 3), "high": round(high, 3)}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=CASES)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(asked.threads)
    rows = []
    for case in asked.only or CASES:
        for backward in (False, True):
            for dynamic in (False, True):
                rows.append(row := measure(case, backward, dynamic, asked.rounds, CLOCKS[asked.clock]))
                print(json.dumps(row), flush=True)
    about = {"torch": torch.__version__, "gridsample": gs.__version__}
    about |= {"threads": asked.threads, "clock": asked.clock, "rounds": asked.rounds}
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"about": about, "rows": []}
    if kept["about"] == about:
        new = [key(row) for row in rows]
        rows = [row for row in kept["rows"] if key(row) not in new] + rows
    RESULTS.write_text(json.dumps({"about": about, "rows": sorted(rows, key=key)}, indent=1) + "\n")


def key(row: dict[str, Any]) -> tuple[int, bool, bool]:
    return list(CASES).index(row["case"]), row["backward"], row["dynamic"]


if __name__ == "__main__":
    main()
