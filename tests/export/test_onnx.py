# SPDX-License-Identifier: Apache-2.0
"""ONNX files, run by ONNX Runtime: every cell, at a new opset and at 11; whole networks; what is refused."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from export_models import CELLS, FlowWarp, Reader, Sampler, SpatialTransformer, expected, inputs  # noqa: E402

import gridsample as gs  # noqa: E402
from gridsample.errors import ArgumentTypeError, DtypeError, OptionError  # noqa: E402


def agrees(exported, model, *arguments, tolerance=1e-5):
    (got,) = exported.run(*arguments)
    np.testing.assert_allclose(got, expected(model, *arguments), rtol=0, atol=tolerance)


WITH_GRID_SAMPLE = [cell for cell in CELLS if cell[:2] != (3, "bicubic")]


@pytest.mark.parametrize("lowering", ["native", "rewritten"])
@pytest.mark.parametrize("cell", WITH_GRID_SAMPLE, ids=str)
def test_every_cell_that_grid_sample_has(cell, lowering):
    axes, mode, padding, corners = cell
    model, arguments = Sampler(mode, padding, corners), inputs(axes, corners)
    exported = gs.export.onnx(model, arguments, opset=20, via="trace", lowering=lowering)
    onnx.checker.check_model(exported.model, full_check=True)
    assert exported.operations()["GridSample"] == 1
    agrees(exported, model, *arguments)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_every_cell_at_opset_11(cell):
    axes, mode, padding, corners = cell
    model, arguments = Sampler(mode, padding, corners), inputs(axes, corners)
    exported = gs.export.onnx(model, arguments, opset=11)
    assert exported.model.opset_import[0].version == 11
    assert exported.operations()["GridSample"] == 0
    agrees(exported, model, *arguments)


@pytest.mark.parametrize("opset", [16, 18])
def test_volumes_have_no_grid_sample_before_opset_20(opset):
    exported = gs.export.onnx(Sampler(), inputs(3, False), opset=opset, via="trace")
    assert exported.operations()["GridSample"] == 0
    agrees(exported, Sampler(), *inputs(3, False))


@pytest.mark.parametrize("boundary", ["constant", "wrap", "antireflect", "antimirror"])
def test_boundaries_that_torch_lacks(boundary):
    model = Reader(kernel="cubic", boundary=boundary, fill=1.5 if boundary == "constant" else 0.0, outside=None)
    image, grid = inputs(2, False, finite=True)
    agrees(gs.export.onnx(model, (image, grid * 9), via="trace"), model, image, grid * 9)


@pytest.mark.parametrize(("opset", "axes"), [(18, 2), (20, 3), (22, 2), (24, 3), (25, 2), (26, 3)])
def test_newer_opsets(opset, axes):
    """By torch.export, volumes by their native operator. Every opset, on more cells: docs/deploying/onnx.json."""
    pytest.importorskip("onnxscript")
    model, arguments = Sampler("bilinear", "reflection"), inputs(axes, False)
    exported = gs.export.onnx(model, arguments, opset=opset)
    assert exported.operations()["GridSample"] == 1
    assert [entry.version for entry in exported.model.opset_import if entry.domain == ""] == [opset]
    agrees(exported, model, *arguments)


@pytest.mark.parametrize("via", ["trace", "export"])
def test_splines_are_prefiltered(via):
    """By one product with a constant matrix along each axis: both ways in, volumes, mixed axes, a fill."""
    for how, axes in (
        ({"kernel": "bspline3", "boundary": "mirror"}, 3),
        ({"kernel": ("bspline2", "linear"), "boundary": ("constant", "wrap"), "fill": 2.0}, 2),
    )[: 1 if via == "export" else 2]:
        model, (image, grid) = Reader(**how), inputs(axes, False)
        exported = gs.export.onnx(model, (image, grid * 9), via=via)
        assert exported.operations()["MatMul"] == (3 if axes == 3 else 1)
        agrees(exported, model, image, grid * 9)


def test_a_prefilter_needs_fixed_sizes():
    dim = torch.export.Dim
    model, (image, grid) = Reader(kernel="bspline3", boundary="mirror"), inputs(2, False)
    with pytest.raises(OptionError, match="prefilter the image before it enters the model and pass prefilter=False"):
        gs.export.onnx(model, (image, grid), dynamic_shapes=({2: dim("h")}, None))
    program = torch.export.export(model, (image, grid), dynamic_shapes=({0: dim("n")}, {0: dim("n")}))
    with pytest.raises(OptionError, match="pass the module and dynamic_shapes"):
        gs.export.onnx(program)


def test_a_batch_of_one_and_points_in_a_row():
    model = Reader(kernel="linear", boundary=("mirror", "clamp"), nonfinite="outside", outside=-3.0)
    image, grid = inputs(2, False)
    points = (grid * 9).reshape(2, -1, 2)
    for arguments in ((image[:1], points), (image, points[:1]), (image, points)):
        agrees(gs.export.onnx(model, arguments, via="trace"), model, *arguments)


def test_exported_with_dynamic_sizes():
    pytest.importorskip("onnxscript")
    dim = torch.export.Dim
    model, arguments = Sampler("bicubic", "reflection", own=True), inputs(2, False)
    shapes = ({0: dim("n"), 2: dim("h"), 3: dim("w")}, {0: dim("n"), 1: dim("a"), 2: dim("b")})
    exported = gs.export.onnx(model, arguments, dynamic_shapes=shapes, lowering="decomposed")
    agrees(exported, model, *arguments)
    agrees(exported, model, torch.randn(3, 3, 13, 7), torch.rand(3, 5, 9, 2) * 3 - 1.5)
    large = torch.rand(1, 3, 300, 301), torch.rand(1, 5, 9, 2) * 2 - 1
    agrees(exported, model, *large, tolerance=1e-4)  # positions of 300 pixels, in float32 on both sides


def test_networks():
    torch.manual_seed(0)
    for padding in ("zeros", "reflection"):
        model, image = SpatialTransformer(padding), torch.rand(2, 1, 24, 24)
        agrees(gs.export.onnx(model, image, opset=17), model, image, tolerance=2e-5)
    frames = torch.rand(1, 1, 16, 20), torch.rand(1, 1, 16, 20)
    model = FlowWarp()
    agrees(gs.export.onnx(model, frames, opset=13), model, *frames, tolerance=2e-5)


def test_saved_and_plans(tmp_path):
    from gridsample import plan
    from gridsample.options import sample_options

    options = sample_options("sample", "catmull_rom", "wrap", 0.0, "unit", "ij", "propagate", None)
    call = plan.make("sample", (1, 2, 5, 6), "float32", (1, 7, 2), "float32", options)
    exported = gs.export.onnx(call, opset=13, path=tmp_path / "plan.onnx")
    assert (tmp_path / "plan.onnx").stat().st_size == exported.size()
    report = gs.export.parity(exported)
    report.raise_above(1e-4)  # float32 positions up to 600 pixels away
    assert {row.inputs for row in report.rows} >= {"ties", "far", "not finite"}


def test_parity_finds_what_torch_s_own_export_gets_wrong():
    """The same model as torch itself writes it: nearest and reflection at ties, NaN."""
    import io

    model, arguments = Sampler("nearest", "reflection", False), inputs(2, False)
    file = io.BytesIO()
    torch.onnx.export(model, arguments, file, dynamo=False, opset_version=16)
    plain = gs.export.onnx(model, arguments, opset=16)
    plain.model = onnx.load_from_string(file.getvalue())
    report = gs.export.parity(plain)
    worst = {row.inputs: row.largest for row in report.rows}
    assert worst["ties"] > 0.1
    assert worst["not finite"] > 0.1
    with pytest.raises(AssertionError, match="differences above"):
        report.raise_above(1e-5)


def test_training_mode_is_left_as_it_was():
    model = SpatialTransformer().train()
    gs.export.onnx(model, torch.rand(1, 1, 24, 24), opset=16)
    assert model.training
    assert model.features.training


def test_what_is_refused():
    arguments = inputs(2, False)
    with pytest.raises(OptionError, match="opset 11 to"):
        gs.export.onnx(Sampler(), arguments, opset=9)
    with pytest.raises(OptionError, match="opset 18 or newer with via='export'"):
        gs.export.onnx(Sampler(), arguments, opset=11, via="export")
    with pytest.raises(ArgumentTypeError, match="wrap functions"):
        gs.export.onnx(lambda x: x, arguments)
    with pytest.raises(ArgumentTypeError, match="example_inputs"):
        gs.export.onnx(Sampler())
    with pytest.raises(OptionError, match="cannot raise"):
        gs.export.onnx(Reader(nonfinite="error"), inputs(2, False, finite=True), opset=16)

    class Complex(torch.nn.Module):
        def forward(self, image, grid):
            return torch.nn.functional.grid_sample(image.to(torch.complex64), grid, align_corners=False)

    with pytest.raises(DtypeError, match="floating type"):
        gs.export.onnx(Complex(), arguments, opset=16)
