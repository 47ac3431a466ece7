# SPDX-License-Identifier: Apache-2.0
"""Derivatives through torch: right, computed only where asked for, summed over what was broadcast, refused beyond."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
import torch
from api_cases import CORNERS, MODES, PADDINGS, close_the_short_way, near
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import gradcheck

import gridsample as gs
from gridsample.backends import cpu
from gridsample.frameworks import CALLS
from gridsample.frameworks import torch as torch_room  # noqa: F401  its arrays are known before tests replace CALLS
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.kernels import KERNELS

TEXT = "kernel=cubic boundary=reflect fill=0.0 frame=pixel order=xy ties=even fold=tap nonfinite=propagate outside=None"


def doubles(*shape, seed=0, low=-1.0, high=1.0, grad=True):
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(shape, dtype=torch.float64, generator=generator) * (high - low) + low
    return values.requires_grad_(grad)


def off_the_kinks(coords):
    """Away from whole and half pixels, where derivatives jump."""
    with torch.no_grad():
        part = coords - coords.floor()
        coords += torch.where((part < 0.03) | (part > 0.97) | ((part - 0.5).abs() < 0.03), 0.07, 0.0)
    return coords


@pytest.mark.parametrize("corners", CORNERS)
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_gradcheck_of_grid_sample(axes, mode, padding, corners):
    sizes, out = (3, 4, 2)[:axes], (2, 1, 3)[:axes]
    pixels = off_the_kinks(doubles(1, *out, axes, low=-1.4, high=3.9, grad=False))
    n = torch.tensor(sizes[::-1], dtype=torch.float64)
    grid = (pixels * 2 / (n - 1) - 1 if corners else (pixels * 2 + 1) / n - 1).requires_grad_()
    image = doubles(1, 2, *sizes)

    def function(image, grid):
        return gs.grid_sample(image, grid, mode, padding, corners)

    assert gradcheck(function, (image, grid), nondet_tol=0.0)
    assert gradcheck(function, (image.detach(), grid))
    assert gradcheck(function, (image, grid.detach()))


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_gradcheck_of_sample_and_splat(kernel, boundary):
    if KERNELS[kernel].prefilter:
        pytest.skip("prefiltered kernels have their own tests")
    fill = {"fill": 0.5} if boundary == "constant" else {}
    options = {"kernel": kernel, "boundary": boundary}
    for axes in (1, 2):
        sizes = (4, 3)[:axes]
        coords = off_the_kinks(doubles(2, 3, axes, low=-2.4, high=4.9, seed=axes, grad=False)).requires_grad_()
        image, values = doubles(1, 2, *sizes), doubles(2, 2, 3)
        assert gradcheck(lambda i, c: gs.sample(i, c, **options, **fill), (image, coords), nondet_tol=0.0)
        assert gradcheck(lambda v, c, n=sizes: gs.splat(v, c, n, **options), (values, coords), nondet_tol=0.0)


def test_gradients_with_outside_and_orders():
    image, coords = (
        doubles(1, 1, 4, 3),
        off_the_kinks(doubles(1, 7, 2, low=-1.4, high=4.4, grad=False)).requires_grad_(),
    )
    for order, frame in itertools.product(("xy", "ij"), ("pixel", "unit", "edges", "corners")):
        scale = 1.0 if frame == "pixel" else 0.2
        options = {"order": order, "frame": frame, "outside": 2.0, "kernel": "catmull_rom"}
        assert gradcheck(lambda i, c, s=scale, o=options: gs.sample(i, c * s, **o), (image, coords))


@pytest.mark.parametrize(("images", "points"), [(1, 3), (3, 1)])
def test_what_was_broadcast_gets_the_sum(images, points):
    image, coords = doubles(images, 2, 4, 3), doubles(points, 5, 2, low=-1, high=4)
    weigh = doubles(3, 2, 5, grad=False)
    small = torch.autograd.grad(gs.sample(image, coords), (image, coords), weigh)
    wide = gs.sample(image.expand(3, -1, -1, -1), coords.expand(3, -1, -1))
    for a, b in zip(small, torch.autograd.grad(wide, (image, coords), weigh), strict=True):
        near(a, b, 1e-14)
    values = doubles(images, 2, 5)
    spread = doubles(3, 2, 4, 3, grad=False)
    small = torch.autograd.grad(gs.splat(values, coords, (4, 3)), (values, coords), spread)
    wide = gs.splat(values.expand(3, -1, -1), coords.expand(3, -1, -1), (4, 3))
    for a, b in zip(small, torch.autograd.grad(wide, (values, coords), spread), strict=True):
        near(a, b, 1e-14)


def watched(short, calls):
    """CALLS, its verbs noted with which of their first two results are there; closed if not short."""

    def verb(name):
        def noted(*arguments):
            if not short:
                return None
            found = getattr(CALLS, name)(*arguments)
            calls.append(
                (name, tuple(x is not None for x in found[:2]) if isinstance(found, tuple) else found is not None)
            )
            return found

        return noted

    return SimpleNamespace(pull=verb("pull"), backward=verb("backward"), derived=verb("derived"))


@pytest.mark.parametrize("short", [True, False])
@pytest.mark.parametrize(("image_too", "grid_too"), [(True, True), (True, False), (False, True)])
def test_no_gradient_is_computed_that_nobody_asked_for(image_too, grid_too, short, monkeypatch):
    asked, calls = [], []
    monkeypatch.setattr("gridsample.frameworks.CALLS", watched(short, calls))
    backward, push = cpu.backward, cpu.push

    def record_backward(plan, grad, image, coords, grad_image, grad_coords, threads):
        asked.append((grad_image is not None, grad_coords is not None))
        backward(plan, grad, image, coords, grad_image, grad_coords, threads)

    def record_push(*arguments):
        asked.append((True, False))
        push(*arguments)

    monkeypatch.setattr(cpu, "backward", record_backward)
    monkeypatch.setattr(cpu, "push", record_push)
    image, grid = torch.rand(1, 1, 4, 4, requires_grad=image_too), torch.zeros(1, 2, 2, 2, requires_grad=grid_too)
    gs.grid_sample(image, grid).sum().backward()
    asked += [found for name, found in calls if name == "derived"]
    assert asked == [(image_too, grid_too)]
    assert (image.grad is not None, grid.grad is not None) == (image_too, grid_too)


@pytest.mark.parametrize("short", [True, False])
def test_splat_computes_only_what_is_asked(short, monkeypatch):
    calls = []
    monkeypatch.setattr("gridsample.frameworks.CALLS", watched(short, calls))
    for name in ("pull", "backward"):
        inner = getattr(cpu, name)
        monkeypatch.setattr(
            cpu, name, lambda *a, n=name, f=inner: (calls.append((n, [x is None for x in a[4:6]])), f(*a))
        )
    values, coords = torch.rand(1, 1, 5), torch.rand(1, 5, 1)
    gs.splat(values.requires_grad_(), coords, (4,)).sum().backward()
    assert [name for name, _ in calls] == ["pull"]
    calls.clear()
    gs.splat(values.detach(), coords.requires_grad_(), (4,)).sum().backward()
    assert calls == [("backward", [True, False])]


def test_no_grad_and_inference_mode():
    image, grid = torch.rand(1, 1, 4, 4, requires_grad=True), torch.zeros(1, 2, 2, 2, requires_grad=True)
    with torch.no_grad():
        assert not gs.grid_sample(image, grid).requires_grad
    with torch.inference_mode():
        assert gs.grid_sample(image, grid).is_inference()
        assert gs.sample_grad(image, grid).shape == (1, 1, 2, 2, 2)
        assert gs.affine_grid(torch.eye(2, 3)[None], (1, 1, 2, 2)).shape == (1, 2, 2, 2)
    assert gs.grid_sample(image, grid).requires_grad
    assert not gs.grid_sample(image.detach(), grid.detach()).requires_grad


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_splat_is_the_adjoint_of_sample(kernel, boundary):
    for dtype, bound in ((torch.float64, 1e-13), (torch.float32, 2e-5)):
        for axes, order in itertools.product((1, 2, 3), ("xy", "ij")):
            sizes = (5, 4, 3)[:axes]
            u, v = doubles(2, 3, *sizes, grad=False).to(dtype), doubles(2, 3, 40, seed=1, grad=False).to(dtype)
            coords = doubles(2, 40, axes, low=-7, high=11, seed=2, grad=False).to(dtype)
            options = {"kernel": kernel, "boundary": boundary, "order": order}
            pulled, pushed = gs.sample(u, coords, **options), gs.splat(v, coords, sizes, **options)
            scale = float(pulled.norm() * v.norm()) + 1
            assert abs(float((pulled * v).sum() - (u * pushed).sum())) <= bound * scale


def test_sample_grad_is_what_backward_uses():
    image, coords = doubles(2, 3, 5, 4), doubles(2, 9, 2, low=-2, high=6)
    weigh = doubles(2, 3, 9, grad=False)
    (grad,) = torch.autograd.grad(gs.sample(image, coords, kernel="cubic"), coords, weigh)
    near(grad, (gs.sample_grad(image, coords, kernel="cubic").detach() * weigh[..., None]).sum(1), 1e-13)


def operators():
    image, coords, values = doubles(2, 2, 4, 3), doubles(1, 5, 2), doubles(2, 2, 5)
    yield torch.ops.gridsample.pull, (image, coords, TEXT), True
    yield torch.ops.gridsample.push, (values, coords, [2, 2, 4, 3], TEXT), True
    yield torch.ops.gridsample.pull_grad, (image.detach(), coords.detach(), TEXT), False
    detached = (values.detach(), image.detach(), coords.detach())
    yield torch.ops.gridsample.pull_backward, (*detached, TEXT, [True, True]), False
    yield torch.ops.gridsample.pull_backward, (*detached, TEXT, [True, False]), False


@pytest.mark.parametrize("at", range(5))
@pytest.mark.filterwarnings("ignore")  # of torch's own making
def test_opcheck(at):
    operator, args, _ = list(operators())[at]
    torch.library.opcheck(operator.default, args)


@pytest.mark.parametrize("device", ["meta", "fake"])
def test_shapes_without_numbers(device):
    context = FakeTensorMode() if device == "fake" else torch.device("meta")
    with context:
        for dtype, axes in itertools.product((torch.float32, torch.float16), (1, 2, 3)):
            sizes, out = (5, 4, 3)[:axes], (2, 3, 4)[:axes]
            image = torch.empty(2, 3, *sizes, dtype=dtype, requires_grad=True)
            grid = torch.empty(2, *out, axes, dtype=dtype, requires_grad=True)
            values = gs.grid_sample(image, grid)
            assert (values.shape, values.dtype) == ((2, 3, *out), dtype)
            a, b = torch.autograd.grad(values.sum(), (image, grid))
            assert (a.shape, b.shape, a.dtype, b.dtype) == (image.shape, grid.shape, dtype, dtype)
            assert gs.splat(values, grid, sizes).shape == image.shape
            assert gs.sample_grad(image, grid[:1]).shape == (*values.shape, axes)
            assert gs.affine_grid(torch.empty(2, axes, axes + 1), (2, 1, *out)).shape == grid.shape


def test_fake_tensors_raise_the_eager_error_193822():
    with FakeTensorMode(), pytest.raises(RuntimeError, match="the components lie on axis 1"):
        gs.grid_sample(torch.empty(1, 1, 4, 5), torch.empty(1, 2, 6, 7))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_torchs_number_of_threads_is_kept(number, monkeypatch):
    close_the_short_way(monkeypatch)  # it asks for the number only where a second thread could be of use
    seen = []
    for name in ("pull", "push", "pull_grad", "backward"):
        inner = getattr(cpu, name)
        monkeypatch.setattr(cpu, name, lambda *a, f=inner: (seen.append(a[-1]), f(*a)))
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        image, grid = torch.rand(1, 1, 4, 4, requires_grad=True), torch.rand(1, 3, 3, 2)
        gs.grid_sample(image, grid).sum().backward()
        gs.splat(torch.rand(1, 1, 3, 3), grid, (4, 4))
        gs.sample_grad(image.detach(), grid)
    finally:
        torch.set_num_threads(before)
    assert seen == [number] * 4
