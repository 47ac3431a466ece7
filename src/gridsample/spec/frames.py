# SPDX-License-Identifier: Apache-2.0
"""What a coordinate means: x = (g + offset)*scale + shift, three numbers per axis of n pixels.

Pixel centres are at x = 0 … n-1, the image's outer edges at -1/2 and n-1/2. The numbers are so chosen that evaluating
the three steps in floating point rounds exactly as torch's ((g + 1)*n - 1)/2 and (g + 1)/2*(n - 1) do: halving is
exact. ``align_corners`` is the choice between *corners* (True) and *edges* (False).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Frame:
    """One row: offset, then scale and shift as functions a + b*n of the axis length n."""

    name: str
    meaning: str
    offset: float
    scale: tuple[float, float]
    shift: float

    def numbers(self, n: int) -> tuple[float, float, float]:
        """(offset, scale, shift) for an axis of ``n`` pixels; with one pixel, *corners* maps everything to it."""
        constant, slope = self.scale
        return self.offset, max(constant + slope * n, 0.0), self.shift


_ROWS = (
    Frame("pixel", "0 and n-1 are the centres of the first and last pixel", 0.0, (1.0, 0.0), 0.0),
    Frame("unit", "0 and 1 are the outer edges of the image", 0.0, (0.0, 1.0), -0.5),
    Frame("edges", "-1 and 1 are the outer edges of the image (align_corners=False)", 1.0, (0.0, 0.5), -0.5),
    Frame("corners", "-1 and 1 are the centres of the corner pixels (align_corners=True)", 1.0, (-0.5, 0.5), 0.0),
)

FRAMES: dict[str, Frame] = {row.name: row for row in _ROWS}

# The order of the last axis of coords: "xy" has the last spatial axis of the image first, as torch; "ij" the first.
ORDERS = ("xy", "ij")


def component(order: str, axis: int, axes: int) -> int:
    """Which entry of the last axis of coords belongs to spatial axis ``axis`` of ``axes``, counted in memory order."""
    return axes - 1 - axis if order == "xy" else axis
