# SPDX-License-Identifier: Apache-2.0
"""Every map can be differentiated by its parameters and its positions: against finite differences, in float64."""

from __future__ import annotations

import numpy as np
import pytest
from maps_cases import SIZE, bumps, spline

import gridsample as gs

torch = pytest.importorskip("torch")
maps = gs.maps
P, Q = (torch.from_numpy(points) for points in spline())
PANO = maps.Equirectangular((30, 60))


def field(*shape):
    return torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, shape))


# name: how to make the map from its parameters, and the parameters
MADE = {
    "matrix": (lambda m: maps.Affine(m), [torch.eye(2, 3).double()[None] + field(1, 2, 3) / 9]),
    "parts": (
        lambda r, s, h, t, c: maps.Affine.from_parts(rotation_deg=r, scale=s, shear=h, translation_px=t, centre_px=c),
        [field(2) * 90, field(2, 2) + 2, field(2, 2) / 5, field(2, 2), field(2, 2)],
    ),
    "parts3d": (
        lambda r, s, h, t: maps.Affine.from_parts(rotation_deg=r, scale=s, shear=h, translation_px=t, axes=3),
        [field(2, 3) * 90, field(2, 3) + 2, field(2, 6) / 5, field(2, 3)],
    ),
    "frame": (
        lambda m: maps.Affine.from_matrix(m, frame="edges", input_size=(9, 8), output_size=(7, 6), order="ij"),
        [torch.eye(2, 3).double()[None] + field(1, 2, 3) / 9],
    ),
    "affine points": (lambda p, q: maps.Affine.from_points(p, q), [P, Q]),
    "similarity": (lambda p, q: maps.Affine.from_points(p, q, kind="similarity"), [P, Q]),
    "rigid": (lambda p, q: maps.Affine.from_points(p, q, kind="rigid"), [P, Q]),
    "homography": (lambda m: maps.Homography(m), [torch.eye(3).double()[None] + field(1, 3, 3) / 100]),
    "four points": (lambda p, q: maps.Homography.from_points(p, q), [P[:, [0, 2, 6, 8]], Q[:, [0, 2, 6, 8]]]),
    "displacement": (lambda u: maps.Displacement(u), [field(1, 2, 6, 7)]),
    "positions": (lambda u: maps.Positions(u), [field(1, 6, 7, 2) * 3]),
    "velocity": (lambda v: maps.Velocity(v, steps=3), [torch.from_numpy(bumps(2, (8, 9), 1.0)) + 0.01]),
    "spline": (lambda p, q: maps.ThinPlateSpline(p, q, smoothing=0.01), [P, Q]),
    "bspline": (lambda c: maps.BSplineField(c, SIZE), [field(2, 2, 4, 5)]),
    "polar": (lambda c, r: maps.Polar(c, r, SIZE), [field(2, 2) + 9, field(2) + 8]),
    "logpolar": (lambda c, r: maps.Polar(c, r, SIZE, log=True), [field(2, 2) + 9, field(2) + 8]),
    "rolled up": (lambda c, r: maps.Polar(c, r, SIZE).inverse(), [field(2, 2) + 30.3, field(2) + 8]),
    "lens": (
        lambda f, k, n: maps.Lens(f, k, new_camera=n),
        [torch.tensor([30.0, 31, 12, 13]).double(), field(12) / 50, torch.tensor([29.0, 28, 11, 12]).double()],
    ),
    "fisheye": (
        lambda f, k: maps.Lens(f, k, model="fisheye"),
        [torch.tensor([30.0, 31, 12, 13]).double(), field(2, 4) / 50],
    ),
    "view": (
        lambda y, p, r: maps.Reprojection(maps.Perspective(SIZE, 70), PANO, yaw_deg=y, pitch_deg=p, roll_deg=r),
        [field(2) * 30, field(2) * 30, field(2) * 30],
    ),
    "crop": (lambda b, a: maps.Crop(b, SIZE, angle_deg=a), [field(2, 4) + torch.tensor([2.0, 3, 9, 8]), field(2) * 20]),
    "crops": (lambda b: maps.Crop(b, SIZE), [field(2, 3, 4) + torch.tensor([2.0, 3, 9, 8])]),
    "saliency": (lambda s: maps.Saliency(s, SIZE, SIZE), [field(1, 4, 5) + 2]),
    "composed": (
        lambda m, u: maps.Homography(m) @ maps.Displacement(u),
        [torch.eye(3).double()[None] + field(1, 3, 3) / 100, field(1, 2, 6, 7)],
    ),
    "inverse of a field": (lambda u: maps.Displacement(u).inverse(tolerance_px=1e-9), [field(1, 2, 6, 7) / 20]),
    "inverse of a spline": (lambda p, q: maps.ThinPlateSpline(p, q).inverse(tolerance_px=1e-9), [P, Q]),
    "inverse of a lens": (
        lambda f, k: maps.Lens(f, k).inverse(tolerance_px=1e-9),
        [torch.tensor([30.0, 31, 12, 13]).double(), field(4) / 50],
    ),
}


