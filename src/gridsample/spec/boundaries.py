# SPDX-License-Identifier: Apache-2.0
"""What a tap outside the image reads: fold(i) and the sign s that goes with it.

Three families. *hole*: nothing is read, the tap is worth the fill. *clamp*: the nearest pixel. *periodic*: five
integers (p1, p0, shift, c, sign); with the period P = max(p1*n + p0, 1) and j = (i + shift) mod P, the tap reads
j - shift if that is a pixel (sign +), else P - c - j if that is one (times the rule's sign), else it is a hole worth 0.
"""

from __future__ import annotations

from dataclasses import dataclass

FAMILIES = ("hole", "clamp", "periodic")


@dataclass(frozen=True)
class Boundary:
    """One row: a rule, its five integers, and what it looks like around the pixels a b c d."""

    name: str
    family: str
    picture: str
    p1: int = 0
    p0: int = 0
    shift: int = 0
    c: int = 0
    sign: int = 1

    def fold(self, i: int, n: int) -> tuple[int | None, int]:
        """The pixel that index ``i`` reads on an axis of ``n`` pixels (None: a hole), and its sign."""
        if self.family == "clamp":
            return min(max(i, 0), n - 1), 1
        if self.family == "hole":
            return (i if 0 <= i < n else None), 1
        period = max(self.p1 * n + self.p0, 1)
        j = (i + self.shift) % period
        if 0 <= j - self.shift < n:
            return j - self.shift, 1
        mirrored = period - self.c - j
        return (mirrored, self.sign) if 0 <= mirrored < n else (None, 1)


_ROWS = (
    Boundary("zero", "hole", "0 0 0 0 | a b c d | 0 0 0 0"),
    Boundary("constant", "hole", "v v v v | a b c d | v v v v"),
    Boundary("clamp", "clamp", "a a a a | a b c d | d d d d"),
    Boundary("reflect", "periodic", "d c b a | a b c d | d c b a", p1=2, p0=0, shift=0, c=1, sign=1),
    Boundary("mirror", "periodic", "c d c b | a b c d | c b a b", p1=2, p0=-2, shift=0, c=0, sign=1),
    Boundary("wrap", "periodic", "a b c d | a b c d | a b c d", p1=1, p0=0, shift=0, c=1, sign=1),
    Boundary("antireflect", "periodic", "-d -c -b -a | a b c d | -d -c -b -a", p1=2, p0=0, shift=0, c=1, sign=-1),
    Boundary("antimirror", "periodic", "-c -b -a 0 | a b c d | 0 -d -c -b", p1=2, p0=2, shift=1, c=1, sign=-1),
)

BOUNDARIES: dict[str, Boundary] = {row.name: row for row in _ROWS}
