# SPDX-License-Identifier: Apache-2.0
"""The portable backend against the oracle: every kernel x boundary x frame, 1 to 4 axes, every verb and array library.

Positions are computed in the oracle with the same roundings (its ``precision``), so the bounds hold at ties and kinks
too: 1e-12 in float64 and 4e-6 in float32, relative to the image's range, and to the derivatives' for those.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gridsample import plan
from gridsample.backends import portable
from gridsample.backends.portable.prefilter import DENSE, coefficients, reach
from gridsample.options import Options
from gridsample.spec import reference
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.frames import FRAMES
from gridsample.spec.kernels import KERNELS

SIZES = {1: [(7,), (1,)], 2: [(5, 6), (1, 4)], 3: [(4, 3, 5)], 4: [(3, 2, 4, 3)]}
BOUND = {"float32": 4e-6, "float64": 1e-12}
FILL = 0.75


class Numpy:
    def __init__(self):
        from gridsample.frameworks.numpy import space

        self.space = space

    def array(self, x):
        return x

    def run(self, function, *arrays):
        return np.asarray(function(*map(self.array, arrays)))


class Torch(Numpy):
    def __init__(self):
        self.torch = pytest.importorskip("torch")
        from gridsample.frameworks.torch import space

        self.space = space

    def array(self, x):
        return self.torch.from_numpy(np.ascontiguousarray(x))


class Jax(Numpy):
    def __init__(self):
        self.jax = pytest.importorskip("jax")
        from gridsample.frameworks.jax import space

        self.space = space

    def array(self, x):
        assert x.dtype != np.float64
        return self.jax.numpy.asarray(x)

    def run(self, function, *arrays):
        return np.asarray(function(*map(self.array, arrays)))  # tests/api/test_jax.py has them compiled


@pytest.fixture(params=[Numpy, Torch, Jax], ids=["numpy", "torch", "jax"])
def library(request):
    return request.param()


def points_for(sizes, frame, dtype, rng, order="xy"):
    """Points in and around the image, on pixels, half-way ties, exact borders, far away; (2, P, D)."""
    columns = []
    for n in sizes if order == "ij" else reversed(sizes):
        offset, scale, shift = map(float, FRAMES[frame].numbers(n))
        special = np.array([-1.0, -0.5, 0.0, 0.5, n - 1.5, n - 1.0, n - 0.5, float(n), -7.5 * n, 9.0 * n, 3e9])
        x = np.concatenate([rng.uniform(-2 * n - 2, 3 * n + 2, 14), rng.uniform(0, n - 1, 9), rng.permutation(special)])
        columns.append((x - shift) / (scale or 1.0) - offset)
    return np.stack([np.stack(columns, -1), rng.permutation(np.stack(columns, -1))]).astype(dtype)


def check(got, want, bound):
    assert got.shape == want.shape
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
    error = np.max(np.abs(np.nan_to_num(got.astype(np.float64)) - np.nan_to_num(want)), initial=0.0)
    assert error <= bound, f"error {error:.3g} above {bound:.3g}"


def compare(library, sizes, options, dtype, batches=(2, 2), lost=False):
    rng = np.random.default_rng(0)
    image = rng.uniform(-1, 1, (batches[0], 3, *sizes)).astype(dtype)
    coords = points_for(sizes, options.frame, dtype, rng, options.order)[: batches[1]]
    if lost:
        coords[:, ::5, 0] = np.nan
        coords[:, 1::7, -1] = np.inf
        coords[:, 2::7, -1] = -np.inf
    p = plan.make("sample", image.shape, dtype, coords.shape, dtype, options)
    values = rng.uniform(-1, 1, p.out_shape).astype(dtype)
    names = ("fill", "frame", "order", "ties", "fold", "nonfinite", "outside", "limit", "derivative")
    rules = {name: getattr(options, name) for name in names}
    rules |= {"kernel": [a.kernel for a in p.axes], "boundary": [a.boundary for a in p.axes]}
    rules["precision"] = np.dtype(dtype).type
    xp = library.space
    steep = max([1.0, *(a.scale for a in p.axes)])
    rough = max(4 ** sum(options.derivative) * steep ** sum(options.derivative), 1)

    pulled = library.run(lambda a, b: portable.pull(xp, p, a, b), image, coords)
    check(pulled, reference.pull(image, coords, **rules), 2 * BOUND[dtype] * rough)
    jacobian = library.run(lambda a, b: portable.pull_grad(xp, p, a, b), image, coords)
    want = reference.pull_grad(image, coords, **rules)
    check(jacobian, want, 8 * steep * rough * BOUND[dtype])
    pushed = library.run(lambda a, b: portable.push(xp, p, a, b), values, coords)
    check(pushed, reference.push(values, coords, sizes, batch=batches[0], **rules), 16 * rough * BOUND[dtype])
    slope = library.run(lambda a, b, c: portable.backward_coords(xp, p, a, b, c), values, image, coords)
    grad = (want * values[..., None]).sum(1)
    grad = grad if batches[1] == p.batch else grad.sum(0, keepdims=True)
    check(slope, grad, 24 * steep * rough * BOUND[dtype])


def made(kernel="linear", boundary="zero", **options):
    kernels, boundaries = (v if isinstance(v, tuple) else (v,) for v in (kernel, boundary))
    fill = FILL if "constant" in boundaries else 0.0
    ties = KERNELS[kernels[0]].ties if kernels[0] in KERNELS else None
    return Options(kernels, boundaries, fill, **{"ties": ties or "even", **options})


@pytest.mark.parametrize("boundary", sorted(BOUNDARIES))
@pytest.mark.parametrize("kernel", sorted(KERNELS))
def test_numpy_agrees_with_the_oracle(kernel, boundary):
    for axes, dtype in ((1, "float32"), (1, "float64"), (2, "float64")):
        for sizes, frame in itertools.product(SIZES[axes], ("pixel", "corners")):
            compare(Numpy(), sizes, made(kernel, boundary, frame=frame), dtype)


@pytest.mark.parametrize("axes", [3, 4])
@pytest.mark.parametrize("kernel", ["nearest", "linear", "catmull_rom", "bspline2"])
def test_numpy_agrees_in_more_axes(kernel, axes):
    if KERNELS[kernel].taps ** axes > 81:
        axes = 3
    for frame in FRAMES:
        boundaries = ("mirror", "constant", "wrap", "antimirror")[:axes]
        compare(Numpy(), SIZES[axes][0], made(kernel, boundaries, frame=frame), "float64")


OPTIONS = [
    made(("bspline3", "nearest"), ("antireflect", "clamp")),
    made(("lanczos3", "cubic(-3/5)"), ("mirror", "zero"), order="ij"),
    made("linear", "clamp", fold="coordinate", nonfinite="minus_one", frame="edges"),
    made("linear", "reflect", fold="coordinate", nonfinite="minus_one", frame="corners"),
    made("nearest", "mirror", fold="coordinate", nonfinite="outside", frame="edges"),
    made("bspline3", "wrap", fold="coordinate"),
    made("cubic", "constant", outside=-2.5, limit="centres"),
    made("bspline4", "reflect", outside=-2.5, nonfinite="outside"),
    made("nearest", "constant", ties="up"),
    made("bspline3", "antimirror", derivative=(1, 1)),
    made("bspline5", ("constant", "mirror"), derivative=(2, 1), outside=1.0),
    made("lanczos2", "wrap", derivative=(0, 2), frame="unit"),
]


@pytest.mark.parametrize(
    "options",
    OPTIONS,
    ids=lambda o: f"{'+'.join(o.kernel)}-{'+'.join(o.boundary)}-{o.fold}-{''.join(map(str, o.derivative))}",
)
def test_every_option_in_every_library(library, options):
    if isinstance(library, Jax):  # whose compiler takes seconds for each
        if OPTIONS.index(options) % 3 == 0:
            compare(library, (5, 6), options, "float32", lost=True)
        return
    dtype = "float64"
    compare(library, (5, 6), options, dtype, lost=True)
    compare(library, (1, 4), options, dtype, batches=(1, 2))
    compare(library, (5, 6), options, dtype, batches=(2, 1))


@pytest.mark.parametrize("boundary", sorted(BOUNDARIES))
def test_every_boundary_in_torch_and_jax(library, boundary):
    dtype = "float32" if isinstance(library, Jax) else "float64"
    for kernel in ("linear",) if isinstance(library, Jax) else ("linear", "bspline2"):
        compare(library, (4, 5), made(kernel, boundary), dtype)


@pytest.mark.parametrize("boundary", sorted(BOUNDARIES))
@pytest.mark.parametrize("kernel", [name for name, row in KERNELS.items() if row.prefilter])
def test_prefilter_is_the_oracles_on_short_and_long_axes(kernel, boundary):
    rng = np.random.default_rng(0)
    xp = Numpy().space
    dense = max(DENSE, 8 * reach(kernel))  # the longest axis that one matrix serves
    for n in (1, 3, 50, 600, 1111, dense + 1, dense + 150):  # beyond it ends and blocks, the last of which is not full
        image = rng.normal(size=(2, 1, n, 2))
        rules = ((kernel, "linear"), (boundary, "zero" if boundary == "zero" else boundary))
        fill = FILL if boundary == "constant" else 0.0
        got = coefficients(xp, image, *rules, fill)
        np.testing.assert_allclose(got, reference.prefilter(image, *rules, fill), atol=2e-13 * abs(got).max())
        other = rng.normal(size=image.shape)
        forward = coefficients(xp, image, *rules, 0.0)
        adjoint = coefficients(xp, other, *rules, 0.0, adjoint=True)
        np.testing.assert_allclose(np.vdot(forward, other), np.vdot(image, adjoint), rtol=1e-10, atol=1e-8)


def test_prefilter_in_every_library(library):
    dtype = np.float32 if isinstance(library, Jax) else np.float64
    image = np.random.default_rng(0).normal(size=(1, 2, 700, 9)).astype(dtype)
    for boundary in ("mirror", "wrap", "zero"):
        rules = (("bspline3", "bspline5"), (boundary, boundary))
        for adjoint in (False, True):
            got = library.run(lambda a: coefficients(library.space, a, *rules, 0.0, adjoint), image)  # noqa: B023
            want = coefficients(Numpy().space, image.astype(np.float64), *rules, 0.0, adjoint)
            np.testing.assert_allclose(got, want, atol=3e-5 if dtype == np.float32 else 1e-12)
