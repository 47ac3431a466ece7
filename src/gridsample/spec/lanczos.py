# SPDX-License-Identifier: Apache-2.0
"""Lanczos weights as polynomials: the windowed sinc, divided by its own sum over the taps, fitted once.

    L(x) = sinc(x) sinc(x / a) for |x| < a,   w_k(t) = L(x - i_k) / sum_j L(x - i_j),   a lobes, 2a taps

Each weight is written w_k(t) = H_k(t) + t^2 (1 - t)^2 r_k(t - 1/2): H_k is the cubic with the value and slope of L at both ends,
r_k a polynomial of degree 8 through (w_k - H_k) / (t^2 (1 - t)^2) at the nine Chebyshev nodes. Coefficients were rounded
to multiples of 2^-40 so that, exactly: the weights sum to 1, are mirror images of each other, return the pixel on its centre
and have a continuous slope. `ERROR` bounds what is left, below the rounding of float32; the tests measure it.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb

ERROR = {2: 1.2e-7, 3: 4e-8}
BITS = 40

# -L'(1) ... -L'(a) in units of 2^-40: L'(m) = (-1)^m / m * sinc(m / a).
_SLOPES = {2: (699970842190, 0), 3: (909288796868, -227322199217, 0)}

# r_k in units of 2^-40, ascending powers of u = t - 1/2, for the taps left of the point; those on the right mirror them.
_REST = {
    2: (
        (300430056604, 393227385787, -364837565499, 204460304939, 9699686049, -336324711204, 204960244785,
         113259473837, -123632222331),
        (-300430056604, -450007026363, 364837565499, -632780286916, -9699686049, 599053644043, -204960244785,
         -92513976847, 123632222331),
    ),
    3: (
        (-24400718000, -215279163560, 73132961522, 94064114955, -27572515560, -60310090602, 15372616101, 31698455067,
         -8948055551),
        (-117020676908, 459117492144, 12042428408, -219770513151, -42124190848, 148970185647, 25951914580,
         -74831866717, -9695587702),
        (141421394908, -763839284574, -85175389930, 438674439735, 69696706408, -289499629695, -41324530681,
         139082833528, 18643643253),
    ),
}  # fmt: skip


def weights(lobes: int) -> tuple[tuple[Fraction, ...], ...]:
    """The 2a rows of w_k, coefficients in ascending powers of t. Whole numbers throughout, in units of 2^-(BITS + 8)."""
    rows = []
    for k in range(2 * lobes):
        rest = _REST[lobes][k if k < lobes else 2 * lobes - 1 - k]
        body = [0] * (len(rest) + 4)
        for p, c in enumerate(rest):  # c u^p with u = (2t - 1) / 2, a right tap's u reversed
            c = -c if k >= lobes and p % 2 else c
            for j in range(p + 1):
                term = c * comb(p, j) * (-1) ** (p - j) * 2 ** (8 - p + j)
                for power, factor in ((2, 1), (3, -2), (4, 1)):
                    body[j + power] += factor * term
        tap = 1 - lobes + k
        v0, v1 = (int(tap == end) << (BITS + 8) for end in (0, 1))
        s0, s1 = (_slope(lobes, tap - end) << 8 for end in (0, 1))
        for power, c in enumerate((v0, s0, 3 * (v1 - v0) - 2 * s0 - s1, 2 * (v0 - v1) + s0 + s1)):
            body[power] += c
        rows.append(tuple(Fraction(c, 1 << (BITS + 8)) for c in body))
    return tuple(rows)


def _slope(lobes: int, tap: int) -> int:
    """The slope of the weight of the pixel ``tap`` steps from a point on a centre: L'(-tap)."""
    return 0 if tap == 0 else (_SLOPES[lobes][tap - 1] if tap > 0 else -_SLOPES[lobes][-tap - 1])
