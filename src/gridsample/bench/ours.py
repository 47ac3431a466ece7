# SPDX-License-Identifier: Apache-2.0
"""Our side of a comparison, for NumPy arrays; torch's is in peers/torch.py. Everything is made before it is timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import gridsample as gs
from gridsample.bench.runs import Run
from gridsample.spec.dialects import lookup

Call = Callable[[], tuple[Any, ...]]


@dataclass(frozen=True)
class Calls:
    """What is timed: our call, the peer's, and ours into an output that is kept (``out=``), where there is one."""

    ours: Call
    theirs: Call
    reused: Call | None = None


def options(run: Run) -> dict[str, Any]:
    """torch's names of the run as arguments of `gridsample.sample`."""
    kernel, boundary = (
        lookup("torch", what, name, False) for what, name in (("kernel", run.mode), ("boundary", run.padding))
    )
    assert kernel
    assert boundary
    return {"kernel": kernel.ours, "boundary": boundary.ours}


def calls(run: Run, image: Any, coords: Any, frame: str, theirs: Call, out: Any) -> Calls:
    """`gridsample.sample` against ``theirs``; ``out`` is an array for the result, of any content."""
    how = {**options(run), "frame": frame}
    return Calls(
        lambda: (gs.sample(image, coords, **how),),
        theirs,
        lambda: (gs.sample(image, coords, **how, out=out),),
    )


def by_pixels(run: Run, image: Any, pixels: Any, theirs: Call) -> Calls:
    """With the positions in pixels, for peers that take such."""
    gs.set_num_threads(run.threads)
    return calls(run, image, pixels, "pixel", theirs, np.empty(run.case.shape, image.dtype))


def by_planes(run: Run, sample: Callable[[Any, Any, Any], Any]) -> Calls:
    """For peers that take one channel at a time: sample(plane, points, out), points (D, *out) in pixels, rows first."""
    image, pixels = run.pixels()
    points = np.ascontiguousarray(np.moveaxis(pixels[..., ::-1], -1, 1))

    def theirs() -> tuple[Any, ...]:
        out = np.empty(run.case.shape, run.dtype)
        for n in range(out.shape[0]):
            for c in range(out.shape[1]):
                sample(image[n, c], points[n], out[n, c])
        return (out,)

    return by_pixels(run, image, pixels, theirs)


def by_grid(run: Run, image: Any, grid: Any, theirs: Call) -> Calls:
    """With torch's normalised grid."""
    gs.set_num_threads(run.threads)
    return calls(run, image, grid, "edges", theirs, np.empty(run.case.shape, image.dtype))


def by_matrix(run: Run, image: Any, theta: Any, theirs: Call) -> Calls:
    """From the matrix, as F.affine_grid takes it (align_corners=False), without a grid in memory."""
    gs.set_num_threads(run.threads)
    sizes: dict[str, Any] = {"input_size": run.case.image[2:], "output_size": run.case.out}

    size, how = run.case.out, options(run)

    def ours() -> tuple[Any, ...]:
        fused = gs.maps.Affine.from_matrix(theta, frame="edges", **sizes)
        return (gs.sample(image, fused, size=size, **how),)

    return Calls(ours, theirs)
