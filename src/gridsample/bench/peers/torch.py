# SPDX-License-Identifier: Apache-2.0
"""torch's own grid_sample: the peer that the goals are measured against."""

from __future__ import annotations

from typing import Any

import numpy as np

import gridsample as gs
from gridsample.bench import ours
from gridsample.bench.ours import Call, Calls
from gridsample.bench.peers.base import Can, Peer
from gridsample.bench.runs import Run


def _but(run: Run) -> str | None:
    return "no 3D bicubic" if run.case.axes == 3 and run.mode == "bicubic" else None


def _note(run: Run) -> str:
    return "torch has no 1D: it samples a picture of one row" if run.case.axes == 1 else ""


def _prepare(run: Run) -> Calls:
    import torch
    from torch.nn import functional

    torch.set_num_threads(run.threads)  # gridsample follows torch's number for tensors
    case, mode, padding = run.case, run.mode, run.padding
    image, grid = map(torch.from_numpy, run.arrays())
    if case.channels_last:
        image = image.contiguous(memory_format=torch.channels_last)
    if run.verb == "affine":
        theta, size = torch.from_numpy(run.theta()).to(image.dtype), [*case.shape]

        def unfused() -> tuple[Any, ...]:
            points = functional.affine_grid(theta, size, False)
            return (functional.grid_sample(image, points, mode, padding, False),)

        return ours.by_matrix(run, image, theta, unfused)
    signal = case.axes == 1
    picture = image[:, :, None] if signal else image
    points = torch.stack([grid[..., 0], torch.zeros_like(grid[..., 0])], -1)[:, None] if signal else grid
    if run.verb == "forward":
        like = {"memory_format": torch.channels_last} if case.channels_last else {}
        out = torch.zeros(case.shape, dtype=image.dtype).contiguous(**like)
        how = {**ours.options(run), "frame": "edges"}

        def theirs() -> tuple[Any, ...]:
            return (functional.grid_sample(picture, points, mode, padding, False),)

        def row() -> tuple[Any, ...]:
            return (theirs()[0][:, :, 0],)

        return Calls(
            lambda: (gs.grid_sample(image, grid, mode, padding, False),),
            row if signal else theirs,
            lambda: (gs.sample(image, grid, **how, out=out),),
        )
    random = np.random.default_rng(7).random(case.shape, dtype=np.float32)
    upstream = torch.from_numpy(random.astype(run.dtype, copy=False))
    if case.channels_last:  # what layers that work in channels_last hand back
        upstream = upstream.contiguous(memory_format=torch.channels_last)

    def both(sample: Any, image: Any, grid: Any) -> Call:
        image, grid = image.detach().requires_grad_(), grid.detach().requires_grad_()
        values = sample(image, grid, mode, padding, False)
        grad = upstream.reshape(values.shape) if signal else upstream
        if run.verb == "step":
            return lambda: torch.autograd.grad(sample(image, grid, mode, padding, False), (image, grid), grad)
        return lambda: torch.autograd.grad(values, (image, grid), grad, retain_graph=True)

    mine, gradients = both(gs.grid_sample, image, grid), both(functional.grid_sample, picture, points)
    if not signal:
        return Calls(mine, gradients)

    def first_coordinate() -> tuple[Any, ...]:
        grad_image, grad_grid = gradients()
        return grad_image[:, :, 0], grad_grid[:, 0, :, :1]  # the row's other coordinate is nobody's

    return Calls(mine, first_coordinate)


PEER = Peer(
    name="torch",
    call="F.grid_sample; affine: F.affine_grid and F.grid_sample",
    packages={"torch": "torch"},
    can=Can(
        verbs=("forward", "backward", "affine", "step"),
        axes=(1, 2, 3),
        modes=("bilinear", "nearest", "bicubic"),
        dtypes=("float32", "float64"),  # its half kernels leave their memory, so nothing is compared with them
        layouts=("channels first", "channels last"),
    ),
    prepare=_prepare,
    but=_but,
    note=_note,
)
