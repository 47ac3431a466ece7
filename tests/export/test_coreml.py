# SPDX-License-Identifier: Apache-2.0
"""Core ML programs. On a Mac they are predicted with; elsewhere coremltools' own value inference evaluates them.

Every operation is evaluated by coremltools, NumPy code that folds constants, but those in `replay.OURS`: `resample`, of
which only our reading of its documentation is used, so native cells are also checked attribute by attribute; and `conv`
and `max_pool` of the whole networks, which torch computes.
"""

from __future__ import annotations

import os
import platform

import numpy as np
import pytest

torch = pytest.importorskip("torch")
ct = pytest.importorskip("coremltools")
mb = pytest.importorskip("coremltools.converters.mil").Builder

from coremltools.converters.mil.mil import Function  # noqa: E402
from export_models import CELLS, FlowWarp, Reader, Sampler, SpatialTransformer, expected, inputs  # noqa: E402

import gridsample as gs  # noqa: E402
from gridsample.errors import DtypeError, OptionError  # noqa: E402
from gridsample.export import coreml as exporter  # noqa: E402
from gridsample.export.mil_ops import EXACT, MilOps, MilValue  # noqa: E402
from gridsample.export.replay import replay  # noqa: E402
from gridsample.export.rewrite import pull  # noqa: E402
from gridsample.export.targets import TARGETS, choose  # noqa: E402
from gridsample.options import grid_sample_options, sample_options  # noqa: E402

MAC = platform.system() == "Darwin"


def folded(image, coords, options, prefer="native"):
    """The value of our MIL on constants, folded by coremltools alone while it is built."""
    lowering = choose(TARGETS["coreml"], image.ndim - 2, options, prefer=prefer)
    with Function({}, opset_version=ct.target.iOS16):
        image, coords = (MilValue(mb.const(val=x), exact) for x, exact in ((image, False), (coords, True)))
        return pull(MilOps(), image, coords, options, lowering).var.val


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_every_cell_decomposed_by_coremltools_value_inference(cell):
    axes, mode, padding, corners = cell
    image, grid = inputs(axes, corners)
    got = folded(image.numpy(), grid.numpy(), grid_sample_options(mode, padding, corners), "decomposed")
    np.testing.assert_allclose(got, expected(Sampler(mode, padding, corners), image, grid), rtol=0, atol=1e-5)


@pytest.mark.parametrize("boundary", ["constant", "wrap", "antireflect", "antimirror"])
@pytest.mark.parametrize("kernel", ["nearest", "linear", "smoothstep", "mitchell"])
def test_what_torch_lacks_by_coremltools_value_inference(kernel, boundary):
    how = {"kernel": kernel, "boundary": boundary, "fill": 2.0 if boundary == "constant" else 0.0, "outside": None}
    image, grid = inputs(2, False)
    options = sample_options("sample", kernel, boundary, how["fill"], "pixel", "xy", "propagate", None)
    got = folded(image.numpy(), 9 * grid.numpy(), options, "decomposed")
    np.testing.assert_allclose(got, expected(Reader(**how), image, 9 * grid), rtol=0, atol=1e-5)


# Converted by coremltools, through all its passes: a cell of every lowering, kernel and number of axes, both ways in
CONVERTED = [
    (2, "nearest", "reflection", False, "export"),
    (2, "nearest", "zeros", True, "trace"),
    (2, "bilinear", "zeros", False, "export"),
    (2, "bilinear", "border", True, "trace"),
    (2, "bilinear", "reflection", True, "trace"),
    (2, "bicubic", "reflection", False, "trace"),
    (3, "nearest", "reflection", True, "export"),
    (3, "bilinear", "zeros", False, "trace"),
    (3, "bilinear", "reflection", True, "export"),
    (2, "bilinear", "wrap", False, "export"),
]
ALL = os.environ.get("GRIDSAMPLE_SLOW") == "1"
SLOW = [(a, m, p, c, via) for a, m, p, c in CELLS for via in ("export", "trace")] if ALL else []


def agrees(exported, model, *arguments, tolerance):
    (got,) = exported.run(*arguments)
    np.testing.assert_allclose(got, expected(model, *arguments), rtol=0, atol=tolerance)


@pytest.mark.parametrize("cell", CONVERTED, ids=str)
def test_converted(cell):
    converts(cell, "iOS16")


@pytest.mark.slow
@pytest.mark.parametrize("system", ["iOS15", "iOS16", "iOS17", "iOS18"])
@pytest.mark.parametrize("cell", SLOW, ids=str)
def test_every_cell_converted(cell, system):
    converts(cell, system)


def converts(cell, system):
    axes, mode, padding, corners, via = cell
    model, arguments = Sampler(mode, padding, corners), inputs(axes, corners)
    exported = gs.export.coreml(model, arguments, via=via, precision="float32", system=system)
    agrees(exported, model, *arguments, tolerance=1e-5)
    if not MAC:
        native = exported.calls[0].lowering.kind != "decomposed"
        assert dict(exported.last.by_us) == ({"resample": 1} if native else {})
    assert not {"affine", "gather_nd"} & set(exported.operations())


