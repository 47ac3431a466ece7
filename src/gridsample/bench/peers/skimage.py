# SPDX-License-Identifier: Apache-2.0
"""scikit-image's warp: once per image and channel for coordinates, once per image for a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from gridsample.bench import ours
from gridsample.bench.ours import Calls
from gridsample.bench.peers.base import Can, Peer
from gridsample.bench.runs import Run

ORDERS = {"nearest": 0, "bilinear": 1}  # of 2 and more only the matrix's are no B-splines
MODES = {"zeros": "constant", "border": "edge", "reflection": "symmetric"}


def _prepare(run: Run) -> Calls:
    from skimage import transform

    library: Any = transform  # its functions have no types
    warp = library.warp

    how: dict[str, Any] = {"order": ORDERS[run.mode], "mode": MODES[run.padding], "clip": False, "preserve_range": True}
    if run.verb == "affine":
        image, _ = run.arrays()
        images = [np.ascontiguousarray(np.moveaxis(one, 0, -1)) for one in image]
        transforms = [library.AffineTransform(matrix) for matrix in run.matrices()]

        def by_matrix() -> tuple[Any, ...]:
            pairs = zip(images, transforms, strict=True)
            return (np.moveaxis(np.stack([warp(one, t, output_shape=run.case.out, **how) for one, t in pairs]), -1, 1),)

        return ours.by_matrix(run, image, run.theta(), by_matrix)

    def by_points(plane: Any, points: Any, out: Any) -> None:
        out[...] = warp(plane, points, **how)

    return ours.by_planes(run, by_points)


PEER = Peer(
    name="skimage",
    call="transform.warp",
    packages={"skimage": "scikit-image"},
    can=Can(verbs=("forward", "affine"), dtypes=("float32", "float64"), threads=(1,)),
    prepare=_prepare,
)
