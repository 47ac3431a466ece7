# SPDX-License-Identifier: Apache-2.0
"""docs/deploying.md says what docs/deploying/*.json say, and they what issue and code promise."""

from __future__ import annotations

import matrix_page
import pytest

from gridsample.export.targets import OPSETS, TARGETS, choose
from gridsample.options import grid_sample_options

FOLDER = matrix_page.Path(__file__).resolve().parents[2] / "docs" / "deploying"
FOUND = matrix_page.results(FOLDER)


def test_the_page_is_in_step():
    assert matrix_page.write(FOLDER, check=True) == 0


def test_every_row_was_measured():
    assert set(FOUND) == set(matrix_page.TITLES)
    assert "not measured" not in matrix_page.summary(FOUND)


def test_every_opset_was_measured():
    assert list(FOUND["onnx"]["opsets"]) == [str(opset) for opset in OPSETS]
    for opset, cells in FOUND["onnx"]["opsets"].items():
        assert {int(cell[0]) for cell in cells} == {2, 3}
        for cell, entry in cells.items():
            assert entry["opset"] == int(opset)
            assert entry["difference"] <= (0 if " nearest " in cell else 1e-5), (opset, cell)


@pytest.mark.parametrize("name", FOUND)
def test_every_cell_ran_and_agrees(name):
    result = FOUND[name]
    assert len(result["cells"]) == 36
    for cell, entry in result["cells"].items():
        assert entry["lowering"] != "unsupported", cell
        tolerance = 0 if " nearest " in cell else 1e-5
        assert entry["difference"] <= tolerance, cell
        assert entry.get("decomposed", entry)["difference"] <= tolerance, cell
    assert all(entry["difference"] <= 5e-5 for entry in result["networks"].values())


@pytest.mark.parametrize("name", FOUND)
def test_lowerings_are_those_that_are_chosen_now(name):
    to, opset = TARGETS[FOUND[name]["target"]], FOUND[name]["options"].get("opset")
    for cell, entry in FOUND[name]["cells"].items():
        axes, mode, padding, corners = cell.split()
        options = grid_sample_options(mode, padding, corners == "True")
        assert entry["lowering"] == choose(to, int(axes[0]), options, opset).kind, cell


def test_core_ml_was_evaluated_by_coremltools_but_for_resample():
    for name in {"coreml", "coreml-trace-iOS18"} & set(FOUND):
        for cell, entry in FOUND[name]["cells"].items():
            assert entry["by us"] == ({} if entry["lowering"] == "decomposed" else {"resample": 1}), cell


def test_onnx_decomposed_is_at_most_three_times_slower():
    rows = [row for row in FOUND["onnx"]["speed"] if row["case"].startswith("3D") or "bicubic" in row["case"]]
    assert len(rows) >= 5
    assert all(row["ratio"] <= 3 for row in rows), rows
