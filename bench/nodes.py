# SPDX-License-Identifier: Apache-2.0
"""What recording a gradient costs a small call: F.grid_sample's node, ours in Python and in C++, and one that is idle.

    python bench/nodes.py [--rounds 300] [--only PASS]

writes its rows into bench/results/programs/nodes.json: microseconds of a call on 8 x 8 pixels, medians over rounds of
50 calls in turn, on one thread. "python" is our node as installed, "compiled" what gs.torch.compile_node makes (here
into a folder of its own). "nothing" is a node made and answered as ours in Python (docs/design/0009-short-way.md): its
forward hands over an empty tensor, and its backward gradients that lie ready, so that but for torch.empty and two
frames of Python all its time is autograd's. A "plain call" records nothing: torch's, ours with tensors and with NumPy's
arrays.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from timeit import timeit
from typing import Any

import torch
import torch.nn.functional as F

import gridsample as gs
from gridsample import frameworks
from gridsample._core import engine
from gridsample.frameworks.torch import compiled, quick

sys.path.insert(0, str(Path(__file__).parent))
import pairs

RESULTS = Path(__file__).parent / "results" / "programs" / "nodes.json"
MANY = 50

torch.manual_seed(0)
IMAGE = torch.rand(1, 1, 8, 8, requires_grad=True)
GRID = (torch.rand(1, 8, 8, 2) * 2 - 1).requires_grad_()
READY = IMAGE.detach().clone(), GRID.detach().clone()


class Nothing(torch.autograd.Function):
    forward = staticmethod(engine.node_forward())


Nothing._backward_cls.apply = lambda node, grad: (*READY, None, None)  # type: ignore[attr-defined]
record = super(torch.autograd.Function, Nothing).apply


def nothing(image: Any, grid: Any, align_corners: bool) -> Any:
    return record(image, grid, "", (torch.empty((1, 1, 8, 8)),))


def ours(node: Any) -> Callable[..., Any]:
    """Our calls, recorded by this node: as gs.grid_sample makes them."""
    calls = engine.Calls()
    quick.add(calls, resolve=partial(quick.resolve, recorded=quick.recorders(node)))

    def sample(image: Any, grid: Any, align_corners: bool) -> Any:
        assert not frameworks.tracing()
        return calls.grid_sample(image, grid, "bilinear", "zeros", align_corners)

    return sample


def callers() -> dict[str, Callable[..., Any]]:
    with TemporaryDirectory() as folder:
        gs.torch.compile_node(folder)
        node = compiled.node(Path(folder))
    return {"torch": F.grid_sample, "python": ours(None), "compiled": ours(node), "nothing": nothing}


def passes(sample: Callable[..., Any]) -> dict[str, Callable[[], Any]]:
    """A call that is recorded; its backward pass; both, as in a training."""
    leaves = IMAGE, GRID
    known = sample(*leaves, align_corners=False)
    grad = torch.ones_like(known)
    return {
        "recorded call": lambda: sample(*leaves, align_corners=False),
        "backward": lambda: torch.autograd.grad(known, leaves, grad, retain_graph=True),
        "both": lambda: torch.autograd.grad(sample(*leaves, align_corners=False), leaves, grad),
    }


def plain() -> dict[str, Callable[[], Any]]:
    image, grid = READY
    arrays = image.numpy(), grid.numpy()
    return {
        "torch": lambda: F.grid_sample(image, grid, align_corners=False),
        "tensors": lambda: gs.grid_sample(image, grid, align_corners=False),
        "arrays": lambda: gs.grid_sample(*arrays, align_corners=False),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--only", default="", help="passes whose name has this in it")
    asked = parser.parse_args()
    rounds = asked.rounds
    torch.set_num_threads(1)
    gs.set_num_threads(1)
    ways = {name: passes(sample) for name, sample in callers().items()}
    measured = {what: {name: way[what] for name, way in ways.items()} for what in ways["torch"]}
    rows = []
    for what, calls in {"plain call": plain(), **measured}.items():
        if asked.only not in what:
            continue
        times = pairs.timed([partial(timeit, call, number=MANY) for call in calls.values()], rounds)
        row = {"pass": what}
        row |= {f"{name}_us": round(median(found) / MANY * 1e6, 2) for name, found in zip(calls, times, strict=True)}
        rows.append(row)
        print(json.dumps(row), flush=True)
    about = {
        "torch": torch.__version__,
        "gridsample": gs.__version__,
        "python": sys.version.split()[0],
        "rounds": rounds,
    }
    pairs.write(RESULTS, about, rows, lambda row: row["pass"], not asked.only)


if __name__ == "__main__":
    main()
