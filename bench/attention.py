# SPDX-License-Identifier: Apache-2.0
"""Multi-scale deformable attention against the reference of `transformers`, at the size of Deformable DETR.

    python bench/attention.py [--threads 1] [--clock wall] [--runs 5] [--only encoder]

writes its rows, one for each case and number of threads, into bench/results/programs/attention.json.

Times alternate, one of each; the ratio is theirs over ours, of neighbours, median and quartiles. Memory is the peak of
the process above what it held before the call, each in a process of its own, results and gradients included.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch
from transformers.models.deformable_detr.modeling_deformable_detr import MultiScaleDeformableAttention

import gridsample as gs

sys.path.insert(0, str(Path(__file__).parent))
import pairs

RESULTS = Path(__file__).parent / "results" / "programs" / "attention.json"
LEVELS = [(100, 134), (50, 67), (25, 34), (13, 17)]  # an image of 800 by 1066 pixels, strides 8 to 64
PIXELS = sum(h * w for h, w in LEVELS)
CASES = {"encoder": (1, PIXELS), "decoder": (1, 300), "decoder, batch 8": (8, 300)}  # batch, queries
HEADS, CHANNELS, POINTS = 8, 32, 4


def tensors(case: str) -> list[torch.Tensor]:
    """As a trained encoder has them: points some pixels around the query's own place."""
    batch, queries = CASES[case]
    torch.manual_seed(0)
    place = torch.rand(batch, queries, 1, 1, 1, 2)
    if queries == PIXELS:
        rows = [
            torch.stack(torch.meshgrid(*((torch.arange(n) + 0.5) / n for n in s), indexing="ij"), -1) for s in LEVELS
        ]
        place = torch.cat([row.flip(-1).reshape(-1, 2) for row in rows])[None, :, None, None, None]
    sizes = torch.tensor(LEVELS).flip(-1)[:, None]
    spread = torch.randn(batch, queries, HEADS, len(LEVELS), POINTS, 2) * 3 / sizes
    weights = torch.rand(batch, queries, HEADS, len(LEVELS), POINTS).flatten(-2).softmax(-1).unflatten(-1, (-1, POINTS))
    made = [torch.randn(batch, PIXELS, HEADS, CHANNELS), place + spread, weights]
    return [tensor.requires_grad_() for tensor in made]


def theirs(value: torch.Tensor, locations: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return MultiScaleDeformableAttention()(value, torch.tensor(LEVELS), LEVELS, None, locations, weights, 64)


def ours(value: torch.Tensor, locations: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return gs.multiscale_deformable_attention(value, LEVELS, locations, weights)


def both_ways(function: Any, leaves: list[torch.Tensor]) -> list[torch.Tensor]:
    result = function(*leaves)
    return [result, *torch.autograd.grad(result, leaves, torch.ones_like(result))]


def inference(function: Any, leaves: list[torch.Tensor]) -> list[torch.Tensor]:
    with torch.no_grad():
        return [function(*leaves)]


def measure(case: str, run: Any, runs: int, clock: str) -> dict[str, float]:
    leaves = tensors(case)
    for a, b in zip(run(ours, leaves), run(theirs, leaves), strict=True):
        agree = torch.isclose(a, b, rtol=1e-3, atol=1e-4 * float(b.detach().abs().max()))
        if float((~agree).double().mean()) > 1e-5:  # a point on a pixel's centre, but for rounding, has two derivatives
            raise AssertionError(f"{case}: {int((~agree).sum())} of {agree.numel()} numbers differ")
    return pairs.summary(*pairs.timed([lambda: run(ours, leaves), lambda: run(theirs, leaves)], runs, clock))


def peak(case: str, who: str) -> float:
    """MiB that forward and backward add to the process."""
    function = {"ours": ours, "theirs": theirs}[who]
    both_ways(function, [t.detach()[:1, : None if k == 0 else 4].requires_grad_() for k, t in enumerate(tensors(case))])
    leaves = tensors(case)
    return pairs.peak(lambda: both_ways(function, leaves))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=pairs.CLOCKS, default="wall")
    parser.add_argument("--only", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--peak", nargs=2, metavar=("CASE", "WHO"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.peak:
        print(peak(*asked.peak))
        return
    rows = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    for case in asked.only:
        row: dict[str, Any] = {"case": case, "batch": CASES[case][0], "queries": CASES[case][1]}
        row |= {"threads": asked.threads, "clock": asked.clock}
        for name, run in (("forward", inference), ("forward and backward", both_ways)):
            row[name] = measure(case, run, asked.runs, asked.clock)
        for who in ("ours", "theirs"):
            alone = pairs.apart(__file__, "--threads", str(asked.threads), "--peak", case, who)
            row[f"peak MiB, {who}"] = float(alone)
        print(json.dumps(row), flush=True)
        rows = [old for old in rows if (old["case"], old["threads"]) != (case, asked.threads)] + [row]
    rows.sort(key=lambda row: (row["threads"], list(CASES).index(row["case"])))
    about = {"torch": torch.__version__, "gridsample": gs.__version__}
    RESULTS.write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
