# SPDX-License-Identifier: Apache-2.0
"""torch-interpol's grid_pull: TorchScript on torch's threads, positions in pixels, i first."""

from __future__ import annotations

from typing import Any

import numpy as np

import gridsample as gs
from gridsample.bench import ours
from gridsample.bench.ours import Call, Calls
from gridsample.bench.peers.base import Can, Peer
from gridsample.bench.runs import Run

ORDERS = {"nearest": 0, "bilinear": 1}  # 2 and more are B-splines
BOUNDS = {"zeros": "zero", "border": "replicate", "reflection": "dct2"}


def _prepare(run: Run) -> Calls:
    import interpol
    import torch

    torch.set_num_threads(run.threads)
    arrays = run.pixels()
    image, pixels = map(torch.from_numpy, arrays)
    points = pixels.flip(-1).contiguous()
    how = {"interpolation": ORDERS[run.mode], "bound": BOUNDS[run.padding], "extrapolate": True}
    mine = {**ours.options(run), "frame": "pixel"}
    if run.verb == "forward":

        def theirs() -> tuple[Any, ...]:
            return (interpol.grid_pull(image, points, **how),)

        return ours.calls(run, image, pixels, "pixel", theirs, torch.zeros(run.case.shape, dtype=image.dtype))
    upstream = torch.from_numpy(np.random.default_rng(7).random(run.case.shape, dtype=np.float32))

    def both(sample: Any, image: Any, coords: Any) -> Call:
        image, coords = image.detach().requires_grad_(), coords.detach().requires_grad_()
        values = sample(image, coords)
        return lambda: torch.autograd.grad(values, (image, coords), upstream, retain_graph=True)

    back = both(lambda image, coords: interpol.grid_pull(image, coords, **how), image, points)

    def x_first() -> tuple[Any, ...]:
        grad_image, grad_points = back()
        return grad_image, grad_points.flip(-1)

    return Calls(both(lambda image, coords: gs.sample(image, coords, **mine), image, pixels), x_first)


PEER = Peer(
    name="interpol",
    call="grid_pull",
    packages={"interpol": "torch-interpol", "torch": "torch"},
    can=Can(verbs=("forward", "backward"), axes=(1, 2, 3), modes=("bilinear", "nearest")),
    prepare=_prepare,
)
