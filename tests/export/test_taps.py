# SPDX-License-Identifier: Apache-2.0
"""The decomposition, computed by NumPy, against the oracle: every kernel, boundary, frame and rule."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from export_cases import SIZES, points, rules

from gridsample.export.ops import NumpyOps
from gridsample.export.taps import pull
from gridsample.options import Options, grid_sample_options, sample_options
from gridsample.spec import reference
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.frames import FRAMES
from gridsample.spec.kernels import KERNELS


def check(sizes, options: Options, batches=(2, 2), seed=0) -> None:
    rng = np.random.default_rng(seed)
    image = rng.standard_normal((batches[0], 3, *sizes))
    coords = points(rng, batches[1], sizes, options)
    got = pull(NumpyOps(np.float64), image, coords, options)
    np.testing.assert_allclose(got, reference.pull(image, coords, **rules(options)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("axes", SIZES)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_and_boundary(kernel, boundary, axes):
    fill = 1.5 if boundary == "constant" else 0.0
    check(SIZES[axes], sample_options("sample", kernel, boundary, fill, "pixel", "xy", "propagate", None).filtered)


@pytest.mark.parametrize("limit", ["edges", "centres"])
def test_a_kernel_for_each_axis_and_both_limits(limit):
    kernels = ("bspline2", "lanczos3")
    chosen = ("sample", kernels, "mirror", 0.0, "pixel", "xy", "outside", 7.0, None, "tap", limit, False)
    check((4, 8), sample_options(*chosen))


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize(
    ("mode", "padding"), [*product(["nearest", "bilinear", "bicubic"], ["zeros", "border", "reflection"])]
)
def test_torch_names(mode, padding, corners):
    for sizes in (*SIZES.values(), (1, 4), (1, 1, 3)):
        check(sizes, grid_sample_options(mode, padding, corners))


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("order", ["xy", "ij"])
def test_frames_and_orders(frame, order):
    check((4, 8), sample_options("sample", "linear", ("wrap", "mirror"), 0.0, frame, order, "outside", None))


@pytest.mark.parametrize("nonfinite", ["propagate", "outside"])
@pytest.mark.parametrize("boundary", ["constant", "clamp"])
def test_outside_and_nonfinite(nonfinite, boundary):
    fill = -2.0 if boundary == "constant" else 0.0
    check((4, 8), sample_options("sample", "cubic", boundary, fill, "edges", "xy", nonfinite, 7.0))


@pytest.mark.parametrize("batches", [(1, 3), (3, 1), (1, 1), (3, 3)])
def test_a_batch_of_one_stands_for_all(batches):
    check((4, 8), sample_options("sample", "linear", "zero", 0.0, "pixel", "xy", "propagate", None), batches)


@pytest.mark.parametrize("fill", [np.inf, np.nan, 1e30])
def test_fills_that_are_no_small_numbers(fill):
    options = sample_options("sample", "linear", "constant", fill, "pixel", "xy", "outside", None)
    image, coords = np.ones((1, 1, 2, 2)), np.array([[[0.25, 0.25], [0.5, -1.0], [9.0, 9.0]]])
    with np.errstate(invalid="ignore"):  # of what is not chosen
        got = pull(NumpyOps(np.float64), image, coords, options)
    want = reference.pull(image, coords, kernel="linear", boundary="constant", fill=fill)
    np.testing.assert_array_equal(got, want)
