# SPDX-License-Identifier: Apache-2.0
"""The benchmark harness: its arithmetic, its files, and that it refuses to time a wrong result."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from gridsample import bench
from gridsample.bench import measure, report
from gridsample.bench.cases import CASES, Case, turned
from gridsample.bench.peers import PEERS

ROOT = Path(__file__).resolve().parents[2]
TINY = (
    Case("tiny", "2D", (2, 3, 6, 7), (5, 4), turned(10)),
    Case("tiny volume", "3D", (1, 1, 4, 5, 6), (3, 3, 3), turned(10), modes=("bilinear", "nearest")),
    Case("tiny signal", "1D", (2, 2, 9), (7,), turned(0, 0.9)),
    Case("tiny, channels last", "2D channels last", (1, 8, 6, 7), (5, 4), turned(10), channels_last=True),
)


def test_summary_of_known_times():
    found = measure.summary([1.0, 2.0, 3.0, 2.0], [4.0, 4.0, 4.0, 4.0])
    assert found["ours_ms"] == 2000
    assert found["theirs_ms"] == 4000
    assert found["ratio"] == 2
    assert found["pairs"] == 4
    assert found["ratio_low"] <= 2 <= found["ratio_high"]
    assert report.geometric_mean([0.5, 2.0]) == pytest.approx(1)


def test_a_wrong_result_is_not_timed():
    ours, theirs = (np.zeros(3),), (np.ones(3),)
    with pytest.raises(measure.WrongResultError, match="differ"):
        measure.compare(lambda: ours, lambda: theirs, 0.01)
    with pytest.raises(measure.WrongResultError, match="shapes"):
        measure.compare(lambda: ours, lambda: (np.zeros(4),), 0.01)
    with pytest.raises(measure.WrongResultError, match="finite"):
        measure.compare(lambda: (np.full(3, np.nan),), lambda: theirs, 0.01)


@pytest.mark.parametrize("peer", sorted(PEERS))
def test_runs_end_to_end(peer, monkeypatch, tmp_path, capsys):
    pytest.importorskip(PEERS[peer].package)
    monkeypatch.setattr(bench, "CASES", TINY)
    path = tmp_path / "results" / "r.json"
    argv = ["--peer", peer, "--budget", "0.001", "--verb", "forward,backward", "--threads", "1,2", "-o", str(path)]
    assert bench.main(argv) == 0
    result = json.loads(path.read_text())
    assert {row["case"] for row in result["rows"]} >= {"tiny", "tiny volume", "tiny signal"}
    assert all(row["difference"] < 1e-4 for row in result["rows"])
    assert "geometric mean" in capsys.readouterr().out
    assert [p.name for p in path.parent.iterdir()] == ["r.json"]


def test_bad_calls_are_clear(capsys):
    assert bench.main(["--cases", "nothing like it"]) == 2
    assert "expected --cases to match" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        bench.main(["--modes", "cubist"])
    assert stop.value.code == 2
    assert bench.main(["--list", "--peer", "scipy", "--verb", "backward", "--cases", "digits"]) == 0
    assert "no derivatives" in capsys.readouterr().out


def test_an_invalid_result_is_not_written(tmp_path):
    path = tmp_path / "r.json"
    path.write_text("kept")
    with pytest.raises(jsonschema.ValidationError):
        report.write({"peer": "torch"}, path)
    assert path.read_text() == "kept"


@pytest.mark.parametrize("path", sorted((ROOT / "bench" / "results").glob("*.json")), ids=lambda path: path.name)
def test_committed_results_follow_the_schema(path):
    jsonschema.validate(json.loads(path.read_text()), report.schema())


def test_the_page_says_what_the_results_say(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert bench.main(["--page", "--check"]) == 0


def test_case_names_are_unique():
    assert len({case.name for case in CASES}) == len(CASES)
