# SPDX-License-Identifier: Apache-2.0
"""The machine's own limit: the time it takes to stream the bytes that a run must move, and to do nothing with them.

Bytes read are copied, block by block, into a block that stays in the cache; bytes written are copied from one. Each
thread streams its share of memory that was touched before, so the limit pays for no fresh pages. A thread that would
have little to stream is not woken: that alone takes longer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from math import prod

import numpy as np

from gridsample.bench.cases import Array
from gridsample.bench.runs import Run

BLOCK = 1 << 17  # bytes: two of them fit the second-level cache of any processor that runs this

SHARE = 1 << 22  # bytes: streaming them takes about as long as waking a thread of Python's, some 0.2 ms


def moved(run: Run) -> tuple[list[Array], int]:
    """The bytes that must be read, as flat arrays, and the number to be written: grid, the part of the image that it
    covers, and the output, each once.

    Backward, the gradient of the output is read too, and the gradients of the image and of the grid are written; in a
    step also the output. Image and grid are the run's own memory, so that the limit finds as much of it in the caches
    as the calls do.
    """
    image, grid = run.arrays()
    flat = grid.reshape(-1, grid.shape[-1])
    # the box around the points, as a share of the image: -1 and 1 are its edges
    shares = [np.ptp(np.clip(flat[:, d], -1, 1)) / 2 for d in range(flat.shape[1])] if flat.size else [0.0]
    covered = _bytes(image)[: int(image.nbytes * float(np.prod(shares)))]
    output = prod(run.case.shape) * image.itemsize
    if run.verb == "affine":
        return [covered], output
    if run.verb == "forward":
        return [covered, _bytes(grid)], output
    gradients = image.nbytes + grid.nbytes
    return [covered, _bytes(grid), np.ones(output, np.uint8)], gradients + (output if run.verb == "step" else 0)


def _bytes(array: Array) -> Array:
    """Its memory, in the order in which it lies there."""
    flat = array.ravel(order="K")
    assert flat.size == 0 or np.shares_memory(flat, array)
    return flat.view(np.uint8)


def stream(read: Sequence[Array], written: int, threads: int) -> Callable[[], tuple[()]]:
    """A call that reads flat arrays and writes as many bytes, shared among at most ``threads``."""
    total = written + sum(source.size for source in read)
    threads = max(1, min(threads, total // SHARE))
    sources = zip(*(np.array_split(source, threads) for source in read), strict=True)
    targets = np.array_split(np.ones(written, np.uint8), threads)
    shares = list(zip(sources, targets, strict=True))
    if threads == 1:
        return lambda: _walk(*shares[0])
    pool = _pool(threads - 1)  # the caller is a thread too

    def call() -> tuple[()]:
        others = [pool.submit(_walk, *share) for share in shares[1:]]
        _walk(*shares[0])
        for other in others:
            other.result()
        return ()

    return call


def _walk(sources: Sequence[Array], target: Array) -> tuple[()]:
    block = np.zeros(BLOCK, np.uint8)
    for source in sources:
        for start in range(0, source.size, BLOCK):
            part = source[start : start + BLOCK]
            block[: part.size] = part
    for start in range(0, target.size, BLOCK):
        part = target[start : start + BLOCK]
        part[:] = block[: part.size]
    return ()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "gridsample-bench-limit")
