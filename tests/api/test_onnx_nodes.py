# SPDX-License-Identifier: Apache-2.0
"""ONNX's own node tests of GridSample: every case of the onnx package, its inputs and its expected outputs."""

from __future__ import annotations

import numpy as np
import pytest

import gridsample as gs
from gridsample import dialects

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.filterwarnings("ignore")  # of onnx's own making

BOUND = 5e-4  # ONNX writes its expected outputs with four decimals


def cases():
    from onnx.backend.test.case.node import collect_testcases

    found = [case for case in collect_testcases("GridSample") if "gridsample" in case.name]
    return {case.name: case for case in found}


@pytest.fixture(scope="module")
def all_cases():
    return cases()


NAMES = [
    "test_gridsample", "test_gridsample_aligncorners_true", "test_gridsample_bicubic", "test_gridsample_bilinear",
    "test_gridsample_bicubic_align_corners_0_additional_1", "test_gridsample_bicubic_align_corners_1_additional_1",
    "test_gridsample_bilinear_align_corners_0_additional_1", "test_gridsample_bilinear_align_corners_1_additional_1",
    "test_gridsample_border_padding", "test_gridsample_nearest", "test_gridsample_nearest_align_corners_0_additional_1",
    "test_gridsample_nearest_align_corners_1_additional_1", "test_gridsample_reflection_padding",
    "test_gridsample_volumetric_bilinear_align_corners_0", "test_gridsample_volumetric_bilinear_align_corners_1",
    "test_gridsample_volumetric_nearest_align_corners_0", "test_gridsample_volumetric_nearest_align_corners_1",
    "test_gridsample_zeros_padding",
]  # fmt: skip


def test_every_node_test_is_here(all_cases):
    assert set(all_cases) >= set(NAMES)
    assert {name for name in all_cases if "expanded" not in name} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_node(name, all_cases):
    case = all_cases[name]
    node = case.model.graph.node[0]
    given = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    text = {k: v.decode() if isinstance(v, bytes) else v for k, v in given.items()}
    mode, padding = text.get("mode", "linear"), text.get("padding_mode", "zeros")
    corners = bool(text.get("align_corners", 0))
    (image, grid), (want,) = case.data_sets[0]
    options = dialects.translate("onnx", kernel=mode, boundary=padding, align_corners=corners)
    got = gs.sample(np.asarray(image), np.asarray(grid), nonfinite="outside", **options)
    np.testing.assert_allclose(got, want, atol=BOUND)
    names = {"linear": "bilinear", "cubic": "bicubic"}
    same = gs.grid_sample(np.asarray(image), np.asarray(grid), names.get(mode, mode), padding, corners)
    np.testing.assert_allclose(same, want, atol=BOUND)
