# SPDX-License-Identifier: Apache-2.0
"""Affine maps: x_in = A x_out + b, from whatever describes one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gridsample import mapped
from gridsample.errors import MapError, RankError, unknown
from gridsample.made import Made
from gridsample.maps import arrays, fitting, turning
from gridsample.maps.arrays import Array
from gridsample.maps.base import Components, Map, Size, spatial, with_batch
from gridsample.maps.pixels import matrix_to_pixels

DIRECTIONS = ("output_to_input", "input_to_output")


class Affine(Map):
    """x_in = A x_out + b, with [A | b] the matrix: in pixels, from output to input, x first.

    Shapes:
        matrix: (N or 1, D, D + 1), or without N; D from 1 to 3. A last row 0 … 0 1 may be there.

    Raises:
        RankError, MapError: the matrix has another shape, or a last row that is not 0 … 0 1.

    >>> import gridsample as gs
    >>> gs.maps.Affine([[2.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    Affine(output → input, in pixels, x first; 2D, 1 map: [2 0 1] [0 1 0])
    >>> gs.maps.Affine([[2.0, 0.0, 1.0], [0.0, 1.0, 0.0]])([[3.0, 4.0]])
    array([[7., 4.]])
    """

    def __init__(self, matrix: Any, *, size: Sequence[int] | None = None) -> None:
        matrix = with_batch("Affine", "matrix", arrays.one("Affine", "matrix", matrix), 3, "(N, D, D + 1)")
        self.matrix = _without_last_row(matrix)  # (N, D, D + 1)
        self.axes = self.matrix.shape[1]
        self.size = None if size is None else spatial("Affine", "size", size, self.axes)

    @classmethod
    def identity(cls, axes: int = 2) -> Affine:
        """The map that changes nothing."""
        return cls(np.eye(axes, axes + 1))

    @classmethod
    def from_parts(
        cls,
        *,
        rotation_deg: Any = 0.0,
        scale: Any = 1.0,
        shear: Any = 0.0,
        translation_px: Any = 0.0,
        centre_px: Any = None,
        input_size: Sequence[int] | None = None,
        output_size: Sequence[int] | None = None,
        axes: int = 2,
    ) -> Affine:
        """The map that scales, shears, turns and then moves the PICTURE.

            x_out = c_out + translation + R Sh S (x_in - c_in)        the map is the way back

        Shapes:
            rotation_deg: () or (N,) in 2D, (3,) or (N, 3) in 3D. scale: (), (N,), (D,) or (N, D). shear: (), (N,) or
            (N, D (D - 1)): how much each axis gains of each other, off the diagonal, row by row; a single number is
            x's gain of y. translation_px, centre_px: (), (D,) or (N, D).

        Convention:
            The numbers speak of the picture: scale=2 makes it twice as large. A 2D rotation is counter-clockwise as
            seen, with y pointing down; a 3D one turns about x, then y, then z (right-handed in x, y, z). What lies
            at c_in comes to lie at c_out: ``centre_px`` for both, else the centres of ``input_size`` and
            ``output_size`` (memory order; one stands for both), else the first pixel. Quarter turns are exact.
            A list as long as D is one value per axis; with N = D write (N, D).

        Returns:
            Affine, differentiable in every number.

        Raises:
            MapError: a scale of 0, or a shear that flattens the picture.

        >>> import gridsample as gs
        >>> gs.maps.Affine.from_parts(rotation_deg=90, input_size=(3, 5), output_size=(5, 3))
        Affine(output → input, in pixels, x first; 2D, 1 map for an output of 5×3: [0 -1 4] [1 0 0])
        """
        inner, outer = input_size or output_size, output_size or input_size
        if centre_px is None:
            from_ = turning.centre(spatial("Affine", "input_size", inner, axes)) if inner else np.zeros(axes)
            to = turning.centre(spatial("Affine", "output_size", outer, axes)) if outer else np.zeros(axes)
        else:
            from_ = to = centre_px
        matrix = turning.matrix(rotation_deg, scale, shear, translation_px, from_, to, axes)
        return cls(matrix, size=outer)

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
    ) -> Affine:
        """The map of a matrix that is written in another frame, order or direction.

        Shapes:
            matrix: (N or 1, D, D + 1), or without N.

        Convention:
            frame: what the matrix's coordinates mean; all but "pixel" need the sizes. ``F.affine_grid``'s theta is
            frame="edges" (align_corners=False) or "corners" (True). direction: "input_to_output" for matrices that
            move the picture (OpenCV's and kornia's warp_affine); their inverse is the map.

        Returns:
            Affine, in pixels; the identity stays exactly the identity in every frame.

        Raises:
            MapError: a singular matrix with direction="input_to_output". OptionError: a frame without sizes.
        """
        if direction not in DIRECTIONS:
            raise unknown("Affine.from_matrix", "direction", direction, DIRECTIONS)
        given = cls(matrix)
        if direction == "input_to_output":
            given = given.inverse()
        pixels = matrix_to_pixels("Affine.from_matrix", given.matrix, frame, input_size, output_size, order)
        size = None if output_size is None else spatial("Affine.from_matrix", "output_size", output_size, given.axes)
        return mapped.changed(given, matrix=pixels, size=size)

    @classmethod
    def from_points(cls, output_points: Any, input_points: Any, *, kind: str = "affine") -> Affine:
        """The map that takes output points to input points, as nearly as it can (least squares).

        Shapes:
            both: (N or 1, K, D), or without N; K at least D + 1 (affine), 2 in 2D and 3 in 3D (similarity, rigid).

        Convention:
            kind: "affine", "similarity" (rotation, one scale, translation; Umeyama 1991) or "rigid" (without scale).

        Raises:
            MapError: too few points, or all on one line or plane.

        >>> import gridsample as gs
        >>> fitted = gs.maps.Affine.from_points([[0, 0], [1, 0], [0, 1]], [[5, 5], [7, 5], [5, 6]])
        >>> fitted([[2, 0]]).round(9)
        array([[9., 5.]])
        """
        return cls(fitting.affine(output_points, input_points, kind))

    def _at(self, xs: Components) -> list[Array]:
        return apply_rows(self.matrix, xs)

    def made(self, size: Size) -> Made:
        return mapped.of_matrix("affine", self, size)

    def square(self) -> Array:
        """The matrix with its last row: (N, D + 1, D + 1)."""
        xp = arrays.namespace(self.matrix)
        last = arrays.ramp(self.matrix, self.axes + 1) >= self.axes
        last = xp.broadcast_to((last * (self.matrix[:, :1] * 0 + 1)), (len(self.matrix), 1, self.axes + 1))
        return xp.concatenate([self.matrix, last], axis=1)

    def inverse(self, **_: Any) -> Affine:
        """The inverse, exactly. Raises MapError if the matrix is singular."""
        rows = turning.inverted("Affine.inverse", self.matrix)
        return Affine(rows)

    def theta(self, input_size: Sequence[int], output_size: Sequence[int], *, align_corners: bool) -> Array:
        """The matrix for ``F.affine_grid`` and ``gs.affine_grid``: (N, D, D + 1), normalised."""
        from gridsample.maps.pixels import matrix_from_pixels

        frame = "corners" if align_corners else "edges"
        return matrix_from_pixels("Affine.theta", self.matrix, frame, input_size, output_size, "xy")

    def _details(self) -> str:
        return described(self.matrix)


def apply_rows(matrix: Array, xs: Components) -> list[Array]:
    """Rows of (N, R, D + 1) applied to components. Sums are written out: their order does not depend on shapes."""
    rows = []
    for i in range(matrix.shape[-2]):
        total = arrays.raised(matrix[..., i, len(xs)], xs[0])
        for j in reversed(range(len(xs))):
            total = arrays.raised(matrix[..., i, j], xs[0]) * xs[j] + total
        rows.append(total)
    return rows


def described(matrix: Array) -> str:
    """The rows of the first matrix, if they can be looked at."""
    numbers = arrays.concrete(matrix)
    if numbers is None:
        return ""
    first = numbers.reshape(-1, *numbers.shape[-2:])[0] + 0.0
    return " ".join("[" + " ".join(f"{v:.6g}" for v in row) + "]" for row in first) + ("" if len(matrix) == 1 else " …")


def _without_last_row(matrix: Array) -> Array:
    rows, columns = matrix.shape[1:]
    if not 1 <= columns - 1 <= 3 or rows not in (columns - 1, columns):
        got = f"shape {tuple(matrix.shape)}"
        raise RankError("Affine", "matrix (N, D, D + 1) with D from 1 to 3", got, "a homography is `maps.Homography`")
    if rows == columns - 1:
        return matrix
    last = arrays.concrete(matrix[:, -1])
    if last is not None and not np.allclose(last, [*[0.0] * (columns - 1), 1.0], atol=1e-6):
        got = f"a last row {last[0]}"
        raise MapError("Affine", "a last row 0 … 0 1", got, "use `maps.Homography` for perspective")
    return matrix[:, :-1]
