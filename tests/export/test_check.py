# SPDX-License-Identifier: Apache-2.0
"""check and parity: what they say, and gridsample convert."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from export_models import Reader, Sampler, SpatialTransformer, inputs  # noqa: E402

import gridsample as gs  # noqa: E402
from gridsample.cli import main  # noqa: E402
from gridsample.errors import ArgumentTypeError, OptionError  # noqa: E402
from gridsample.export.adversarial import KINDS, positions  # noqa: E402
from gridsample.export.targets import TARGETS  # noqa: E402


def found(model, arguments, to, **more):
    return {(f.what, f.why.partition(":")[0]) for f in gs.export.check(model, arguments, to=to, **more).findings}


def test_known_failures_are_found():
    volume = inputs(3, False)
    assert any(what == "refused" for what, _ in found(Sampler(), volume, "openvino"))
    assert any("rank 5" in why for _, why in found(Sampler(), volume, "onnx", opset=18))
    assert not any("rank 5" in why for _, why in found(Sampler(), volume, "onnx", opset=20))
    assert any("opset 16" in why for _, why in found(Sampler(), inputs(2, False), "onnx", opset=11))
    cubic = Sampler("bicubic", "zeros")
    assert ("refused", "resample has no bicubic") in found(cubic, inputs(2, False), "coreml")
    reflected = Sampler("nearest", "reflection")
    assert any("rounds before it reflects" in why for _, why in found(reflected, inputs(2, False), "onnx"))
    assert any("no batch axis" in why for _, why in found(Sampler(), inputs(2, False), "ncnn"))


def test_affine_grid_and_own_calls():
    image = torch.rand(1, 1, 24, 24)
    assert any("affine operator" in why for _, why in found(SpatialTransformer(), image, "coreml"))
    for to in TARGETS:
        if to != "ncnn":
            check = gs.export.check(Reader(kernel="cubic"), inputs(2, False), to=to)
            assert not check.ok
            assert "gridsample::pull is unknown" in str(check)


def test_a_spline_s_prefilter_is_no_call_of_its_own():
    check = gs.export.check(Reader(kernel="bspline3", boundary="mirror"), inputs(2, False), to="onnx")
    assert [finding.call for finding in check.findings] == ["2D sample bspline3 mirror"]


def test_a_model_without_sampling_is_fine():
    check = gs.export.check(torch.nn.ReLU(), torch.rand(3), to="onnx")
    assert check.ok
    assert "no sampling calls" in str(check)


def test_what_is_refused():
    with pytest.raises(OptionError, match="did you mean 'coreml'"):
        gs.export.check(Sampler(), inputs(2, False), to="core-ml")
    with pytest.raises(OptionError, match="opset with to='onnx' only"):
        gs.export.check(Sampler(), inputs(2, False), to="coreml", opset=11)
    with pytest.raises(ArgumentTypeError, match="an exported model"):
        gs.export.parity(Sampler())


def test_positions_are_what_their_names_say():
    rng, n = np.random.default_rng(0), np.array([6, 9])
    made = {kind: positions(kind, (200,), n, rng) for kind in KINDS}
    assert (made["ties"] % 1 == 0.5).all()
    assert (np.abs(made["far"]) > n).all()
    assert np.isnan(made["not finite"]).any()
    assert all(np.isfinite(made[kind]).all() for kind in KINDS[:-1])


def saved(tmp_path):
    program = torch.export.export(Sampler("nearest", "reflection").eval(), inputs(2, False))
    torch.export.save(program, tmp_path / "model.pt2")
    return str(tmp_path / "model.pt2")


def test_convert_command(tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    path = saved(tmp_path)
    assert main(["convert", path, "--to", "onnx", "--check"]) == 0
    assert "rounds before it reflects" in capsys.readouterr().out
    assert main(["convert", path, "--to", "onnx", "--opset", "16"]) == 0
    assert "written:" in capsys.readouterr().out
    assert (tmp_path / "model.onnx").is_file()
    assert main(["convert", path, "--to", "onnx", "--opset", "16"]) == 2
    assert "which is there" in capsys.readouterr().err


def test_convert_command_refuses(tmp_path, capsys):
    path = saved(tmp_path)
    for arguments, words in (
        ([path, "--to", "onxx"], "did you mean 'onnx'"),
        ([path, "--to", "coreml", "--opset", "11"], "expected --to onnx"),
        ([path, "--to", "onnx", "-o", "a.pb"], "ending in .onnx"),
        (["model.onnx", "--to", "onnx"], "a .pt2 file"),
        ([str(tmp_path / "none.pt2"), "--to", "onnx"], "a file that is there"),
    ):
        assert main(["convert", *arguments]) == 2
        assert words in capsys.readouterr().err
    (tmp_path / "bad.pt2").write_bytes(b"no program")
    assert main(["convert", str(tmp_path / "bad.pt2"), "--to", "onnx"]) == 2
    assert "torch.export.save" in capsys.readouterr().err
