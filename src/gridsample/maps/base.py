# SPDX-License-Identifier: Apache-2.0
"""What every map is: OUTPUT positions in, INPUT positions out, in pixels, x first.

    out[n, c, o] = image[n, c, map(o)]

A subclass gives `_at`, the formula, on separate components that broadcast against each other: for a whole output these
are one ramp per axis, so what depends on one axis is computed once for it. Everything else is here, or in the file that
a method names. Maps are never changed; methods return new ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gridsample import mapped
from gridsample.errors import ArgumentTypeError, OptionError, RankError, ShapeError
from gridsample.maps import arrays
from gridsample.maps.arrays import Array

if TYPE_CHECKING:
    from gridsample.made import Made
    from gridsample.maps.framed import Framed

Components = Sequence[Array]  # one array per axis of space, x first
Size = tuple[int, ...]  # of an image, in memory order: (height, width), (depth, height, width)


class Map(ABC):
    """A coordinate map from output to input positions. Called with positions (N or 1, …, D), it gives (N, …, D)."""

    axes: int  # D
    size: Size | None = None  # of the output it is made for, if it is made for one
    boundary: str | tuple[str, ...] | None = None  # what its input should read beyond its rim, if the map knows
    stacks: int = 0  # output axes of its own, before those of the size: one for the boxes of each image

    @abstractmethod
    def _at(self, xs: Components) -> list[Array]:
        """Input components of output components, each (N or 1, …), broadcast against each other."""

    @property
    def gridsample_map(self) -> Map:
        """What the verbs take: the map from output to input pixels."""
        return self

    # Evaluation

    def __call__(self, positions: Any) -> Array:
        """Input positions of output positions (N or 1, …, D); one map also takes any (…, D)."""
        here, positions = self._beside(positions)
        return arrays.stacked(here._at([positions[..., j] for j in range(self.axes)]))

    def coords(self, size: Sequence[int] | None = None) -> Array:
        """Input positions of every pixel of an output of ``size`` (memory order): (N, *size, D), in pixels, x first."""
        return arrays.stacked(self.components(size))

    def components(self, size: Sequence[int] | None = None) -> list[Array]:
        """The same, one array for each component, x first; they broadcast against each other."""
        return self._at(self.ramps(self.output_size(size)))

    def ramps(self, size: Size) -> list[Array]:
        """Pixel positions of an output, one component per axis, each as long as its axis and broadcasting."""
        leader, total = self.leader(), 1 + self.stacks + self.axes
        components = []
        for d, n in enumerate(size):
            shape = [1] * total
            shape[1 + self.stacks + d] = n
            components.append(arrays.ramp(leader, n).reshape(shape))
        return components[::-1]

    def output_size(self, size: Sequence[int] | None) -> Size:
        """``size`` checked, or the map's own."""
        if size is None:
            if self.size is None:
                do = "pass size=(height, width), in memory order"
                raise OptionError(type(self).__name__, "the size of the output", "none", do)
            return self.size
        do = "give one length per axis of space, in memory order"
        return lengths(type(self).__name__, "a size", size, self.axes, do)

    def made(self, size: Size) -> Made | None:
        """What the engine's loops make the coordinates of an output of ``size`` from, if they know this map."""
        return None

    # Composition and inversion

    def __matmul__(self, inner: Map) -> Map:
        """(a @ b)(p) = a(b(p)): the image warped by ``a`` and the result by ``b``, in one sampling."""
        from gridsample.maps.composed import compose

        return compose(self, inner) if isinstance(inner, Map) else NotImplemented

    def inverse(self, **choices: Any) -> Map:
        """The map from input to output positions; by iteration unless the class knows better (see `Inverse`)."""
        from gridsample.maps.inverse import Inverse

        return Inverse(self, **choices)

    # Derivatives: derivatives.py

    def jacobian(self, positions: Any = None, *, size: Sequence[int] | None = None) -> Array:
        """d input / d output at positions, or at every pixel of ``size``: (N, …, D, D); see `maps.jacobian`."""
        from gridsample.maps.derivatives import jacobian

        return jacobian(self, positions, size=size)

    def fold_fraction(self, size: Sequence[int] | None = None) -> Array:
        """Which part of an output's pixels the map folds over: (N,), see `maps.fold_fraction`."""
        from gridsample.maps.derivatives import fold_fraction

        return fold_fraction(self, size)

    # Frames: framed.py

    def in_frame(
        self, frame: str, input_size: Sequence[int], output_size: Sequence[int] | None = None, order: str = "xy"
    ) -> Framed:
        """The same map, called with and answering in another frame; see `maps.Framed`."""
        from gridsample.maps.framed import Framed

        return Framed(self, frame, input_size, output_size, order)

    def to_grid(
        self, input_size: Sequence[int], output_size: Sequence[int] | None = None, *, align_corners: bool
    ) -> Array:
        """The grid (N, *output_size, D) that makes ``F.grid_sample`` do what this map does; see `maps.to_grid`."""
        from gridsample.maps.framed import to_grid

        return to_grid(self, input_size, output_size, align_corners=align_corners)

    # What lies on a picture: annotations.py

    def points(self, points: Any) -> Array:
        """Where points of the INPUT come to lie in the output: (N or 1, …, D), in pixels; see `maps.points`."""
        from gridsample.maps.annotations import points as moved

        return moved(self, points)

    def boxes(self, boxes: Any, *, clip: Sequence[int] | None = None) -> Array:
        """The boxes around what boxes of the INPUT become in the output: (N or 1, K, 4); see `maps.boxes`."""
        from gridsample.maps.annotations import boxes as moved

        return moved(self, boxes, clip=clip)

    def inside(self, input_size: Sequence[int], output_size: Sequence[int] | None = None) -> Array:
        """Which output pixels show some of the input: a mask (N, *output_size); see `maps.inside`."""
        from gridsample.maps.annotations import inside

        return inside(self, input_size, output_size)

    # Arrays

    def to(self, reference: Any) -> Map:
        """This map with its numbers in the library and place of an array; types and gradients stay."""
        here = all(arrays.is_like(value, reference) for value in self._arrays())
        return self if here else self._each(lambda value: arrays.like(value, reference))

    def detach(self) -> Map:
        """This map without its history of gradients."""
        return self._each(arrays.detached)

    def leader(self) -> Array:
        """One of the arrays that the map computes with."""
        for value in self._arrays():
            return value
        raise RankError(type(self).__name__, "a map with numbers", "none", "give it an array")

    @property
    def batch(self) -> int:
        """N, the number of maps, one for each image; 1 serves all."""
        counts: list[int] = [value.shape[0] for value in self._arrays()]
        return max((count for count in counts if count != 1), default=min(counts))

    def _arrays(self) -> Iterator[Array]:
        """What it computes with, that of the maps it is made of too."""
        for value in vars(self).values():
            if _is_array(value):
                yield value
            elif isinstance(value, Map):
                yield from value._arrays()

    def _each(self, change: Callable[[Array], Array]) -> Map:
        parts = {name: value for name, value in vars(self).items() if _is_array(value) or isinstance(value, Map)}
        return mapped.changed(
            self, **{name: v._each(change) if isinstance(v, Map) else change(v) for name, v in parts.items()}
        )

    def _beside(self, positions: Any) -> tuple[Map, Array]:
        """This map and ``positions``, in one library."""
        name, leader = type(self).__name__, self.leader()
        if arrays.library(positions) == "numpy":
            positions = arrays.like(arrays.one(name, "positions", positions), leader)
        elif arrays.library(leader) == "numpy":
            positions = arrays.one(name, "positions", positions)
        elif arrays.library(leader) != arrays.library(positions):
            got = f"a map of {arrays.library(leader)} and positions of {arrays.library(positions)}"
            raise ArgumentTypeError(name, "a map and positions of one library", got, "convert one of them")
        if positions.ndim < 1 or positions.shape[-1] != self.axes:
            do = f"put {' and '.join('xyz'[: self.axes])} last"
            raise ShapeError(name, f"positions (…, {self.axes})", str(tuple(positions.shape)), do)
        return self.to(positions), positions

    # Printing

    def __repr__(self) -> str:
        place = f"in pixels, {'x first' if self.axes > 1 else '0 is the first pixel'}"
        return f"{type(self).__name__}(output → input, {place}; {self._summary()})"

    def _summary(self) -> str:
        count = "1 map" if self.batch == 1 else f"{self.batch} maps"
        made_for = f" for an output of {'×'.join(map(str, self.size))}" if self.size else ""
        details = self._details()
        return f"{self.axes}D, {count}{made_for}" + (f": {details}" if details else "")

    def _details(self) -> str:
        return ""


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def with_batch(where: str, name: str, value: Array, rank: int, expected: str) -> Array:
    """``value`` of ``rank`` axes, or of one fewer: then a batch of one is put before."""
    if value.ndim == rank - 1:
        value = value[None]
    if value.ndim != rank:
        raise RankError(where, f"{name} {expected}", f"shape {tuple(value.shape)}", "see the shapes in its docstring")
    return value


def spatial(where: str, name: str, size: Any, axes: int) -> Size:
    """The lengths of an image's spatial axes, checked."""
    do = "give (height, width), or (depth, height, width), without batch and channels"
    return lengths(where, name, size, axes, do)


def lengths(where: str, name: str, size: Any, axes: int, do: str) -> Size:
    """As many positive whole numbers as there are axes; ``do`` is what to do where they are not."""
    if type(size) is tuple and len(size) == axes and {*map(type, size)} == {int} and min(size) > 0:
        return size  # nearly always
    try:
        found = tuple(int(n) for n in size)
    except TypeError:
        found = ()
    if len(found) != axes or min(found) < 1:
        raise ShapeError(where, f"{name} of {axes} positive lengths", str(size), do)
    return found
