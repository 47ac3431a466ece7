# SPDX-License-Identifier: Apache-2.0
"""Whom we are timed against. A peer says why it cannot do a case, or makes the two calls to be compared.

A call returns NumPy arrays' worth of results (tensors or arrays), made as a user would make them: outputs are fresh.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import gridsample as gs
from gridsample.bench.cases import Case

Call = Callable[[], tuple[Any, ...]]


@dataclass(frozen=True)
class Peer:
    """``refuse(case, mode, padding, verb)`` is the reason it cannot, or None; ``prepare`` gives (ours, theirs)."""

    name: str
    package: str
    refuse: Callable[[Case, str, str, str], str | None]
    prepare: Callable[[Case, str, str, str, int], tuple[Call, Call]]


def _torch_refuses(case: Case, mode: str, padding: str, verb: str) -> str | None:
    if len(case.out) == 3 and mode == "bicubic":
        return "torch has no 3D bicubic"
    return None


def _torch(case: Case, mode: str, padding: str, verb: str, threads: int) -> tuple[Call, Call]:
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    image_array, grid_array = case.arrays()
    image, grid = torch.from_numpy(image_array), torch.from_numpy(grid_array)
    if case.channels_last:
        image = image.contiguous(memory_format=torch.channels_last)
    # torch has no 1D: the signal becomes a picture of one row, its second coordinate the middle of that row
    wide = image[:, :, None] if len(case.out) == 1 else image
    wide_grid = torch.stack([grid[..., 0], torch.zeros_like(grid[..., 0])], -1)[:, None] if len(case.out) == 1 else grid
    if verb == "forward":
        return (
            lambda: (gs.grid_sample(image, grid, mode, padding, False),),
            lambda: (functional.grid_sample(wide, wide_grid, mode, padding, False).reshape(_flat(case)),),
        )
    grad = torch.from_numpy(np.random.default_rng(7).random(_flat(case), dtype=np.float32))

    def both(sample: Any, picture: Any, points: Any) -> Call:
        picture, points = picture.detach().requires_grad_(), points.detach().requires_grad_()
        values = sample(picture, points, mode, padding, False)
        upstream = grad.reshape(values.shape)

        def call() -> tuple[Any, ...]:
            grads = torch.autograd.grad(values, (picture, points), upstream, retain_graph=True)
            # of a signal made a picture of one row, the picture's second coordinate is nobody's
            return grads[0].reshape(image.shape), grads[1] if points.dim() == grid.dim() else grads[1][:, 0, :, :1]

        return call

    return both(gs.grid_sample, image, grid), both(functional.grid_sample, wide, wide_grid)


def _flat(case: Case) -> tuple[int, ...]:
    return (*case.image[:2], *case.out)


def _scipy_refuses(case: Case, mode: str, padding: str, verb: str) -> str | None:
    if verb != "forward":
        return "SciPy has no derivatives"
    if mode != "bilinear" or padding != "zeros":
        return "compared for bilinear with zeros only: other modes mean other things there"
    return "channels last has no meaning there" if case.channels_last else None


def _scipy(case: Case, mode: str, padding: str, verb: str, threads: int) -> tuple[Call, Call]:
    from scipy import ndimage

    gs.set_num_threads(threads)
    image, grid = case.arrays()
    sizes = np.array(case.image[:1:-1], np.float32)
    pixels = np.moveaxis((((grid + 1) * sizes - 1) / 2)[..., ::-1], -1, 1)

    def theirs() -> tuple[Any, ...]:
        out = np.empty(_flat(case), np.float32)
        for n in range(case.image[0]):
            for c in range(case.image[1]):
                ndimage.map_coordinates(
                    image[n, c], pixels[n], out[n, c], order=1, mode="grid-constant", prefilter=False
                )
        return (out,)

    return (lambda: (gs.grid_sample(image, grid, mode, padding, False),)), theirs


PEERS: dict[str, Peer] = {
    "torch": Peer("torch", "torch", _torch_refuses, _torch),
    "scipy": Peer("scipy", "scipy", _scipy_refuses, _scipy),
}
