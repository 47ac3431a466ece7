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
import contextlib
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F

import gridsample as gs

sys.path.insert(0, str(Path(__file__).parent))
import pairs

RESULTS = Path(__file__).parent / "results" / "programs" / "compiled.json"
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


class Repeated:
    """Calls many times. The last result lives until there is the next: no call writes to memory still in a cache."""

    def __init__(self, run: Callable[[], Any], many: int) -> None:
        self.run, self.many, self.kept = run, many, None

    @contextlib.contextmanager
    def around(self) -> Iterator[None]:
        self.kept = self.run()
        yield
        self.kept = None

    def __call__(self) -> None:
        for _ in range(self.many):
            self.kept = self.run()


def seconds(runs: list[Callable[[], Any]], many: int, rounds: int, clock: str) -> list[list[float]]:
    """Of one call of each, in each round."""
    calls = [Repeated(run, many) for run in runs]
    times = pairs.timed(calls, rounds, clock, [call.around for call in calls])
    return [[taken / many for taken in found] for found in times]


def measure(case: str, backward: bool, dynamic: bool, rounds: int, clock: str) -> dict[str, Any]:
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
    many = max(1, int(2e-3 / seconds([runs["eager"]], 3, 1, clock)[0][0]))
    times = dict(zip(runs, seconds(list(runs.values()), many, rounds, clock), strict=True))
    row: dict[str, Any] = {"case": case, "backward": backward, "dynamic": dynamic}
    row["compiled_us"] = round(median(times["compiled"]) * 1e6, 1)
    for name in ("eager", "compiled_torch", "eager_torch"):
        row[name] = pairs.ratios(times["compiled"], times[name], digits=3)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=CASES)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=pairs.CLOCKS, default="wall")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(asked.threads)
    rows = []
    for case in asked.only or CASES:
        for backward in (False, True):
            for dynamic in (False, True):
                rows.append(row := measure(case, backward, dynamic, asked.rounds, asked.clock))
                print(json.dumps(row), flush=True)
    about = {"torch": torch.__version__, "gridsample": gs.__version__}
    about |= {"threads": asked.threads, "clock": asked.clock, "rounds": asked.rounds}
    pairs.write(RESULTS, about, rows, lambda row: (row["case"], row["backward"], row["dynamic"]), not asked.only)


if __name__ == "__main__":
    main()
