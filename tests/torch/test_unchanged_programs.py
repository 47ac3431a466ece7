# SPDX-License-Identifier: Apache-2.0
"""Programs that know nothing of this library: kornia's warps and model families of transformers, under accelerate."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import torch

BENCH = Path(__file__).resolve().parents[2] / "bench"
WARPS = [
    "warp_affine",
    "warp_perspective",
    "remap",
    "rotate",
    "translate",
    "elastic",
    "thin_plate",
    "homography",
    "crop_and_resize",
    "patches",
    "warp_affine3d",
    "warp_perspective3d",
]
FAMILIES = [
    "deformable_detr",
    "rt_detr",
    "rt_detr_v2",
    "d_fine",
    "deimv2",
    "grounding_dino",
    "mm_grounding_dino",
    "mask2former",
    "oneformer",
    "lw_detr",
    "rf_detr",
    "superpoint",
]

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # of these libraries' own making
    pytest.mark.skipif(not BENCH.is_dir(), reason="not in a source tree"),
    pytest.mark.skipif(not hasattr(torch.library, "get_kernel"), reason="a torch whose own kernels cannot be kept"),
]


@pytest.fixture(scope="module")
def bench():
    pytest.importorskip("kornia")
    pytest.importorskip("transformers")
    sys.path.insert(0, str(BENCH))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small models: more would only wait for each other
    try:
        yield importlib.import_module("unchanged")
    finally:
        torch.set_num_threads(threads)
        sys.path.remove(str(BENCH))


def test_every_row_is_tested(bench):
    assert [*bench.warps.WARPS] == WARPS
    assert [*bench.models.FAMILIES] == FAMILIES


@pytest.mark.parametrize("name", WARPS)
def test_a_warp_says_the_same(bench, name):
    difference, report = bench.compare(bench.Program(name, 48))
    assert difference < 1e-4
    assert "_backward" in report
    assert "left to torch" not in report


@pytest.mark.parametrize("name", FAMILIES)
def test_a_model_says_the_same(bench, name):
    _difference, report = bench.compare(bench.Program(name, 128))  # raises beyond its bound
    assert "_backward" in report
    assert "left to torch" not in report
