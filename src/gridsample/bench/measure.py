# SPDX-License-Identifier: Apache-2.0
"""Two calls timed against each other in one run: A B, B A, A B, ... so that a machine that drifts drifts for both.

A call is timed as a user would make it: what it allocates and frees is part of it. The garbage collector is off.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import numpy as np

FEWEST, MOST = 7, 5000  # pairs: a slow case has this many whatever the budget, a quick one needs no more
WARM = 0.1  # of the budget goes into calls that are not counted: caches, clock speed, thread pools

# How far results may lie apart, of the range of the peer's. At 1920 px float32 places a point 1e-4 px precisely, so two
# right samples of noise differ by as much, and by twice that after a reflection. More than 1e-3 is another meaning.
TOLERANCE = 1e-3
# Where a result jumps (a derivative at a pixel, nearest at a half) a point that is placed on either side of the jump
# differs by anything: seen once in the 2 million points of a photo. More than this share of a result is no accident.
KINKS = 1e-5

Times = list[float]
Call = Callable[[], Any]


class WrongResultError(Exception):
    """The two calls do not compute the same thing: there is nothing to compare."""


@dataclass(frozen=True)
class Difference:
    """The largest relative one outside kinks, the largest as it is, and the number and greatest share of kinks."""

    relative: float
    absolute: float
    kinks: int
    share: float


def difference(ours: tuple[Any, ...], theirs: tuple[Any, ...], jumps: bool = False) -> Difference:
    """How far two results lie apart, relative to the range of the second.

    With ``jumps``, numbers further apart than TOLERANCE are counted as kinks instead.
    """
    if len(ours) != len(theirs):
        raise WrongResultError(f"numbers of results differ: {len(ours)} and {len(theirs)}")
    relative = absolute = share = 0.0
    kinks = 0
    for a, b in zip(ours, theirs, strict=True):
        x, y = np.asarray(a), np.asarray(b)
        if x.shape != y.shape:
            raise WrongResultError(f"shapes differ: {x.shape} and {y.shape}")
        if not np.isfinite(x).all() or not np.isfinite(y).all():
            raise WrongResultError("a result is not finite")
        apart = np.abs(x - y)
        absolute = max(absolute, float(np.max(apart, initial=0.0)))
        apart /= float(np.max(np.abs(y), initial=0.0)) or 1.0
        if jumps:
            beyond = apart > TOLERANCE
            kinks += int(beyond.sum())
            share = max(share, float(beyond.sum()) / max(apart.size, 1))
            apart[beyond] = 0
        relative = max(relative, float(np.max(apart, initial=0.0)))
    return Difference(relative, absolute, kinks, share)


def compare(ours: Call, theirs: Call, budget: float, jumps: bool = False) -> dict[str, Any]:
    """Times both for about ``budget`` seconds, after their results were found to agree within TOLERANCE.

    ``jumps`` says that the results are not continuous in the coordinates, so that a few numbers may differ by more.
    """
    found = difference(ours(), theirs(), jumps)
    if not found.relative <= TOLERANCE:
        raise WrongResultError(f"results differ by {found.relative:.2g} of their range; {TOLERANCE:g} is allowed")
    if not found.share <= KINKS:
        raise WrongResultError(f"{found.kinks} numbers differ, {found.share:.2g} of a result; {KINKS:g} is allowed")
    was_on = gc.isenabled()
    gc.disable()
    try:
        interleaved(ours, theirs, WARM * budget, fewest=1)
        times = interleaved(ours, theirs, budget)
    finally:
        if was_on:
            gc.enable()
    apart = {"difference": found.relative, "difference_absolute": found.absolute, "kinks": found.kinks}
    return {**apart, **summary(*times)}


def interleaved(ours: Call, theirs: Call, budget: float, fewest: int = FEWEST) -> tuple[Times, Times]:
    """Seconds of each call, pair by pair; who goes first alternates."""
    calls, times = (ours, theirs), ([], [])  # type: tuple[Call, Call], tuple[Times, Times]
    clock = time.perf_counter
    end = clock() + budget
    while (clock() < end or len(times[0]) < fewest) and len(times[0]) < MOST:
        for which in ((0, 1), (1, 0))[len(times[0]) % 2]:
            start = clock()
            calls[which]()
            times[which].append(clock() - start)
    return times


def summary(ours: Times, theirs: Times) -> dict[str, Any]:
    """Milliseconds of both; the ratio of medians, above 1 where we are faster; quartiles of the ratio pair by pair."""
    pairs = [b / a for a, b in zip(ours, theirs, strict=True)]
    low, high = quartiles(pairs)
    found: dict[str, Any] = {"ratio": median(theirs) / median(ours), "ratio_low": low, "ratio_high": high}
    for name, times in (("ours", ours), ("theirs", theirs)):
        low, high = quartiles(times)
        values = {"": median(times), "_min": min(times), "_low": low, "_high": high}
        found |= {f"{name}{which}_ms": 1e3 * value for which, value in values.items()}
    return {**found, "pairs": len(pairs)}


def quartiles(values: list[float]) -> tuple[float, float]:
    """The first and the third, within the values seen."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = quantiles(values, n=4, method="inclusive")
    return low, high
