# SPDX-License-Identifier: Apache-2.0
"""bench/pairs.py, what the programs of bench/ measure with: who is called when, ratios, and peaks of memory."""

from __future__ import annotations

import contextlib
import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

FILE = Path(__file__).resolve().parents[2] / "bench" / "pairs.py"
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="not in a source tree")


@pytest.fixture(scope="module")
def pairs():
    return SimpleNamespace(**runpy.run_path(str(FILE)))


def test_who_goes_first_alternates_and_contexts_are_not_timed(pairs):
    seen = []

    @contextlib.contextmanager
    def entered():
        seen.append("enter")
        yield

    calls = [lambda: seen.append("ours"), lambda: seen.extend(["theirs", "theirs"])]
    pairs.CLOCKS["seen"] = lambda: len(seen)  # time goes on with every word
    times = pairs.timed(calls, 3, "seen", around=(entered, contextlib.nullcontext))
    one, two = ["enter", "ours"], ["theirs", "theirs"]
    assert seen == [*one, *two, *two, *one, *one, *two]
    assert times == [[1, 1, 1], [2, 2, 2]]


def test_ratios_are_of_neighbours(pairs):
    ours, theirs = [1.0, 2.0, 4.0], [3.0, 4.0, 4.0]  # 3, 2 and 1 times
    assert pairs.ratios(ours, theirs) == {"ratio": 2.0, "low": 1.5, "high": 2.5}
    assert pairs.summary(ours, theirs) == {"ms": 2000.0, "ratio": 2.0, "low": 1.5, "high": 2.5}


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_the_peak_is_what_a_call_adds(pairs):
    call = "lambda: np.ones(10 << 20)[: 5 << 20] + kept"  # 80 and 40 MiB at once
    kept = np.ones(5 << 20)  # was there before
    setting = f"import runpy, numpy as np; pairs = runpy.run_path({str(FILE)!r}); kept = np.ones(5 << 20)"
    alone = pairs.apart("-c", f"{setting}; print(pairs['peak']({call}))")
    for found in (pairs.peak(eval(call, {"np": np, "kept": kept})), float(alone)):
        assert 110 < found < 140


def test_some_rows_take_their_places_in_a_file_measured_alike(pairs, tmp_path, capsys):
    def write(about, rows, whole):
        pairs.write(tmp_path / "result.json", {"runs": about}, rows, lambda row: row["name"], whole)
        return json.loads((tmp_path / "result.json").read_text())

    first = [{"name": "a", "ms": 1}, {"name": "b", "ms": 2}]
    assert write(3, first, False) == {"about": {"runs": 3}, "rows": first}  # there was none
    more = [{"name": "c", "ms": 5}, {"name": "a", "ms": 4}]
    assert write(3, more, False)["rows"] == [{"name": "a", "ms": 4}, {"name": "b", "ms": 2}, {"name": "c", "ms": 5}]
    kept = write(9, first, False)  # another setting
    assert kept["about"] == {"runs": 3}
    assert len(kept["rows"]) == 3
    assert "nothing is written" in capsys.readouterr().out
    assert write(9, first, True) == {"about": {"runs": 9}, "rows": first}
