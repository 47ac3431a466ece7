# SPDX-License-Identifier: Apache-2.0
"""Second and third derivatives, forward mode and torch.func's transforms, for every kernel, boundary and verb."""

from __future__ import annotations

import itertools

import pytest
import torch
from api_cases import near
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vmap

import gridsample as gs
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.kernels import KERNELS, find

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own making


def doubles(*shape, seed=0, low=-1.0, high=1.0, kinks=True):
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(shape, dtype=torch.float64, generator=generator) * (high - low) + low
    if not kinks:  # away from whole and half pixels, where derivatives jump
        part = values - values.floor()
        values += torch.where((part < 0.06) | (part > 0.94) | ((part - 0.5).abs() < 0.06), 0.13, 0.0)
    return values.requires_grad_()


def third(function, *inputs):
    """Checks the third derivatives of a function by differences of its second ones."""
    weigh = [torch.rand_like(x) for x in inputs]

    def second(*inputs):
        out = function(*inputs)
        ones = torch.autograd.grad(out.sin().sum(), inputs, create_graph=True)
        twos = sum((a * w).sum() for a, w in zip(ones, weigh, strict=True))
        found = torch.autograd.grad(twos, inputs, create_graph=True, allow_unused=True, materialize_grads=True)
        return tuple(found)

    return gradcheck(second, inputs, atol=1e-4, fast_mode=True)


PAIRS = {*itertools.product([*KERNELS, "cubic(-3/5)"], ["zero", "mirror"])}
PAIRS |= {*itertools.product(["linear", "cubic", "bspline3"], BOUNDARIES)}


@pytest.mark.parametrize(("kernel", "boundary"), sorted(PAIRS))
def test_second_derivatives(kernel, boundary):
    image, coords, values = doubles(1, 1, 4), doubles(1, 4, 1, low=-2, high=5, kinks=False), doubles(1, 1, 4, seed=1)
    options = {"kernel": kernel, "boundary": boundary} | ({"fill": 0.5} if boundary == "constant" else {})
    spread = {"kernel": kernel, "boundary": boundary}
    both = {"check_forward_ad": True, "fast_mode": True}
    assert gradgradcheck(lambda i, c: gs.sample(i, c, **options), (image, coords), fast_mode=True)
    assert gradgradcheck(lambda v, c: gs.splat(v, c, (4,), **spread), (values, coords), fast_mode=True)
    assert gradcheck(lambda i, c: gs.sample_grad(i, c, **options), (image, coords), **both)
    assert gradcheck(lambda i, c: gs.sample(i, c, **options), (image, coords), **both)
    assert gradcheck(lambda v, c: gs.splat(v, c, (4,), **spread), (values, coords), **both)


@pytest.mark.parametrize("order", ["xy", "ij"])
@pytest.mark.parametrize(
    ("kernel", "boundary"),
    [
        ("linear", "clamp"),
        ("cubic", "zero"),
        (("bspline3", "catmull_rom"), ("mirror", "constant")),
        ("bspline4", "wrap"),
    ],
)
def test_second_and_third_derivatives_in_two_axes(kernel, boundary, order):
    image, coords = doubles(1, 2, 3, 4), doubles(2, 2, 2, low=-1.5, high=4.0, kinks=False)
    fill = {"fill": 0.5} if "constant" in boundary else {}

    def read(i, c):
        return gs.sample(i, c, kernel=kernel, boundary=boundary, order=order, frame="unit", outside=0.5, **fill)

    unit = (coords.detach() + 0.5) / torch.tensor([4.0, 3.0] if order == "xy" else [3.0, 4.0])
    unit = unit.requires_grad_()

    def slope(i, c):
        return gs.sample_grad(i, c, kernel=kernel, boundary=boundary, order=order)

    assert gradgradcheck(read, (image, unit), fast_mode=True)
    assert gradgradcheck(slope, (image, coords), fast_mode=True)
    assert third(read, image, unit)


@pytest.mark.parametrize("axes", [1, 3])
@pytest.mark.parametrize("kernel", ["smoothstep", "linear", "catmull_rom"])
def test_third_derivatives(kernel, axes):
    sizes = (4, 3, 2)[:axes]
    image, coords = doubles(1, 1, *sizes), doubles(1, 2, axes, low=-0.4, high=2.4, kinks=False)
    values = doubles(1, 1, 2, seed=3)
    assert third(lambda i, c: gs.sample(i, c, kernel=kernel, boundary="mirror"), image, coords)
    assert third(lambda v, c: gs.splat(v, c, sizes, kernel=kernel, boundary="mirror"), values, coords)


@pytest.mark.parametrize(
    ("kernel", "boundary"),
    [*[(kernel, "mirror") for kernel in [*KERNELS, "cubic(-3/5)"]], *[("bspline3", b) for b in BOUNDARIES]],
)
def test_third_derivatives_of_every_kernel_and_boundary(kernel, boundary):
    image, coords = doubles(1, 1, 4), doubles(1, 3, 1, low=-2, high=5, kinks=False, seed=5)
    options = {"kernel": kernel, "boundary": boundary} | ({"fill": 0.5} if boundary == "constant" else {})
    assert third(lambda i, c: gs.sample(i, c, **options), image, coords)


