# SPDX-License-Identifier: Apache-2.0
"""Wrong calls: one line that says expected, got and what to do; exit code 2; nothing written."""

from __future__ import annotations

import numpy as np
import pytest
from cli_pictures import noise, save

from gridsample.spec import kernels

KERNELS = ", ".join(kernels.KERNELS)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "photo.png", noise(6, 7, 3))
    save(tmp_path / "other.png", noise(6, 7, 3))
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.npy").write_text("no array")
    np.save("flow.npy", np.zeros((6, 7, 2), "f4"))
    np.save("small.npy", np.zeros((5, 7, 2), "f4"))
    np.save("first.npy", np.zeros((1, 2, 6, 7), "f4"))
    np.save("whole.npy", np.zeros((6, 7, 2), "i4"))
    np.save("flat.npy", np.zeros(5))
    return tmp_path


GOOD = "warp photo.png -o x.png"  # in the calls below: ...

CASES = [
    # the call itself
    ("warp", "expected pictures to warp, got none; name files or folders"),
    ("warp photo.png", "expected where to write, got no -o; add -o FILE or -o FOLDER"),
    (
        "warp photo.png -o x.png --rotat 3",
        "expected the options of this command, got '--rotat'; did you mean '--rotate'?",
    ),
    ("... --rotate", "--rotate: expected one value, got none; see gridsample warp --help"),
    # files
    ("warp photos.png -o x.png", "expected an input that is there, got 'photos.png'; did you mean 'photo.png'?"),
    (
        "warp empty -o x",
        "expected a folder with pictures (.png, .jpg, .jpeg, .tif, .tiff), got 'empty' without any; check",
    ),
    (
        "warp photo.png -o x.pgn",
        "-o: expected a name ending in .png, .jpg, .jpeg, .tif, .tiff, got 'x.pgn'; did you mean",
    ),
    ("warp photo.png other.png -o x.png", "-o: expected a folder for 2 pictures, got 'x.png'; name a folder"),
    ("warp photo.png -o a/x.png", "-o: expected a folder that is there, got '"),
    # names
    (
        "warp photo.png -o x.png --kernel liner",
        f"--kernel: expected one of {KERNELS}, got 'liner'; did you mean 'linear'?",
    ),
    ("... --boundary warp", "got 'warp'; did you mean 'wrap'?"),
    (
        "warp photo.png -o x.png --boundary wrap,wrap,wrap",
        "--boundary: expected 1 or 2 names, got 'wrap,wrap,wrap'; put",
    ),
    ("... --grid flow.npy --frame corner", "got 'corner'; did you mean 'corners'?"),
    # numbers
    ("... --rotate left", "--rotate: expected an angle in degrees, got 'left'; write it as 30"),
    ("... --rotate -inf", "--rotate: expected an angle in degrees, all finite, got '-inf'; write"),
    (
        "warp photo.png -o x.png --translate -1,2,3",
        "--translate: expected a shift in pixels (2 numbers), got '-1,2,3'; w",
    ),
    ("... --scale 1,0", "--scale: expected numbers other than 0, got 1,0; 0 leaves nothing to see"),
    (
        "warp photo.png -o x.png --shear 2,0.5",
        "--shear: expected a shear that can be undone, got 2,0.5; change",
    ),
    ("... --size 64", "--size: expected WxH in pixels or fit, got '64'; write it as 640x480"),
    (
        "warp photo.png -o x.png --size 0x4",
        "--size: expected a width and a height of 1 pixel or more, got '0x4'; write",
    ),
    ("... --size 99999x99999", "--size: expected at most 268435456 pixels, got 99999x99999; take"),
    (
        "warp photo.png -o x.png --scale 1e6 --size fit",
        "the output: expected at most 268435456 pixels, got 7000000x6000000",
    ),
    ("... --threads 0", "--threads: expected a whole number, 1 or more, got '0'; write it as 4"),
    (
        "warp photo.png -o x.png --fill 1,2",
        "--fill: expected 1 number or 3 for this picture, got 2; give one per channel",
    ),
    # matrix
    (
        "warp photo.png -o x.png --matrix 1,2,3",
        "--matrix: expected 6 or 9 numbers, got '1,2,3'; give 6 or 9 numbers as",
    ),
    ("... --matrix 1,0,nan,0,1,0", "--matrix: expected finite numbers, got '1,0,nan,0,1,0'; check"),
    (
        "warp photo.png -o x.png --matrix 1,0,0,2,0,0",
        "--matrix: expected a matrix that can be inverted, got '1,0,0,2,0,0'",
    ),
    ("... --matrix one", "--matrix: expected numbers or a file, got 'one'; give 6 or 9 numbers as"),
    ("... --matrix m.txt", "--matrix: expected a file that is there, got 'm.txt'; check the path"),
    ("... --matrix flat.npy", "--matrix: expected 6 or 9 numbers, got 5 in 'flat.npy'; give"),
    ("... --matrix text.npy", "--matrix: expected a readable file of numbers, got 'text.npy' ("),
    # grid and flow
    ("... --grid flow.npy --flow flow.npy", "expected --grid or --flow, got both; leave one out"),
    ("... --grid flow.npy --size 4x4", "expected --grid or --size, got both; leave --size out"),
    ("... --frame unit", "--frame: expected --grid FILE.npy, got none; add --grid"),
    (
        "warp photo.png -o x.png --flow flow.npy --align-corners",
        "--align-corners: expected --grid FILE.npy, got none; add",
    ),
    (
        "warp photo.png -o x.png --grid flow.npy --frame unit --align-corners",
        "expected one frame, got --frame unit and",
    ),
    (
        "warp photo.png -o x.png --flow flow.npy --size fit",
        "--size: expected WxH beside --flow or --matrix, got fit; wr",
    ),
    (
        "warp photo.png -o x.png --flow nowhere.npy",
        "--flow: expected a file that is there, got 'nowhere.npy'; check the",
    ),
    ("... --flow text.npy", "--flow: expected a .npy file of numbers, got 'text.npy' ("),
    (
        "warp photo.png -o x.png --flow first.npy",
        "--flow: expected shape (H, W, 2) or (1, H, W, 2), got (2, 6, 7); move",
    ),
    ("... --grid flat.npy", "--grid: expected shape (H, W, 2) or (1, H, W, 2), got (5,); save"),
    ("... --grid whole.npy", "--grid: expected floating-point numbers, got int32; save it as"),
    (
        "warp photo.png -o x.png --flow small.npy",
        "--flow: expected a flow of the output's size, (6, 7, 2), got (5, 7, 2)",
    ),
    (
        "warp photo.png -o x.png --boundary clamp --fill 3",
        "--boundary: expected constant beside --fill, got clamp; leave",
    ),
    # other commands
    ("info now", "expected the options of this command, got 'now'; see gridsample info --help"),
]


@pytest.mark.parametrize(("call", "message"), CASES, ids=[call for call, _ in CASES])
def test_wrong_calls(run, folder, call, message):
    before = sorted(folder.rglob("*"))
    answer = run(*call.replace("...", GOOD).split())
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith(f"gridsample {'info' if call.startswith('info') else 'warp'}: ")
    assert message in answer.err
    assert answer.err.count("\n") == 1
    assert answer.err.index("expected ") < answer.err.rindex(", got ") < answer.err.rindex("; ")
    assert sorted(folder.rglob("*")) == before


def test_missing_packages_say_what_to_install(run, folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tqdm", None)
    answer = run("warp", "photo.png", "-o", "out")
    assert answer.code == 2
    assert "expected the packages of gridsample[cli], got '" in answer.err
    assert "run pip install 'gridsample[cli]'" in answer.err
