# SPDX-License-Identifier: Apache-2.0
"""Two calls timed against each other in one run: A B, B A, A B, ... so that a machine that drifts drifts for both."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Any

import numpy as np

WRONG = 1e-3  # of the range of the peer's result: beyond this the results differ by more than rounding


class WrongResultError(Exception):
    """The two calls do not compute the same thing: there is nothing to compare."""


def difference(ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> float:
    """The largest difference between two results, relative to the range of the second."""
    worst = 0.0
    for a, b in zip(ours, theirs, strict=True):
        x, y = np.asarray(a), np.asarray(b)
        if x.shape != y.shape:
            raise WrongResultError(f"shapes differ: {x.shape} and {y.shape}")
        if not np.isfinite(x).all() or not np.isfinite(y).all():
            raise WrongResultError("a result is not finite")
        scale = float(np.max(np.abs(y), initial=0.0)) or 1.0
        worst = max(worst, float(np.max(np.abs(x - y), initial=0.0)) / scale)
    return worst


def compare(ours: Callable[[], Any], theirs: Callable[[], Any], budget: float) -> dict[str, Any]:
    """Times both for about ``budget`` seconds; the ratio is theirs over ours, so above 1 we are faster."""
    apart = difference(ours(), theirs())
    if not apart <= WRONG:
        raise WrongResultError(f"results differ by {apart:.2g} of their range")
    times: tuple[list[float], list[float]] = ([], [])
    calls = (ours, theirs)
    was_on = gc.isenabled()
    gc.disable()
    try:
        end = time.perf_counter() + budget
        turn = 0
        while (time.perf_counter() < end or len(times[0]) < 5) and len(times[0]) < 5000:
            for which in ((0, 1), (1, 0))[turn % 2]:
                start = time.perf_counter()
                calls[which]()
                times[which].append(time.perf_counter() - start)
            turn += 1
    finally:
        if was_on:
            gc.enable()
    return {"difference": apart, **summary(*times)}


def summary(ours: list[float], theirs: list[float]) -> dict[str, Any]:
    """Medians in milliseconds, their ratio, and the quartiles of the ratio pair by pair."""
    pairs = [b / a for a, b in zip(ours, theirs, strict=True)]
    low, _, high = quantiles(pairs, n=4) if len(pairs) > 1 else (pairs[0],) * 3
    return {
        "ours_ms": median(ours) * 1e3,
        "theirs_ms": median(theirs) * 1e3,
        "ratio": median(theirs) / median(ours),
        "ratio_low": low,
        "ratio_high": high,
        "pairs": len(pairs),
    }
