# SPDX-License-Identifier: Apache-2.0
"""Six random transforms of a batch in one sampling, against the same one by one, and against kornia's.

    python bench/augmentation.py [--threads 1] [--clock cpu]   also writes bench/results/programs/augmentation.json

The ways are those of examples/augmentation_speed.py, timed in turns; a ratio is theirs over ours, of one round, and the
median of these is given with its quartiles. With --clock cpu and one thread other programs harm the figures little.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from gridsample.bench.machine import describe, load

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))
import augmentation_speed
import pairs

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results" / "programs" / "augmentation.json"
CASES = {"float32": (32, 224), "uint8": (32, 224), "one photograph": (1, 1024)}  # batch, height and width in pixels


def images_of(case: str) -> torch.Tensor:
    batch, side = CASES[case]
    torch.manual_seed(0)
    images = torch.rand(batch, 3, side, side)
    return (images * 255).to(torch.uint8) if case == "uint8" else images


def measure(case: str, rounds: int, clock: str) -> dict[str, Any]:
    images = images_of(case)
    left_out = {"kornia"} if case == "uint8" else set()  # it takes floating images only
    seconds = augmentation_speed.timed(images, rounds, pairs.CLOCKS[clock], left_out)
    row: dict[str, Any] = {"case": case, "shape": list(images.shape), "rounds": rounds}
    for name, found in seconds.items():
        row[name] = {"ms": round(1e3 * median(found), 2)} | pairs.ratios(seconds["gridsample"], found)
    return row


def table(rows: Sequence[dict[str, Any]]) -> str:
    """As docs/maps.md has it."""
    lines = [
        "| images | `gs.nn.Augment` | the same, one by one | kornia's `AugmentationSequential` |",
        "|---|---|---|---|",
    ]
    for row in rows:
        kind = "uint8" if row["case"] == "uint8" else "float32"
        cells = ["×".join(map(str, row["shape"])) + f", {kind}", f"{row['gridsample']['ms']:.0f} ms"]
        for name in ("one by one", "kornia"):
            found = row.get(name)
            cells.append(f"{found['ms']:.0f} ms, {found['ratio']:.1f} times ours" if found else "takes no bytes")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--clock", choices=pairs.CLOCKS, default="wall")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    about = describe(["gridsample", "torch", "kornia"])
    about |= {"threads": asked.threads, "clock": asked.clock}
    rows = []
    for case in CASES:
        rows.append(measure(case, asked.rounds, asked.clock))
    print(table(rows))
    about["load"] = [about["load"], load()]  # before and after
    RESULTS.write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
