# SPDX-License-Identifier: Apache-2.0
"""The same bits for any number of threads, any batch, any place in a row; after fork; from several Python threads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

import gridsample as gs
from gridsample._core import engine

CASES = [
    (2, "linear", "zero"),
    (2, "nearest", "mirror"),
    (2, "cubic", "reflect"),
    (3, "linear", "clamp"),
    (3, "catmull_rom", "wrap"),
    (1, "linear", "mirror"),
]


@pytest.fixture(params=engine.targets(), autouse=True)
def target(request: pytest.FixtureRequest) -> Iterator[str]:
    before = engine.target()
    engine.set_target(request.param)
    yield request.param
    engine.set_target(before)


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = gs.get_num_threads(), torch.get_num_threads()
    yield
    gs.set_num_threads(before[0])
    torch.set_num_threads(before[1])


def arrays(axes: int, dtype: str = "f4", batch: int = 3, many: bool = False):
    rng = np.random.default_rng(axes)
    sizes = {1: (301,), 2: (37, 41), 3: (9, 11, 13)}[axes]
    out = {1: (5003,), 2: (67, 131), 3: (11, 23, 37)}[axes] if many else (9,) * (axes - 1) + (37,)
    image = rng.random((batch, 3, *sizes)).astype(dtype)
    coords = (rng.random((batch, *out, axes)) * 1.6 - 0.3) * np.array(sizes[::-1])
    return image, coords.astype(dtype), rng.random((batch, 3, *out)).astype(dtype)


def everything(image, coords, weigh, **options) -> list[np.ndarray]:
    """Values, both gradients, the splat, the Jacobian: as bytes to be compared."""
    i, c, w = (torch.from_numpy(np.ascontiguousarray(a)) for a in (image, coords, weigh))
    i.requires_grad_(), c.requires_grad_()
    values = gs.sample(i, c, **options)
    grads = torch.autograd.grad(values, (i, c), w)
    pushed = gs.splat(weigh, coords, image.shape[2:], **options)
    return [values.detach().numpy(), *(g.numpy() for g in grads), pushed, gs.sample_grad(image, coords, **options)]


def same_bits(a: list[np.ndarray], b: list[np.ndarray]) -> None:
    for which, x, y in zip(("values", "image gradient", "coords gradient", "splat", "jacobian"), a, b, strict=True):
        assert x.tobytes() == y.tobytes(), f"{which}: {np.count_nonzero(x != y)} of {x.size} differ"


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("axes", "kernel", "boundary"), CASES)
def test_any_number_of_threads(axes, kernel, boundary, dtype):
    found = []
    for number in (1, 2, 4):
        gs.set_num_threads(number)
        torch.set_num_threads(number)
        found.append(everything(*arrays(axes, dtype, many=True), kernel=kernel, boundary=boundary))
    same_bits(found[0], found[1])
    same_bits(found[0], found[2])


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize(("axes", "kernel", "boundary"), CASES)
def test_alone_or_in_a_batch(axes, kernel, boundary, many):
    image, coords, weigh = arrays(axes, many=many)
    together = everything(image, coords, weigh, kernel=kernel, boundary=boundary)
    for n in range(len(image)):
        part = slice(n, n + 1)
        alone = everything(image[part], coords[part], weigh[part], kernel=kernel, boundary=boundary)
        same_bits(alone, [t[part] for t in together])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("axes", "kernel", "boundary"), CASES)
def test_any_place_in_a_row(axes, kernel, boundary, dtype):
    """A point's value, its own gradient and its Jacobian do not depend on its neighbours: body and tail agree."""
    rng = np.random.default_rng(3)
    image, coords, weigh = arrays(axes, dtype, batch=1)
    coords, weigh = coords.reshape(1, -1, axes), weigh.reshape(1, 3, -1)
    count = coords.shape[1]
    plain = everything(image, coords, weigh, kernel=kernel, boundary=boundary)
    for order in (rng.permutation(count), np.arange(count)[::-1], np.arange(1, count), rng.integers(0, count, 13)):
        moved = everything(image, coords[:, order], weigh[..., order], kernel=kernel, boundary=boundary)
        assert moved[0].tobytes() == plain[0][..., order].tobytes()
        assert moved[2].tobytes() == plain[2][:, order].tobytes()
        assert moved[4].tobytes() == plain[4][:, :, order].tobytes()
    for count in range(1, 20):  # every length of a tail, and the point alone
        part = everything(image, coords[:, :count], weigh[..., :count], kernel=kernel, boundary=boundary)
        assert part[0].tobytes() == plain[0][..., :count].tobytes()
        assert part[2].tobytes() == plain[2][:, :count].tobytes()


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 8, 17])
def test_any_number_of_channels_beside(channels):
    image, coords, _ = arrays(2)
    wide = np.ascontiguousarray(np.repeat(image[:, :1], channels, 1))
    alone = gs.sample(image[:, :1], coords)
    assert np.array_equal(gs.sample(wide, coords), np.repeat(alone, channels, 1))
    last = np.ascontiguousarray(np.moveaxis(wide, 1, -1))
    assert np.array_equal(gs.sample(np.moveaxis(last, -1, 1), coords), np.repeat(alone, channels, 1))


