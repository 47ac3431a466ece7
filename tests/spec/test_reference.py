# SPDX-License-Identifier: Apache-2.0
"""The oracle's own rules: shapes, adjointness, derivatives, holes, outside, NaN, ties; and SciPy in any dimension."""

import numpy as np
import pytest

from gridsample.spec import reference
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.kernels import KERNELS

NAN, INF = np.nan, np.inf
IMAGE = np.array([[[10.0, 20.0, 40.0, 80.0]]])


def at(x, image=IMAGE, verb=reference.pull, **rules):
    """The values at positions x of a one-dimensional image."""
    return verb(image, np.asarray(x, float).reshape(1, -1, 1), **rules)[0, 0]


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("shape", [(5,), (4, 3), (3, 1, 4), (2, 3, 2, 3)], ids=lambda shape: f"{len(shape)}D")
def test_push_is_the_adjoint_and_pull_grad_the_derivative(kernel, boundary, shape):
    rng = np.random.default_rng(0)
    axes = len(shape)
    image, values = rng.normal(size=(2, 2, *shape)), rng.normal(size=(2, 2, 3, 5))
    g = rng.uniform(-2, 2, (2, 3, 5, axes))
    rules = {"kernel": kernel, "boundary": boundary, "frame": "edges", "order": "ij"}
    pulled = reference.pull(image, g, **rules)
    assert pulled.shape == (2, 2, 3, 5)
    np.testing.assert_allclose(np.vdot(pulled, values), np.vdot(image, reference.push(values, g, shape, **rules)))

    jacobian = reference.pull_grad(image, g, **rules, fill=3.0)
    assert jacobian.shape == (2, 2, 3, 5, axes)
    h = 1e-6
    for j in {0, axes - 1}:
        step = h * np.eye(axes)[j]
        rise = reference.pull(image, g + step, **rules, fill=3.0) - reference.pull(image, g - step, **rules, fill=3.0)
        if kernel != "nearest":  # whose jumps finite differences see and derivatives do not
            np.testing.assert_allclose(rise / (2 * h), jacobian[..., j], atol=1e-6)
    if kernel == "nearest":
        assert not jacobian.any()


@pytest.mark.parametrize(
    ("boundary", "mode"),
    [
        ("constant", "grid-constant"),
        ("clamp", "nearest"),
        ("reflect", "reflect"),
        ("mirror", "mirror"),
        ("wrap", "grid-wrap"),
    ],
)
@pytest.mark.parametrize("shape", [(6,), (5, 4), (3, 4, 2), (2, 3, 2, 3)], ids=lambda shape: f"{len(shape)}D")
def test_scipy_agrees_in_pixels_and_any_dimension(boundary, mode, shape):
    ndimage = pytest.importorskip("scipy.ndimage")
    rng = np.random.default_rng(1)
    image = rng.normal(size=shape)
    coords = np.concatenate([rng.uniform(-9, 9, (150, len(shape))), rng.integers(-9, 9, (50, len(shape)))])
    ours = reference.pull(image[None, None], coords[None], boundary=boundary, fill=-2.0, order="ij")
    theirs = ndimage.map_coordinates(image, coords.T, order=1, mode=mode, cval=-2.0)
    np.testing.assert_allclose(ours[0, 0], theirs, atol=1e-12)


def test_orders_and_boundaries_per_axis():
    image = np.arange(12.0).reshape(1, 1, 3, 4)
    assert reference.pull(image, np.array([[[3.0, 1.0]]]), order="xy") == image[0, 0, 1, 3]
    assert reference.pull(image, np.array([[[1.0, 3.0]]]), order="ij") == image[0, 0, 1, 3]
    # memory order, whatever the order of the coordinates: rows clamp, columns wrap
    assert reference.pull(image, np.array([[[5.0, 9.0]]]), boundary=("clamp", "wrap"), order="xy") == image[0, 0, 2, 1]
    jacobian = reference.pull_grad(image, np.array([[[1.5, 0.5]]]), order="xy")
    assert jacobian.ravel().tolist() == [1.0, 4.0]


def test_batches_of_one_stand_for_all_and_sum():
    rng = np.random.default_rng(2)
    image, coords, values = rng.normal(size=(3, 2, 4, 5)), rng.uniform(0, 3, (3, 6, 2)), rng.normal(size=(3, 2, 6))
    every = [reference.pull(image[:1], coords[k : k + 1]) for k in range(3)]
    assert np.array_equal(reference.pull(image[:1], coords), np.concatenate(every))
    every = [reference.pull(image[k : k + 1], coords[:1]) for k in range(3)]
    assert np.array_equal(reference.pull(image, coords[:1]), np.concatenate(every))
    pushed = reference.push(values, coords, (4, 5))
    np.testing.assert_allclose(reference.push(values, coords, (4, 5), batch=1), pushed.sum(0, keepdims=True))
    assert reference.push(values, coords[:1], (4, 5)).shape == pushed.shape


