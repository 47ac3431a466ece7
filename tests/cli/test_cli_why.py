# SPDX-License-Identifier: Apache-2.0
"""`gridsample why`: findings printed and saved, its exit codes and complaints."""

from __future__ import annotations

import numpy as np
import pytest

import gridsample as gs
from gridsample.cli import main


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = np.random.default_rng(0).random((3, 20, 30), dtype=np.float32)
    right = gs.affine_grid(np.array([[[1, 0, 0.2], [0, 1, 0]]], "f4"), (1, 3, 20, 30))
    np.save("image.npy", image)
    np.save("right.npy", right)
    np.save("wrong.npy", gs.affine_grid(np.array([[[1, 0, -0.2], [0, 1, 0]]], "f4"), (1, 3, 20, 30)))
    np.save("wanted.npy", gs.grid_sample(image[None], right)[0])
    np.save("unit.npy", (gs.affine_grid(np.eye(2, 3, dtype="f4")[None], (1, 3, 20, 30)) + 1) / 2)
    return tmp_path


def test_a_right_call(files, capsys):
    assert main(["why", "image.npy", "right.npy"]) == 0
    assert "image (1, 3, 20, 30) float32" in capsys.readouterr().out


def test_a_mistake_is_printed_and_saved(files, capsys):
    pytest.importorskip("matplotlib")
    assert main(["why", "image.npy", "unit.npy", "--pixel", "0,0", "-o", "report.html"]) == 1
    out = capsys.readouterr().out
    assert "1. error: [0, 1] passed as [-1, 1]" in out
    assert "output [0, 0, 0]: grid says x=0.0166667" in out
    assert "data:image/png" in (files / "report.html").read_text(encoding="utf-8")


def test_expected_finds_the_sign(files, capsys):
    assert main(["why", "image.npy", "wrong.npy", "--expected", "wanted.npy"]) == 1
    assert "1. error: The translation has the wrong sign" in capsys.readouterr().out


def test_options_reach_the_call(files, capsys):
    main(["why", "image.npy", "right.npy", "--mode", "nearest", "--padding-mode", "border", "--align-corners"])
    assert "mode='nearest', padding_mode='border', align_corners=True" in capsys.readouterr().out


def test_pictures_are_read(files, capsys):
    pytest.importorskip("imagecodecs")
    from cli_pictures import noise, save

    save(files / "photo.png", noise(20, 30, 3))
    assert main(["why", "photo.png", "right.npy"]) == 0
    assert "image (1, 3, 20, 30) float32" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["image.npy"], "GRID"),
        (["image.npy", "nope.npy"], "GRID: expected a file that is there"),
        (["image.npy", "text.npy"], "GRID: expected a .npy file of numbers"),
        (["image.npy", "photo.png"], "GRID: expected a .npy file"),
        (["image.npy", "line.npy"], "two or more axes"),
        (["image.npy", "unit.npy", "--mode", "bilinar"], "did you mean 'bilinear'?"),
        (["image.npy", "unit.npy", "--pixel", "1;2"], "write it as 10,20"),
        (["image.npy", "unit.npy", "--pixel", "99,0"], "rows before columns"),
        (["image.npy", "unit.npy", "-o", "r.pdf"], "a name ending in .html"),
        (["image.npy", "unit.npy", "-o", "no/r.html"], "a folder that is there"),
        (["image.npy", "unit.npy", "--expcted", "wanted.npy"], "did you mean '--expected'?"),
    ],
)
def test_what_is_refused(files, capsys, arguments, said):
    (files / "text.npy").write_text("hello")
    (files / "photo.png").write_bytes(b"")
    np.save("line.npy", np.zeros(5))
    assert main(["why", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("gridsample why: ")
    assert error.count("\n") == 1
    assert not (files / "r.pdf").exists()
