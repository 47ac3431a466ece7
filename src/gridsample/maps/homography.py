# SPDX-License-Identifier: Apache-2.0
"""Homographies: x_in = (A x_out + b) / (c·x_out + d), what a camera makes of a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gridsample import mapped
from gridsample.errors import RankError, unknown
from gridsample.made import Made
from gridsample.maps import arrays, fitting
from gridsample.maps.affine import DIRECTIONS, apply_rows, described
from gridsample.maps.arrays import Array
from gridsample.maps.base import Components, Map, Size, spatial, with_batch
from gridsample.maps.pixels import check, numbers, sizes
from gridsample.maps.turning import check_regular, inverted


class Homography(Map):
    """x_in = (h₀·p, h₁·p) / h₂·p with p = (x_out, y_out, 1) and hᵢ the rows of the matrix: output to input, pixels.

    Shapes:
        matrix: (N or 1, 3, 3), or without N. Its scale and sign do not matter.

    Convention:
        Points on and beyond the horizon, where h₂·p changes its sign, lie nowhere: their position is NaN, which
        ``nonfinite="outside"`` reads as outside the image. The sign of the matrix is chosen so that most of the
        corners of ``size``, or without one the origin, lie before the horizon. OpenCV shows what is beyond it, upside
        down.

    Raises:
        RankError: the matrix has another shape. MapError: it is singular.

    >>> import gridsample as gs
    >>> gs.maps.Homography([[1, 0, 0], [0, 1, 0], [0.5, 0, 1]])([[2.0, 2.0], [-4.0, 0.0]])
    array([[ 1.,  1.],
           [nan, nan]])
    """

    axes = 2

    def __init__(self, matrix: Any, *, size: Sequence[int] | None = None) -> None:
        matrix = with_batch("Homography", "matrix", arrays.one("Homography", "matrix", matrix), 3, "(N, 3, 3)")
        if tuple(matrix.shape[1:]) != (3, 3):
            do = "an affine (2, 3) matrix is `maps.Affine`"
            raise RankError("Homography", "matrix (N, 3, 3)", f"shape {tuple(matrix.shape)}", do)
        check_regular("Homography", matrix)
        self.size = None if size is None else spatial("Homography", "size", size, 2)
        self.matrix = matrix * _sign(matrix, self.size)[:, None, None]  # (N, 3, 3), h₂·p > 0 where it can be seen

    @classmethod
    def from_matrix(
        cls,
        matrix: Any,
        *,
        frame: str = "pixel",
        input_size: Sequence[int] | None = None,
        output_size: Sequence[int] | None = None,
        order: str = "xy",
        direction: str = "output_to_input",
    ) -> Homography:
        """The map of a matrix written in another frame, order or direction.

        Convention:
            As `Affine.from_matrix`. direction="input_to_output" is what OpenCV's and kornia's warpPerspective take.

        Raises:
            MapError: singular. OptionError: a frame without sizes.
        """
        where = "Homography.from_matrix"
        if direction not in DIRECTIONS:
            raise unknown(where, "direction", direction, DIRECTIONS)
        check(where, frame, order)
        given = cls(matrix).matrix
        if order == "ij":
            given = given[:, [1, 0, 2]][:, :, [1, 0, 2]]
        if direction == "input_to_output":
            given = inverted(where, given)
        if frame != "pixel":
            inner, outer = sizes(where, input_size, output_size, 2, frame)
            given = _reframed(given, frame, inner, outer)
        return cls(given, size=output_size)

    @classmethod
    def from_points(cls, output_points: Any, input_points: Any, *, size: Sequence[int] | None = None) -> Homography:
        """The map that takes four output points to four input points; more are fitted by least squares.

        Shapes:
            both: (N or 1, K, 2), or without N, K at least 4. Pixels, x first.

        Convention:
            ``cv2.getPerspectiveTransform(output, input)`` gives the same matrix for four.

        Raises:
            MapError: fewer than four, or three of the four on one line.

        >>> import gridsample as gs
        >>> square = [[0, 0], [4, 0], [4, 4], [0, 4]]
        >>> gs.maps.Homography.from_points(square, [[1, 1], [5, 1], [5, 5], [1, 5]])([[2, 2]]).round(9)
        array([[3., 3.]])
        """
        return cls(fitting.homography(output_points, input_points), size=size)

    def _at(self, xs: Components) -> list[Array]:
        return project(self.matrix, xs)

    def made(self, size: Size) -> Made:
        return mapped.of_matrix("homography", self, size)

    def square(self) -> Array:
        """The matrix: (N, 3, 3)."""
        return self.matrix

    def inverse(self, **_: Any) -> Homography:
        """The inverse, exactly."""
        back = inverted("Homography.inverse", self.matrix)
        found = Homography.__new__(Homography)
        found.matrix = back * _same_side(self.matrix, back, self.size)[:, None, None]
        found.size = None
        return found

    def _details(self) -> str:
        return described(self.matrix)


def project(matrix: Array, xs: Components) -> list[Array]:
    """The projection of components by (N, D + 1, D + 1); NaN on and beyond the horizon."""
    *rows, w = apply_rows(matrix, xs)
    xp = arrays.namespace(w)
    before = w > 0
    known = arrays.concrete(before)
    if known is not None and known.all():
        return [row / w for row in rows]
    safe = xp.where(before, w, w * 0 + 1)  # no infinity on the way, so that gradients stay finite
    nowhere = float("nan")
    return [xp.where(before, row / safe, nowhere) for row in rows]


def _sign(matrix: Array, size: Sequence[int] | None) -> Array:
    """+1 or -1 for each map: h₂·p is then positive at most corners of the output, or at the origin."""
    xp = arrays.namespace(matrix)
    last = arrays.detached(matrix)[:, 2]
    corners = [(0.0, 0.0)] if size is None else [(x, y) for x in (0.0, size[1] - 1.0) for y in (0.0, size[0] - 1.0)]
    votes = sum(xp.sign(last[:, 0] * x + last[:, 1] * y + last[:, 2]) for x, y in corners)
    if size is not None:  # a tie goes to the centre
        votes = votes * 2 + xp.sign(last[:, 0] * (size[1] - 1) / 2 + last[:, 1] * (size[0] - 1) / 2 + last[:, 2])
    return xp.where(votes < 0, -1.0, 1.0)


def _same_side(matrix: Array, back: Array, size: Sequence[int] | None) -> Array:
    """The sign with which ``back`` sees, before its horizon, what ``matrix`` makes of a point before its own."""
    xp = arrays.namespace(matrix)
    m, b = arrays.detached(matrix), arrays.detached(back)
    x, y = (0.0, 0.0) if size is None else ((size[1] - 1) / 2, (size[0] - 1) / 2)
    image = m[:, :, 0] * x + m[:, :, 1] * y + m[:, :, 2]
    # back · (matrix · p) = ±p·(a positive number): its last entry has the sign that is wanted when image's last is > 0
    seen = (b[:, 2] * image).sum(-1) * xp.sign(image[:, 2])
    return xp.where(seen < 0, -1.0, 1.0)


def _reframed(matrix: Array, frame: str, inner: tuple[int, ...], outer: tuple[int, ...]) -> Array:
    """T_in H T_out⁻¹ with T from a frame to pixels; factored so that the identity stays exactly the identity."""
    xp = arrays.namespace(matrix)
    (scale_in, shift_in), (scale_out, shift_out) = _to_pixels(frame, inner), _to_pixels(frame, outer)
    rows = [matrix[:, i] * scale_in[i] + matrix[:, 2] * shift_in[i] for i in range(2)]
    left = xp.stack([*rows, matrix[:, 2]], axis=1)
    columns = [left[..., j] / scale_out[j] for j in range(2)]
    last = left[..., 2] - columns[0] * shift_out[0] - columns[1] * shift_out[1]
    return xp.stack([*columns, last], axis=-1)


def _to_pixels(frame: str, size: tuple[int, ...]) -> tuple[list[float], list[float]]:
    """x = scale·g + shift for each axis. One pixel in "corners" has no scale; any serves its one position, g = 0."""
    offset, scale, shift = numbers(frame, size)
    return [s or 1.0 for s in scale], [o * s + t for o, s, t in zip(offset, scale, shift, strict=True)]
