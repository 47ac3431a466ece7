# SPDX-License-Identifier: Apache-2.0
"""The benchmark's arithmetic on times and results that are known beforehand."""

from __future__ import annotations

import gc
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from gridsample.bench import measure, tables


def row(case="a", ratio=2.0, low=None, high=None, **other):
    quartiles = {"ratio_low": ratio if low is None else low, "ratio_high": ratio if high is None else high}
    names = {"case": case, "group": "2D", "mode": "bilinear", "padding": "zeros", "verb": "forward", "threads": 1}
    return {**names, "ratio": ratio, **quartiles, "ours_ms": 1.0, "theirs_ms": ratio, "pairs": 9, **other}


def test_summary_of_known_times():
    found = measure.summary([1.0, 2.0, 3.0, 2.0], [4.0, 4.0, 6.0, 5.0])
    assert found["ours_ms"] == 2000
    assert found["theirs_ms"] == 4500
    assert found["ratio"] == 2.25  # of the medians; pair by pair: 4, 2, 2, 2.5
    assert (found["ratio_low"], found["ratio_high"]) == (2.0, 2.875)
    assert (found["ours_min_ms"], found["ours_low_ms"], found["ours_high_ms"]) == (1000, 1750, 2250)
    assert found["pairs"] == 4
    assert measure.quartiles([3.0]) == (3.0, 3.0)


def test_calls_alternate_and_the_garbage_collector_is_off():
    order, states = [], set()

    def call(name):
        order.append(name)
        states.add(gc.isenabled())

    ours, theirs = measure.interleaved((lambda: call("A"), lambda: call("B")), budget=1e-9, least=6)
    assert "".join(order) == "ABBAABBAABBA"
    assert len(ours) == len(theirs) == 6

    states.clear()
    zeros = (np.zeros(2),)
    measure.compare(lambda: call("A") or zeros, lambda: call("B") or zeros, 1e-9)
    assert gc.isenabled()
    assert False in states


def test_a_drifting_machine_does_not_favour_the_first(monkeypatch):
    now = [0.0]

    def work():  # every call takes longer than the one before
        now[0] += 1 + now[0] / 100

    monkeypatch.setattr(measure.time, "perf_counter", lambda: now[0])
    times = measure.interleaved((work, work), budget=1e-9, fewest=200, least=200)
    assert measure.summary(*times)["ratio"] == pytest.approx(1, abs=0.02)


def test_a_wrong_result_is_not_timed():
    zeros, ones = (np.zeros(3),), (np.ones(3),)
    calls = []

    def counted():
        calls.append(1)
        return zeros

    with pytest.raises(measure.WrongResultError, match="differ by 1 of their range"):
        measure.compare(counted, lambda: ones, 0.01)
    assert len(calls) == 1
    for wrong, message in [
        ((np.zeros(4),), "shapes"),
        ((np.full(3, np.nan),), "finite"),
        ((*zeros, *zeros), "numbers"),
    ]:
        with pytest.raises(measure.WrongResultError, match=message):
            measure.compare(lambda wrong=wrong: wrong, lambda: ones, 0.01)


def test_differences_are_relative_to_each_result():
    ours, theirs = (np.array([0.0, 100.5]), np.array([1.0])), (np.array([0.0, 100.0]), np.array([1.25]))
    found = measure.difference(ours, theirs)
    assert (found.relative, found.absolute) == (pytest.approx(0.2), pytest.approx(0.5))
    assert found.kinks == 0
    assert measure.difference((np.empty(0),), (np.empty(0),), lambda: None) == measure.Difference(0, 0, 0)


def test_integers_may_be_rounded_to_either_side_and_no_further():
    theirs = np.array([0, 7, 255], np.uint8)
    assert measure.difference((np.array([1, 6, 255], np.uint8),), (theirs,)) == measure.Difference(0, 1, 0)
    assert measure.difference((np.array([2, 7, 255], np.uint8),), (theirs,)).relative == pytest.approx(2 / 255)