@pytest.mark.parametrize("name", MADE)
def test_by_parameters_and_positions(name):
    make, parameters = MADE[name]
    parameters = [parameter.clone().requires_grad_() for parameter in parameters]
    map_ = make(*parameters)
    count = 4 if name == "crops" else 3
    shape = (1,) * (map_.stacks + 1) + (count, map_.axes)
    places = (torch.from_numpy(np.random.default_rng(2).uniform(1.1, 3.9, shape))).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *given: make(*given)(x), (places, *parameters), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["parts", "four points", "spline", "bspline", "crops"])
def test_through_the_sampler(name):
    make, parameters = MADE[name]
    parameters = [parameter.clone().requires_grad_() for parameter in parameters]
    image = field(1 if name != "crops" else 2, 1, 12, 12)

    def through(image, *given):
        return gs.sample(image, make(*given), size=(3, 4))

    assert torch.autograd.gradcheck(through, (image.requires_grad_(), *parameters), atol=1e-5, rtol=1e-3)


def test_jax_gradient_is_torchs():
    jax = pytest.importorskip("jax")
    places = np.random.default_rng(2).uniform(2, 20, (1, 8, 2)).astype("float32")
    p, q = (points.numpy().astype("float32") for points in (P, Q))

    def total(make, library, *given):
        return (make(*given)(library(places)) ** 2).sum()

    for name, given in (("spline", (p, q)), ("four points", (p[:, [0, 2, 6, 8]], q[:, [0, 2, 6, 8]]))):
        make = (lambda p, q: maps.ThinPlateSpline(p, q)) if name == "spline" else MADE[name][0]
        ours = jax.jit(jax.grad(lambda q, make=make, given=given: total(make, jax.numpy.asarray, given[0], q)))(
            given[1]
        )
        q_ = torch.from_numpy(given[1]).requires_grad_()
        total(make, torch.from_numpy, torch.from_numpy(given[0]), q_).backward()
        np.testing.assert_allclose(np.asarray(ours), q_.grad.numpy(), rtol=2e-2, atol=0.5)


def test_second_derivatives_of_the_maps_themselves():
    make, (m,) = MADE["homography"]
    places = field(1, 3, 2)
    assert torch.autograd.gradgradcheck(lambda m: make(m)(places), (m.clone().requires_grad_(),))


def test_vmap_over_parameters():
    angles = torch.tensor([10.0, 20.0, 30.0], dtype=torch.float64)
    place = torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    turned = torch.func.vmap(lambda a: maps.Affine.from_parts(rotation_deg=a)(place))(angles)
    expected = torch.stack([maps.Affine.from_parts(rotation_deg=a)(place) for a in angles])
    torch.testing.assert_close(turned, expected)
