# SPDX-License-Identifier: Apache-2.0
"""SciPy's map_coordinates, once per image and channel: it has neither batches nor threads."""

from __future__ import annotations

from typing import Any

from gridsample.bench import ours
from gridsample.bench.ours import Calls
from gridsample.bench.peers.base import Can, Peer
from gridsample.bench.runs import Run

ORDERS = {"nearest": 0, "bilinear": 1}  # 2 and more are B-splines
MODES = {"zeros": "grid-constant", "border": "nearest", "reflection": "reflect"}


def _prepare(run: Run) -> Calls:
    from scipy import ndimage

    how: dict[str, Any] = {"order": ORDERS[run.mode], "mode": MODES[run.padding], "prefilter": False}
    return ours.by_planes(run, lambda plane, points, out: ndimage.map_coordinates(plane, points, out, **how))


PEER = Peer(
    name="scipy",
    call="ndimage.map_coordinates, once per image and channel",
    packages={"scipy": "scipy"},
    can=Can(axes=(1, 2, 3), dtypes=("float32", "float64"), threads=(1,)),
    prepare=_prepare,
)
