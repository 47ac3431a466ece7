# SPDX-License-Identifier: Apache-2.0
"""Antialiasing against exact area averages of pictures that are known as formulas, and what it must leave alone."""

from __future__ import annotations

import numpy as np
import pytest

import gridsample as gs

FACTORS = (4, 16)


def picture(n: int, factor: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A periodic picture of waves up to a quarter of its sampling rate: its pixels, and its exact means over factor x factor."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:n, :n].astype(float)
    m = n // factor
    top, left = (np.mgrid[:m, :m] + 0.0) * factor - 0.5
    pixels, means = np.zeros((n, n)), np.zeros((m, m))
    for _ in range(40):
        v, u = rng.integers(-n // 4, n // 4 + 1, 2) * 2j * np.pi / n
        weight = rng.normal() + 1j * rng.normal()
        pixels += (weight * np.exp(v * y + u * x)).real

        def mean(w, start):
            return np.exp(w * start) * ((np.exp(w * factor) - 1) / (w * factor) if w else 1.0)

        means += (weight * mean(v, top) * mean(u, left)).real
    return pixels[None, None], means[None, None]


def zoomed_out(m: int, factor: float, turn: float = 0.0) -> np.ndarray:
    """The centres of m x m outputs that are ``factor`` pixels wide, turned about the image's middle, 'xy'."""
    o = (np.arange(m) + 0.5) * factor - 0.5
    middle = (m * factor - 1) / 2
    x, y = np.meshgrid(o - middle, o - middle)
    c, s = np.cos(turn), np.sin(turn)
    return np.stack([c * x - s * y, s * x + c * y], -1)[None] + middle


def rms(x):
    return float(np.sqrt(np.mean(np.square(x))))


@pytest.mark.parametrize("kernel", ["linear", "catmull_rom", "bspline3"])
@pytest.mark.parametrize("factor", FACTORS)
def test_zooming_out_gives_the_areas_means(factor, kernel):
    image, exact = picture(64 * factor // 4, factor)
    coords = zoomed_out(exact.shape[-1], factor)
    options = {"kernel": kernel, "boundary": "wrap"}
    plain, fine = gs.sample(image, coords, **options), gs.sample(image, coords, antialias=True, **options)
    spread = rms(image)
    # at a quarter of the sampling rate a mean of points on pixels is within 1/cos(pi/8)... of the mean of the area
    assert rms(fine - exact) < 0.05 * spread
    assert rms(fine - exact) < rms(plain - exact) / 8
    # the pixels that an output covers, no more and no fewer: PyTorch's "area", to rounding
    blocks = image.reshape(1, 1, len(exact[0, 0]), factor, -1, factor).mean((3, 5))
    if kernel == "linear":
        np.testing.assert_allclose(fine, blocks, atol=1e-12)


@pytest.mark.parametrize("factor", [1.7, 3.0, 4.0, 16.0])
@pytest.mark.parametrize("turn", [0.0, 0.3, np.pi / 4])
def test_never_worse_than_plain_sampling(factor, turn):
    n = 96
    m = int(n / factor / 1.5)
    rng = np.random.default_rng(3)
    waves = [(rng.uniform(-0.9, 0.9, 2), rng.uniform(0, 6, 1)) for _ in range(25)]

    def true(points):
        return sum(np.cos(points @ w + p) for w, p in waves)

    y, x = np.mgrid[:n, :n].astype(float)
    image = true(np.stack([x, y], -1))[None, None]
    coords = zoomed_out(m, factor, turn) + (n - m * factor) / 2
    # the mean over the turned square that an output covers, by many points
    o = (np.arange(24) + 0.5) / 24 - 0.5
    c, s = np.cos(turn), np.sin(turn)
    inside = np.stack(np.meshgrid(o, o), -1).reshape(-1, 2) * factor @ np.array([[c, s], [-s, c]])
    exact = true(coords[..., None, :] + inside).mean(-1)
    plain = gs.sample(image, coords, boundary="clamp")[0]
    fine = gs.sample(image, coords, boundary="clamp", antialias=True)[0]
    assert rms(fine - exact) <= rms(plain - exact) * (1 + 1e-9)


def test_where_nothing_is_zoomed_out_nothing_changes():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(1, 2, 20, 20))
    for factor, turn in ((1.0, 0.0), (0.5, 0.0), (1.0, 0.4), (0.3, 1.0)):
        coords = zoomed_out(12, factor, turn)
        for samples in (1, 3, True):
            fine = gs.sample(image, coords, antialias=samples)
            np.testing.assert_allclose(fine, gs.sample(image, coords), atol=1e-12)


def test_frames_orders_seams_and_lost_points():
    image = np.random.default_rng(0).normal(size=(1, 1, 32, 48))
    coords = np.stack(np.meshgrid(np.arange(12) * 4 + 1.5, np.arange(8) * 4 + 1.5), -1)[None]
    want = gs.sample(image, coords, antialias=True)
    unit = (coords + 0.5) / [48, 32]
    np.testing.assert_allclose(gs.sample(image, unit, frame="unit", antialias=True), want, atol=1e-12)
    swapped = coords[..., ::-1].copy()
    np.testing.assert_allclose(gs.sample(image, swapped, order="ij", antialias=True), want, atol=1e-12)
    seam = coords.copy()
    seam[:, :, 6:, 0] -= 480  # ten times round: the step over the seam is not a footprint
    np.testing.assert_allclose(gs.sample(image, seam, boundary="wrap", antialias=True), want, atol=1e-12)
    coords[0, 3, 3] = np.nan
    lost = gs.sample(image, coords, antialias=True)
    assert np.isnan(lost).sum() == 1
    numbers = (image * 50).astype("int16")
    whole, exact = (gs.sample(x, unit, frame="unit", antialias=True) for x in (numbers, numbers.astype("f8")))
    assert whole.dtype == np.int16
    assert abs(whole - exact).max() <= 0.5 + 1e-3  # rounded once, after the mean


def test_it_is_differentiable():
    torch = pytest.importorskip("torch")
    image = torch.rand(1, 1, 9, 9, dtype=torch.float64, requires_grad=True)
    theta = torch.tensor([[[0.8, 0.1, 0.03], [-0.1, 0.7, 0.02]]], dtype=torch.float64, requires_grad=True)

    def function(image, theta):
        return gs.sample(image, gs.affine_grid(theta, (1, 1, 3, 3)), frame="edges", antialias=True)

    assert torch.autograd.gradcheck(function, (image, theta))
    assert torch.autograd.gradgradcheck(function, (image, theta), fast_mode=True)


def test_what_it_cannot_do_is_said():
    image, coords = np.zeros((1, 1, 4, 4)), np.zeros((1, 5, 2))
    with pytest.raises(gs.GridSampleError, match="D output axes for antialias"):
        gs.sample(image, coords, antialias=True)
    with pytest.raises(gs.GridSampleError, match="antialias to be True, False or a number"):
        gs.sample(image, coords[None], antialias=0)
    with pytest.raises(gs.GridSampleError, match="out= without antialias"):
        gs.sample(image, coords[None], antialias=True, out=np.zeros((1, 1, 1, 5)))
