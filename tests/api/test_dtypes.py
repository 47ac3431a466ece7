# SPDX-License-Identifier: Apache-2.0
"""Types of number, numbers of axes, batch axes: what `sample` and its kin take beyond float images in two dimensions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from api_cases import near

import gridsample as gs
from gridsample.spec import reference
from gridsample.spec.dtypes import DTYPES

RNG = np.random.default_rng(0)
WHOLE = [name for name, row in DTYPES.items() if row.kind == "whole"]
COORDS = RNG.uniform(-1, 6, (1, 60, 2))


def whole(name, *shape):
    row = DTYPES[name]
    return RNG.integers(row.low, row.high, shape, endpoint=True).astype(name)


def libraries():
    yield "numpy", lambda x: x, np.asarray
    try:
        import torch
    except ImportError:
        return
    yield "torch", lambda x: torch.from_numpy(np.array(x)), lambda x: x.detach().numpy()


LIBRARIES = [pytest.param(put, get, id=name) for name, put, get in libraries()]


@pytest.mark.parametrize(("put", "get"), LIBRARIES)
@pytest.mark.parametrize("kernel", ["nearest", "linear", "cubic", "bspline3", "lanczos3"])
@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_are_rounded_once_and_kept_in_range(name, kernel, put, get):
    image, row = whole(name, 1, 2, 6, 5), DTYPES[name]
    wide = image.astype("f8")
    rules = {"kernel": kernel, "boundary": "mirror"}
    exact = reference.pull(reference.prefilter(wide, **rules) if kernel == "bspline3" else wide, COORDS, **rules)
    got = get(gs.sample(put(image), put(COORDS), **rules))
    assert got.dtype == image.dtype
    clipped = np.clip(exact, row.low, row.high)
    bound = 0.5 + (row.high - row.low) * (2e-6 if row.computed == "float32" else 1e-12)
    assert np.abs(got.astype("f8") - clipped).max() <= bound
    for end, beyond in ((row.high, exact > row.high + 0.5), (row.low, exact < row.low - 0.5)):
        assert (got[beyond] == end).all()


@pytest.mark.parametrize(("put", "get"), LIBRARIES)
def test_halves_go_to_the_even_number_and_nan_to_zero(put, get):
    image = put(np.array([[[1, 2, 3, 255]]], np.uint8))
    coords = put(np.array([[[0.5], [1.5], [np.nan], [3.0]]]))
    assert get(gs.sample(image, coords)).tolist() == [[[2, 2, 0, 255]]]
    assert get(gs.sample(image, coords, nonfinite="outside", outside=300.0)).tolist() == [[[2, 2, 255, 255]]]
    flags = put(np.array([[[True, False, True]]]))
    assert get(gs.sample(flags, put(np.array([[[0.4], [0.5], [0.6], [2.0]]])))).tolist() == [
        [[True, False, False, True]]
    ]


@pytest.mark.parametrize(("put", "get"), LIBRARIES)
@pytest.mark.parametrize("kernel", ["linear", "cubic", "bspline5"])
@pytest.mark.parametrize("name", ["complex64", "complex128"])
def test_complex_images(name, kernel, put, get):
    image = (RNG.normal(size=(1, 2, 6, 5)) + 1j * RNG.normal(size=(1, 2, 6, 5))).astype(name)
    rules = {"kernel": kernel, "boundary": "constant", "fill": 0.75}
    options = rules | {"outside": -2.0}
    parts = [image.real.copy(), image.imag.copy()]
    bound = 1e-5 if name == "complex64" else 1e-13
    got = get(gs.sample(put(image), put(COORDS), **options))
    assert got.dtype == image.dtype
    near(got.real, get(gs.sample(put(parts[0]), put(COORDS), **options)), bound)
    near(got.imag, get(gs.sample(put(parts[1]), put(COORDS), kernel=kernel, boundary="zero", outside=0.0)), bound)
    slope = get(gs.sample_grad(put(image), put(COORDS), kernel=kernel))
    near(slope.imag, get(gs.sample_grad(put(parts[1]), put(COORDS), kernel=kernel)), bound * 4)
    values = got[..., :7]
    spread = get(gs.splat(put(values.copy()), put(COORDS[:, :7].copy()), (6, 5), kernel=kernel))
    near(spread.real, get(gs.splat(put(values.real.copy()), put(COORDS[:, :7].copy()), (6, 5), kernel=kernel)), bound)


def test_gradients_of_complex_images():
    torch = pytest.importorskip("torch")
    image = torch.randn(1, 1, 4, 3, dtype=torch.complex128, requires_grad=True)
    coords = (torch.rand(1, 4, 2, dtype=torch.float64) * 0.8 + 1.1).requires_grad_()
    for kernel in ("catmull_rom", "bspline3"):
        assert torch.autograd.gradcheck(lambda i, c, k=kernel: gs.sample(i, c, kernel=k), (image, coords))


@pytest.mark.parametrize(("put", "get"), LIBRARIES)
def test_a_half_image_of_4096_pixels_is_warped_exactly_by_the_identity(put, get):
    image = RNG.normal(size=(1, 1, 2, 4096)).astype(np.float16)
    coords = np.stack(np.meshgrid(np.arange(4096), np.arange(2)), -1)[None].astype(np.float32)
    for options, points in (({}, coords), ({"relative": True}, np.zeros_like(coords).astype(np.float16))):
        np.testing.assert_array_equal(get(gs.sample(put(image), put(points), **options)), image)
    unit = (coords + np.float32(0.5)) / np.array([4096, 2], np.float32)
    np.testing.assert_array_equal(get(gs.sample(put(image), put(unit), frame="unit")), image)


@pytest.mark.parametrize(("put", "get"), LIBRARIES)
@pytest.mark.parametrize("axes", [4, 5])
def test_many_axes(axes, put, get):
    sizes = (3, 4, 2, 3, 2)[:axes]
    image, coords = RNG.normal(size=(2, 2, *sizes)), RNG.uniform(-1, 4, (1, 9, axes))
    for kernel, boundary in (("linear", "mirror"), ("nearest", "zero"), ("bspline2", "clamp")):
        if kernel == "bspline2" and axes > 4:
            continue
        rules = {"kernel": kernel, "boundary": boundary}
        coefficients = reference.prefilter(image, **rules) if kernel == "bspline2" else image
        near(get(gs.sample(put(image), put(coords), **rules)), reference.pull(coefficients, coords, **rules), 1e-11)
        slope = reference.pull_grad(coefficients, coords, **rules)
        near(get(gs.sample_grad(put(image), put(coords), **rules)), slope, 1e-10)
        values = RNG.normal(size=(2, 2, 9))
        pushed = get(gs.splat(put(values), put(coords), sizes, **rules))
        near(np.vdot(pushed, image), np.vdot(values, get(gs.sample(put(image), put(coords), **rules))), 1e-9)


@pytest.mark.parametrize(("put", "get"), LIBRARIES)
def test_any_number_of_batch_axes(put, get):
    coords = RNG.uniform(0, 4, (7, 2))
    image = RNG.normal(size=(3, 5, 6))
    want = reference.pull(image[None], coords[None])[0]
    near(get(gs.sample(put(image), put(coords))), want, 1e-13)
    near(get(gs.sample(put(image[0]), put(coords))), want[0], 1e-13)
    near(get(gs.sample(put(image[0]), put(coords[0]))), want[0, 0], 1e-13)
    many = RNG.normal(size=(2, 4, 3, 5, 6))
    for lead in ((2, 4), (1, 4), (2, 1), (1, 1)):
        points = RNG.uniform(0, 4, (*lead, 7, 2))
        got = get(gs.sample(put(many), put(points)))
        assert got.shape == (2, 4, 3, 7)
        for a, b in itertools.product(range(2), range(4)):
            one = points[a % lead[0], b % lead[1]]
            near(got[a, b], reference.pull(many[a, b][None], one[None])[0], 1e-13)
    assert get(gs.sample_grad(put(many), put(points))).shape == (2, 4, 3, 7, 2)
    with pytest.raises(gs.GridSampleError, match="batch axes that are equal or 1"):
        gs.sample(put(many), put(RNG.uniform(0, 4, (2, 3, 7, 2))))


@pytest.mark.parametrize("order", ["xy", "ij"])
@pytest.mark.parametrize("frame", ["pixel", "unit", "edges", "corners"])
def test_relative_coordinates(frame, order):
    image, flow = RNG.normal(size=(2, 1, 5, 6)), RNG.uniform(-0.2, 0.2, (2, 5, 6, 2))
    got = gs.sample(image, flow, frame=frame, order=order, relative=True)
    x = np.stack(np.meshgrid(np.arange(6), np.arange(5)), -1).astype(float)
    scale = {"pixel": (1, 1), "unit": (6, 5), "edges": (3, 2.5), "corners": (2.5, 2)}[frame]
    flow = flow if order == "xy" else flow[..., ::-1]
    near(got, gs.sample(image, x + flow * scale), 1e-12)
    with pytest.raises(gs.GridSampleError, match="D output axes for relative=True"):
        gs.sample(image, flow[:, 0].copy(), relative=True)


def test_valid_mask_says_what_outside_does():
    coords = RNG.uniform(-2, 7, (2, 50, 2))
    coords[0, 0, 0] = np.nan
    for frame, order, scale in (("pixel", "xy", 1.0), ("unit", "ij", 0.2), ("edges", "xy", 0.3)):
        options = {"frame": frame, "order": order}
        image = np.ones((1, 1, 5, 6))
        for within in ("edges", "centres"):
            mask = gs.valid_mask(coords * scale, (5, 6), within=within, **options)
            read = gs.sample(
                image, coords * scale, boundary="clamp", outside=0.0, limit=within, nonfinite="outside", **options
            )
            np.testing.assert_array_equal(mask, read[:, 0] == 1)
            assert not mask[0, 0]
    for kernel in ("linear", "cubic", "bspline2", "nearest"):
        mask = gs.valid_mask(coords, (5, 6), within="taps", kernel=kernel)
        read = gs.sample(np.ones((1, 1, 5, 6)), coords, kernel=kernel, boundary="constant", fill=9.0, prefilter=False)
        np.testing.assert_array_equal(mask, np.abs(read[:, 0] - 1) < 1e-9)
    torch = pytest.importorskip("torch")
    assert gs.valid_mask(torch.zeros(3, 1), (4,)).tolist() == [True] * 3
    with pytest.raises(gs.GridSampleError, match="coords of one of the types"):
        gs.valid_mask(np.zeros((3, 1), int), (4,))
    with pytest.raises(gs.GridSampleError, match="D positive lengths"):
        gs.valid_mask(np.zeros((3, 1)), (4, 4))


def test_explain_names_the_backend_and_why():
    from gridsample import plan
    from gridsample.backends import chosen
    from gridsample.options import sample_options

    for kernel, shape, why in (
        ("linear", (1, 1, 4, 4), ""),
        ("bspline5", (1, 1, 4, 4), "6 taps"),
        (("linear", "cubic"), (1, 1, 4, 4), "different kernels"),
        ("linear", (1, 1, 4, 4, 4, 4), "4 spatial axes"),
        ("cubic(-1/3)", (1, 1, 4), "no row of its table"),
    ):
        options = sample_options("sample", kernel, "zero", 0.0, "pixel", "xy", "propagate", None)
        p = plan.make("sample", shape, "float32", (1, 3, len(shape) - 2), "float32", options)
        assert (chosen(p).name == "portable") == bool(why)
        assert chosen(p, "cuda").name == "portable"
        assert why in p.explain().splitlines()[-1]
        assert p.explain().splitlines()[-1].startswith("on the CPU: " + ("portable" if why else "the compiled engine"))