@pytest.mark.parametrize(("points", "result"), [((0, 5, 2), (0, 1, 5)), ((2, 0, 3, 2), (2, 1, 0, 3)), ((2, 2), (2, 1))])
def test_empty_outputs_and_single_points(points, result):
    image = np.ones((points[0], 1, 3, 4))
    assert reference.pull(image, np.zeros(points)).shape == result
    assert reference.pull_grad(image, np.zeros(points)).shape == (*result, 2)
    assert reference.push(np.ones(result), np.zeros(points), (3, 4)).shape == image.shape


def test_holes_read_the_fill_and_never_a_pixel():
    assert at([-1, -0.5, 3.5, 9], boundary="constant", fill=2.0).tolist() == [2.0, 6.0, 41.0, 2.0]
    assert at([-1, -0.5, 3.5, 9], boundary="zero", fill=2.0).tolist() == [0.0, 5.0, 40.0, 0.0]
    assert at([-1, 4], boundary="antimirror", kernel="nearest", fill=2.0).tolist() == [0.0, 0.0]
    poisoned = np.full((1, 1, 4), NAN)
    assert at([-1.5, -9, 4, 1e30], poisoned, boundary="constant", fill=2.0).tolist() == [2.0] * 4
    assert at([-0.75], poisoned, boundary="clamp", outside=5.0).tolist() == [5.0]
    # a pixel that is read counts even with weight 0, as in torch
    assert np.isnan(at([-1.0], poisoned, boundary="constant", fill=2.0)).all()


def test_a_point_all_of_whose_taps_are_holes_is_exactly_the_fill():
    fill = 0.1
    for kernel in KERNELS:
        values = at(
            np.linspace(-50, -max(KERNELS[kernel].taps - 1, 3), 200), kernel=kernel, boundary="constant", fill=fill
        )
        assert set(values.tolist()) == {fill}
        assert not at(
            np.linspace(-50, -max(KERNELS[kernel].taps - 1, 3), 200),
            kernel=kernel,
            boundary="constant",
            fill=fill,
            verb=reference.pull_grad,
        ).any()


def test_outside_judges_the_centre_and_taps_follow_the_boundary():
    x = [-0.6, -0.5, -0.25, 3.5, 3.6, INF]
    assert at(x, boundary="clamp", outside=-1.0).tolist() == [-1.0, 10.0, 10.0, 80.0, -1.0, -1.0]
    assert at(x, boundary="wrap", outside=-1.0, verb=reference.pull_grad)[:, 0].tolist() == [
        0.0,
        -70,
        -70,
        -70,
        0.0,
        0.0,
    ]


def test_positions_saturate():
    three = IMAGE[..., :3]
    for boundary, far in (("clamp", [10.0, 40.0]), ("wrap", [40.0, 20.0]), ("zero", [0.0, 0.0])):
        for huge in (2.0**30, 2e12, 1e300, INF):
            assert at([-huge, huge], three, boundary=boundary).tolist() == far  # 2^30 mod 3 = 1, 2e12 mod 3 = 2
    # an axis of scale 0 has but one position
    assert at([-INF, INF], IMAGE[..., :1], frame="corners").tolist() == [10.0, 10.0]


def test_nan_is_minus_one():
    two = np.arange(12.0).reshape(1, 1, 3, 4)
    coords = np.array([[[NAN, 0.2], [-1.0, 0.2]]])
    rules = {"frame": "corners", "nonfinite": "minus_one"}
    nan, minus_one = reference.pull(two, coords, **rules)[0, 0]
    assert nan == minus_one
    jacobian = reference.pull_grad(two, coords, **rules)[0, 0]
    assert jacobian[0].tolist() == [0.0, jacobian[1, 1]]  # nothing along the NaN, the other as ever
    pushed = [reference.push(np.ones((1, 1, 1)), coords[:, [k]], (3, 4), **rules) for k in (0, 1)]
    assert np.array_equal(*pushed)


@pytest.mark.parametrize("rules", [{"nonfinite": "propagate"}, {"nonfinite": "outside"}])
def test_lost_points_have_no_gradient_and_are_not_splatted(rules):
    two, coords = np.ones((1, 1, 3, 4)), np.array([[[NAN, 1.0]]])
    assert not reference.pull_grad(two, coords, boundary="wrap", **rules).any()
    assert not reference.push(np.ones((1, 1, 1)), coords, (3, 4), boundary="wrap", **rules).any()


def test_nan_propagates_or_is_outside():
    x = [NAN, INF, -INF, 1.0]
    assert np.array_equal(at(x, boundary="clamp"), [NAN, 80, 10, 20], equal_nan=True)
    assert np.array_equal(at(x, boundary="clamp", outside=7.0), [NAN, 7, 7, 20], equal_nan=True)
    assert at(x, boundary="clamp", nonfinite="outside", fill=3.0).tolist() == [0, 0, 0, 20]
    assert at(x, boundary="constant", nonfinite="outside", fill=3.0).tolist() == [3, 3, 3, 20]
    assert at(x, boundary="clamp", nonfinite="outside", outside=7.0).tolist() == [7, 7, 7, 20]


