# SPDX-License-Identifier: Apache-2.0
"""Large results lie in memory that is kept for the next ones: they are as any others, and their own until dropped."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import gridsample as gs

LARGE = (2, 8, 256, 256)  # 4 MiB

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="blocks are kept on Linux only")


def case(seed: int = 0, shape: tuple[int, ...] = LARGE):
    made = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=made), torch.rand((shape[0], *shape[2:], 2), generator=made) * 2 - 1


def plain(image, grid):
    return torch.nn.functional.grid_sample(image, grid, align_corners=False)


def run(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@linux
def test_memory_is_used_again():
    image, grid = case()
    first = gs.grid_sample(image, grid)
    place = first.data_ptr()
    assert place % (2 << 20) == 0, "a block starts at a large page"
    del first
    assert gs.grid_sample(image, grid).data_ptr() == place


def test_results_keep_their_own():
    kept = []
    for seed in range(5):
        image, grid = case(seed)
        dropped = gs.grid_sample(image, grid)
        kept.append((gs.grid_sample(image, grid), plain(image, grid)))
        del dropped
    assert len({result.data_ptr() for result, _ in kept}) == len(kept)
    for result, want in kept:
        torch.testing.assert_close(result, want, rtol=0, atol=1e-6)


def test_views_hold_the_memory():
    image, grid = case()
    part = gs.grid_sample(image, grid)[1, 3]
    want = part.clone()
    for _ in range(3):
        gs.grid_sample(image + 1, grid)
    assert torch.equal(part, want)


def test_gradients():
    image, grid = (tensor.requires_grad_() for tensor in case())
    for _ in range(3):
        got = torch.autograd.grad(gs.grid_sample(image, grid).square().sum(), (image, grid))
        want = torch.autograd.grad(plain(image, grid).square().sum(), (image, grid))
        for ours, theirs in zip(got, want, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("channels_last", [False, True])
def test_layout_and_kind(channels_last):
    image, grid = case()
    if channels_last:
        image = image.to(memory_format=torch.channels_last)
    result, want = gs.grid_sample(image, grid), plain(image, grid)
    assert type(result) is torch.Tensor
    assert result.dtype == want.dtype
    assert result.device == want.device
    assert result.stride() == image.stride()
    assert result.is_leaf
    assert not result.requires_grad
    with torch.inference_mode():
        assert gs.grid_sample(image, grid).is_inference()


def test_dropped_by_another_thread():
    image, grid = case()
    want = plain(image, grid)

    def work(_):
        for _ in range(5):
            for result in [gs.grid_sample(image, grid) for _ in range(2)]:
                torch.testing.assert_close(result, want, rtol=0, atol=1e-6)

    with ThreadPoolExecutor(4) as crowd:
        list(crowd.map(work, range(4)))


def test_shared_and_copied():
    image, grid = case()
    result = gs.grid_sample(image, grid)
    want = result.clone()
    result.share_memory_()
    assert result.is_shared()
    assert torch.equal(result, want)


PROGRAM = """
import torch, gridsample as gs
image, grid = torch.rand(2, 8, 256, 256), torch.rand(2, 256, 256, 2)
print(gs.grid_sample(image, grid).untyped_storage().resizable())
"""


@linux
def test_none_is_kept_if_so_asked():
    assert run(PROGRAM).split() == ["False"]
    assert run(PROGRAM, GRIDSAMPLE_KEEP_MIB="0").split() == ["True"]


@linux
def test_a_bound_that_is_none_is_refused():
    with pytest.raises(AssertionError, match="ValueError: GRIDSAMPLE_KEEP_MIB: expected a whole number of MiB"):
        run(PROGRAM, GRIDSAMPLE_KEEP_MIB="lots")


BOUNDED = """
import torch, gridsample as gs
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
gs.set_num_threads(1)
results = []
grid = torch.rand(1, 512, 512, 2)
for channels in range(8, 40, 2):
    results.append(gs.grid_sample(torch.rand(1, channels, 512, 512), grid))
before = resident()
del results
print((before - resident()) >> 20)
"""


@linux
def test_what_is_kept_is_bounded():
    sizes = sum(channels for channels in range(8, 40, 2))  # MiB in all
    assert int(run(BOUNDED, GRIDSAMPLE_KEEP_MIB="32")) > sizes - 32 - 24, "memory was not given back"
