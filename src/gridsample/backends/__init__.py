# SPDX-License-Identifier: Apache-2.0
"""The registry of backends: which one computes which call, and why not another. A new backend is one row here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from gridsample.plan import Plan


@dataclass(frozen=True)
class Backend:
    """Where the arrays must lie (None: anywhere), and what computes there."""

    name: str
    device: str | None
    what: str

    def refuses(self, plan: Plan, device: str) -> str:
        """Why this backend does not take a call; empty if it does."""
        if self.device not in (None, device):
            return f"arrays on {device}"
        return plan.uncompiled if self.name == "cpu" else ""


BACKENDS = (
    Backend("cpu", "cpu", "the compiled engine: 1 to 3 axes, kernels of 1, 2 and 4 taps, float32 and float64"),
    Backend("portable", None, "array operations of the arrays' own library: any axes, kernel and device"),
)


def names() -> list[str]:
    """Every backend, the preferred one first."""
    return [backend.name for backend in BACKENDS]


@lru_cache(maxsize=4096)
def chosen(plan: Plan, device: str = "cpu") -> Backend:
    """The first backend that takes a call on arrays that lie on ``device`` ("cpu", "cuda", ...)."""
    return next(backend for backend in BACKENDS if not backend.refuses(plan, device))
