# SPDX-License-Identifier: Apache-2.0
"""JAX's map_coordinates on the CPU: compiled, and mapped over images and channels.

Its backward pass is not compared: a compiled gradient computes the values again, which a graph that was kept need not.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from gridsample.bench import ours
from gridsample.bench.ours import Calls
from gridsample.bench.peers.base import Can, Peer
from gridsample.bench.runs import Run
from gridsample.threads import usable_cores

ORDERS = {"nearest": 0, "bilinear": 1}
MODES = {"zeros": "constant", "border": "nearest", "reflection": "reflect"}


def _but(run: Run) -> str | None:
    cores = usable_cores()
    return None if run.threads == cores else f"it takes as many threads as there are cores, here {cores}"


def _prepare(run: Run) -> Calls:
    import jax
    from jax.scipy.ndimage import map_coordinates

    image, pixels = run.pixels()
    cpu = jax.devices("cpu")[0]
    points = np.ascontiguousarray(np.moveaxis(pixels[..., ::-1], -1, 1))
    theirs_image, theirs_points = (jax.device_put(array, cpu) for array in (image, points))
    one = partial(map_coordinates, order=ORDERS[run.mode], mode=MODES[run.padding])
    every = jax.vmap(lambda image, points: jax.vmap(lambda channel: one(channel, [*points]))(image))
    call = jax.jit(every)
    return ours.by_pixels(run, image, pixels, lambda: (call(theirs_image, theirs_points).block_until_ready(),))


PEER = Peer(
    name="jax",
    call="jit(vmap(jax.scipy.ndimage.map_coordinates))",
    packages={"jax": "jax"},
    can=Can(axes=(1, 2, 3)),
    prepare=_prepare,
    but=_but,
)
