# SPDX-License-Identifier: Apache-2.0
"""Hugues Hoppe's resampler, once per image. Channels are interleaved in its memory; it has one thread."""

from __future__ import annotations

from typing import Any

import numpy as np

from gridsample.bench import ours
from gridsample.bench.ours import Calls
from gridsample.bench.peers.base import Can, Peer
from gridsample.bench.runs import Run

RULES = {"zeros": "border", "border": "clamp", "reflection": "reflect"}


def _prepare(run: Run) -> Calls:
    import resampler

    kernel = {"nearest": "box", "bilinear": "triangle", "bicubic": resampler.CubicFilter(b=0, c=0.75)}[run.mode]
    image, grid = run.arrays()
    images = [np.ascontiguousarray(np.moveaxis(one, 0, -1)) for one in image]
    unit = np.ascontiguousarray((grid[..., ::-1] + 1) / 2)  # 0 and 1 are the outer edges
    how: dict[str, Any] = {"filter": kernel, "boundary": RULES[run.padding]}

    def theirs() -> tuple[Any, ...]:
        made = [resampler.resample(one, points, **how) for one, points in zip(images, unit, strict=True)]
        return (np.moveaxis(np.stack(made), -1, 1),)

    return ours.by_grid(run, image, grid, theirs)


PEER = Peer(
    name="resampler",
    call="resampler.resample",
    packages={"resampler": "resampler"},
    can=Can(
        axes=(1, 2, 3),
        modes=("bilinear", "nearest", "bicubic"),
        dtypes=("float32", "float64"),
        threads=(1,),
        layouts=("channels first", "channels last"),
    ),
    prepare=_prepare,
)
