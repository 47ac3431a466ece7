# SPDX-License-Identifier: Apache-2.0
"""B-splines of a volume against SciPy and torch-interpol, and the second backward pass against torch's decomposed one.

    python bench/complete.py [--threads 1,2] [--runs 7]     writes bench/results/programs/complete.json

Calls alternate, one of each; the ratio is theirs over ours, of neighbours in time, median and quartiles. Results are
compared before anything is timed. Memory is the peak of a process of its own above what it held before the second
backward pass.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

import gridsample as gs

sys.path.insert(0, str(Path(__file__).parent))
import pairs

RESULTS = Path(__file__).parent / "results" / "programs" / "complete.json"
SIDE = 128
SECOND = {"one image": (1, 8, 256, False), "batch": (8, 16, 64, False), "features": (1, 64, 128, False),
          "one image, random points": (1, 8, 256, True)}  # fmt: skip


SMALL = (1, 1, 8, False)


def splines(threads: int, runs: int) -> list[dict[str, Any]]:
    """The whole call, prefilter included: every pixel of a volume, moved by up to two pixels."""
    from scipy.ndimage import map_coordinates

    rng = np.random.default_rng(0)
    volume = rng.standard_normal((SIDE,) * 3).astype("f4")
    grid = np.stack(np.meshgrid(*[np.arange(SIDE)] * 3, indexing="ij"), -1)
    coords = (grid + rng.uniform(-2, 2, grid.shape)).astype("f4")
    first = np.moveaxis(coords, -1, 0)
    gs.set_num_threads(threads)
    torch.set_num_threads(threads)

    def ours() -> Any:
        return gs.sample(volume[None, None], coords[None], kernel="bspline3", boundary="mirror", order="ij")

    peers: dict[str, Callable[[], Any]] = {"scipy": lambda: map_coordinates(volume, first, order=3, mode="mirror")}
    try:
        import interpol
    except ImportError:
        print("torch-interpol is not installed: pip install torch-interpol")
    else:
        image, points = torch.from_numpy(volume)[None, None], torch.from_numpy(coords)[None]
        options = {"interpolation": 3, "bound": "dct1", "extrapolate": True, "prefilter": True}
        peers["torch-interpol"] = lambda: interpol.grid_pull(image, points, **options)
    rows = []
    for name, theirs in peers.items():
        difference = float(np.abs(np.asarray(theirs()).reshape(volume.shape) - ours()[0, 0]).max())
        assert difference < 1e-4, f"{name}: {difference}"
        rows.append(
            {"what": "bspline3, 3D", "peer": name, "threads": threads, "difference": difference}
            | pairs.summary(*pairs.timed((ours, theirs), runs))
        )
    return rows


def prepared(case: str, who: str) -> Callable[[], Any]:
    """The second backward pass alone, of a graph that is kept."""
    batch, channels, side, scattered = SECOND.get(case, SMALL)
    torch.manual_seed(0)
    image = torch.rand(batch, channels, side, side, requires_grad=True)
    turned = torch.tensor([[[0.9, 0.1, 0], [-0.1, 0.9, 0]]]).expand(batch, 2, 3)
    grid = (
        torch.rand(batch, side, side, 2) * 2 - 1
        if scattered
        else F.affine_grid(turned, image.shape, align_corners=False)
    )
    grid = grid.contiguous().requires_grad_()
    weigh = torch.rand(batch, channels, side, side, requires_grad=True)
    sample = {"ours": gs.grid_sample, "theirs": F.grid_sample}[who]
    once = torch.autograd.grad(sample(image, grid, align_corners=False), (image, grid), weigh, create_graph=True)
    along = [torch.rand_like(one) for one in once]
    return lambda: torch.autograd.grad(once, (weigh, image, grid), along, retain_graph=True)


def second(threads: int, runs: int) -> list[dict[str, Any]]:
    torch.set_num_threads(threads)
    rows = []
    for case in SECOND:
        ours, theirs = prepared(case, "ours"), prepared(case, "theirs")
        for one, other in zip(ours(), theirs(), strict=True):
            assert float((one - other).abs().max()) < 1e-3 * float(other.abs().max()), case
        row: dict[str, Any] = {"what": "second backward", "case": case, "threads": threads}
        row |= pairs.summary(*pairs.timed((ours, theirs), runs))
        for who in ("ours", "theirs"):
            alone = pairs.apart(__file__, "--threads", str(threads), "--peak", case, who)
            row[f"peak MiB, {who}"] = float(alone)
        rows.append(row)
    return rows


def peak(case: str, who: str) -> float:
    prepared("small", who)()  # what is loaded and kept at a first call
    return pairs.peak(prepared(case, who))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--only", nargs="+", choices=("spline", "second"), default=["spline", "second"])
    parser.add_argument("--peak", nargs=2, metavar=("CASE", "WHO"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.peak:
        torch.set_num_threads(int(asked.threads))
        print(peak(*asked.peak))
        return
    rows = []
    for threads in map(int, asked.threads.split(",")):
        for name, measure in (("spline", splines), ("second", second)):
            for row in measure(threads, asked.runs) if name in asked.only else ():
                print(json.dumps(row), flush=True)
                rows.append(row)
    about = {
        "torch": torch.__version__,
        "gridsample": gs.__version__,
        "target": gs._core.engine.target(),
        "load": os.getloadavg()[0],
    }
    RESULTS.write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
