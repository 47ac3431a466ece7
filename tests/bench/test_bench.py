# SPDX-License-Identifier: Apache-2.0
"""``gridsample bench`` end to end on tiny cases: what it writes, refuses, and says when the call is wrong."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

import gridsample
from gridsample import bench, cli
from gridsample.bench import command, measure, page, report
from gridsample.bench.cases import CASES, Case, Turned
from gridsample.bench.peers import PEERS

ROOT = Path(__file__).resolve().parents[2]
TINY = (
    Case("tiny", "2D", (2, 3, 6, 7), (5, 4), Turned(10), paddings=("zeros", "border")),
    Case("tiny volume", "3D", (1, 1, 4, 5, 6), (3, 3, 3), Turned(10), modes=("bilinear", "nearest")),
    Case("tiny signal", "1D", (2, 2, 9), (7,), Turned(0, 0.9)),
    Case("tiny, channels last", "2D channels last", (1, 8, 6, 7), (5, 4), Turned(10), channels_last=True),
)


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(command, "CASES", TINY)


@pytest.fixture(autouse=True)
def same_threads_after():
    counters = [module for module in (gridsample, sys.modules.get("torch")) if module]
    before = [module.get_num_threads() for module in counters]
    yield
    for module, threads in zip(counters, before, strict=True):
        module.set_num_threads(threads)


@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # OpenVINO forks when loaded; JAX, if loaded, warns of it
@pytest.mark.parametrize("peer", PEERS)
def test_every_peer_computes_the_same_and_is_timed(peer, tiny, tmp_path, capsys):
    if PEERS[peer].missing:
        pytest.skip(f"needs {', '.join(PEERS[peer].missing)}")
    path = tmp_path / "results" / "r.json"
    verbs = "forward,backward,step"
    bench.main(["--peer", peer, "--budget", "0.0001", "--verb", verbs, "--threads", "1,2", "-o", str(path)])
    result = report.read(path)
    assert result["wrong"] == []
    done = {(row["case"], row["verb"], row["mode"], row["padding"], row["threads"]) for row in result["rows"]}
    assert done
    assert all(row["difference"] < 1e-5 for row in result["rows"])
    assert all(row["limit_ms"] > 0 for row in result["rows"])
    assert all(("reused_ms" in row) == (row["verb"] == "forward") for row in result["rows"])
    assert len(result["rows"]) + len(result["skipped"]) == 2 * (3 * sum(len(case.modes) for case in TINY) + 1)
    assert result["wrong"] == []
    assert "geometric mean" in capsys.readouterr().out
    assert [p.name for p in path.parent.iterdir()] == ["r.json"]
    if peer == "torch":
        assert {row["threads"] for row in result["rows"]} == {1, 2}
        assert {row["note"] for row in result["rows"] if row["group"] == "1D"} != {""}


def test_a_wrong_result_is_named_and_not_timed(tiny, monkeypatch, tmp_path, capsys):
    scipy = PEERS["scipy"]

    def doubled(run):
        calls = scipy.prepare(run)
        return replace(calls, ours=lambda: (2 * calls.ours()[0],)) if run.case.name == "tiny" else calls

    monkeypatch.setitem(PEERS, "scipy", replace(scipy, prepare=doubled))
    path = tmp_path / "r.json"
    assert bench.main(["--peer", "scipy", "--modes", "bilinear", "--budget", "0.001", "-o", str(path)]) == 1
    result = report.read(path)
    assert [row["case"] for row in result["wrong"]] == ["tiny"] * 2
    assert {row["case"] for row in result["rows"]} == {"tiny volume", "tiny signal"}
    assert "wrong: tiny, bilinear, zeros, forward, 1 thread: results differ" in capsys.readouterr().out
    assert "results differ" in page.section(result, Path("bench/results/r.json"))


def test_a_run_cut_short_keeps_its_rows_and_the_old_file(tiny, monkeypatch, tmp_path, capsys):
    path, count = tmp_path / "r.json", 0
    path.write_text("a whole result")
    real = measure.compare

    def interrupted(*arguments):
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(measure, "compare", interrupted)
    assert bench.main(["--peer", "scipy", "--modes", "bilinear", "--budget", "0.001", "-o", str(path)]) == 130
    assert path.read_text() == "a whole result"
    assert len(report.read(tmp_path / "r.json.partial")["rows"]) == 2
    assert "interrupted" in capsys.readouterr().err


def test_compare_with_an_older_result(tiny, tmp_path, capsys):
    path = tmp_path / "old.json"
    argv = ["--peer", "scipy", "--modes", "bilinear", "--budget", "0.001"]
    assert bench.main([*argv, "-o", str(path)]) == 0
    capsys.readouterr()
    assert bench.main([*argv, "--compare", str(path)]) == 0
    assert "geometric mean of the changes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--cases", "nothing like it"], "--cases: expected a part of a case's name"),
        (["--cases", "volume", "--modes", "bicubic"], "--cases: expected"),
        (["--peer", "scipy", "--compare", "none.json"], "--compare: expected a result file"),
        (
            ["--peer", "scipy,torch", "-o", "r.json"],
            "--output: expected a folder for the results of 2 peers, got r.json",
        ),
        (["--peer", "scipy", "-o", "/proc/none"], "--output: expected a file to write, got /proc/none/scipy.json"),
        (["--peer", "scipy", "-o", "/proc/none/r.json"], "--output: expected a file to write"),
    ],
)
def test_wrong_calls_say_what_to_do(argv, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["bench", *argv]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"gridsample bench: {message}")
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "argv", [["--modes", "cubist"], ["--threads", "0"], ["--threads", "1,x"], ["--budget", "0"], ["--budget", "nan"]]
)
def test_wrong_values_leave_through_argparse(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        bench.main(argv)
    assert stop.value.code == 2
    assert "expected" in capsys.readouterr().err


def test_missing_packages_are_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "torch" else object())
    assert bench.main(["--cases", "digits"]) == 2
    assert capsys.readouterr().err.endswith("got no torch; run: pip install torch\n")


def test_list_says_what_is_skipped_and_why(capsys):
    assert bench.main(["--list", "--peer", "scipy", "--verb", "backward", "--cases", "Digits"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("scipy (ndimage.map_coordinates")
    assert lines[1] == "  digits, bilinear, zeros, backward, 1 thread: skipped, scipy: verbs: forward only"
    assert len(lines) == 4


def test_an_invalid_result_is_not_written(tmp_path):
    path = tmp_path / "r.json"
    path.write_text("kept")
    with pytest.raises(jsonschema.ValidationError):
        report.write({"peer": "torch"}, path)
    assert path.read_text() == "kept"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("path", sorted((ROOT / "bench" / "results").glob("*.json")), ids=lambda path: path.name)
def test_committed_results_follow_the_schema(path):
    jsonschema.validate(json.loads(path.read_text()), report.schema())


@pytest.mark.skipif(not (ROOT / "bench" / "results").is_dir(), reason="no results in this tree")
def test_the_page_says_what_the_results_say(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert bench.main(["--page", "--check"]) == 0


def test_the_page_is_made_and_checked(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert bench.main(["--page"]) == 2
    assert "--page: expected a folder bench/results" in capsys.readouterr().err
    assert (
        bench.main(["--peer", "scipy", "--modes", "bilinear", "--budget", "0.001", "-o", "bench/results/r.json"]) == 0
    )
    assert bench.main(["--page", "--check"]) == 1
    assert bench.main(["--page"]) == 0
    assert bench.main(["--page", "--check"]) == 0
    assert "](../bench/results/r.json)" in page.PAGE.read_text()
    page.PAGE.write_text(page.PAGE.read_text().replace("ratio", "ratios", 1))
    assert bench.main(["--page", "--check"]) == 1


def test_cases_are_those_of_the_issue():
    assert len({case.name for case in CASES}) == len(CASES)
    shapes = {case.image for case in CASES}
    assert shapes >= {(1, 3, 1080, 1920), (8, 64, 128, 128), (1, 256, 100, 150), (64, 1, 28, 28), (16, 32, 16384)}
    assert shapes >= {
        (64, 32, 100, 150),
        (1, 1, 128, 128, 128),
        (2, 4, 64, 64, 64),
        (1, 2, 192, 192, 192),
        (1, 1, 8, 8),
    }
    for case in CASES:
        axes = len(case.out)
        assert len(case.image) == axes + 2
        small = replace(case, image=(*case.image[:1], 1, *(5,) * axes), out=(3,) * axes)
        image, grid = small.arrays()
        assert image.dtype == grid.dtype == "float32"
        assert grid.shape == (case.image[0], *small.out, axes)
