# SPDX-License-Identifier: Apache-2.0
"""The fused second backward pass against the operators it replaces: kernels, boundaries, layouts, types, threads."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F

import gridsample as gs
from gridsample.frameworks.torch import second

KERNELS = ["linear", "smoothstep", "cubic", "bspline3", "lanczos2"]
BOUNDARIES = ["zero", "constant", "clamp", "mirror", "wrap", "antimirror"]


def second_gradients(image, coords, composed, **options):
    """Of both gradients at once, to the output's gradient, the image and the coordinates."""
    torch.manual_seed(1)
    values = gs.sample(image, coords, **options)
    weigh = torch.rand_like(values).requires_grad_()
    ones = torch.autograd.grad(values, (image, coords), weigh, create_graph=True)
    along = [torch.rand_like(one) for one in ones]
    return torch.autograd.grad(ones, (weigh, image, coords), along, create_graph=composed)


def inputs(axes, dtype, size=6, batches=(2, 2), out=(3, 17), wild=True):
    torch.manual_seed(axes)
    sizes = [size + d for d in range(axes)]
    image = torch.rand(batches[0], 3, *sizes, dtype=dtype)
    coords = torch.rand(batches[1], *out, axes, dtype=dtype) * size * 1.7 - size * 0.35
    if wild:
        coords.view(-1)[::29] = float("nan")
        coords.view(-1)[3] = float("inf")
    return image.requires_grad_(), coords.requires_grad_()


@pytest.mark.parametrize(("kernel", "boundary"), [*itertools.product(KERNELS, BOUNDARIES)])
def test_it_is_the_composition(kernel, boundary, monkeypatch):
    calls = []
    engine = second.backward
    monkeypatch.setattr(second, "backward", lambda *given: calls.append(1) or engine(*given))
    for axes in (1, 2, 3):
        image, coords = inputs(axes, torch.float64)
        options = {"kernel": kernel, "boundary": boundary, "prefilter": False} | (
            {"fill": 0.5} if boundary == "constant" else {}
        )
        composed = second_gradients(image, coords, True, **options)
        assert not calls
        fused = second_gradients(image, coords, False, **options)
        assert calls
        calls.clear()
        for one, other in zip(fused, composed, strict=True):
            torch.testing.assert_close(one, other.detach(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("batches", [(1, 3), (3, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_shared_batches_layouts_and_types(dtype, batches):
    image, coords = inputs(2, dtype, batches=batches, wild=False)
    with torch.no_grad():
        coords = (coords.float().floor() + 0.25).to(dtype).requires_grad_()
    for given in (image, image.detach().contiguous(memory_format=torch.channels_last).requires_grad_()):
        fused = second_gradients(given, coords, False, boundary="mirror")
        composed = second_gradients(given, coords, True, boundary="mirror")
        for one, other in zip(fused, composed, strict=True):
            assert one.dtype == other.dtype
            bound = {torch.float32: 1e-4}.get(dtype, 0.2)
            torch.testing.assert_close(one, other.detach(), rtol=bound, atol=bound)


def test_the_same_bits_for_any_threads():
    before = torch.get_num_threads()
    image, coords = inputs(2, torch.float32, size=60, batches=(1, 1), out=(150, 200))
    try:
        found = []
        for threads in (1, 2, 4):
            torch.set_num_threads(threads)
            found.append([second_gradients(image, coords, False, boundary=b) for b in ("zero", "mirror")])
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        for one, two in zip(itertools.chain(*found[0]), itertools.chain(*other), strict=True):
            assert torch.equal(one, two)


@pytest.mark.parametrize("align_corners", [False, True])
def test_it_is_torchs(align_corners):
    torch.manual_seed(0)
    image, grid = torch.rand(2, 3, 9, 8, dtype=torch.float64), torch.rand(2, 5, 7, 2, dtype=torch.float64) * 2.2 - 1.1
    found = []
    for sample in (F.grid_sample, gs.grid_sample):
        i, g = image.clone().requires_grad_(), grid.clone().requires_grad_()
        once = torch.autograd.grad(sample(i, g, align_corners=align_corners).sin().sum(), (i, g), create_graph=True)
        found.append(torch.autograd.grad(sum((one**2).sum() for one in once), (i, g)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
