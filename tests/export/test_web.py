# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime Web (wasm) in a Chromium without a window: every cell, and whole networks."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

import web  # noqa: E402
from export_models import CELLS, FlowWarp, Sampler, SpatialTransformer, expected, inputs  # noqa: E402

import gridsample as gs  # noqa: E402


@pytest.mark.skipif(web.missing() is not None, reason=web.missing() or "")
def test_every_cell_and_networks_in_a_browser():
    torch.manual_seed(0)
    models = {f"cell {cell}": (Sampler(*cell[1:]), inputs(cell[0], cell[3])) for cell in CELLS}
    frames = torch.rand(1, 1, 16, 20), torch.rand(1, 1, 16, 20)
    models |= {"transformer": (SpatialTransformer(), (torch.rand(1, 1, 24, 24),)), "flow": (FlowWarp(), frames)}
    files = {}
    for name, (model, arguments) in models.items():
        exported = gs.export.onnx(model, arguments, opset=20, via="trace")
        files[name] = exported.model.SerializeToString(), [x.numpy() for x in arguments]
    found, about = web.run(files)
    assert "Chrom" in about["agent"]
    for name, (model, arguments) in models.items():
        assert not isinstance(found[name], str), (name, found[name])
        tolerance = 1e-5 if name.startswith("cell") else 5e-5
        np.testing.assert_allclose(found[name], expected(model, *arguments), rtol=0, atol=tolerance, err_msg=name)


def test_what_is_missing_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(web, "FOLDER", tmp_path)
    with pytest.raises(RuntimeError, match="onnxruntime-web"):
        web.run({})
