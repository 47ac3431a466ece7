# SPDX-License-Identifier: Apache-2.0
"""Whom we are timed against. A peer says why it cannot do a run, or makes the two calls to be compared.

A call returns a tuple of arrays or tensors, made as a user would make them: outputs are fresh. Both calls use the
run's number of threads, and whatever a peer needs in another form than we do is made before, outside the timed part.
A new peer is two functions and a row of PEERS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import gridsample as gs
from gridsample.bench.cases import Run

Call = Callable[[], tuple[Any, ...]]


@dataclass(frozen=True)
class Peer:
    """``refuse(run)`` is the reason it cannot, or None; ``prepare(run)`` gives (ours, theirs).

    ``note(run)`` is what a reader of the numbers must know.
    """

    package: str
    refuse: Callable[[Run], str | None]
    prepare: Callable[[Run], tuple[Call, Call]]
    note: Callable[[Run], str] = lambda run: ""


# ---------------------------------------------------------------------------------------------------------- torch


def _torch_refuses(run: Run) -> str | None:
    if len(run.case.out) == 3 and run.mode == "bicubic":
        return "torch has no 3D bicubic"
    return None


def _torch_note(run: Run) -> str:
    return "torch has no 1D: it samples a picture of one row" if len(run.case.out) == 1 else ""


def _torch(run: Run) -> tuple[Call, Call]:
    import torch
    from torch.nn import functional

    torch.set_num_threads(run.threads)  # gridsample follows torch's number for tensors
    case, mode, padding = run.case, run.mode, run.padding
    image, grid = map(torch.from_numpy, case.arrays())
    if case.channels_last:
        image = image.contiguous(memory_format=torch.channels_last)
    signal = len(case.out) == 1
    picture = image[:, :, None] if signal else image
    points = torch.stack([grid[..., 0], torch.zeros_like(grid[..., 0])], -1)[:, None] if signal else grid
    if run.verb == "forward":
        return (
            lambda: (gs.grid_sample(image, grid, mode, padding, False),),
            lambda: (functional.grid_sample(picture, points, mode, padding, False).reshape(case.shape),),
        )
    upstream = torch.from_numpy(np.random.default_rng(7).random(case.shape, dtype=np.float32))
    if case.channels_last:  # what layers that work in channels_last hand back
        upstream = upstream.contiguous(memory_format=torch.channels_last)

    def both(sample: Any, image: Any, grid: Any) -> Call:
        image, grid = image.detach().requires_grad_(), grid.detach().requires_grad_()
        values = sample(image, grid, mode, padding, False)
        grad = upstream.reshape(values.shape) if signal else upstream
        return lambda: torch.autograd.grad(values, (image, grid), grad, retain_graph=True)

    ours, theirs = both(gs.grid_sample, image, grid), both(functional.grid_sample, picture, points)
    if not signal:
        return ours, theirs

    def first_coordinate() -> tuple[Any, ...]:
        grad_image, grad_grid = theirs()
        return grad_image[:, :, 0], grad_grid[:, 0, :, :1]  # the row's other coordinate is nobody's

    return ours, first_coordinate


# ---------------------------------------------------------------------------------------------------------- SciPy


def _scipy_refuses(run: Run) -> str | None:
    if run.verb != "forward":
        return "SciPy has no derivatives"
    if run.threads != 1:
        return "SciPy has one thread"
    if run.mode != "bilinear" or run.padding != "zeros":
        return "only bilinear with zeros means the same in SciPy"
    return "SciPy has no channels to be last" if run.case.channels_last else None


def _scipy(run: Run) -> tuple[Call, Call]:
    from scipy import ndimage

    gs.set_num_threads(run.threads)
    image, grid = run.case.arrays()
    sizes = np.array(run.case.image[:1:-1], np.float32)
    pixels = np.ascontiguousarray(np.moveaxis((((grid + 1) * sizes - 1) / 2)[..., ::-1], -1, 1))

    def theirs() -> tuple[Any, ...]:
        out = np.empty(run.case.shape, np.float32)
        for n in range(out.shape[0]):
            for c in range(out.shape[1]):
                ndimage.map_coordinates(
                    image[n, c], pixels[n], out[n, c], order=1, mode="grid-constant", prefilter=False
                )
        return (out,)

    return (lambda: (gs.grid_sample(image, grid, run.mode, run.padding, False),)), theirs


PEERS: dict[str, Peer] = {
    "torch": Peer("torch", _torch_refuses, _torch, _torch_note),
    "scipy": Peer("scipy", _scipy_refuses, _scipy, lambda run: "map_coordinates, once per image and channel"),
}
