# SPDX-License-Identifier: Apache-2.0
"""The trainings of the gallery in their short form: each reaches what it is for, and says so in its table."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the examples train with torch")
pytest.importorskip("skimage", reason="the examples' pictures come with scikit-image")

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name, *arguments):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"](list(arguments))


def test_registration_of_two_photographs(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    found = run("registration", "--width-px", "93", "--spacing-px", "8", "--steps", "25", "-o", str(tmp_path))
    assert found.grey[1] < 0.5 * found.grey[0]  # 44 grey levels to 16 with 40 steps
    assert found.pixels[1] < 0.35 * found.pixels[0]  # 4.3 pixels to 0.8
    assert found.folds == 0
    assert (tmp_path / "registration.png").stat().st_size > 10_000
    assert "pixels off the true map" in capsys.readouterr().out


def test_a_pose_is_recovered_through_pixels(tmp_path):
    pytest.importorskip("matplotlib")
    found = run("homography_refinement", "--trials", "2", "-o", str(tmp_path))
    assert min(found.before) > 5
    assert max(found.after) < 0.3  # 0.05 and 0.03 here; up to 0.2 among eight poses
    assert (tmp_path / "homography.png").stat().st_size > 10_000


def test_a_bent_board_is_flattened(tmp_path):
    pytest.importorskip("matplotlib")
    found = run("rectification", "--steps", "8", "-o", str(tmp_path))
    assert found.before[0] > 7
    assert found.after[0] < 0.5  # 0.2 with ten steps
    assert (tmp_path / "rectification.png").stat().st_size > 10_000


def test_a_panorama_has_no_seam(tmp_path):
    pytest.importorskip("matplotlib")
    found = run("panorama", "--width-px", "240", "-o", str(tmp_path))
    assert found.wrapped < 1e-6
    assert found.unwrapped > 20
    assert found.cube < 3
    assert (tmp_path / "panorama.png").stat().st_size > 10_000


def test_six_transforms_are_timed(capsys):
    found = run("augmentation_speed", "--batch", "2", "--size-px", "32", "--rounds", "2")
    assert len(found["gridsample"]) == len(found["one by one"]) == 2
    assert "times ours" in capsys.readouterr().out