def test_ties():
    x = [-1.5, -0.5, 0.5, 1.5, 2.5, 3.5]
    assert at(x, kernel="nearest", boundary="zero").tolist() == [0, 10, 10, 40, 40, 0]
    assert at(x, kernel="nearest", boundary="zero", ties="up").tolist() == [0, 10, 20, 40, 80, 0]
    assert at([np.nextafter(0.5, 0)], kernel="nearest", ties="up").tolist() == [10]


def test_folding_the_position_differs_from_folding_taps_only_at_ties_and_kinks():
    x = np.random.default_rng(3).uniform(-20, 20, 500)
    for boundary in ("clamp", "reflect", "mirror"):
        for kernel in ("nearest", "linear"):
            taps, position = (at(x, kernel=kernel, boundary=boundary, fold=fold) for fold in ("tap", "coordinate"))
            np.testing.assert_allclose(taps, position, atol=1e-9)
    kinks = [-0.5, -0.25, 0.0, 3.0, 3.25]
    assert not at(kinks, boundary="reflect", fold="coordinate", verb=reference.pull_grad).any()
    assert at([-0.5, 3.0], boundary="clamp", verb=reference.pull_grad).ravel().tolist() == [0.0, 0.0]
    assert at([0.0], boundary="clamp", verb=reference.pull_grad).ravel().tolist() == [10.0]
    assert at([4.5], boundary="mirror", fold="coordinate", verb=reference.pull_grad).ravel().tolist() == [-20.0]


@pytest.mark.parametrize("name", ["reflect", "mirror", "wrap", "antireflect", "antimirror"])
def test_periodic_rules_repeat(name):
    period = {"reflect": 8, "mirror": 6, "wrap": 4, "antireflect": 8, "antimirror": 10}[name]
    x = np.linspace(-3, 6, 37)
    for kernel in KERNELS:
        one, other = (at(x + shift, kernel=kernel, boundary=name) for shift in (0, 3 * period))
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_complex_images():
    image = IMAGE + 1j * IMAGE[..., ::-1]
    values = at([0.5], image)
    assert values == 15 + 60j


SPLINES = [name for name, row in KERNELS.items() if row.prefilter]


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("kernel", SPLINES)
def test_prefiltered_coefficients_return_the_pixels(kernel, boundary):
    rng = np.random.default_rng(0)
    for shape in ((1,), (2,), (9,), (5, 4), (3, 1, 6)):
        image = rng.normal(size=(2, 1, *shape))
        centres = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)[None].astype(float)
        rules = {"kernel": kernel, "boundary": boundary, "fill": 0.75}
        coefficients = reference.prefilter(image, **rules)
        np.testing.assert_allclose(reference.pull(coefficients, centres, order="ij", **rules), image, atol=1e-11)


@pytest.mark.parametrize(("boundary", "mode"), [("mirror", "mirror"), ("reflect", "reflect"), ("wrap", "grid-wrap")])
@pytest.mark.parametrize("degree", [2, 3, 4, 5])
def test_prefilter_is_scipys(degree, boundary, mode):
    ndimage = pytest.importorskip("scipy.ndimage")
    image = np.random.default_rng(0).normal(size=(1, 1, 30, 17))
    want = ndimage.spline_filter(image[0, 0], order=degree, mode=mode)
    got = reference.prefilter(image, f"bspline{degree}", boundary)[0, 0]
    np.testing.assert_allclose(got, want, atol=1e-12)


@pytest.mark.parametrize("kernel", ["smoothstep", "catmull_rom", "bspline2", "bspline5", "lanczos3", "cubic(-3/5)"])
def test_derivatives_of_any_order_and_kernels_per_axis(kernel):
    rng = np.random.default_rng(0)
    image, g = rng.normal(size=(1, 2, 6, 5)), rng.uniform(-1, 5, (1, 20, 2))
    g = np.floor(g) + 0.1 + 0.3 * (g % 1) + np.where(rng.random(g.shape) < 0.5, 0.5, 0)  # away from the kinks
    rules = {"kernel": (kernel, "catmull_rom"), "boundary": ("mirror", "constant"), "fill": 2.0, "order": "ij"}
    h = 1e-5
    for orders in ((0, 0), (1, 0), (1, 1), (2, 1)):
        for d in (0, 1):
            above = [m + (e == d) for e, m in enumerate(orders)]
            step = h * np.eye(2)[d]
            rise = reference.pull(image, g + step, **rules, derivative=orders)
            rise -= reference.pull(image, g - step, **rules, derivative=orders)
            want = reference.pull(image, g, **rules, derivative=above)
            np.testing.assert_allclose(rise / (2 * h), want, atol=2e-6 * max(1, abs(want).max()))
            jacobian = reference.pull_grad(image, g, **rules, derivative=orders)
            np.testing.assert_allclose(jacobian[..., d], want, atol=1e-12)


def test_limits_of_outside():
    x = [-0.6, -0.4, 0.0, 3.0, 3.4, 3.6]
    assert (at(x, boundary="clamp", outside=7.0) == 7).tolist() == [True, False, False, False, False, True]
    assert (at(x, boundary="clamp", outside=7.0, limit="centres") == 7).tolist() == [
        True,
        True,
        False,
        False,
        True,
        True,
    ]
