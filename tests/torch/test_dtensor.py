# SPDX-License-Identifier: Apache-2.0
"""Distributed tensors: every way to cut the arguments over two processes gives the whole's result and gradients."""

from __future__ import annotations

import pytest
import torch

import gridsample as gs

distributed = pytest.importorskip("torch.distributed.tensor")
if not torch.distributed.is_available():
    pytest.skip("torch without torch.distributed", allow_module_level=True)

WHOLE, PROCESSES = "whole", 2


def read(image, grid):
    return gs.grid_sample(image, grid)


def read_any(image, grid):
    return gs.sample(image, grid, frame="edges", kernel="cubic", boundary="constant", fill=0.5)


def spread(values, grid):
    return gs.splat(values, grid, (5, 6), frame="edges")


# function, shapes, how they are cut, how the result is, and how the gradients are: an axis, or whole, or a "sum"
CASES = [
    (read, (4, 4), (0, 0), 0, (0, 0)),
    (read, (4, 4), (WHOLE, WHOLE), WHOLE, (WHOLE, WHOLE)),
    (read, (4, 4), (1, WHOLE), 1, (1, "sum")),
    (read, (4, 4), (WHOLE, 1), 2, ("sum", 1)),
    (read, (4, 4), (WHOLE, 2), 3, ("sum", 2)),
    (read, (4, 4), (2, WHOLE), WHOLE, (WHOLE, WHOLE)),  # a cut through the pixels is gathered
    (read_any, (1, 4), (WHOLE, 0), 0, ("sum", 0)),
    (read_any, (4, 1), (0, WHOLE), 0, (0, "sum")),
    (spread, (4, 4), (2, 1), "sum", (2, 1)),
    (spread, (4, 4), (0, 0), WHOLE, (0, 0)),
]


def placed(what):
    if what == "sum":
        return (distributed.Partial(),)
    return (distributed.Replicate() if what == WHOLE else distributed.Shard(what),)


def check(function, batches, cuts, result, gradients):
    mesh = distributed.init_device_mesh("cpu", (PROCESSES,))
    torch.manual_seed(0)  # the same numbers in each process
    first = (batches[0], 2, 6, 7) if function is spread else (batches[0], 2, 5, 6)
    tensors = torch.rand(first), torch.rand(batches[1], 6, 7, 2) * 2 - 1
    plain = [tensor.clone().requires_grad_() for tensor in tensors]
    pairs = zip(tensors, cuts, strict=True)
    cut = [distributed.distribute_tensor(tensor, mesh, placed(how)).requires_grad_() for tensor, how in pairs]
    want, got = function(*plain), function(*cut)
    assert got.placements == placed(result), f"{function.__name__} {cuts}: {got.placements}"
    torch.testing.assert_close(got.full_tensor(), want)
    wants, gots = (torch.autograd.grad(r.square().sum(), i) for r, i in ((want, plain), (got, cut)))
    for a, b, how in zip(gots, wants, gradients, strict=True):
        assert a.placements == placed(how), f"{function.__name__} {cuts}: gradient {a.placements}"
        torch.testing.assert_close(a.full_tensor(), b)


def process(rank: int, meeting: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=PROCESSES)
    for case in CASES:
        check(*case)
    torch.distributed.barrier()  # else a process may tear down what the other still waits on
    torch.distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore")  # of torch's own making
def test_every_cut_gives_the_whole(tmp_path):
    torch.multiprocessing.spawn(process, (str(tmp_path / "meeting"),), nprocs=PROCESSES)
