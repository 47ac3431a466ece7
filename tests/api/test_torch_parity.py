# SPDX-License-Identifier: Apache-2.0
"""grid_sample against torch: values and both gradients, everywhere torch answers, and the oracle where it does not."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from api_cases import CORNERS, HALF, MODES, PADDINGS, near, oracle, rules, run, size_of, tensors

import gridsample as gs
from gridsample.spec import reference

SIZES = {2: [(5, 6), (7, 1), (1, 1), (8, 16), (3, 2)], 3: [(4, 3, 5), (1, 2, 1), (2, 7, 8)]}
CASES = [c for c in itertools.product((2, 3), MODES, PADDINGS, CORNERS) if not (c[0] == 3 and c[1] == "bicubic")]
EPS = 2.0**-23


def both(sizes, mode, padding, corners, dtype):
    image, grid, weigh = tensors(sizes, corners, dtype)
    options = {"mode": mode, "padding_mode": padding, "align_corners": corners}
    ours = run(gs.grid_sample, image, grid, weigh, **options)
    theirs = run(F.grid_sample, image, grid, weigh, **options)
    assert [t.dtype for t in ours] == [dtype] * 3
    return ours, theirs, weigh


@pytest.mark.parametrize(("axes", "mode", "padding", "corners"), CASES)
def test_float64_agrees_with_torch(axes, mode, padding, corners):
    for sizes in SIZES[axes]:
        ours, theirs, _ = both(sizes, mode, padding, corners, torch.float64)
        for what, a, b in zip(("values", "image gradient", "grid gradient"), ours, theirs, strict=True):
            near(a, b, 1e-12 * size_of(b), f"{sizes} {what}")
        if mode == "nearest":
            assert torch.equal(ours[0], theirs[0])


@pytest.mark.parametrize(("axes", "mode", "padding", "corners"), CASES)
def test_float32_agrees_with_torch(axes, mode, padding, corners):
    for sizes in SIZES[axes]:
        ours, theirs, weigh = both(sizes, mode, padding, corners, torch.float32)
        if mode == "nearest":
            assert torch.equal(ours[0], theirs[0])
            assert not ours[2].any()
        near(ours[0], theirs[0], 2e-6 * 2, f"{sizes} values")  # the image's range is 2
        # A pixel collects up to every point's value, a point's gradient C * taps products: each sum of k terms of
        # size s is right to k * eps * s in any order of adding.
        points = weigh[0, 0].numel()
        near(ours[1], theirs[1], 2 * EPS * points, f"{sizes} image gradient")
        terms = 3 * (4 if mode == "bicubic" else 2) ** axes
        near(ours[2], theirs[2], 2 * EPS * terms * max(sizes), f"{sizes} grid gradient")


@pytest.mark.parametrize("corners", CORNERS)
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("axes", [1, 3])
def test_more_ranks_than_torch_has(axes, mode, padding, corners):
    sizes = {1: (9,), 3: (4, 3, 5)}[axes]
    for dtype, bound in ((torch.float64, 1e-12), (torch.float32, 4e-6)):
        image, grid, weigh = tensors(sizes, corners, dtype)
        ours = run(gs.grid_sample, image, grid, weigh, mode=mode, padding_mode=padding, align_corners=corners)
        precision = np.float64 if dtype == torch.float64 else np.float32
        want = oracle(image, grid, weigh, **rules(mode, padding, corners, precision))
        for a, b, terms in zip(ours, want, (1, weigh[0, 0].numel() / 8, 8), strict=True):
            near(a, b, bound * terms * size_of(b))


def test_one_axis_is_torch_on_an_image_of_one_row():
    image, grid, weigh = tensors((9,), False, torch.float64)
    flat = F.grid_sample(
        image[:, :, None], torch.stack([grid[..., 0], 0 * grid[..., 0]], -1)[:, None], align_corners=False
    )
    assert gs.grid_sample(image, grid).shape == weigh.shape
    near(gs.grid_sample(image, grid), flat[:, :, 0], 1e-12)


def layouts(image, grid, weigh):
    wide = torch.zeros(*image.shape[:2], 2 * image.shape[2], 3 * image.shape[3], dtype=image.dtype)
    wide[:, :, ::2, 1::3] = image
    yield "strided image", wide[:, :, ::2, 1::3], grid, weigh
    yield "channels last", image.contiguous(memory_format=torch.channels_last), grid, weigh
    yield "transposed image", image.transpose(2, 3).contiguous().transpose(2, 3), grid, weigh
    yield "component-first grid", image, grid.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1), weigh
    yield "expanded image", image[:1].expand_as(image), grid, weigh
    yield "expanded channels", image[:, :1].expand_as(image), grid, weigh
    yield "expanded grid", image, grid[:1].expand_as(grid), weigh
    yield "expanded gradient", image, grid, weigh[:1, :1, :1, :1].expand_as(weigh)
    yield "channels last gradient", image, grid, weigh.contiguous(memory_format=torch.channels_last)
    yield "everything at an offset", *(t.new_zeros(t.numel() + 1)[1:].view_as(t).copy_(t) for t in (image, grid, weigh))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("mode", MODES)
def test_any_layout(mode, dtype):
    image, grid, weigh = tensors((5, 6), False, dtype)
    for name, *arrays in layouts(image, grid, weigh):
        options = {"mode": mode, "padding_mode": "reflection", "align_corners": False}
        plain = run(gs.grid_sample, *(t.contiguous() for t in arrays), **options)
        ours = run(gs.grid_sample, *arrays, **options)
        theirs = run(F.grid_sample, *arrays, **options)
        for a, b, c in zip(ours, plain, theirs, strict=True):
            assert torch.equal(a, b), name
            near(a, c, (1e-12 if dtype == torch.float64 else 1e-5) * size_of(c), name)


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("axes", [2, 3])
def test_half_types_are_rounded_once(axes, mode, dtype):
    sizes = {2: (5, 6), 3: (4, 3, 5)}[axes]
    for padding, corners in itertools.product(PADDINGS, CORNERS):
        image, grid, weigh = tensors(sizes, corners, dtype)
        ours = run(gs.grid_sample, image, grid, weigh, mode=mode, padding_mode=padding, align_corners=corners)
        want = oracle(image, grid, weigh, **rules(mode, padding, corners, np.float32))
        points = weigh[0, 0].numel()
        for a, b, terms in zip(ours, want, (4, points, 500), strict=True):
            assert a.dtype == dtype
            error = np.abs(a.double().numpy() - b)
            assert np.all(error <= HALF[dtype] / 2 * np.abs(b) + EPS * terms), f"{padding} {corners}: {error.max()}"


@pytest.mark.parametrize("corners", CORNERS)
@pytest.mark.parametrize("axes", [2, 3])
def test_affine_grid_agrees_with_torch(axes, corners):
    for sizes in [*SIZES[axes], (1,) * axes]:
        for dtype, bound in ((torch.float64, 1e-14), (torch.float32, 4e-7)):
            theta = torch.randn(2, axes, axes + 1, dtype=dtype, generator=torch.Generator().manual_seed(3))
            theta.requires_grad_()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch warns of sides of one pixel
                theirs = F.affine_grid(theta, (2, 1, *sizes), align_corners=corners)
            ours = gs.affine_grid(theta, (2, 1, *sizes), align_corners=corners)
            near(ours, theirs, bound * 4 * size_of(theirs.detach()))
            weigh = torch.randn(ours.shape, dtype=dtype, generator=torch.Generator().manual_seed(4))
            (a,), (b,) = (torch.autograd.grad(t, theta, weigh) for t in (ours, theirs))
            near(a, b, 32 * bound * weigh[0].numel())


def test_identity_warp_returns_the_image():
    image = torch.rand(1, 2, 9, 8, dtype=torch.float64)
    for corners in CORNERS:
        grid = gs.affine_grid(torch.eye(2, 3, dtype=torch.float64)[None], image.shape, align_corners=corners)
        near(gs.grid_sample(image, grid, align_corners=corners), image, 1e-14)
        near(reference.pull(image.numpy(), grid.numpy(), **rules("bilinear", "zeros", corners)), image, 1e-14)
