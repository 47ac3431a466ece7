# SPDX-License-Identifier: Apache-2.0
"""JAX on the CPU: `gs.sample` (the engine, called by the compiled program) against JAX's own map_coordinates, jitted.

    python bench/jax_ffi.py [--runs 9] [--only "2D, 4 x 8 x 256 x 256"]     also writes bench/results/programs/jax.json

Both sample a batch of images with channels, linearly, zero outside; map_coordinates by vmap over both, as its users do.
Times alternate, one of each; the ratio is theirs over ours, of neighbours, median and quartiles. Results are compared
first. ``gradient`` is of a sum of squares, to the image and to the coordinates.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates

import gridsample as gs

sys.path.insert(0, str(Path(__file__).parent))
import pairs

RESULTS = Path(__file__).parent / "results" / "programs" / "jax.json"
CASES = {
    "2D, 4 x 8 x 256 x 256": (4, 8, (256, 256)),
    "2D, 1 x 3 x 512 x 512": (1, 3, (512, 512)),
    "3D, 2 x 4 x 48 x 48 x 48": (2, 4, (48, 48, 48)),
    "3D, 1 x 1 x 64 x 64 x 64": (1, 1, (64, 64, 64)),
}


def arrays(case: str) -> tuple[Any, Any]:
    """Images, and points near their own pixels, in memory order."""
    batch, channels, sizes = CASES[case]
    random = np.random.default_rng(0)
    image = random.normal(size=(batch, channels, *sizes)).astype("f4")
    places = np.stack(np.meshgrid(*(np.arange(n) for n in sizes), indexing="ij"), -1)
    moved = places + random.normal(size=(batch, *sizes, len(sizes))) * 2
    return jnp.asarray(image), jnp.asarray(moved.astype("f4"))


def ours(image: Any, coords: Any) -> Any:
    return gs.sample(image, coords, order="ij")


def theirs(image: Any, coords: Any) -> Any:
    def one(plane: Any, at: Any) -> Any:
        return map_coordinates(plane, list(jnp.moveaxis(at, -1, 0)), order=1, mode="constant")

    return jax.vmap(jax.vmap(one, (0, None)))(image, coords)


def gradient(function: Any) -> Any:
    return jax.grad(lambda image, coords: (function(image, coords) ** 2).sum(), (0, 1))


def measure(case: str, wrapped: Any, runs: int) -> dict[str, float]:
    given = arrays(case)
    programs = [jax.jit(wrapped(function)) for function in (ours, theirs)]
    for a, b in zip(*(jax.tree.leaves(program(*given)) for program in programs), strict=True):
        agree = np.isclose(a, b, rtol=1e-3, atol=1e-4 * float(np.abs(b).max()))
        if (~agree).mean() > 1e-5:  # a point on a pixel's centre, but for rounding, has two derivatives
            raise AssertionError(f"{case}: {int((~agree).sum())} of {agree.size} numbers differ")
    calls = [lambda program=program: jax.block_until_ready(program(*given)) for program in programs]
    return pairs.summary(*pairs.timed(calls, runs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--only", nargs="*", choices=CASES)
    asked = parser.parse_args()
    rows = []
    for case in asked.only or CASES:
        row: dict[str, Any] = {"case": case}
        for name, wrapped in (("forward", lambda f: f), ("gradient", gradient)):
            row[name] = measure(case, wrapped, asked.runs)
        print(json.dumps(row), flush=True)
        rows.append(row)
    if not asked.only:
        about = {"jax": jax.__version__, "gridsample": gs.__version__, "cores": os.cpu_count(), "runs": asked.runs}
        RESULTS.write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
