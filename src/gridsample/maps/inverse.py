# SPDX-License-Identifier: Apache-2.0
"""The inverse of any map, by iteration, with its residual stated.

    y ← y - J(y)⁻¹ (map(y) - x)        Newton's method, from y = start(x)

The derivative by everything the map depends on comes from one more step with J held fixed, which is the implicit
function theorem; the iteration itself is not recorded.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from gridsample.errors import MapWarning, OptionError
from gridsample.maps import arrays
from gridsample.maps.arrays import Array
from gridsample.maps.base import Components, Map
from gridsample.maps.derivatives import entries


class Inverse(Map):
    """The map from the input positions of ``map`` back to its output positions.

        map(inverse(x)) = x, to ``tolerance_px``

    Convention:
        ``start`` is a map near the inverse, from which the iteration begins; the identity by default. Where ``map``
        folds there is no inverse: the iteration ends somewhere, and a `MapWarning` gives the residual and how many
        positions have it. ``residual`` has it at any positions.

    >>> import numpy as np, gridsample as gs
    >>> bent = gs.maps.Displacement(np.stack([np.zeros((8, 8)), np.sin(np.arange(8.0)) * np.ones((8, 1))]))
    >>> bool(bent.inverse().residual(size=(8, 8)).max() < 1e-3)
    True
    """

    def __init__(self, forward: Map, *, start: Map | None = None, steps: int = 50, tolerance_px: float = 1e-3) -> None:
        if not tolerance_px > 0 or steps < 1:
            got = f"steps={steps}, tolerance_px={tolerance_px}"
            raise OptionError("inverse", "steps ≥ 1 and tolerance_px > 0", got, "leave them away for the defaults")
        self.forward, self.start = forward, start
        self.steps, self.tolerance_px = int(steps), float(tolerance_px)
        self.axes, self.size, self.stacks = forward.axes, forward.size, forward.stacks

    def _at(self, xs: Components) -> list[Array]:
        still = self.forward.detach()
        ys = _iterated(still, self.start, [arrays.detached(x) for x in xs], self.steps, self.tolerance_px)
        return _step(self.forward, [arrays.detached(y) for y in ys], xs, entries(still, ys, exact=True))

    def residual(self, positions: Any = None, *, size: Sequence[int] | None = None) -> Array:
        """|map(inverse(x)) - x| in pixels at positions (N or 1, …, D), or at every pixel of ``size``: (N, …)."""
        if positions is None:
            positions = arrays.stacked(self.ramps(self.output_size(size)))
        here, positions = self._beside(positions)
        assert isinstance(here, Inverse)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MapWarning)  # what it would say is the answer
            off = here.forward(here(positions)) - positions
        return arrays.namespace(off).sqrt((off * off).sum(-1))

    def inverse(self, **_: Any) -> Map:
        """The map itself."""
        return self.forward

    def _details(self) -> str:
        return f"inverse of {self.forward!r} to {self.tolerance_px:g} px"


def _iterated(map_: Map, start: Map | None, xs: Components, steps: int, tolerance: float) -> list[Array]:
    ys = list(xs) if start is None else start.detach()._at(xs)
    ys = [y + sum(xs) * 0 for y in ys]  # of the full shape, as J's entries at them will be
    worst = None
    for _ in range(steps):
        found = map_._at(ys)
        off = [f - x for f, x in zip(found, xs, strict=True)]
        worst = arrays.concrete(sum(o * o for o in off))
        if worst is not None and not np.any(worst > (tolerance / 16) ** 2):
            return ys
        ys = _newton(ys, off, entries(map_, ys, exact=True))
    if worst is not None:
        _warn(worst, tolerance)
    return ys


def _warn(squares: np.ndarray[Any, Any], tolerance: float) -> None:
    known = squares[np.isfinite(squares)]
    wrong = int(np.count_nonzero(known > tolerance**2))
    if wrong:
        far = float(np.sqrt(known.max()))
        message = (
            f"inverse: {wrong} of {squares.size} positions ({wrong / squares.size:.1%}) are off by up to {far:.3g} px "
            f"(tolerance {tolerance:g} px); the map probably folds there: see fold_fraction"
        )
        warnings.warn(message, MapWarning, stacklevel=6)


def _step(map_: Map, ys: Components, xs: Components, jacobian: list[list[Array]]) -> list[Array]:
    off = [f - x for f, x in zip(map_._at(ys), xs, strict=True)]
    return _newton(ys, off, [[arrays.detached(entry) for entry in row] for row in jacobian])


def _newton(ys: Components, off: Components, jacobian: list[list[Array]]) -> list[Array]:
    return [y - step for y, step in zip(ys, _solved(jacobian, off), strict=True)]


def _solved(j: list[list[Array]], b: Components) -> list[Array]:
    """J⁻¹ b by Cramer's rule, point by point; where J has no inverse, b itself (a plain fixed-point step)."""
    n, xp = len(b), arrays.namespace(b[0])
    det = _det(j)
    scale = sum(abs(entry) for row in j for entry in row)
    regular = abs(det) > 1e-6 * scale**n
    det = xp.where(regular, det, det * 0 + 1)
    solved = []
    for k in range(n):
        column = _det([[b[i] if c == k else j[i][c] for c in range(n)] for i in range(n)])
        solved.append(xp.where(regular, column / det, b[k]))
    return solved


def _det(j: list[list[Any]]) -> Any:
    if len(j) == 1:
        return j[0][0]
    if len(j) == 2:
        return j[0][0] * j[1][1] - j[0][1] * j[1][0]
    return sum(
        j[0][k] * (j[1][(k + 1) % 3] * j[2][(k + 2) % 3] - j[1][(k + 2) % 3] * j[2][(k + 1) % 3]) for k in range(3)
    )
