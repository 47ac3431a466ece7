# SPDX-License-Identifier: Apache-2.0
"""The weights w_k(t): how much each tap counts, as exact fractions of powers of t.

Tap k of a point at x is the pixel floor(x) + first_tap + k, and t = x - floor(x). Row k of ``weights`` holds the
coefficients of w_k in ascending powers of t. A new piecewise polynomial kernel is one more row here; the engine's
table, its derivatives, the reach and the agreement tests follow from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

Polynomial = tuple[Fraction, ...]


@dataclass(frozen=True)
class Kernel:
    """One row: the weights of every tap, and the rules that go with them."""

    name: str
    weights: tuple[Polynomial, ...]
    ties: str | None = None  # one tap only: "even" or "up", the pixel taken half-way between two
    prefilter: bool = False  # True when the image must be turned into coefficients first

    @property
    def taps(self) -> int:
        return len(self.weights)

    @property
    def degree(self) -> int:
        return len(self.weights[0]) - 1

    @property
    def first_tap(self) -> int:
        """Offset of tap 0 from floor(x); of the only tap from the rounded x."""
        return 0 if self.taps == 1 else 1 - self.taps // 2

    def derivative(self, order: int = 1) -> tuple[Polynomial, ...]:
        """The same table for the ``order``-th derivative of the weights by t, one degree lower each time."""
        rows = self.weights
        for _ in range(order):
            rows = tuple(tuple(p * c for p, c in enumerate(row))[1:] or (Fraction(0),) for row in rows)
        return rows


def _row(*coefficients: int | Fraction) -> Polynomial:
    return tuple(Fraction(c) for c in coefficients)


def _compose(polynomial: Sequence[Fraction], start: int, slope: int) -> Polynomial:
    """The coefficients in t of polynomial(start + slope*t), by Horner's rule."""
    result = [Fraction(0)] * len(polynomial)
    for coefficient in reversed(polynomial):
        shifted = [Fraction(0), *result[:-1]]
        result = [start * a + slope * b for a, b in zip(result, shifted, strict=True)]
        result[0] += coefficient
    return tuple(result)


def _four_taps(near: Polynomial, far: Polynomial) -> tuple[Polynomial, ...]:
    """Weights of the taps at distances 1+t, t, 1-t, 2-t from cubics in the distance below 1 and from 1 to 2."""
    return _compose(far, 1, 1), _compose(near, 0, 1), _compose(near, 1, -1), _compose(far, 2, -1)


def keys(a: Fraction) -> tuple[Polynomial, ...]:
    """Keys' cubic convolution; ``a`` is the slope at distance 1 (1981, eq. 8 and its one free parameter)."""
    return _four_taps(_row(1, 0, -(a + 3), a + 2), _row(-4 * a, 8 * a, -5 * a, a))


def mitchell(b: Fraction, c: Fraction) -> tuple[Polynomial, ...]:
    """Mitchell and Netravali's two-parameter family (1988, eq. 8); B = 0 gives Keys' cubic with a = -C."""
    near = (6 - 2 * b, 0, -18 + 12 * b + 6 * c, 12 - 9 * b - 6 * c)
    far = (8 * b + 24 * c, -12 * b - 48 * c, 6 * b + 30 * c, -b - 6 * c)
    return _four_taps(_row(*(v / Fraction(6) for v in near)), _row(*(v / Fraction(6) for v in far)))


_ROWS = (
    Kernel("nearest", (_row(1),), ties="even"),
    Kernel("linear", (_row(1, -1), _row(0, 1))),
    Kernel("smoothstep", (_row(1, 0, -3, 2), _row(0, 0, 3, -2))),
    Kernel("cubic", keys(Fraction(-3, 4))),  # torch's and OpenCV's bicubic
    Kernel("catmull_rom", keys(Fraction(-1, 2))),
    Kernel("mitchell", mitchell(Fraction(1, 3), Fraction(1, 3))),  # blurs a little: not an interpolator
)

KERNELS: dict[str, Kernel] = {row.name: row for row in _ROWS}
