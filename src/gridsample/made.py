# SPDX-License-Identifier: Apache-2.0
"""Coordinates that no array holds: what the engine's loops make them from instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

# kind: in words, for people
SOURCES = {
    "affine": "the matrix of an affine map",
    "homography": "the matrix of a homography",
    "displaced": "its own place and a displacement",
    "control": "its own place and the control points of a spline",
}


class Made(NamedTuple):
    """A source of coordinates.

    kind        numbers
    affine      matrices (N or 1, D, D + 1)
    homography  matrices (N or 1, D + 1, D + 1)
    displaced   displacements (N or 1, *out, D) from each point's own place
    control     control points of such (N or 1, D, *m); ``control``: their spline's degree, the size they are laid for
    """

    kind: str
    numbers: Any
    sizes: tuple[int, ...]  # of the output
    coordinates: Callable[[Any], Any]  # of such numbers, (N, *out, D), for all that is no loop of the engine
    control: tuple[int, tuple[int, ...]] | None = None
    dtype: str = ""  # of the coordinates; without it float64 for images of that type, else float32
