# SPDX-License-Identifier: Apache-2.0
"""Random transforms of pictures, each a map drawn anew for every image; `Augment` composes them.

Each speaks of the picture (turn it, make it larger) and draws its own numbers. A new one is a class with `draw`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Generator, Tensor

from gridsample.errors import OptionError
from gridsample.maps import Affine, BSplineField, Crop, Displacement, Homography, Map
from gridsample.maps.base import Size

Range = float | tuple[float, float]


@dataclass(frozen=True)
class Transform(ABC):
    """What happens to each image with probability ``p``; otherwise, and with numbers that say so, nothing."""

    p: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise OptionError(type(self).__name__, "p from 0 to 1", str(self.p), "it is a probability")

    @abstractmethod
    def draw(self, count: int, size: Size, generator: Generator | None) -> Map:
        """Maps for ``count`` images of ``size`` (height, width), of the size that they come out with."""

    def happens(self, count: int, generator: Generator | None) -> Tensor:
        """1 for the images that it happens to, else 0: (count,)."""
        return (_uniform((count,), generator) < self.p).double()

    def between(self, given: Range, shape: tuple[int, ...], generator: Generator | None) -> Tensor:
        """Numbers from a range; a single number is the range from minus it to it."""
        low, high = (-abs(given), abs(given)) if isinstance(given, (int, float)) else given
        return low + (high - low) * _uniform(shape, generator)


@dataclass(frozen=True)
class Rotate(Transform):
    """Turn about the middle by a random angle, counter-clockwise as seen."""

    degrees: Range = 30.0

    def draw(self, count: int, size: Size, generator: Generator | None) -> Map:
        angle = self.between(self.degrees, (count,), generator) * self.happens(count, generator)
        return Affine.from_parts(rotation_deg=angle, input_size=size)


@dataclass(frozen=True)
class Scale(Transform):
    """Make larger about the middle; the factor's logarithm is uniform. ``uneven``: each axis by its own factor."""

    factor: tuple[float, float] = (0.8, 1.25)
    uneven: bool = False

    def draw(self, count: int, size: Size, generator: Generator | None) -> Map:
        if not 0 < self.factor[0] <= self.factor[1]:
            raise OptionError("Scale", "factor (low, high), both above 0", str(self.factor), "1 changes nothing")
        low, high = torch.tensor(self.factor, dtype=torch.float64).log().tolist()
        log = self.between((low, high), (count, 2 if self.uneven else 1), generator)
        scale = (log * self.happens(count, generator)[:, None]).exp().expand(-1, 2)
        return Affine.from_parts(scale=scale, input_size=size)


@dataclass(frozen=True)
class Shear(Transform):
    """Shear about the middle: each axis gains up to this part of the other."""

    amount: Range = 0.2

    def draw(self, count: int, size: Size, generator: Generator | None) -> Map:
        amount = self.between(self.amount, (count, 2), generator) * self.happens(count, generator)[:, None]
        return Affine.from_parts(shear=amount, input_size=size)


@dataclass(frozen=True)
class Translate(Transform):
    """Move by up to this part of the width and the height."""

    share: Range = 0.1

    def draw(self, count: int, size: Size, generator: Generator | None) -> Map:
        share = self.between(self.share, (count, 2), generator) * self.happens(count, generator)[:, None]
        return Affine.from_parts(translation_px=share * torch.tensor([size[1], size[0]]), input_size=size)


@dataclass(frozen=True)
class Flip(Transform):
    """Mirror left and right, or with ``vertical`` up and down; by default for half of the images."""

    p: float = field(default=0.5, kw_only=True)
    vertical: bool = False

    def draw(self, count: int, size: Size, generator: Generator | None) -> Map:
        sign = 1 - 2 * self.happens(count, generator)
        both = [torch.ones_like(sign), sign] if self.vertical else [sign, torch.ones_like(sign)]
        return Affine.from_parts(scale=torch.stack(both, -1), input_size=size)


@dataclass(frozen=True)
class Perspective(Transform):
    """Move the four corners by up to this part of half the width and height, inwards."""

    strength: float = 0.3

    def draw(self, count: int, size: Size, generator: Generator | None) -> Map:
        right, bottom = size[1] - 1.0, size[0] - 1.0
        corners = torch.tensor([[0.0, 0.0], [right, 0.0], [right, bottom], [0.0, bottom]], dtype=torch.float64)
        inwards = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]], dtype=torch.float64)
        half = torch.tensor([size[1], size[0]], dtype=torch.float64) / 2
        move = (
            self.between((0.0, self.strength), (count, 4, 2), generator) * self.happens(count, generator)[:, None, None]
        )
        if min(size) < 2:
            raise OptionError("Perspective", "images of 2 pixels or more a side", str(size), "leave it out")
        return Homography.from_points((corners + move * inwards * half).expand(count, -1, -1), corners, size=size)


@dataclass(frozen=True)
class Elastic(Transform):
    """Bend smoothly: control points of a cubic B-spline, ``spacing_px`` apart, moved by normal numbers."""

    amplitude_px: float = 8.0
    spacing_px: float = 48.0

    def draw(self, count: int, size: Size, generator: Generator | None) -> Map:
        points = [max(round((n - 1) / self.spacing_px), 1) + 3 for n in size]
        control = self.amplitude_px * torch.randn(count, 2, *points, generator=generator)
        control = control * self.happens(count, generator).float()[:, None, None, None]
        dense = BSplineField(control, size).displacements()
        return Displacement(dense)  # read by the engine wherever another transform moves it


@dataclass(frozen=True)
class RandomCrop(Transform):
    """Keep a random box, of ``share`` of the area and an aspect within ``aspect`` of the image's; draw it at ``size``.

    What does not happen to an image draws all of it at ``size``.
    """

    size: tuple[int, int] | None = None
    share: tuple[float, float] = (0.25, 1.0)
    aspect: tuple[float, float] = (3 / 4, 4 / 3)

    def draw(self, count: int, size: Size, generator: Generator | None) -> Map:
        whole = torch.tensor([size[1], size[0]], dtype=torch.float64)
        low, high = torch.tensor(self.aspect, dtype=torch.float64).log().tolist()
        share = self.between(self.share, (count,), generator)
        aspect = self.between((low, high), (count,), generator).exp()
        sides = torch.stack([(share * aspect).sqrt(), (share / aspect).sqrt()], -1).clamp(max=1.0)
        happens = self.happens(count, generator)[:, None]
        sides = sides * happens + (1 - happens)
        start = (1 - sides) * _uniform((count, 2), generator) * whole
        return Crop(torch.cat([start, start + sides * whole], -1), self.size or size).affine()


@dataclass(frozen=True)
class Resize(Transform):
    """Draw the whole picture at ``size``; always."""

    size: tuple[int, int] = (224, 224)

    def draw(self, count: int, size: Size, generator: Generator | None) -> Map:
        rows = torch.eye(2, 3, dtype=torch.float64)
        return Affine.from_matrix(rows, frame="edges", input_size=size, output_size=self.size)


def _uniform(shape: Sequence[int], generator: Generator | None) -> Tensor:
    return torch.rand(tuple(shape), generator=generator, dtype=torch.float64)
