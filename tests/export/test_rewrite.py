# SPDX-License-Identifier: Apache-2.0
"""The native lowerings, computed by NumPy with the oracle in the operator's place, against the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from export_cases import SIZES, points, rules

from gridsample.errors import OptionError
from gridsample.export.ops import NumpyOps
from gridsample.export.rewrite import pull
from gridsample.export.targets import TARGETS, choose, target
from gridsample.options import grid_sample_options, sample_options
from gridsample.spec import reference
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.kernels import KERNELS


def check(options, sizes, to="coreml", batches=(2, 2), prefer="native"):
    rng = np.random.default_rng(1)
    image, coords = rng.standard_normal((batches[0], 2, *sizes)), points(rng, batches[1], sizes, options)
    lowering = choose(TARGETS[to], len(sizes), options, prefer=prefer)
    got = pull(NumpyOps(np.float64), image, coords, options, lowering)
    want = reference.pull(image, coords, **rules(options))
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-11)
    return lowering.kind


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("to", TARGETS)
def test_every_kernel_and_boundary_on_every_target(to, kernel, boundary):
    fill = 1.5 if boundary == "constant" and to != "ncnn" else 0.0  # which refuses it
    for axes in (2, 3):
        options = sample_options("sample", kernel, boundary, fill, "pixel", "xy", "propagate", None).filtered
        check(options, SIZES[axes], to)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_torch_names(mode, padding, corners):
    options = grid_sample_options(mode, padding, corners)
    for to in TARGETS:
        for sizes in ((4, 8), (2, 4, 5), (1, 4)):
            for prefer in ("native", "rewritten"):
                check(options, sizes, to, prefer=prefer)


def test_outside_batches_and_orders():
    for batches in ((1, 3), (3, 1), (1, 1)):
        options = sample_options("sample", "linear", ("mirror", "clamp"), 0.0, "unit", "ij", "outside", 7.0)
        assert check(options, (4, 8), batches=batches) == "rewritten"


def kind(to, mode, padding, axes=2, **more):
    return choose(TARGETS[to], axes, grid_sample_options(mode, padding, False), **more).kind


def test_the_best_lowering_is_chosen():
    assert kind("onnx", "bilinear", "zeros") == "native"
    assert kind("onnx", "nearest", "reflection") == "rewritten"
    assert kind("onnx", "bilinear", "zeros", opset=15) == "decomposed"
    assert kind("onnx", "bilinear", "zeros", axes=3, opset=18) == "decomposed"
    assert kind("onnx", "bilinear", "zeros", axes=3, opset=20) == "native"
    assert kind("onnx", "bicubic", "zeros", axes=3) == "decomposed"
    assert kind("coreml", "bicubic", "border") == "decomposed"
    assert kind("coreml", "nearest", "wrap") == "rewritten"
    assert kind("coreml", "bilinear", "wrap") == "decomposed"
    assert kind("litert", "bilinear", "zeros") == "decomposed"
    assert kind("executorch", "nearest", "border") == "native"


def test_what_cannot_be_exported_is_refused():
    options = sample_options("sample", "linear", "zero", 0.0, "pixel", "xy", "error", None)
    with pytest.raises(OptionError, match="cannot raise"):
        choose(TARGETS["onnx"], 2, options)
    options = sample_options("sample", "linear", "constant", 2.0, "pixel", "xy", "propagate", None)
    with pytest.raises(OptionError, match="subtract the fill"):
        choose(TARGETS["ncnn"], 2, options)
    options = sample_options("sample", "linear", "zero", 0.0, "pixel", "xy", "propagate", 1.0)
    with pytest.raises(OptionError, match="without comparisons"):
        choose(TARGETS["ncnn"], 2, options)
    more = (None, None, "coordinate")
    for kernel, boundary in (("cubic", "clamp"), ("linear", "wrap")):
        options = sample_options("sample", kernel, boundary, 0.0, "pixel", "xy", "propagate", *more)
        with pytest.raises(OptionError, match="fold='tap' with this kernel and boundary"):
            choose(TARGETS["onnx"], 2, options)
    with pytest.raises(OptionError, match="did you mean 'coreml'"):
        target("gridsample.export", "core_ml")