def test_kinks_are_excused_at_points_near_a_jump_and_only_there():
    near = np.zeros((1, 50), bool)
    near[0, [3, 4]] = True
    theirs = np.linspace(0, 1, 100).reshape(1, 2, 50)  # two channels of fifty points
    ours = theirs.copy()
    ours[0, :, 3] += 0.5
    row = measure.compare(lambda: (ours,), lambda: (theirs,), 1e-9, lambda: measure.Jumps(near, False))
    assert (row["kinks"], row["difference"], row["difference_absolute"]) == (2, 0, pytest.approx(0.5))
    with pytest.raises(measure.WrongResultError, match=r"differ by 0\.5"):
        measure.compare(lambda: (ours,), lambda: (theirs,), 1e-9)
    ours[0, 0, 9] += 0.5  # not near
    with pytest.raises(measure.WrongResultError, match=r"differ by 0\.5"):
        measure.compare(lambda: (ours,), lambda: (theirs,), 1e-9, lambda: measure.Jumps(near, False))


def test_kinks_of_gradients():
    near = np.zeros((1, 5), bool)
    near[0, 2] = True
    image, grid = np.ones((1, 1, 9)), np.ones((1, 5, 2))
    moved, turned = image.copy(), grid.copy()
    moved[0, 0, [4, 5]] = 0  # one point went to the pixel beside
    turned[0, 2] = 7

    def found(image_jumps):
        return measure.difference((moved, turned), (image, grid), lambda: measure.Jumps(near, image_jumps))

    assert found(True) == measure.Difference(0, 6, 4)
    assert found(False).relative == 1  # the gradient of the image is continuous: that is an error
    moved[0, 0, 6] = 0
    assert found(True).relative == 1  # more pixels than the points near a jump can explain


def test_every_order_is_balanced():
    for count in (2, 3, 4, 5):
        rounds = measure.orders(count)
        assert all(sorted(row) == list(range(count)) for row in rounds)
        for place in range(count):
            assert len(set(Counter(row[place] for row in rounds).values())) == 1
        after = Counter(pair for row in rounds for pair in pairwise(row))
        assert len(after) == count * (count - 1)
        assert len(set(after.values())) == 1


def test_means_are_over_cases_and_the_worst_is_named():
    rows = [row("a", 4.0), row("a", 1.0, padding="border"), row("b", 0.5, batch=1), row("c", 9.0, mode="nearest")]
    every, single, nearest = tables.summaries(rows)
    assert every.mean == pytest.approx(1)  # of 2 (a's mean over its paddings) and 1/2
    assert (every.group, every.worst["case"], every.losses, every.rows) == ("2D forward", "b", 1, 3)
    assert (single.group, single.mean) == ("2D forward, one image", pytest.approx(0.5))
    assert (nearest.mode, nearest.losses) == ("nearest", 0)


def test_losses_are_marked():
    result = {"peer": "torch", "rows": [row("fast"), row("slow", 0.5), row("close", 0.99, 0.9, 1.1)]}
    lines = {line.split()[0]: line for line in tables.plain(result).splitlines() if line.strip()}
    assert "<-" not in lines["fast"]
    assert lines["slow"].endswith("<- slower")
    assert lines["close"].endswith("<- slower, within the spread")
    bold = tables.markdown(("case",), [["fast"], ["slow"]], [False, True])
    assert bold.splitlines()[2:] == ["| fast |", "| **slow** |"]


def test_compared_marks_changes_beyond_the_spread():
    about = {"date": "then", "machine": {"commit": "c", "cpu": "one"}}
    old = {**about, "rows": [row("a", 2.0, 1.9, 2.1), row("b", 2.0, 1.9, 2.1), row("gone", 1.0)]}
    new = {"machine": {"cpu": "two"}, "rows": [row("a", 4.0, 3.9, 4.1), row("b", 2.05, 2.0, 2.1), row("new", 1.0)]}
    text = tables.compared(new, old)
    lines = {line.split()[0]: line for line in text.splitlines()}
    assert lines["a"].endswith("2.00  <- better")
    assert "<-" not in lines["b"]
    assert "another machine" in text
    assert "over 2 rows" in text
    assert "gone" not in text
    assert tables.compared({"rows": []}, old) == "compared: no row is in both results"
