# SPDX-License-Identifier: Apache-2.0
"""Files and folders: outputs are whole or as they were, one failure does not stop the others, nothing is left over."""

from __future__ import annotations

import os
import stat
import sys

import numpy as np
import pytest
from cli_pictures import load, noise, save

from gridsample.cli import files, warp
from gridsample.cli.files import write_whole


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, seed in (("b.png", 1), ("a.tif", 2), ("c.png", 3)):
        save(folder / name, noise(4, 5, seed=seed))
    (folder / "notes.txt").write_text("not a picture")
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_in_and_a_new_folder_out(run, tmp_path, pictures):
    assert run("warp", pictures, "-o", tmp_path / "out") == (0, "", "")
    assert names(tmp_path / "out") == ["a.tif", "b.png", "c.png"]
    np.testing.assert_array_equal(load(tmp_path / "out/a.tif"), noise(4, 5, seed=2))


def test_several_files_into_a_folder_that_is_there(run, tmp_path, pictures):
    (tmp_path / "out").mkdir()
    assert run("warp", pictures / "a.tif", pictures / "b.png", "-o", tmp_path / "out").code == 0
    assert names(tmp_path / "out") == ["a.tif", "b.png"]


def test_one_file_into_a_folder(run, tmp_path, pictures):
    assert run("warp", pictures / "a.tif", "-o", f"{tmp_path / 'out'}/").code == 0
    assert names(tmp_path / "out") == ["a.tif"]


def test_one_failure_among_many(run, tmp_path, pictures):
    (pictures / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    answer = run("warp", pictures, "-o", tmp_path / "out")
    assert answer.code == 1
    first, second = answer.err.splitlines()
    assert first.startswith(
        f"gridsample warp: '{pictures / 'b.png'}': expected a readable picture, got a broken file ("
    )
    assert second == "gridsample warp: 1 of 3 pictures failed, 2 written"
    assert names(tmp_path / "out") == ["a.tif", "c.png"]


def test_a_new_folder_that_stays_empty_is_removed(run, tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"broken")
    assert run("warp", tmp_path / "a.png", tmp_path / "b.png", "-o", tmp_path / "out").code == 1
    assert not (tmp_path / "out").exists()


def test_a_wrong_call_makes_no_folder(run, tmp_path, pictures):
    assert run("warp", pictures, "-o", tmp_path / "out", "--kernel", "liner").code == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("progress", [True, False, None])
def test_progress_goes_to_stderr(run, tmp_path, pictures, progress, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    option = {True: ["--progress"], False: ["--no-progress"], None: []}[progress]
    answer = run("warp", pictures, "-o", tmp_path / "out", *option)
    assert (answer.code, answer.out) == (0, "")
    assert ("3/3" in answer.err) == bool(progress)


@pytest.mark.parametrize("single", [True, False])
def test_progress_by_itself_is_for_several_pictures_on_a_terminal(run, tmp_path, pictures, single, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    answer = run("warp", *sorted(pictures.glob("*.png"))[: 1 if single else 2], "-o", f"{tmp_path / 'out'}/")
    assert ("2/2" in answer.err) == (not single)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file(run, tmp_path, pictures, monkeypatch, error, step):
    target = tmp_path / "out.png"
    target.write_bytes(b"the old file")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(files.os, step, fail)
    answer = run("warp", pictures / "b.png", "-o", target)
    if isinstance(error, OSError):
        assert answer.code == 1
        assert f"'{target}': expected to write the file, got No space left on device; check the disk" in answer.err
    else:
        assert answer.code == 130
        assert answer.err == "gridsample warp: interrupted\n"
    assert target.read_bytes() == b"the old file"
    assert names(tmp_path) == ["in", "out.png"]


def test_an_interrupt_keeps_what_is_done(run, tmp_path, pictures, monkeypatch):
    def interrupted(path, data):
        if path.name == "b.png":
            raise KeyboardInterrupt
        write_whole(path, data)

    monkeypatch.setattr(warp, "write_whole", interrupted)
    assert run("warp", pictures, "-o", tmp_path / "out").code == 130
    assert names(tmp_path / "out") == ["a.tif"]


@pytest.mark.skipif(os.name == "nt", reason="permissions and links as POSIX has them")
def test_permissions_and_links_are_kept(run, tmp_path, pictures):
    real, link = tmp_path / "real.png", tmp_path / "link.png"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to(real)
    assert run("warp", pictures / "b.png", "-o", link).code == 0
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    np.testing.assert_array_equal(load(real), noise(4, 5, seed=1))
    assert run("warp", pictures / "b.png", "-o", tmp_path / "new.png").code == 0
    (tmp_path / "plain").write_bytes(b"")
    assert (tmp_path / "new.png").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_an_input_is_replaced_only_with_force(run, pictures):
    before = (pictures / "b.png").read_bytes()
    for call in ([pictures / "b.png", "-o", pictures / "b.png"], [pictures, "-o", pictures]):
        answer = run("warp", *call, "--rotate", 180)
        assert answer.code == 2
        assert "expected outputs apart from the inputs, got '" in answer.err
        assert "add --force" in answer.err
        assert (pictures / "b.png").read_bytes() == before
    assert run("warp", pictures / "b.png", "-o", pictures / "b.png", "--rotate", 180, "--force").code == 0
    np.testing.assert_array_equal(load(pictures / "b.png"), noise(4, 5, seed=1)[::-1, ::-1])


def test_equal_names_from_two_folders(run, tmp_path, pictures):
    (tmp_path / "more").mkdir()
    save(tmp_path / "more/B.png", noise(4, 4))
    answer = run("warp", pictures, tmp_path / "more", "-o", tmp_path / "out")
    assert answer.code == 2
    assert "expected inputs with different file names, got 'B.png' from '" in answer.err
    assert not (tmp_path / "out").exists()
