# SPDX-License-Identifier: Apache-2.0
"""Calls timed against each other in one run, in turn, so that a machine that drifts drifts for all of them.

A call is timed as a user would make it: what it allocates and frees is part of it. The garbage collector is off.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import numpy as np

FEWEST, MOST = 7, 5000  # rounds: a case has this many even if they take longer than its budget, and needs no more
PATIENCE, LEAST = 3, 4  # but once this many budgets are gone, this many rounds will do
BRIEF = 0.02  # seconds: what a run gets without a budget, so that a quick call is not judged by its first, cold one
ENDLESS = 15.0  # seconds: after that one round will do; a peer that slow needs no precision
WARM = 0.1  # of the budget goes into calls that are not counted: caches, clock speed, thread pools

# How far results may lie apart, of the range of the peer's. At 1920 px float32 places a point 1e-4 px precisely, so two
# right samples of noise differ by as much, and by twice that after a reflection. More than 1e-3 is another meaning.
TOLERANCE = 1e-3
# Integers are rounded: two right results lie on either side of a half.
ROUNDED = 1.0
Times = list[float]
Results = tuple[Any, ...]
Call = Callable[[], Any]


class WrongResultError(Exception):
    """The two calls do not compute the same thing: there is nothing to compare."""


@dataclass(frozen=True)
class Jumps:
    """Where rounding decides on which side of a jump a point lies, so that two right results differ by anything.

    near: (N, *out), the points that lie so close to a jump. image: whether the gradient of the image jumps there too,
    as that of nearest does; which of its pixels are meant is not worked out, only how many may be.
    """

    near: Any
    image: bool


@dataclass(frozen=True)
class Difference:
    """The largest relative one outside kinks, the largest as it is, and the number of kinks: jumps seen."""

    relative: float
    absolute: float
    kinks: int


def difference(ours: Results, theirs: Results, jumps: Callable[[], Jumps] | None = None) -> Difference:
    """How far two results lie apart, relative to the range of the second.

    A result is values (N, C, *out), or the gradients of image and grid. Numbers further apart than TOLERANCE that
    ``jumps`` explains are counted as kinks instead.
    """
    if len(ours) != len(theirs):
        raise WrongResultError(f"numbers of results differ: {len(ours)} and {len(theirs)}")
    relative = absolute = 0.0
    kinks = 0
    for which, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        x, y = np.asarray(a), np.asarray(b)
        if x.shape != y.shape:
            raise WrongResultError(f"shapes differ: {x.shape} and {y.shape}")
        if not np.isfinite(x).all() or not np.isfinite(y).all():
            raise WrongResultError("a result is not finite")
        rounded = np.issubdtype(y.dtype, np.integer)
        apart = np.abs(np.subtract(x, y, dtype=np.float64 if rounded else None))
        absolute = max(absolute, float(np.max(apart, initial=0.0)))
        if rounded:  # as far apart as rounding may bring them counts as equal
            apart[apart <= ROUNDED] = 0
        apart /= float(np.max(np.abs(y), initial=0.0)) or 1.0
        beyond = apart > TOLERANCE
        if jumps and beyond.any():
            kind = "values" if len(theirs) == 1 else ("image", "grid")[which]
            explained = _explained(beyond, jumps(), kind)
            kinks += int(explained.sum())
            apart[explained] = 0
        relative = max(relative, float(np.max(apart, initial=0.0)))
    return Difference(relative, absolute, kinks)


def _explained(beyond: Any, jumps: Jumps, kind: str) -> Any:
    """Those of the numbers ``beyond`` tolerance that belong to a point near a jump."""
    if kind == "image":
        # a point takes what it adds from one pixel of each channel to another
        most = 2 * int(jumps.near.sum()) * beyond.shape[1] if jumps.image else 0
        return beyond if beyond.sum() <= most else np.zeros_like(beyond)
    return beyond & (jumps.near[:, None] if kind == "values" else jumps.near[..., None])


def compare(
    ours: Call,
    theirs: Call,
    budget: float,
    jumps: Callable[[], Jumps] | None = None,
    beside: Mapping[str, Call] | None = None,
) -> dict[str, Any]:
    """Times both for about ``budget`` seconds, after their results were found to agree within TOLERANCE.

    ``jumps`` says where the results are not continuous in the coordinates; it is asked only if they differ by more.
    Calls of ``beside`` are timed in the same rounds; their median is in ``NAME_ms``.
    """
    start = time.perf_counter()
    found = difference(ours(), theirs(), jumps)
    if not found.relative <= TOLERANCE:
        raise WrongResultError(f"results differ by {found.relative:.2g} of their range; {TOLERANCE:g} is allowed")
    others = dict(beside or {})
    calls = (ours, theirs, *others.values())
    was_on = gc.isenabled()
    gc.disable()
    try:
        for call in others.values():
            call()
        if time.perf_counter() - start < budget:  # else both were just called, and again would be dear
            interleaved(calls, WARM * budget, fewest=1, least=1)
        times = interleaved(calls, budget)
    finally:
        if was_on:
            gc.enable()
    apart = {"difference": found.relative, "difference_absolute": found.absolute, "kinks": found.kinks}
    medians = {f"{name}_ms": 1e3 * median(seconds) for name, seconds in zip(others, times[2:], strict=True)}
    return {**apart, **summary(*times[:2]), **medians}


def orders(count: int) -> list[list[int]]:
    """Rounds in which each call comes at each place, and after each other call, equally often (Williams's square).

    >>> orders(2), orders(3)[:2]
    ([[0, 1], [1, 0]], [[0, 1, 2], [1, 2, 0]])
    """
    first = [(place + 1) // 2 if place % 2 else (count - place // 2) % count for place in range(count)]
    square = [[(call + shift) % count for call in first] for shift in range(count)]
    return square + [row[::-1] for row in square] * (count % 2)


def interleaved(calls: Sequence[Call], budget: float, fewest: int = FEWEST, least: int = LEAST) -> list[Times]:
    """Seconds of each call, round by round; who goes first alternates. Without a budget it is BRIEF."""
    times: list[Times] = [[] for _ in calls]
    rounds, clock = orders(len(calls)), time.perf_counter
    start = clock()
    for done in range(MOST):
        gone = clock() - start
        enough = 1 if budget <= 0 or gone > ENDLESS else least if gone > PATIENCE * budget else fewest
        if gone >= (budget if budget > 0 else BRIEF) and done >= enough:
            break
        for which in rounds[done % len(rounds)]:
            before = clock()
            calls[which]()
            times[which].append(clock() - before)
    return times


def summary(ours: Times, theirs: Times) -> dict[str, Any]:
    """Milliseconds of both; the ratio of medians, above 1 where we are faster; quartiles of the ratio by round."""
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
