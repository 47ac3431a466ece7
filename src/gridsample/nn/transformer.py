# SPDX-License-Identifier: Apache-2.0
"""The spatial transformer (Jaderberg et al. 2015): a network looks at the image and answers how to warp it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gridsample.errors import OptionError, ShapeError, unknown
from gridsample.maps import Affine, Homography, Map, ThinPlateSpline
from gridsample.nn.supersampling import supersampled

Size = tuple[int, ...]


class Head(NamedTuple):
    """How ``count`` numbers for an image of a size are a map of it onto itself; all 0 is exactly the identity."""

    count: Callable[[int], int]  # from the number of control points per axis, which only splines have
    map: Callable[[Tensor, Size, int], Map]


def _affine(numbers: Tensor, size: Size, _: int) -> Map:
    """The matrix, less the identity, in fractions of half the image."""
    matrix = numbers.reshape(-1, 2, 3) + torch.eye(2, 3, dtype=numbers.dtype, device=numbers.device)
    return Affine.from_matrix(matrix, frame="edges", input_size=size, output_size=size)


def _similarity(numbers: Tensor, size: Size, _: int) -> Map:
    """Log of the scale, angle in radians, translation in fractions of half the image."""
    half = torch.tensor([size[1] / 2, size[0] / 2], dtype=numbers.dtype, device=numbers.device)
    return Affine.from_parts(
        scale=numbers[:, :1].exp().expand(-1, 2),
        rotation_deg=numbers[:, 1] * (180 / pi),
        translation_px=numbers[:, 2:] * half,
        input_size=size,
    )


def _homography(numbers: Tensor, size: Size, _: int) -> Map:
    """The matrix, less the identity, in fractions of half the image; its last entry is 1."""
    full = torch.cat([numbers, torch.zeros_like(numbers[:, :1])], 1).reshape(-1, 3, 3)
    matrix = full + torch.eye(3, dtype=numbers.dtype, device=numbers.device)
    return Homography.from_matrix(matrix, frame="edges", input_size=size, output_size=size)


def _spline(numbers: Tensor, size: Size, points: int) -> Map:
    """Where to read for each point of a regular grid over the image, as fractions of half the image."""
    axes = [torch.linspace(0, n - 1, points, dtype=numbers.dtype, device=numbers.device) for n in size]
    y, x = torch.meshgrid(*axes, indexing="ij")
    grid = torch.stack([x.flatten(), y.flatten()], -1)[None]
    half = torch.tensor([size[1] / 2, size[0] / 2], dtype=numbers.dtype, device=numbers.device)
    return ThinPlateSpline(grid.expand(len(numbers), -1, -1), grid + numbers.reshape(-1, points**2, 2) * half)


HEADS: dict[str, Head] = {
    "affine": Head(lambda _: 6, _affine),
    "similarity": Head(lambda _: 4, _similarity),
    "homography": Head(lambda _: 8, _homography),
    "tps": Head(lambda points: 2 * points**2, _spline),
}


class SpatialTransformer(nn.Module):
    """Warp each image by the map that a localisation network answers for it.

        out = image ∘ map,   map = head(W localisation(image) + b) ∘ resize

    Shapes:
        images: (N, C, H, W). localisation: a module from images to (N, features), or anything that flattens to it.
        size: of the output; by default the image's.

    Convention:
        head: "affine", "similarity", "homography" or "tps" (points × points control points). W and b begin at zero, so
        that the transformer begins as the identity (a resizing, where ``size`` is another) whatever the image.
        features: how many numbers localisation gives; found from its last linear layer if left away. antialias: where
        the map makes the image smaller, average as many samples per output pixel as that needs. Gradients reach images
        and localisation.

    Returns:
        (N, C, *size). ``map(images)`` gives the maps themselves, for points, boxes and pictures.

    >>> import torch, gridsample as gs
    >>> look = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 16), torch.nn.ReLU())
    >>> images = torch.rand(2, 1, 8, 8)
    >>> bool((gs.nn.SpatialTransformer(look, head="tps")(images) == images).all())
    True
    """

    def __init__(
        self,
        localisation: nn.Module,
        *,
        head: str = "affine",
        features: int | None = None,
        size: Sequence[int] | None = None,
        points: int = 4,
        kernel: str = "linear",
        boundary: str = "zero",
        antialias: bool = True,
    ) -> None:
        super().__init__()
        if head not in HEADS:
            raise unknown("SpatialTransformer", "head", head, HEADS)
        if points < 2:
            raise OptionError("SpatialTransformer", "points ≥ 2 per axis", str(points), "3 to 6 are usual")
        self.localisation, self.head, self.points = localisation, head, points
        self.size = None if size is None else tuple(size)
        self.kernel, self.boundary, self.antialias = kernel, boundary, antialias
        self.answer = nn.Linear(features or _features(localisation), HEADS[head].count(points))
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)

    def map(self, images: Tensor) -> Map:
        """The map of each image, from output to input pixels."""
        if images.dim() != 4:
            raise ShapeError("SpatialTransformer", "images (N, C, H, W)", str(tuple(images.shape)), "add the batch")
        numbers = self.answer(self.localisation(images).flatten(1))
        if numbers.dtype in (torch.float16, torch.bfloat16):  # coordinates need more
            numbers = numbers.float()
        inner = tuple(images.shape[2:])
        found = HEADS[self.head].map(numbers, inner, self.points)
        outer = self.size or inner
        resize = Affine.from_matrix(torch.eye(2, 3), frame="edges", input_size=inner, output_size=outer)
        return found @ resize.to(images)

    def forward(self, images: Tensor) -> Tensor:
        map_ = self.map(images)
        factor = None if self.antialias else (1, 1)
        return supersampled(images, map_, map_.size, kernel=self.kernel, boundary=self.boundary, factor=factor)

    def extra_repr(self) -> str:
        return f"head={self.head!r}, size={self.size}, kernel={self.kernel!r}, boundary={self.boundary!r}"


def _features(localisation: nn.Module) -> int:
    found = [module.out_features for module in localisation.modules() if isinstance(module, nn.Linear)]
    if not found:
        do = "pass features=, the numbers per image that localisation gives"
        raise OptionError("SpatialTransformer", "a linear layer in localisation, or features", "neither", do)
    return int(found[-1])
