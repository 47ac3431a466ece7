# SPDX-License-Identifier: Apache-2.0
"""The program itself: its commands, its help, its exit codes, as a process too."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
from cli_pictures import load, noise, save

from gridsample.cli import COMMANDS
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.frames import FRAMES
from gridsample.spec.kernels import KERNELS


def test_help_lists_every_command(run):
    answer = run("--help")
    assert answer.code == 0
    assert all(f"\n  {name}" in answer.out for name in COMMANDS)


@pytest.mark.parametrize(
    ("word", "got"), [([], "none; see gridsample --help"), (["wrap"], "'wrap'; did you mean 'warp'?")]
)
def test_unknown_commands(run, word, got):
    commands = ", ".join(COMMANDS)
    assert run(*word) == (2, "", f"gridsample: expected a command ({commands}), got {got}\n")


def test_version(run):
    assert run("--version") == (0, f"gridsample {version('gridsample')}\n", "")


def test_help_of_warp_lists_every_row_of_the_tables(capsys):
    from gridsample.cli.options import parse

    with pytest.raises(SystemExit) as leave:
        parse(["--help"])
    assert leave.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for table in (KERNELS, BOUNDARIES, FRAMES):
        assert ", ".join(table) in text


def test_info(run):
    answer = run("info")
    assert answer.code == 0
    assert answer.err == ""
    rows = dict(line.split(maxsplit=1) for line in answer.out.splitlines() if not line.startswith(" "))
    assert rows["gridsample"].startswith(version("gridsample"))
    assert rows["python"].startswith(platform.python_version())
    assert rows["numpy"] == np.__version__
    assert "usable here: baseline" in answer.out
    assert "chosen: " in answer.out
    assert "cpu" in rows["backends"]


def test_info_imports_nothing_heavy():
    code = (
        "import sys; from gridsample.cli import main; main(['info']); "
        "heavy = {'torch', 'matplotlib', 'scipy', 'PIL', 'tifffile'}; assert not heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_as_a_process(tmp_path):
    save(tmp_path / "in.png", noise(5, 5))
    program = [sys.executable, "-c", "import sys; from gridsample.cli import main; sys.exit(main())", "warp"]
    call = ["in.png", "-o", "out.png", "--rotate", "-90"]
    done = subprocess.run([*program, *call], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    np.testing.assert_array_equal(load(tmp_path / "out.png"), np.rot90(noise(5, 5), -1))
    wrong = subprocess.run([*program, "in.png"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("gridsample warp: expected where to write")
