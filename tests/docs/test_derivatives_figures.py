# SPDX-License-Identifier: Apache-2.0
"""The figures of docs/derivatives.md are those of the committed result file of `python bench/complete.py`."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench" / "results" / "programs" / "complete.json"

pytestmark = pytest.mark.skipif(not RESULTS.is_file(), reason="not in a source tree")


@pytest.fixture(scope="module")
def bench():
    pytest.importorskip("torch")
    return runpy.run_path(str(ROOT / "bench" / "complete.py"))


def test_the_table_is_the_files(bench):
    rows = json.loads(RESULTS.read_text())["rows"]
    assert bench["table"](rows) in (ROOT / "docs" / "derivatives.md").read_text(encoding="utf-8")
    seconds = {(row["case"], row["threads"]) for row in rows if row["what"] == "second backward"}
    assert seconds == {(case, threads) for case in bench["SECOND"] for threads in (1, 2)}


def test_what_the_page_says_is_met_is_met(bench):
    rows, goals = json.loads(RESULTS.read_text())["rows"], bench["GOALS"]
    splines = [row for row in rows if row["what"].startswith("bspline3")]
    assert {row["peer"] for row in splines} == {"scipy", "torch-interpol"}
    for row in splines:
        assert row["low"] >= goals["bspline3"]
        assert row["difference"] < 1e-5
    peaks = [row for row in rows if "peak MiB, ours" in row]
    assert len(peaks) == 8
    assert all(row["peak MiB, ours"] <= goals["peak"] * row["peak MiB, theirs"] for row in peaks)


def test_bold_is_what_misses(bench):
    assert bench["bold"](8.04, 8.0) == "8.0"
    assert bench["bold"](7.96, 8.0) == "**8.0**"
