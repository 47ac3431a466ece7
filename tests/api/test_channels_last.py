# SPDX-License-Identifier: Apache-2.0
"""Images whose channels are adjacent in memory: their gradients stay so, and are those of any other layout."""

from __future__ import annotations

from typing import Any

import pytest

import gridsample as gs

torch = pytest.importorskip("torch")

FORMATS = {2: torch.channels_last, 3: torch.channels_last_3d}


def gradients(image: Any, grid: Any, grad: Any, **options: Any) -> tuple[Any, Any]:
    image, grid = image.detach().requires_grad_(), grid.detach().requires_grad_()
    gs.grid_sample(image, grid, align_corners=False, **options).backward(grad)
    return image.grad, grid.grad


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("channels", [4, 7, 19])
@pytest.mark.parametrize("axes", [2, 3])
def test_gradients_are_those_of_plain_images(mode: str, padding: str, channels: int, axes: int) -> None:
    torch.manual_seed(3)
    sizes, points = (9, 11, 5)[:axes], (6, 5, 4)[:axes]
    image = torch.randn(2, channels, *sizes)
    grid = torch.rand(2, *points, axes) * 3 - 1.5
    grad = torch.randn(2, channels, *points)
    options = {"mode": mode, "padding_mode": padding}
    want_image, want_grid = gradients(image, grid, grad, **options)
    last = image.to(memory_format=FORMATS[axes])
    for given in (grad, grad.to(memory_format=FORMATS[axes])):
        got_image, got_grid = gradients(last, grid, given, **options)
        assert torch.equal(got_image, want_image), "every pixel's sum has one order"
        assert got_image.is_contiguous(memory_format=FORMATS[axes])
        torch.testing.assert_close(got_grid, want_grid, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_bits_do_not_depend_on_threads(threads: int) -> None:
    torch.manual_seed(4)
    image = torch.randn(1, 24, 60, 70).to(memory_format=torch.channels_last)
    grid, grad = torch.rand(1, 50, 80, 2) * 2.4 - 1.2, torch.randn(1, 24, 50, 80)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        want = gradients(image, grid, grad)
        torch.set_num_threads(threads)
        got = gradients(image, grid, grad)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True))


def test_both_gradients_at_a_list_of_points():
    # The points have another number of axes than the image: their gradient cannot be channels last.
    image = torch.rand(1, 2, 6, 7, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    coords = torch.rand(1, 5, 2, dtype=torch.float64) * 4 + 0.1
    assert torch.autograd.gradcheck(gs.sample, (image.requires_grad_(), coords.requires_grad_()))
    assert torch.autograd.gradcheck(gs.sample, (image.detach(), coords))
