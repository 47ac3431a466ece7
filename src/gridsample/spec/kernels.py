# SPDX-License-Identifier: Apache-2.0
"""The weights w_k(t): how much each tap counts, as exact fractions of powers of t.

With h = 0 for an even number of taps and 1/2 for an odd one, tap k of a point at x is the pixel
floor(x + h) + first_tap + k, and t = x + h - floor(x + h). Row k of ``weights`` holds the coefficients of w_k in
ascending powers of t. A new piecewise polynomial kernel is one more row here; the engine's table, its derivatives, the
reach and the agreement tests follow from it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import factorial

from gridsample.spec import lanczos

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
        """Offset of tap 0 from floor(x + h)."""
        return (1 - self.taps) // 2 if self.taps % 2 else 1 - self.taps // 2

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


def bspline(degree: int) -> tuple[Polynomial, ...]:
    """The basic spline of a degree: the box convolved with itself, by Cox's and de Boor's recurrence (1972).

    Piece j, on [j, j + 1) of the support 0 ... degree + 1 and multiplied by degree!, from two pieces of one degree less:
    p_j(t) = (t + j) q_j(t) + (degree + 1 - j - t) q_(j-1)(t). The last piece is the first tap's.
    """
    pieces = [[1]]
    for n in range(1, degree + 1):
        none = [0] * n
        padded = [none, *pieces, none]
        pieces = []
        for j in range(n + 1):
            old, new = padded[j], padded[j + 1]
            constant = [j * a + (n + 1 - j) * b for a, b in zip(new, old, strict=True)]
            rising = [a - b for a, b in zip(new, old, strict=True)]
            pieces.append([a + b for a, b in zip([*constant, 0], [0, *rising], strict=True)])
    return tuple(tuple(Fraction(c, factorial(degree)) for c in piece) for piece in reversed(pieces))


_ROWS = (
    Kernel("nearest", (_row(1),), ties="even"),
    Kernel("linear", (_row(1, -1), _row(0, 1))),
    Kernel("smoothstep", (_row(1, 0, -3, 2), _row(0, 0, 3, -2))),
    Kernel("cubic", keys(Fraction(-3, 4))),  # torch's and OpenCV's bicubic
    Kernel("catmull_rom", keys(Fraction(-1, 2))),
    Kernel("mitchell", mitchell(Fraction(1, 3), Fraction(1, 3))),  # blurs a little: not an interpolator
    *(Kernel(f"bspline{degree}", bspline(degree), prefilter=True) for degree in range(2, 8)),
    *(Kernel(f"lanczos{lobes}", lanczos.weights(lobes)) for lobes in (2, 3)),
)

KERNELS: dict[str, Kernel] = {row.name: row for row in _ROWS}
COMPILED = (1, 2, 4)  # numbers of taps that the compiled engine has loops for

_CUBIC = re.compile(r"cubic\((?:a=)?([-+]?[0-9][0-9./eE+-]*)\)")


@lru_cache(maxsize=256)
def find(name: str) -> Kernel | None:
    """The row of a name; ``cubic(a)`` with any number or fraction a, as "cubic(-0.6)" or "cubic(-3/5)", has one too."""
    row = KERNELS.get(name)
    given = _CUBIC.fullmatch(name) if row is None else None
    if given is None:
        return row
    try:
        a = Fraction(given[1])
    except (ValueError, ZeroDivisionError):
        return None
    return Kernel(f"cubic({a})", keys(a)) if abs(a) <= 2**20 else None
