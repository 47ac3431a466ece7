# SPDX-License-Identifier: Apache-2.0
"""A hundred runs with 1, 2 and 4 threads: the same bits each time, forward, backward and once more backward.

One image, whose pixels every tile adds to: points crowd around its middle. Sizes are such that four threads are worth
their while (`worthwhile` in core/src/dispatch.cpp) and there is a tile for each. test_determinism.py has more cases.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

import gridsample as gs

RUNS = 100
READS = {"lent": 4 * 2**13, "own": 4 * 2**15}  # what four threads are worth: torch's, which are awake, and our own
CASES = {(2, "linear"): 16400, (2, "cubic"): 16400, (3, "linear"): 16400, (3, "cubic"): 4100}  # four tiles and a few
SIZES = {2: (33, 47), 3: (11, 13, 17)}


def arrays(axes: int, kernel: str, threads: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, coordinates and a gradient of the values; 1 in 10 points lies anywhere, also outside."""
    rng = np.random.default_rng(axes)
    sizes, count = np.array(SIZES[axes]), CASES[axes, kernel]
    channels = -(-READS[threads] // (count * {"linear": 2, "cubic": 4}[kernel] ** axes))
    near = sizes / 2 + rng.normal(size=(count, axes)) * 1.5
    coords = np.where(rng.random((count, 1)) < 0.1, rng.uniform(-4, sizes + 3, (count, axes)), near)
    image, weigh = rng.normal(size=(1, channels, *sizes)), rng.normal(size=(1, channels, count))
    return image.astype("f4"), coords[None].astype("f4"), weigh.astype("f4")


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("axes", "kernel", "second"), [*[(*case, False) for case in CASES], (2, "linear", True), (3, "cubic", True)]
)
def test_torch(axes: int, kernel: str, second: bool) -> None:
    """Values and both gradients; or the second backward pass's, to the values' gradient, the image and the points."""
    torch = pytest.importorskip("torch")
    image, coords, weigh = (torch.from_numpy(a) for a in arrays(axes, kernel, "lent"))
    leaves = (image.requires_grad_(), coords.requires_grad_())
    along = [torch.from_numpy(np.random.default_rng(9).normal(size=a.shape).astype("f4")) for a in leaves]
    weigh.requires_grad_(second)

    def run() -> list[bytes]:
        values = gs.sample(*leaves, kernel=kernel, boundary="mirror", order="ij")
        found = torch.autograd.grad(values, leaves, weigh, create_graph=second)
        if second:
            found = torch.autograd.grad(found, (weigh, *leaves), along)
        return [a.detach().numpy().tobytes() for a in (values, *found)]

    torch.set_num_threads(1)
    first = run()
    for _ in range(RUNS // 4 if second else RUNS):
        for number in (1, 2, 4):
            torch.set_num_threads(number)
            assert run() == first, f"{number} threads"


OWN_POOL = """
import os, sys
import numpy as np
import gridsample as gs
from test_hundred_runs import CASES, RUNS, SIZES, arrays
tasks = lambda: len(os.listdir("/proc/self/task")) if sys.platform == "linux" else 0
before = tasks()
for axes, kernel in CASES:
    image, coords, weigh = arrays(axes, kernel, "own")
    options = {"kernel": kernel, "boundary": "reflect", "order": "ij"}
    def run():
        values = gs.sample(image, coords, **options)
        pushed = gs.splat(weigh, coords, SIZES[axes], **options)
        return [a.tobytes() for a in (values, pushed, gs.sample_grad(image, coords, **options))]
    gs.set_num_threads(1)
    first = run()
    for _ in range(RUNS):
        for number in (1, 2, 4):
            gs.set_num_threads(number)
            assert run() == first, (axes, kernel, number)
assert "torch" not in sys.modules
assert sys.platform != "linux" or tasks() >= before + 3, "no threads were started"
print("fine")
"""


def test_numpy_on_the_librarys_own_threads() -> None:
    """Values, the adjoint and the derivative, where no torch lends its threads."""
    code = f"import sys; sys.path.insert(0, {str(__file__.rpartition('/')[0])!r})\n" + OWN_POOL
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout == "fine\n", done.stderr
