# SPDX-License-Identifier: Apache-2.0
"""OpenVINO, ExecuTorch, LiteRT and ncnn, run for real where they are installed; GRIDSAMPLE_SLOW=1 runs every cell."""

from __future__ import annotations

import importlib.util
import os

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from export_models import CELLS, FlowWarp, Reader, Sampler, SpatialTransformer, expected, inputs  # noqa: E402

import gridsample as gs  # noqa: E402
from gridsample.cli import main  # noqa: E402
from gridsample.cli.convert import SUFFIX  # noqa: E402
from gridsample.export.lower import FloatOps, Lowerer  # noqa: E402
from gridsample.export.targets import TARGETS  # noqa: E402

PACKAGES = {"openvino": "openvino", "executorch": "executorch", "litert": "litert_torch", "ncnn": "pnnx"}
SOME = [
    (2, "nearest", "reflection", False),
    (2, "bilinear", "zeros", False),
    (2, "bicubic", "reflection", True),
    (3, "bilinear", "border", False),
    (3, "nearest", "zeros", True),
]
ALL = os.environ.get("GRIDSAMPLE_SLOW") == "1"


@pytest.fixture(params=PACKAGES)
def to(request):
    if importlib.util.find_spec(PACKAGES[request.param]) is None:
        pytest.skip(f"needs {PACKAGES[request.param]}: pip install 'gridsample[{request.param}]'")
    return request.param


def agrees(exported, model, *arguments, tolerance=1e-5):
    for got in exported.run(*arguments):
        np.testing.assert_allclose(got, expected(model, *arguments), rtol=0, atol=tolerance)


@pytest.mark.parametrize("cell", CELLS if ALL else SOME, ids=str)
def test_cells(to, cell):
    axes, mode, padding, corners = cell
    alone = to == "ncnn"  # no batch, and NaN is not guarded against
    model, arguments = Sampler(mode, padding, corners), inputs(axes, corners, 1 if alone else 2, finite=alone)
    agrees(getattr(gs.export, to)(model, arguments), model, *arguments)


def test_taps_folded_one_by_one(to):
    """Remainders of negative indices, which ExecuTorch 1.5.1 takes as C does."""
    alone = to == "ncnn"
    model, arguments = Sampler("bicubic", "reflection", True), inputs(2, True, 1 if alone else 2, finite=alone)
    agrees(getattr(gs.export, to)(model, arguments, lowering="decomposed"), model, *arguments)


def test_far_away_where_no_size_is_a_power_of_two(to):
    """Infinite coordinates saturate at 2^30 pixels: OpenVINO 2026.4.1's remainder of integers is of float32."""
    image, grid = torch.randn(1, 2, 7, 12), torch.rand(1, 4, 5, 2) * 3 - 1.5
    if to != "ncnn":  # whose indices are floats
        grid.view(-1)[:6] = torch.tensor([float("inf"), -float("inf"), 3e9, -1e20, float("nan"), 12345.5])
    for corners in (False, True):
        model = Sampler("nearest", "reflection", corners)
        agrees(getattr(gs.export, to)(model, (image, grid), lowering="decomposed"), model, image, grid)


@pytest.mark.parametrize("rules", [("bspline3", "mirror"), ("bspline2", "zero")], ids=str)
def test_splines_are_prefiltered(to, rules):
    alone = to == "ncnn"
    model = Reader(kernel=rules[0], boundary=rules[1])
    image, grid = inputs(2, False, 1 if alone else 2, finite=alone)
    agrees(getattr(gs.export, to)(model, (image, grid * 9)), model, image, grid * 9)


def test_convert_command(to, tmp_path, capsys):
    """A saved program, converted, compared on adversarial inputs, and written."""
    program = torch.export.export(Sampler("bilinear", "border").eval(), inputs(2, False, 1, finite=True))
    torch.export.save(program, tmp_path / "model.pt2")
    assert main(["convert", str(tmp_path / "model.pt2"), "--to", to]) == 0
    said = capsys.readouterr().out
    assert "ties" in said
    assert ("not finite" in said) == (to != "ncnn")
    assert "written:" in said
    assert (tmp_path / f"model{SUFFIX[to]}").stat().st_size > 0


def test_networks(to):
    torch.manual_seed(0)
    model, image = SpatialTransformer("border"), torch.rand(1, 1, 24, 24)
    agrees(getattr(gs.export, to)(model, image), model, image, tolerance=5e-5)
    frames = torch.rand(1, 1, 16, 20), torch.rand(1, 1, 16, 20)
    model = FlowWarp()
    agrees(getattr(gs.export, to)(model, frames), model, *frames, tolerance=5e-5)


def test_files(to, tmp_path):
    exported = getattr(gs.export, to)(Sampler(), inputs(2, False, 1))
    path = exported.save(tmp_path / f"model{exported.suffix}")
    assert path.stat().st_size > 0
    assert exported.size() > 0
    assert sum(exported.operations().values()) > 0
    with pytest.raises(gs.GridSampleError, match="ending in"):
        exported.save(tmp_path / "model.zip")


@pytest.mark.skipif(importlib.util.find_spec("pnnx") is None, reason="needs pnnx")
def test_ncnn_has_no_batch():
    with pytest.raises(gs.GridSampleError, match="no batch axis"):
        gs.export.ncnn(Sampler(), inputs(2, False, 2))


@pytest.mark.parametrize("n", [1, 2, 7, 10, 16, 22, 199, 1000, 8190])
def test_remainders_without_division(n):
    """What ncnn folds by: exact for all whole numbers that float32 has."""
    ops = FloatOps(Lowerer(TARGETS["ncnn"]), torch.float32, "cpu")
    rng = np.random.default_rng(n)
    turns = rng.integers(-(2**24) // n, 2**24 // n, 5000) * n
    i = np.concatenate([np.arange(-3 * n, 3 * n + 1), rng.integers(-(2**24), 2**24, 5000), turns])
    got = ops.modulo(torch.from_numpy(i.astype(np.float32)), n).numpy()
    np.testing.assert_array_equal(got, np.mod(i, n))


@pytest.mark.skipif(importlib.util.find_spec("pnnx") is None, reason="needs pnnx")
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_ncnn_folds_whole_turns(mode):
    """Its division says 16/16 is 0.99999994: positions at and around whole turns of the reflection."""
    for sizes, corners in (((8, 16), False), ((9, 17), True)):  # for which pixels to coordinates is exact
        turn = 2 * (np.array(sizes[::-1]) - corners)
        steps = np.arange(-24, 24).reshape(1, 6, 8, 1) // 4 * turn + np.tile([-0.75, 0.0, 0.25, 1.0], 12).reshape(
            1, 6, 8, 1
        )
        x = steps - (0.0 if corners else 0.5)
        grid = 2 * x / (np.array(sizes[::-1]) - 1) - 1 if corners else (2 * x + 1) / np.array(sizes[::-1]) - 1
        model, image = Sampler(mode, "reflection", corners), torch.randn(1, 2, *sizes)
        for lowering in ("native", "decomposed"):
            grid = torch.as_tensor(grid, dtype=torch.float32)
            agrees(gs.export.ncnn(model, (image, grid), lowering=lowering), model, image, grid)