def test_jacobians_and_hessians_agree_and_are_torchs_where_torch_has_them():
    image, grid = doubles(1, 1, 4, 4).detach(), doubles(1, 2, 2, 2, low=-0.9, high=0.9).detach()

    def ours(i, g):
        return gs.grid_sample(i, g, "bicubic", "zeros", False).sin()

    def theirs(i, g):
        return torch.nn.functional.grid_sample(i, g, "bicubic", "zeros", False).sin()

    for which in (0, 1):
        near(jacfwd(ours, which)(image, grid), jacrev(ours, which)(image, grid), 1e-12)
        near(jacfwd(ours, which)(image, grid), jacrev(theirs, which)(image, grid), 1e-12)
        near(
            hessian(lambda *x: ours(*x).sum(), which)(image, grid),
            torch.autograd.functional.hessian(lambda *x: theirs(*x).sum(), (image, grid))[which][which],
            1e-10,
        )
    both = hessian(lambda i, g: ours(i, g).sum(), (0, 1))(image, grid)
    near(both[0][1].flatten(0, 3).flatten(1), both[1][0].flatten(0, 3).flatten(1).T, 1e-12)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_second_derivatives_are_torchs(mode, padding, corners):
    image, grid = doubles(2, 3, 5, 4), doubles(2, 3, 7, 2, low=-1.7, high=1.7)
    weigh, bend = torch.rand(2, 3, 3, 7, dtype=torch.float64), torch.rand(2, 3, 7, 2, dtype=torch.float64)

    def second(function):
        out = function(image, grid, mode, padding, align_corners=corners)
        ones = torch.autograd.grad(out, (image, grid), weigh.requires_grad_(), create_graph=True)
        loss = ones[0].square().sum() + (ones[1] * bend).sum()
        return torch.autograd.grad(loss, (image, grid, weigh), allow_unused=True, materialize_grads=True)

    for ours, theirs in zip(second(gs.grid_sample), second(torch.nn.functional.grid_sample), strict=True):
        near(ours, theirs, 1e-9)


def test_vmap_of_every_derivative():
    image, coords = doubles(3, 1, 1, 5).detach(), doubles(1, 4, 3, 1, low=0, high=4, kinks=False).detach()

    def loss(i, c):
        return gs.sample(i, c, kernel="bspline3", boundary="reflect").square().sum()

    for which in (0, 1):
        for function in (grad(loss, which), hessian(loss, which)):
            got = vmap(function, (0, 2))(image, coords)
            want = torch.stack([function(image[k], coords[:, :, k]) for k in range(3)])
            near(got, want, 1e-10)
    tangents = torch.ones_like(image), torch.ones_like(coords)

    def pushed(i, c, i_t, c_t):
        return jvp(loss, (i, c), (i_t, c_t))[1]

    got = vmap(pushed, (0, 2, 0, 2))(image, coords, *tangents)
    want = [pushed(image[k], coords[:, :, k], tangents[0][k], tangents[1][:, :, k]) for k in range(3)]
    near(got, torch.stack(want), 1e-10)


def test_functional_call():
    class Warp(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.theta = torch.nn.Parameter(torch.eye(2, 3, dtype=torch.float64)[None] * 0.7)

        def forward(self, image):
            return gs.grid_sample(image, gs.affine_grid(self.theta, (1, 1, 3, 3)), "bspline3", "border")

    model, image = Warp(), doubles(1, 1, 5, 6)
    theta = torch.randn(1, 2, 3, dtype=torch.float64) * 0.3

    def loss(theta):
        return functional_call(model, {"theta": theta}, (image,)).square().sum()

    assert gradgradcheck(loss, (theta.requires_grad_(),))


def test_derivatives_at_lost_points_are_zero():
    image = doubles(1, 1, 4)
    coords = torch.tensor([[[float("nan")], [float("inf")], [1.3], [-9.0]]], dtype=torch.float64, requires_grad=True)
    poisoned = image.detach().clone()
    poisoned[..., 0] = float("nan")
    for policy, frame in itertools.product(("propagate", "outside"), ("pixel", "edges")):
        out = gs.sample(image, coords, kernel="bspline2", nonfinite=policy, frame=frame, outside=1.0)
        first = torch.autograd.grad(out.nan_to_num().square().sum(), (image, coords), create_graph=True)
        second = torch.autograd.grad(sum(f.sum() for f in first), (image, coords))
        for gradient in (*first, *second):
            assert torch.isfinite(gradient).all()
        assert not first[1][0, [0, 1, 3]].any()
        assert not second[1][0, [0, 1, 3]].any()
    for kernel in ("linear", "catmull_rom", "lanczos3"):  # no NaN of a pixel that is not read
        out = gs.sample(poisoned, coords, kernel=kernel, nonfinite="outside", outside=1.0)
        assert torch.isfinite(out[0, 0, [0, 1, 3]]).all()
    assert find("linear").taps == 2