@pytest.mark.parametrize(("axes", "kernel", "boundary"), CASES)
def test_a_channel_alone_or_among_others(axes, kernel, boundary):
    image, coords, weigh = arrays(axes, many=True)
    together = everything(image, coords, weigh, kernel=kernel, boundary=boundary)
    for c in range(image.shape[1]):
        part = slice(c, c + 1)
        alone = everything(image[:, part], coords, weigh[:, part], kernel=kernel, boundary=boundary)
        for which in (0, 1, 3, 4):  # the coordinates' gradient is the sum over channels
            assert alone[which].tobytes() == np.ascontiguousarray(together[which][:, part]).tobytes()


@pytest.mark.parametrize("shape", [(1201, 1801), (11, 367, 379)])
def test_results_too_large_for_the_caches(shape):
    """From 16 MiB on they are written past the caches: whole vectors of aligned rows, and what is left as ever."""
    axes = len(shape)
    rng = np.random.default_rng(axes)
    image = rng.random((1, 3, *(31, 29, 37)[-axes:])).astype("f4")
    coords = (rng.random((1, *shape, axes)) * 40 - 2).astype("f4")
    weigh = rng.random((1, 3, *shape)).astype("f4")
    assert coords.nbytes > 16 << 20
    assert weigh.nbytes > 16 << 20
    whole = everything(image, coords, weigh)
    for rows in np.array_split(np.arange(shape[0]), 3):
        part = everything(image, coords[:, rows], weigh[:, :, rows])
        assert part[0].tobytes() == np.ascontiguousarray(whole[0][:, :, rows]).tobytes()
        assert part[2].tobytes() == np.ascontiguousarray(whole[2][:, rows]).tobytes()


def test_the_same_in_one_row_and_many():
    image, coords, weigh = arrays(2, batch=1, many=True)
    flat = everything(image, coords.reshape(1, -1, 2), weigh.reshape(1, 3, -1))
    deep = everything(image, coords, weigh)
    assert flat[0].tobytes() == deep[0].tobytes()
    assert flat[2].tobytes() == deep[2].tobytes()
    assert flat[4].tobytes() == deep[4].tobytes()


