# SPDX-License-Identifier: Apache-2.0
"""torch's modes: autocast, determinism, inference, subclasses."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import gridsample as gs

HALVES = (torch.float16, torch.bfloat16)


def pair(image: torch.dtype = torch.float32, grid: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(2, 3, 4, 5).to(image), (torch.rand(2, 6, 7, 2) * 2.4 - 1.2).to(grid)


@pytest.mark.parametrize("cast", HALVES)
@pytest.mark.parametrize("types", [(a, b) for a in (*HALVES, torch.float32) for b in (*HALVES, torch.float32)])
def test_autocast_is_torchs_rule(types, cast):
    image, grid = (tensor.requires_grad_() for tensor in pair(*types))
    with torch.autocast("cpu", cast):
        got, want = gs.grid_sample(image, grid), F.grid_sample(image, grid, align_corners=False)
        assert gs.sample(image, grid, frame="edges").dtype == image.dtype  # takes any two types as they are
    assert got.dtype == want.dtype == torch.float32
    torch.testing.assert_close(got, want)
    for a, b in zip(*(torch.autograd.grad(r.sum(), (image, grid)) for r in (got, want)), strict=True):
        assert a.dtype == b.dtype
        torch.testing.assert_close(a, b)


def test_autocast_does_not_join_what_torch_does_not():
    with torch.autocast("cpu", torch.bfloat16):
        assert gs.grid_sample(*pair(torch.float64, torch.float64)).dtype == torch.float64
        with pytest.raises(gs.GridSampleError, match="one type, got float64 and float32"):
            gs.grid_sample(*pair(torch.float64, torch.bfloat16))


@pytest.mark.filterwarnings("ignore")  # of torch's own making
def test_autocast_in_a_compiled_program():
    image, grid = pair(torch.bfloat16)

    def program(i, g):
        with torch.autocast("cpu", torch.bfloat16):
            return gs.grid_sample(i, g)

    torch.compiler.reset()
    compiled = torch.compile(program, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(image, grid), program(image, grid))


def gradients(image: torch.Tensor, grid: torch.Tensor) -> list[torch.Tensor]:
    image, grid = (tensor.clone().requires_grad_() for tensor in (image, grid))
    result = gs.grid_sample(image, grid)
    return [result, *torch.autograd.grad(result.square().sum(), (image, grid))]


def test_deterministic_mode_asks_nothing_of_us():
    image, grid = torch.rand(1, 2, 40, 50), torch.rand(1, 80, 90, 2) * 2 - 1
    before, fills = gradients(image, grid), torch.utils.deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    try:
        assert fills  # torch.empty gives NaN in this mode: every number of a result is written
        assert all(torch.equal(a, b) for a, b in zip(before, gradients(image, grid), strict=True))
        assert torch.equal(
            gs.splat(image.flatten(2), grid.flatten(1, 2)[:, :2000], (9, 9)).isnan().sum(), torch.tensor(0)
        )
    finally:
        torch.use_deterministic_algorithms(False)


def test_inference_mode():
    image, grid = pair()
    with torch.inference_mode():
        got = gs.grid_sample(image, grid)
        assert got.is_inference()
        assert gs.sample(image.bfloat16(), grid, frame="edges").is_inference()
    assert torch.equal(got, gs.grid_sample(image, grid))
    with pytest.raises(RuntimeError, match=r"[Ii]nference tensor"):
        gs.grid_sample(got, grid.requires_grad_())


class Wrapper(torch.Tensor):
    """A subclass that holds its numbers elsewhere: its own memory must not be read."""

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, dtype=inner.dtype, requires_grad=inner.requires_grad
        )

    def __init__(self, inner):
        self.inner = inner.detach()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        def opened(x):
            return x.inner if isinstance(x, cls) else x

        args, kwargs = torch.utils._pytree.tree_map(opened, (args, kwargs or {}))
        return torch.utils._pytree.tree_map_only(torch.Tensor, cls, function(*args, **kwargs))


def test_wrapper_subclasses_are_never_read_behind_their_back():
    image, grid = pair()
    want = gradients(image, grid)
    got = gradients(Wrapper(image), Wrapper(grid))
    for a, b in zip(got, want, strict=True):
        assert isinstance(a, Wrapper)
        assert torch.equal(a.inner, b)
