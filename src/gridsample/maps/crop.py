# SPDX-License-Identifier: Apache-2.0
"""Crops: boxes of an image, each drawn at one size, many of them without copying the image."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from gridsample import mapped
from gridsample.errors import MapError, MapWarning, ShapeError
from gridsample.made import Made
from gridsample.maps import arrays, turning
from gridsample.maps.affine import Affine, apply_rows
from gridsample.maps.arrays import Array
from gridsample.maps.base import Components, Map, Size, spatial


class Crop(Map):
    """Boxes of the input, each filling an output of ``size``, as RoIAlign with one sample per cell.

        x_in = x0 - 1/2 + (x_out + 1/2) (x1 - x0) / width,   turned about the box's middle by ``angle_deg``

    Shapes:
        boxes: (K, 4) of one image: K maps, the result is (K, C, *size). Or (N, K, 4), K boxes of each of N images: the
        result is (N, C, K, *size). angle_deg: (), or boxes without their last axis.
        size: (height, width) of each crop.

    Convention:
        Boxes are (x0, y0, x1, y1), outer edges in pixels: (0, 0, width, height) is the whole image, as torchvision
        and COCO have them. A turned box is drawn upright: its own top is the crop's, turned clockwise as seen by the
        angle. The box of the whole image at its own size is exactly the identity.

    Raises:
        ShapeError; MapError: a box whose x1 ≤ x0 or y1 ≤ y0 (x, y, width, height are not taken).
        MapWarning (a warning): all boxes within 0 … 1, as if they were fractions of the image.

    >>> import numpy as np, gridsample as gs
    >>> image = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> gs.sample(image, gs.maps.Crop([[0, 0, 2, 2], [2, 2, 4, 4]], size=(2, 2)))[:, 0]
    array([[[ 0.,  1.],
            [ 4.,  5.]],
    <BLANKLINE>
           [[10., 11.],
            [14., 15.]]])
    """

    axes = 2

    def __init__(self, boxes: Any, size: Sequence[int], *, angle_deg: Any = None) -> None:
        boxes, angle = arrays.together("Crop", boxes=boxes, angle_deg=angle_deg)
        if boxes.ndim == 1:
            boxes = boxes[None]
        if boxes.ndim not in (2, 3) or boxes.shape[-1] != 4:
            do = "give x0, y0, x1, y1 for each"
            raise ShapeError("Crop", "boxes (K, 4) or (N, K, 4)", f"shape {tuple(boxes.shape)}", do)
        self.size = spatial("Crop", "size", size, 2)
        self.stacks = boxes.ndim - 2
        self.regions = boxes
        _check_boxes(boxes)
        self.matrix = self._rows(boxes, angle)  # (K, 2, 3) or (N, K, 2, 3)

    def _rows(self, boxes: Array, angle: Array | None) -> Array:
        xp, (height, width) = arrays.namespace(boxes), self.size or (1, 1)
        x0, y0, x1, y1 = (boxes[..., j] for j in range(4))
        sx, sy = (x1 - x0) / width, (y1 - y0) / height
        zero = sx * 0
        if angle is None:
            rows = [[sx, zero, x0 + (sx / 2 - 0.5)], [zero, sy, y0 + (sy / 2 - 0.5)]]
        else:
            c, s = turning.cos_sin(angle + zero)
            mx, my = (x0 + x1) / 2 - 0.5, (y0 + y1) / 2 - 0.5
            ox, oy = (width - 1) / 2, (height - 1) / 2
            rows = [
                [c * sx, -s * sy, mx - c * sx * ox + s * sy * oy],
                [s * sx, c * sy, my - s * sx * ox - c * sy * oy],
            ]
        return xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)

    def _at(self, xs: Components) -> list[Array]:
        return apply_rows(self.matrix, xs)

    def made(self, size: Size) -> Made | None:
        return None if self.stacks else mapped.of_matrix("affine", self, size)  # loops know one matrix for an image

    def affine(self) -> Affine:
        """The boxes as affine maps, one each: (K,) or (N K,)."""
        return Affine(self.matrix.reshape(-1, 2, 3), size=self.size)

    def inverse(self, **_: Any) -> Map:
        """From the image to the crop, exactly; for boxes (K, 4)."""
        if self.stacks:
            do = "take crop.affine(), one map for each box"
            raise MapError("Crop.inverse", "boxes (K, 4)", f"boxes {tuple(self.regions.shape)}", do)
        return self.affine().inverse()

    def _entries(self, xs: Components) -> list[list[Array]]:
        return [[arrays.raised(self.matrix[..., i, j], xs[0]) for j in range(2)] for i in range(2)]

    def _details(self) -> str:
        return f"boxes {tuple(self.regions.shape)}"


def _check_boxes(boxes: Array) -> None:
    numbers = arrays.concrete(boxes)
    if numbers is None or not numbers.size:
        return
    flat = numbers.reshape(-1, 4)
    wrong = ~((flat[:, 2] > flat[:, 0]) & (flat[:, 3] > flat[:, 1]))
    if wrong.any():
        first = int(np.argmax(wrong))
        got = f"{flat[first]} at {first}"
        raise MapError("Crop", "boxes (x0, y0, x1, y1) with x1 > x0 and y1 > y0", got, "add the corner to the size")
    if flat.min() >= 0 and flat.max() <= 1 and (flat % 1).any():
        message = f"Crop: all boxes are within 0 … 1 ({flat[0]}): these look like fractions of the image; give pixels"
        warnings.warn(message, MapWarning, stacklevel=4)
