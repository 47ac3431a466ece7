# SPDX-License-Identifier: Apache-2.0
"""The registry of backends: which one computes arrays that lie where. A new backend is one row here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Backend:
    """Where the arrays must lie, and what computes there."""

    name: str
    device: str
    what: str


BACKENDS = (Backend("cpu", "cpu", "the compiled engine: 1 to 3 axes, float32 and float64 (half types in float32)"),)


def names() -> list[str]:
    """Every backend, the preferred one first."""
    return [backend.name for backend in BACKENDS]


def for_device(device: str) -> Backend | None:
    """The backend for arrays that lie on ``device`` ("cpu", "cuda", ...), or None."""
    return next((backend for backend in BACKENDS if backend.device == device), None)
