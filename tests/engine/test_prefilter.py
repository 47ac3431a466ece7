# SPDX-License-Identifier: Apache-2.0
"""The engine's prefilter against the oracle's matrices: kernels, boundaries, layouts, threads, targets; its adjoint."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gridsample._core import engine
from gridsample.backends import cpu
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.reference import collocation

SPLINES = [f"bspline{degree}" for degree in range(2, 8)]
SHAPES = [(1, 5, 1), (2, 37, 5), (3, 20, 70), (40, 18, 2), (1, 1, 300)]


def solved(x, axis, kernel, boundary, adjoint):
    matrix = collocation(x.shape[axis], kernel, boundary)
    matrix = matrix.T if adjoint else matrix
    return np.moveaxis(np.tensordot(np.linalg.inv(matrix), x.astype("f8"), (1, axis)), 0, axis)


@pytest.fixture(params=engine.targets(), autouse=True)
def target(request):
    before = engine.target()
    engine.set_target(request.param)
    yield
    engine.set_target(before)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("kernel", "boundary"), [*itertools.product(SPLINES, BOUNDARIES)])
def test_every_axis_is_solved(kernel, boundary, dtype):
    rng = np.random.default_rng(0)
    bound = 1e-6 if dtype == "f4" else 1e-14
    for shape in SHAPES:
        x = rng.standard_normal(shape).astype(dtype)
        for adjoint in (False, True):
            expected = x
            for axis in range(3):
                expected = solved(expected, axis, kernel, boundary, adjoint)
            results = []
            for threads, source in ((1, x), (2, np.asfortranarray(x)), (4, x[:, ::-1][:, ::-1])):
                out = np.empty(shape[::-1], dtype).T if threads == 4 else np.empty(shape, dtype)
                cpu.prefilter(source, out, (kernel,) * 3, (boundary,) * 3, adjoint, threads)
                results.append(out)
            assert all(np.array_equal(results[0], other) for other in results)
            assert np.abs(results[0] - expected).max() <= bound * np.abs(expected).max()


def test_in_place_long_lines_and_every_place():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((45, 333)).astype("f4")
    out = np.empty_like(x)
    weights = cpu._central("bspline3")
    engine.prefilter(x, out, 1, weights, "mirror", False, 2)
    alone = x[17:18].copy()
    engine.prefilter(alone, alone, 1, weights, "mirror", False, 1)
    assert np.array_equal(alone[0], out[17])
    long = rng.standard_normal((2, 60000))
    found = np.empty_like(long)
    engine.prefilter(long, found, 1, weights, "wrap", False, 2)
    assert np.allclose(np.roll(found, 1, 1) / 6 + found * 4 / 6 + np.roll(found, -1, 1) / 6, long, atol=1e-13)


def test_what_does_not_fit_is_refused():
    x = np.zeros((3, 4), "f4")
    with pytest.raises(ValueError, match="shaped like"):
        engine.prefilter(x, np.zeros((4, 3), "f4"), 0, (0.5, 0.25), "mirror", False, 1)
    with pytest.raises(ValueError, match="axes"):
        engine.prefilter(x, x.copy(), 2, (0.5, 0.25), "mirror", False, 1)
    with pytest.raises(ValueError, match="memory for every"):
        engine.prefilter(
            x, np.lib.stride_tricks.as_strided(np.zeros(4, "f4"), (3, 4), (0, 4)), 0, (0.5, 0.25), "mirror", False, 1
        )
    with pytest.raises(ValueError, match="1 to 3 beside"):
        engine.prefilter(x, x.copy(), 0, (1.0,) * 5, "mirror", False, 1)
    with pytest.raises(ValueError, match="boundary"):
        engine.prefilter(x, x.copy(), 0, (0.5, 0.25), "nowhere", False, 1)
