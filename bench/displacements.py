# SPDX-License-Identifier: Apache-2.0
"""Displacement maps whose coordinates no array holds: against the same with stored coordinates, and against torch.

    python bench/displacements.py [--threads 1 2] [--clock wall] [--runs 15] [--only photo]

writes bench/results/programs/displacements.json: a row for each picture, kind of map, direction and number of threads.

torch adds the displacements to an identity grid that is there before, and calls F.grid_sample; control points with
straight lines between them it interpolates first, with F.interpolate(align_corners=True). It has no cubic B-spline.
Calls alternate; ratios are of neighbours, theirs over ours: median and quartiles. Memory is the peak of the process
above what it held before one forward and backward pass, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as functional

import gridsample as gs

sys.path.insert(0, str(Path(__file__).parent))
import pairs

RESULTS = Path(__file__).parent / "results" / "programs" / "displacements.json"
PICTURES = {"photo": ((1, 3, 1080, 1920), (18, 32)), "volume": ((1, 1, 128, 128, 128), (10, 10, 10))}
KINDS = ("dense", "control, linear", "control, cubic")
Tensor = torch.Tensor
Way = Callable[[Tensor, Tensor], Tensor]


def tensors(picture: str, kind: str) -> list[Tensor]:
    """The image, and displacements of up to 4 pixels, smooth: of every pixel, or of the control points."""
    torch.manual_seed(0)
    shape, points = PICTURES[picture]
    image, control = torch.rand(shape), (torch.rand(1, len(points), *points) - 0.5) * 8
    return [image, interpolated(control, shape[2:]).contiguous() if kind == "dense" else control]


def interpolated(control: Tensor, size: tuple[int, ...]) -> Tensor:
    mode = {2: "bilinear", 3: "trilinear"}[len(size)]
    return functional.interpolate(control, size, mode=mode, align_corners=True)


def made(kind: str, size: tuple[int, ...], numbers: Tensor) -> gs.maps.Map:
    if kind == "dense":
        return gs.maps.Displacement(numbers)
    return gs.maps.BSplineField(numbers, size, degree=1 if kind.endswith("linear") else 3)


def ways(picture: str, kind: str) -> dict[str, Way]:
    size = PICTURES[picture][0][2:]
    steps = torch.tensor([2.0 / (n - 1) for n in reversed(size)])
    own = torch.stack(torch.meshgrid(*(torch.arange(float(n)) for n in size), indexing="ij")[::-1], -1)
    identity = (own * steps - 1)[None]

    def theirs(image: Tensor, numbers: Tensor) -> Tensor:
        field = numbers if kind == "dense" else interpolated(numbers, size)
        grid = identity + field.movedim(1, -1) * steps
        return functional.grid_sample(image, grid, padding_mode="border", align_corners=True)

    found: dict[str, Way] = {
        "ours": lambda image, numbers: gs.sample(image, made(kind, size, numbers), boundary="clamp"),
        "stored": lambda image, numbers: gs.sample(image, made(kind, size, numbers).coords(), boundary="clamp"),
    }
    return found if kind == "control, cubic" else {**found, "torch": theirs}


def forward(way: Way, leaves: list[Tensor]) -> list[Tensor]:
    with torch.no_grad():
        return [way(*leaves)]


def both(way: Way, leaves: list[Tensor]) -> list[Tensor]:
    leaves = [leaf.detach().requires_grad_() for leaf in leaves]
    result = way(*leaves)
    return [result, *torch.autograd.grad(result, leaves, torch.ones_like(result))]


def measure(picture: str, kind: str, run: Any, runs: int, clock: str) -> dict[str, Any]:
    leaves, how = tensors(picture, kind), ways(picture, kind)
    first = run(how["ours"], leaves)
    for name, way in how.items():
        apart = float((run(way, leaves)[0] - first[0]).detach().abs().max())
        if apart > 2e-3:  # a position is rounded to some 1e-4 px
            raise AssertionError(f"{picture}, {kind}: {name} differs by {apart}")
    times = pairs.timed([lambda way=way: run(way, leaves) for way in how.values()], runs, clock)
    found: dict[str, Any] = {"ms": pairs.summary(times[0], times[0])["ms"]}
    return found | {name: pairs.ratios(times[0], other) for name, other in list(zip(how, times, strict=True))[1:]}


def peak(picture: str, kind: str, who: str) -> float:
    leaves, way = tensors(picture, kind), ways(picture, kind)[who]
    both(way, leaves)  # what is loaded and made at the first call
    return pairs.peak(lambda: both(way, leaves))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--clock", choices=pairs.CLOCKS, default="wall")
    parser.add_argument("--only", nargs="*", choices=PICTURES, default=list(PICTURES))
    parser.add_argument("--peak", nargs=3, metavar=("PICTURE", "KIND", "WHO"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads[0])
    if asked.peak:
        print(peak(*asked.peak))
        return
    rows = []
    for threads in asked.threads:
        torch.set_num_threads(threads)
        for picture in asked.only:
            for kind in KINDS:
                row: dict[str, Any] = {"picture": picture, "kind": kind, "threads": threads}
                for name, run in (("forward", forward), ("forward and backward", both)):
                    row[name] = measure(picture, kind, run, asked.runs, asked.clock)
                for who in ways(picture, kind) if threads == asked.threads[0] else ():
                    alone = pairs.apart(__file__, "--threads", str(threads), "--peak", picture, kind, who)
                    row[f"peak MiB, {who}"] = float(alone)
                print(json.dumps(row), flush=True)
                rows.append(row)
    about = {"torch": torch.__version__, "gridsample": gs.__version__, "clock": asked.clock, "runs": asked.runs}
    about["target"] = gs._core.engine.target()
    whole = asked.only == list(PICTURES) and asked.threads == [1, 2]
    pairs.write(RESULTS, about, rows, lambda row: (row["picture"], row["kind"], row["threads"]), whole)


if __name__ == "__main__":
    main()