@pytest.mark.parametrize("corners", [False, True])
def test_attributes_of_native_cells(corners):
    """`resample` is never asked what its documentation leaves open."""
    wanted = {
        ("bilinear", "zeros"): ("native", "bilinear", "constant", "normalized_minus_one_to_one"),
        ("bilinear", "border"): ("native", "bilinear", "border", "normalized_minus_one_to_one"),
        ("bilinear", "reflection"): ("rewritten", "bilinear", "border", "unnormalized"),
        ("nearest", "zeros"): ("rewritten", "nearest", "constant", "unnormalized"),
        ("nearest", "border"): ("rewritten", "nearest", "border", "unnormalized"),
        ("nearest", "reflection"): ("rewritten", "nearest", "border", "unnormalized"),
    }
    for (mode, padding), (kind, sampling, outside, frame) in wanted.items():
        options = grid_sample_options(mode, padding, corners)
        lowering = choose(TARGETS["coreml"], 2, options)
        assert lowering.kind == kind
        shapes = {"x": mb.placeholder((2, 3, 9, 17)), "g": mb.placeholder((2, 4, 5, 2))}
        with Function(shapes, opset_version=ct.target.iOS16) as function:
            x, g = (MilValue(function.inputs[name], exact) for name, exact in (("x", False), ("g", True)))
            value = pull(MilOps(), x, g, options, lowering).var
        (op,) = [op for op in function.operations if op.op_type == "resample"]
        assert op.outputs[0] is value
        assert value.shape == (2, 3, 4, 5)
        assert (op.sampling_mode.val, op.padding_mode.val, op.coordinates_mode.val) == (sampling, outside, frame)
        assert op.padding_value.val == 0.0
        assert bool(op.align_corners.val) == (corners or kind == "rewritten")
        assert op.name.startswith(EXACT)


def test_plain_coremltools_picks_it_up():
    """`coremltools.convert` itself, with its defaults, after the import: affine_grid and exact coordinates."""
    model, image = SpatialTransformer("reflection"), torch.rand(1, 1, 24, 24)
    program = torch.export.export(model.eval(), (image,)).run_decompositions({})
    plain = ct.convert(program, minimum_deployment_target=ct.target.iOS17, skip_model_load=not MAC)
    function = plain._mil_program.functions["main"]
    kinds = [op.op_type for op in function.operations]
    assert kinds.count("resample") == 1
    assert "affine" not in kinds
    (op,) = [op for op in function.operations if op.op_type == "resample"]
    assert types_of(op.coordinates) == "fp32"
    if not MAC:
        done = replay(function, {next(iter(function.inputs)): image.numpy()}, ct.target.iOS17)
        # the network that finds the map is in float16, as asked: 1e-3 of theta moves it by some hundredths of a pixel
        np.testing.assert_allclose(done.outputs[0], expected(model, image), rtol=0, atol=5e-2)


def types_of(var) -> str:
    from coremltools.converters.mil.mil import types

    return types.builtin_to_string(var.dtype)


@pytest.mark.parametrize("via", ["export", "trace"])
def test_splines_are_prefiltered(via):
    model, (image, grid) = Reader(kernel="bspline3", boundary="mirror"), inputs(2, False)
    exported = gs.export.coreml(model, (image, grid * 9), precision="float32", via=via)
    assert exported.operations()["matmul"] == 2
    agrees(exported, model, image, grid * 9, tolerance=1e-5)


def test_networks():
    torch.manual_seed(0)
    model, image = SpatialTransformer(), torch.rand(2, 1, 24, 24)
    agrees(gs.export.coreml(model, image, precision="float32", via="trace"), model, image, tolerance=2e-5)
    frames = torch.rand(1, 1, 16, 20), torch.rand(1, 1, 16, 20)
    model = FlowWarp()
    agrees(gs.export.coreml(model, frames, precision="float32"), model, *frames, tolerance=2e-5)


def test_saved_and_loaded_again(tmp_path):
    model, arguments = Sampler("bicubic", "reflection", own=True), inputs(2, False)
    exported = gs.export.coreml(model, arguments, precision="float32", path=tmp_path / "m.mlpackage")
    assert exported.size() > 1000
    if MAC:
        return
    from coremltools.converters.mil.frontend.milproto import load

    again = ct.models.MLModel(str(tmp_path / "m.mlpackage"), skip_model_load=True)
    spec = again.get_spec()
    program = load.load(spec, specification_version=spec.specificationVersion, file_weights_dir=again.weights_dir)
    function = program.functions["main"]
    named = dict(zip(function.inputs, [x.numpy() for x in arguments], strict=True))
    done = replay(function, named, ct.target.iOS16)
    np.testing.assert_allclose(done.outputs[0], expected(model, *arguments), rtol=0, atol=1e-5)


def test_what_is_refused(tmp_path):
    arguments = inputs(2, False)
    with pytest.raises(OptionError, match="did you mean 'float32'"):
        gs.export.coreml(Sampler(), arguments, precision="float3")
    with pytest.raises(OptionError, match="system"):
        gs.export.coreml(Sampler(), arguments, system="iOS14")
    with pytest.raises(gs.GridSampleError, match="ending in"):
        exporter(Sampler(), arguments, path=tmp_path / "m.onnx")

    class Complex(torch.nn.Module):
        def forward(self, image, grid):
            return torch.nn.functional.grid_sample(image.to(torch.complex64), grid, align_corners=False)

    with pytest.raises(DtypeError, match="floating type"):
        gs.export.coreml(Complex(), arguments)
