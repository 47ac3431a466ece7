# SPDX-License-Identifier: Apache-2.0
"""Displacements and control points that the engine reads in its loops: values and gradients of stored coordinates."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gridsample as gs
from gridsample.spec import reference

SIZES = {1: ((50,), (130,)), 2: ((20, 30), (33, 75)), 3: ((8, 10, 9), (9, 11, 70))}
AXES = sorted(SIZES)


def field(axes, batch, size, dtype=torch.float32, reach=4.0):
    rng = np.random.default_rng(axes + batch)
    return torch.from_numpy(rng.uniform(-reach, reach, (batch, axes, *size))).to(dtype)


def picture(batch, size, dtype=torch.float32):
    return torch.from_numpy(np.random.default_rng(len(size)).standard_normal((batch, 2, *size))).to(dtype)


def by_engine(values: torch.Tensor) -> bool:
    return "PullMade" in type(values.grad_fn).__name__


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("kernel", ["nearest", "linear", "cubic"])
def test_displacements_have_the_bits_of_stored_coordinates(axes, kernel):
    inner, outer = SIZES[axes]
    for images, fields in ((2, 2), (2, 1), (1, 2)):
        image, u = picture(images, inner).requires_grad_(), field(axes, fields, outer).requires_grad_()
        values = gs.sample(image, gs.maps.Displacement(u), kernel=kernel, boundary="mirror")
        stored = gs.sample(image, gs.maps.Displacement(u).coords(), kernel=kernel, boundary="mirror")
        assert by_engine(values)
        assert not by_engine(stored)
        assert torch.equal(values, stored)
        weigh = torch.randn(values.shape)
        found, wanted = (torch.autograd.grad(v, (image, u), weigh) for v in (values, stored))
        torch.testing.assert_close(found[0], wanted[0], rtol=1e-5, atol=1e-5)  # pixels are added to in another order
        assert torch.equal(found[1], wanted[1])
        assert found[1].stride() == u.stride()
        numpy = gs.sample(
            image.detach().numpy(), gs.maps.Displacement(u.detach().numpy()), kernel=kernel, boundary="mirror"
        )
        np.testing.assert_array_equal(numpy, values.detach().numpy())


def test_displacements_against_the_oracle_also_where_they_are_no_numbers():
    image, u = picture(1, (6, 7), torch.float64).numpy(), field(2, 1, (5, 9), torch.float64).numpy()
    u[0, 0, 1, 2], u[0, 1, 4, 8] = np.nan, np.inf
    places = np.moveaxis(u, 1, -1) + np.stack(np.meshgrid(np.arange(9.0), np.arange(5.0)), -1)
    for nonfinite in ("propagate", "outside"):
        found = gs.sample(image, gs.maps.Displacement(u), nonfinite=nonfinite, boundary="reflect")
        wanted = reference.pull(image, places, boundary="reflect", nonfinite=nonfinite)
        np.testing.assert_allclose(found, wanted, atol=1e-12)


@pytest.mark.parametrize("order", ["xy", "ij"])
@pytest.mark.parametrize("axes", AXES)
def test_relative_coordinates(axes, order):
    inner, outer = SIZES[axes]
    image = picture(2, inner).requires_grad_()
    coords = field(axes, 1, outer).movedim(1, -1).contiguous().requires_grad_()
    own = torch.stack(torch.meshgrid(*(torch.arange(float(n)) for n in outer), indexing="ij"), -1)
    places = coords + (own.flip(-1) if order == "xy" else own)
    values = gs.sample(image, coords, relative=True, order=order)
    stored = gs.sample(image, places, order=order)
    assert by_engine(values)
    assert torch.equal(values, stored)
    found, wanted = (torch.autograd.grad(v.square().sum(), coords)[0] for v in (values, stored))
    assert torch.equal(found, wanted)
    wide = own.flip(-1).double() if order == "xy" else own.double()
    double = gs.sample(image, coords.double(), relative=True, order=order)  # in the coordinates' own type, as ever
    assert torch.equal(double, gs.sample(image, coords.double() + wide, order=order))


def test_a_flow_says_where_it_points_inside():
    image, flow = picture(2, (20, 30)), field(2, 2, (20, 30), reach=20.0)
    flow[0, 0, 3, 4], flow[1, 1, 2, 2] = torch.nan, torch.inf
    found = gs.flow_warp(image, flow, fill=0.5, boundary="constant")
    places = gs.maps.Displacement(flow).coords()
    assert torch.equal(found.valid, gs.valid_mask(places, (20, 30))[:, None])
    wanted = gs.sample(image, places, fill=0.5, boundary="constant", nonfinite="outside")
    torch.testing.assert_close(found.image, wanted, rtol=0, atol=0)


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("degree", [1, 3])
def test_control_points_give_what_their_coordinates_give(axes, degree):
    inner, outer = SIZES[axes]
    for dtype, close in ((torch.float32, 2e-4), (torch.float64, 1e-10)):
        for images, fields in ((2, 2), (2, 1), (1, 2)):
            image = picture(images, inner, dtype).requires_grad_()
            control = field(axes, fields, (5, 4, 9)[3 - axes :], dtype).requires_grad_()
            for size in (outer, tuple(n + 3 for n in outer)):  # beyond its own output a field goes on
                map_ = gs.maps.BSplineField(control, outer, degree=degree)
                values = gs.sample(image, map_, size=size, kernel="catmull_rom", boundary="clamp")
                stored = gs.sample(image, map_.coords(size), kernel="catmull_rom", boundary="clamp")
                assert by_engine(values)
                assert not by_engine(stored)
                torch.testing.assert_close(values, stored, rtol=close, atol=close)
                weigh = torch.randn(values.shape, dtype=dtype)
                found, wanted = (torch.autograd.grad(v, (image, control), weigh) for v in (values, stored))
                for a, b in zip(found, wanted, strict=True):
                    torch.testing.assert_close(a, b, rtol=0, atol=close * float(b.abs().max()) * 5)


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("source", ["displaced", "linear", "cubic"])
def test_finite_differences_of_first_and_second_derivatives(axes, source):
    inner, outer = {1: ((7,), (9,)), 2: ((5, 6), (5, 7)), 3: ((4, 5, 3), (3, 4, 5))}[axes]
    image = picture(1, inner, torch.float64).requires_grad_()
    degree = 3 if source == "cubic" else 1
    size = outer if source == "displaced" else (degree + 1,) * axes
    numbers = field(axes, 2, size, torch.float64, reach=1.0).requires_grad_()

    def call(image: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        map_ = gs.maps.Displacement(numbers)
        if source != "displaced":
            map_ = gs.maps.BSplineField(numbers, tuple(n + 1 for n in outer), degree=degree)
        values = gs.sample(image, map_, size=outer, kernel="catmull_rom", boundary="clamp")
        assert by_engine(values)
        return values

    fast = {"fast_mode": True}
    assert torch.autograd.gradcheck(call, (image, numbers), fast_mode=axes == 3)
    assert torch.autograd.gradgradcheck(call, (image, numbers), atol=1e-4, **fast)


@pytest.mark.parametrize("degree", [1, 3])
def test_bits_do_not_depend_on_threads(degree):
    image = picture(2, (90, 110))
    grads = []
    before = torch.get_num_threads()
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        control = field(2, 1, (7, 8)).requires_grad_()
        values = gs.sample(image, gs.maps.BSplineField(control, (150, 170), degree=degree))
        values.square().sum().backward()
        grads.append((values.detach(), control.grad))
    torch.set_num_threads(before)
    for values, grad in grads[1:]:
        assert torch.equal(values, grads[0][0])
        assert torch.equal(grad, grads[0][1])


def test_linear_control_points_are_an_interpolated_grid():
    control = field(2, 1, (5, 6))
    wanted = torch.nn.functional.interpolate(control, (33, 51), mode="bilinear", align_corners=True)
    found = gs.maps.BSplineField(control, (33, 51), degree=1).displacements()
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_control_points_denser_than_the_output_are_evaluated_before():
    image, control = picture(1, (9, 9)).requires_grad_(), field(2, 1, (9, 12))
    map_ = gs.maps.BSplineField(control, (5, 5))
    values = gs.sample(image, map_)
    assert not by_engine(values)
    torch.testing.assert_close(values, gs.sample(image, map_.coords()))


def test_a_degree_that_is_none_is_refused():
    with pytest.raises(gs.errors.OptionError, match="degree 1 or 3"):
        gs.maps.BSplineField(np.zeros((2, 4, 4)), (8, 8), degree=2)