def test_several_python_threads_at_once():
    gs.set_num_threads(2)
    work = [(arrays(axes, many=True), {"kernel": kernel, "boundary": boundary}) for axes, kernel, boundary in CASES[:4]]
    alone = [everything(*args, **options) for args, options in work]
    found: dict[int, list[np.ndarray]] = {}

    def call(at: int) -> None:
        args, options = work[at % len(work)]
        for _ in range(2):
            found[at] = everything(*args, **options)

    threads = [threading.Thread(target=call, args=(at,)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(found) == 8
    for at, got in found.items():
        same_bits(got, alone[at % len(work)])


FORK = """
import multiprocessing, os, sys, warnings
import numpy as np
import gridsample as gs
warnings.simplefilter("ignore")  # Python 3.12 warns of fork beside threads: that is what is tested
gs.set_num_threads(4)
rng = np.random.default_rng(0)
image = rng.random((2, 3, 200, 210), dtype="f4")
coords = rng.random((2, 300, 310, 2), dtype="f4") * 210
def work(_=0):
    return [gs.sample(image, coords).tobytes(), gs.splat(gs.sample(image, coords), coords, (200, 210)).tobytes(),
            gs.sample_grad(image, coords).tobytes()]
def train():
    import torch
    torch.set_num_threads(2)
    i, c = torch.from_numpy(image).requires_grad_(), torch.from_numpy(coords).requires_grad_()
    values = gs.sample(i, c)  # no operator of torch's own: those hang after a fork, in its OpenMP
    weigh = torch.from_numpy(np.ones(values.shape, "f4"))
    return [g.numpy().tobytes() for g in torch.autograd.grad(values, (i, c), weigh)]
def child():
    ok = work() == before and (not with_torch or train() == trained)
    again = os.fork()  # and a child of the child
    if again == 0:
        os._exit(0 if work() == before else 1)
    return ok and os.waitpid(again, 0)[1] == 0
with_torch = sys.argv[1] == "torch"
before = work()
trained = train() if with_torch else None
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if child() else 1)
    assert os.waitpid(pid, 0)[1] == 0, "in the forked process"
    assert work() == before, "in the parent afterwards"
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(work, range(4)) == [before] * 4
print("fine")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("with_torch", ["numpy", "torch"])
@pytest.mark.parametrize("target", engine.targets()[-1:], indirect=True)  # the processes choose their own
def test_after_fork(with_torch):
    done = subprocess.run([sys.executable, "-c", FORK, with_torch], capture_output=True, text=True, timeout=120)
    assert done.stdout == "fine\n", done.stderr


LATE = """
import os
import numpy as np
import torch
a = torch.rand(1 << 20)
(a + a).sum()  # the parent's OpenMP is awake now, and lost to the child
if os.fork() == 0:
    import gridsample as gs
    from gridsample.frameworks.torch import team
    torch.set_num_threads(2)
    image, coords = np.zeros((1, 3, 256, 256), "f4"), np.zeros((1, 256, 256, 2), "f4")
    gs.sample(torch.from_numpy(image), torch.from_numpy(coords))  # no operator of torch's own: those hang here
    os._exit(0 if not team.lend() else 1)
assert os.wait()[1] == 0
import gridsample as gs
from gridsample.frameworks.torch import team
print("fine" if team.lend() or "OpenMP" not in torch.__config__.parallel_info() else "not lent")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are lent on Linux")
@pytest.mark.parametrize("target", engine.targets()[-1:], indirect=True)
def test_torch_lends_its_threads_but_not_to_a_forked_child():
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, timeout=120)
    assert done.stdout == "fine\n", done.stderr


def test_a_team_larger_or_busier_than_asked_for():
    image, grid = torch.rand(1, 8, 200, 200), torch.rand(1, 200, 200, 2)
    alone = gs.grid_sample(image, grid)
    before = gs.get_num_threads(), torch.get_num_threads()
    found: list[torch.Tensor] = []
    try:
        torch.set_num_threads(4)
        for number in (2, 3, 4, 7):
            gs.set_num_threads(number)
            found.append(torch.from_numpy(gs.grid_sample(image.numpy(), grid.numpy())))
        callers = [threading.Thread(target=lambda: found.append(gs.grid_sample(image, grid))) for _ in range(6)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(120)
    finally:
        gs.set_num_threads(before[0])
        torch.set_num_threads(before[1])
    assert len(found) == 10
    assert all(torch.equal(alone, values) for values in found)
