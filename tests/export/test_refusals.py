# SPDX-License-Identifier: Apache-2.0
"""What a target cannot do is said before its converter is asked, by `check` and by the exporter, with what to do."""

from __future__ import annotations

import importlib
import importlib.util

import pytest

torch = pytest.importorskip("torch")

from export_models import Reader, Sampler, inputs  # noqa: E402

import gridsample as gs  # noqa: E402
from gridsample.errors import ArgumentTypeError, DtypeError, GridSampleError, OptionError, RankError  # noqa: E402
from gridsample.export.targets import OPSETS, TARGETS  # noqa: E402

# Each target's own converter, as its exporter finds it, and the package it comes from.
CONVERTERS = {
    "coreml": ("coremltools", "convert", "coremltools"),
    "onnx": ("torch.onnx", "export", "onnxscript"),
    "openvino": ("openvino", "convert_model", "openvino"),
    "litert": ("litert_torch", "convert", "litert_torch"),
    "executorch": ("executorch.exir", "to_edge_transform_and_lower", "executorch"),
    "ncnn": ("subprocess", "run", "pnnx"),
}


class Complex(torch.nn.Module):
    def forward(self, image, grid):
        return torch.nn.functional.grid_sample(image.to(torch.complex64), grid, align_corners=False)


def complex_input():
    return Reader(kernel="linear"), (torch.rand(1, 1, 4, 5, dtype=torch.complex64), torch.rand(1, 3, 2))


def complex_inside():
    return Complex(), inputs(2, False, 1)


def traced():
    """Of any rank, and what it calls is not seen from outside."""
    model, arguments = Sampler(), inputs(2, False, 1)
    return torch.jit.trace(model, arguments, check_trace=False), arguments


def traced_inside():
    model, arguments = traced()
    return torch.nn.Sequential(model), arguments


def raising():
    return Reader(nonfinite="error"), inputs(2, False, 1, finite=True)


def function():
    return torch.sin, (torch.rand(3),)


def four_axes():
    return Reader(kernel="nearest"), (torch.rand(1, 1, 2, 3, 2, 3), torch.rand(1, 4, 4))


def one_axis():
    return Reader(kernel="linear"), (torch.rand(1, 1, 5), torch.rand(1, 4, 1))


def filled():
    return Reader(kernel="linear", boundary="constant", fill=2.0), inputs(2, False, 1, finite=True)


ALL = [
    (complex_input, DtypeError, "torch.view_as_real"),
    (complex_inside, DtypeError, "torch.view_as_real"),
    (traced, ArgumentTypeError, "the torch.nn.Module it was made from"),
    (traced_inside, ArgumentTypeError, "the torch.nn.Module it was made from"),
    (raising, OptionError, "nonfinite='propagate' or 'outside'"),
    (function, ArgumentTypeError, "wrap functions"),
]
SOME = [
    *((to, four_axes, RankError, "sample over fewer axes at a time") for to in TARGETS),
    ("ncnn", one_axis, RankError, "add an axis of one pixel"),
    ("ncnn", filled, OptionError, "subtract the fill"),
]
REQUESTS = [(to, *request) for to in TARGETS for request in ALL] + SOME


@pytest.fixture
def unasked(monkeypatch):
    """A target's exporter, whose converter must not be reached."""

    def exporter(to):
        module, name, package = CONVERTERS[to]
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}: pip install 'gridsample[{to}]'")

        def reached(*arguments, **options):
            raise AssertionError(f"{module}.{name} was asked")

        monkeypatch.setattr(importlib.import_module(module), name, reached)
        return getattr(gs.export, to)

    return exporter


@pytest.mark.parametrize(("to", "request_of", "error", "do"), REQUESTS, ids=lambda x: getattr(x, "__name__", None))
def test_check_says_it(to, request_of, error, do):
    model, arguments = request_of()
    with pytest.raises(error, match=do):
        gs.export.check(model, arguments, to=to)


@pytest.mark.parametrize(("to", "request_of", "error", "do"), REQUESTS, ids=lambda x: getattr(x, "__name__", None))
def test_the_exporter_says_it_before_the_converter_is_asked(unasked, to, request_of, error, do):
    model, arguments = request_of()
    with pytest.raises(error, match=do):
        unasked(to)(model, arguments)


@pytest.mark.parametrize("to", TARGETS)
def test_a_model_that_is_not_refused_reaches_the_converter(unasked, to):
    with pytest.raises(AssertionError, match="was asked"):
        unasked(to)(Sampler(), inputs(2, False, 1))


@pytest.mark.parametrize(
    ("to", "more", "do"),
    [
        ("ncnn", {}, "once for each size"),
        ("litert", {}, "once for each size"),
        ("onnx", {"via": "trace"}, "via='export'"),
        ("openvino", {"via": "trace"}, "via='export'"),
        ("coreml", {"via": "trace"}, "via='export'"),
    ],
)
def test_dynamic_sizes_where_a_file_has_those_of_its_example(unasked, to, more, do):
    shapes = ({2: torch.export.Dim("h")}, None)
    with pytest.raises(GridSampleError, match=do):
        unasked(to)(Sampler(), inputs(2, False, 1), dynamic_shapes=shapes, **more)


@pytest.mark.parametrize("opset", [10, OPSETS[-1] + 1, True, "20"])
def test_opsets_that_cannot_be_written(unasked, opset):
    for call in (unasked("onnx"), lambda *arguments, opset: gs.export.check(*arguments, to="onnx", opset=opset)):
        with pytest.raises(OptionError, match=f"opset 11 to {OPSETS[-1]}"):
            call(Sampler(), inputs(2, False, 1), opset=opset)


def test_opsets_that_cannot_be_traced(unasked):
    with pytest.raises(OptionError, match="opset 23 or older with via='trace'"):
        unasked("onnx")(Sampler(), inputs(2, False, 1), opset=24, via="trace")


def test_tensors_of_any_rank_in_plain_coremltools():
    """Which converts what no example was given for."""
    ct = pytest.importorskip("coremltools")
    from coremltools.converters.mil import Builder as mb
    from coremltools.converters.mil.mil import Function, get_new_variadic_symbol

    from gridsample.export.coreml_ops import pull_mil
    from gridsample.options import grid_sample_options

    any_rank = (get_new_variadic_symbol(),)
    shapes = {"x": mb.placeholder(any_rank), "g": mb.placeholder((1, 4, 5, 2))}
    with (
        Function(shapes, opset_version=ct.target.iOS16) as function,
        pytest.raises(RankError, match="give the inputs shapes"),
    ):
        pull_mil(function.inputs["x"], function.inputs["g"], grid_sample_options("bilinear", "zeros", False), "y")
