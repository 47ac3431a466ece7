# SPDX-License-Identifier: Apache-2.0
"""B-splines of a volume against SciPy and torch-interpol, and the second backward pass against torch's decomposed one.

    python bench/complete.py [--threads 1,2] [--runs 7]     writes bench/results/programs/complete.json

Calls alternate, one of each; the ratio is theirs over ours, of neighbours in time, median and quartiles. Results are
compared before anything is timed. Memory is the peak of a process of its own above what it held before the second
backward pass.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

import gridsample as gs
from gridsample.bench.machine import describe, load

sys.path.insert(0, str(Path(__file__).parent))
import pairs

RESULTS = Path(__file__).parent / "results" / "programs" / "complete.json"
SIDE = 128
SECOND = {
    "one image": (1, 8, 256, False),  # batch, channels, side in pixels; points in order, or anywhere
    "batch": (8, 16, 64, False),
    "features": (1, 64, 128, False),
    "one image, random points": (1, 8, 256, True),
    "small": (1, 1, 8, False),  # what a call costs, whatever its size; its memory is not asked for
}
GOALS = {"bspline3": 10.0, "second backward": 8.0, "peak": 1 / 3}  # times faster; the share of torch's peak


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
    sample, (image, grid), weigh = given(case, who)
    once = torch.autograd.grad(sample(image, grid, align_corners=False), (image, grid), weigh, create_graph=True)
    along = [torch.rand_like(one) for one in once]
    return lambda: torch.autograd.grad(once, (weigh, image, grid), along, retain_graph=True)


def given(case: str, who: str) -> tuple[Any, list[torch.Tensor], torch.Tensor]:
    """The function, what it samples, and a gradient of its values."""
    batch, channels, side, scattered = SECOND[case]
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
    return {"ours": gs.grid_sample, "theirs": F.grid_sample}[who], [image, grid], weigh


def before_it(case: str) -> list[Callable[[], Any]]:
    """Our forward pass, and our first backward pass."""
    sample, leaves, weigh = given(case, "ours")
    plain, made = [leaf.detach() for leaf in leaves], weigh.detach()
    values = sample(*leaves, align_corners=False)
    return [
        lambda: sample(*plain, align_corners=False),
        lambda: torch.autograd.grad(values, leaves, made, retain_graph=True),
    ]


def second(threads: int, runs: int) -> list[dict[str, Any]]:
    torch.set_num_threads(threads)
    rows = []
    for case in SECOND:
        ours, theirs = prepared(case, "ours"), prepared(case, "theirs")
        for one, other in zip(ours(), theirs(), strict=True):
            assert float((one - other).abs().max()) < 1e-3 * float(other.abs().max()), case
        row: dict[str, Any] = {"what": "second backward", "case": case, "threads": threads}
        row |= pairs.summary(*pairs.timed((ours, theirs), runs))
        for name, times in zip(("forward", "backward"), pairs.timed(before_it(case), 2 * runs), strict=True):
            row[f"ms, {name}"] = round(1e3 * median(times), 3)
        rows.append(row)
        if case == "small":
            continue
        for who in ("ours", "theirs"):
            alone = pairs.apart(__file__, "--threads", str(threads), "--peak", case, who)
            row[f"peak MiB, {who}"] = float(alone)
    return rows


def peak(case: str, who: str) -> float:
    prepared("small", who)()  # what is loaded and kept at a first call
    return pairs.peak(prepared(case, who))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """As docs/derivatives.md has it; what misses its goal is bold."""
    lines = ["| B-spline 3 of 128³ voxels, against | threads | ours | times faster | quartiles | largest difference |"]
    lines.append("|---" * 6 + "|")
    for row in (row for row in rows if row["what"].startswith("bspline3")):
        cells = [f"{row['ms']:.0f} ms", bold(row["ratio"], GOALS["bspline3"]), f"{row['low']:.1f} to {row['high']:.1f}"]
        lines.append(f"| {row['peer']} | {row['threads']} | {' | '.join(cells)} | {row['difference']:.0e} |")
    heads = (
        "second backward pass | threads | ours | times faster | quartiles | peak, ours | torch's | forward | backward"
    )
    lines += ["", f"| {heads} |", "|---" * 9 + "|"]
    for row in (row for row in rows if row["what"] == "second backward"):
        batch, channels, side, _ = SECOND[row["case"]]
        cells = [f"{row['case']}, {batch}×{channels}×{side}×{side}", str(row["threads"]), f"{row['ms']:.2f} ms"]
        cells += [bold(row["ratio"], GOALS["second backward"]), f"{row['low']:.1f} to {row['high']:.1f}"]
        cells += [
            f"{row[f'peak MiB, {who}']:.1f} MiB" if f"peak MiB, {who}" in row else "" for who in ("ours", "theirs")
        ]
        lines.append(
            f"| {' | '.join([*cells, *(f'{row[name]:.2f} ms' for name in ('ms, forward', 'ms, backward'))])} |"
        )
    return "\n".join(lines)


def bold(ratio: float, goal: float) -> str:
    return f"{ratio:.1f}" if ratio >= goal else f"**{ratio:.1f}**"


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
    about = describe(("gridsample", "numpy", "torch", "scipy", "torch-interpol"))
    rows = []
    for threads in map(int, asked.threads.split(",")):
        for name, measure in (("spline", splines), ("second", second)):
            for row in measure(threads, asked.runs) if name in asked.only else ():
                print(json.dumps(row), flush=True)
                rows.append(row)
    print(table(rows))
    about["date"] = f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC"
    about |= {"runs": asked.runs, "load": [about["load"], load()]}  # before and after
    RESULTS.write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
