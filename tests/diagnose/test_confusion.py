# SPDX-License-Identifier: Apache-2.0
"""The right finding comes first for the corpus's mistakes, and correct programs are left alone."""

from __future__ import annotations

import json
import os

import confusion
import pytest
import why_corpus

from gridsample.diagnose.findings import diagnostics

pytest.importorskip("torch")  # some mistakes are made with tensors
SLOW = pytest.mark.skipif(not os.environ.get("GRIDSAMPLE_SLOW"), reason="set GRIDSAMPLE_SLOW=1")


def check(result):
    assert result["right_first"] >= 0.95 * result["calls"], [
        (title, row["first"]) for title, row in result["rows"].items() if set(row["first"]) - set(row["right"])
    ]
    assert result["suspected"] <= 0.01 * result["correct_programs"], result["alarms"]


def test_a_third_of_the_corpus(tmp_path):
    result = confusion.measure(every=3)
    assert result["calls"] >= 3 * len(why_corpus.MISTAKES)
    assert result["correct_programs"] > 160
    check(result)
    pytest.importorskip("matplotlib")
    confusion.draw(result, tmp_path / "confusion.png")  # the figure of docs/why.md, of a third
    assert (tmp_path / "confusion.png").stat().st_size > 50_000


@pytest.mark.slow
@SLOW
def test_the_whole_corpus_as_committed():
    result = confusion.measure()
    check(result)
    kept = json.loads((confusion.FOLDER / "confusion.json").read_text(encoding="utf-8"))
    assert result["calls"] == kept["calls"]
    assert abs(result["right_first"] - kept["right_first"]) <= 0.01 * kept["calls"], "run tests/diagnose/confusion.py"
    assert (confusion.FOLDER / "confusion.png").is_file()


def test_what_is_committed_is_of_this_corpus_and_good_enough():
    kept = json.loads((confusion.FOLDER / "confusion.json").read_text(encoding="utf-8"))
    assert kept["seed"] == confusion.SEED
    assert kept["correct_programs"] == confusion.PROGRAMS == 500
    assert {title: row["right"] for title, row in kept["rows"].items()} == {
        mistake.title: list(mistake.names) for mistake in why_corpus.MISTAKES
    }, "run tests/diagnose/confusion.py"
    assert kept["calls"] == 10 * len(why_corpus.MISTAKES)
    check(kept)


def test_the_corpus_has_every_diagnostic():
    named = {name for mistake in why_corpus.MISTAKES for name in mistake.names}
    assert len(named) >= 25
    # a note beside others, and two that are there wherever the others are: these have tests of their own
    assert set(diagnostics()) - named == {"torn", "types", "refused"}
