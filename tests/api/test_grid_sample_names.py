# SPDX-License-Identifier: Apache-2.0
"""`grid_sample` with every kernel and boundary of ours by name, in 1 to 3 axes, against the oracle."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import gridsample as gs
from gridsample.spec import reference
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.kernels import KERNELS

SIZES = {1: (7,), 2: (5, 6), 3: (3, 4, 5)}
TORCHS = {"border": "clamp", "zeros": "zero", "bilinear": "linear", "bicubic": "cubic"}


def arrays(axes):
    rng = np.random.default_rng(axes)
    return rng.normal(size=(2, 2, *SIZES[axes])), rng.uniform(-1.9, 1.9, (2, *(1,) * (axes - 1), 40, axes))


def check(axes, mode, padding, corners):
    image, grid = arrays(axes)
    rules = {"kernel": TORCHS.get(mode, mode), "boundary": TORCHS.get(padding, padding)}
    frame = "corners" if corners else "edges"
    coefficients = reference.prefilter(image, **rules) if KERNELS[rules["kernel"]].prefilter else image
    want = reference.pull(coefficients, grid, frame=frame, nonfinite="minus_one", **rules)
    np.testing.assert_allclose(gs.grid_sample(image, grid, mode, padding, corners), want, atol=1e-12)
    tensors = torch.from_numpy(image), torch.from_numpy(grid)
    np.testing.assert_allclose(gs.grid_sample(*tensors, mode, padding, corners), want, atol=1e-12)


@pytest.mark.parametrize(("kernel", "boundary"), [*itertools.product(KERNELS, BOUNDARIES)])
def test_every_kernel_with_every_boundary(kernel, boundary):
    for axes, corners in ((1, True), (2, False)):
        check(axes, kernel, boundary, corners)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("kernel", ["nearest", "smoothstep", "cubic", "bspline2"])
def test_volumes(kernel, boundary):
    check(3, kernel, boundary, False)


@pytest.mark.parametrize(("mode", "padding"), [("bspline3", "border"), ("bicubic", "wrap"), ("bilinear", "antimirror")])
def test_torchs_names_beside_ours(mode, padding):
    for axes in SIZES:
        check(axes, mode, padding, True)
