# SPDX-License-Identifier: Apache-2.0
"""Composition: many maps, one sampling. Matrices are multiplied; everything else is called one after the other."""

from __future__ import annotations

from typing import Any

from gridsample.errors import ArgumentTypeError, RankError
from gridsample.maps import arrays
from gridsample.maps.affine import Affine
from gridsample.maps.arrays import Array
from gridsample.maps.base import Components, Map
from gridsample.maps.homography import Homography


class Composed(Map):
    """(outer @ inner)(p) = outer(inner(p)); made by `compose` or ``@``."""

    def __init__(self, outer: Map, inner: Map) -> None:
        if outer.axes != inner.axes:
            got = f"{outer.axes}D and {inner.axes}D"
            raise RankError("compose", "maps of as many axes", got, "they take and give positions of one space")
        self.outer, self.inner = outer, inner
        self.axes, self.size, self.boundary = inner.axes, inner.size, outer.boundary
        self.stacks = max(outer.stacks, inner.stacks)

    def _at(self, xs: Components) -> list[Array]:
        return self.outer._at(self.inner._at(xs))

    def inverse(self, **choices: Any) -> Map:
        """inner⁻¹ @ outer⁻¹, each in its own way."""
        return compose(self.inner.inverse(**choices), self.outer.inverse(**choices))

    def _details(self) -> str:
        return f"{type(self.outer).__name__} after {self.inner!r}"


def compose(*maps: Map) -> Map:
    """The map that calls the last map first: compose(a, b, c)(p) = a(b(c(p))), as ``a @ b @ c``.

    Convention:
        Maps go from output to input, so the image is warped by ``a``, the result by ``b`` and so on, in one sampling
        and with the blur of one. Affine maps and homographies become one matrix.

    Returns:
        Affine, Homography or Composed, for the output size of the last map.

    Raises:
        ArgumentTypeError, RankError: no maps, or of different axes.

    >>> import gridsample as gs
    >>> move, double = gs.maps.Affine([[1, 0, 3], [0, 1, 0]]), gs.maps.Affine([[2, 0, 0], [0, 2, 0]])
    >>> (move @ double)([[1, 1]])
    array([[5., 2.]])
    """
    if not maps or not all(isinstance(each, Map) for each in maps):
        got = ", ".join(type(each).__name__ for each in maps) or "none"
        raise ArgumentTypeError("compose", "one or more maps", got, "make them with gs.maps")
    result = maps[-1]
    for outer in reversed(maps[:-1]):
        result = _pair(outer, result)
    return result


def _pair(outer: Map, inner: Map) -> Map:
    if outer.axes != inner.axes or not all(isinstance(each, (Affine, Homography)) for each in (outer, inner)):
        return Composed(outer, inner)
    if arrays.library(outer.leader()) != arrays.library(inner.leader()):
        outer, inner = (outer.to(inner.leader()), inner) if _numpy(outer) else (outer, inner.to(outer.leader()))
    assert isinstance(outer, (Affine, Homography))
    assert isinstance(inner, (Affine, Homography))
    a, b = outer.square(), inner.square()
    product = (a[:, :, :, None] * b[:, None, :, :]).sum(-2)  # written out: `@` would not mix types
    result: Map
    if isinstance(outer, Affine) and isinstance(inner, Affine):
        result = Affine(product[:, :-1])
    else:
        result = Homography.__new__(Homography)  # its horizon is that of its parts, so its sign stays
        result.matrix = product  # type: ignore[attr-defined]
    result.size = inner.size
    return result


def _numpy(map_: Map) -> bool:
    return arrays.library(map_.leader()) == "numpy"
