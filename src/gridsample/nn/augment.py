# SPDX-License-Identifier: Apache-2.0
"""Augmentation: any number of transforms, one sampling, and everything that lies on the picture goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn

from gridsample import mapped
from gridsample.errors import ArgumentTypeError, ShapeError
from gridsample.maps import Map, compose
from gridsample.nn.transforms import Transform
from gridsample.warping import resampled


class Augmented(NamedTuple):
    """What `Augment` gives; what was not passed is None."""

    images: Tensor  # (N, C, *size)
    labels: Tensor | None  # (N, *size) or (N, C, *size), of their own type
    points: Tensor | None  # (N, K, 2), in pixels of the result
    boxes: Tensor | None  # (N, K, 4), cut at the result's edges; what has left it has no area
    map: Map  # from the result to the images


class Augment(nn.Module):
    """Compose random transforms of each image into one map, and sample once.

        out = images ∘ (t1 @ t2 @ … @ tn)        t1 is what happens to the picture first

    Shapes:
        images: (N, C, H, W), floating or uint8. labels: (N, H, W) or (N, C, H, W), any type. points: (N, K, 2) in
        pixels. boxes: (N, K, 4), x0, y0, x1, y1, outer edges in pixels.

    Convention:
        Every image draws its own numbers, from ``generator`` if given: the same seed gives the same bits. fill: what
        shows beyond the image, a number, one per image (N,) or per image and channel (N, C), or None for ``boundary``.
        Labels are read with "nearest", ties to the even pixel, and ``label_fill`` beyond. Images alone give a tensor;
        with labels, points or boxes, or with ``everything=True``, an `Augmented`.

    Raises:
        ArgumentTypeError, ShapeError.

    >>> import torch, gridsample as gs
    >>> augment = gs.nn.Augment([gs.nn.Flip(), gs.nn.Rotate(degrees=20), gs.nn.Scale(factor=(0.8, 1.2))])
    >>> images, labels = torch.rand(4, 3, 32, 32), torch.ones(4, 32, 32, dtype=torch.long)
    >>> found = augment(images, labels=labels, generator=torch.Generator().manual_seed(0))
    >>> found.images.shape, found.labels.dtype
    (torch.Size([4, 3, 32, 32]), torch.int64)
    """

    def __init__(
        self,
        transforms: Sequence[Transform],
        *,
        kernel: str = "linear",
        boundary: str = "mirror",
        label_fill: float = 0,
    ) -> None:
        super().__init__()
        for transform in transforms:
            if not hasattr(transform, "draw"):
                got = type(transform).__name__
                raise ArgumentTypeError("Augment", "transforms with a method draw", got, "see gs.nn.Transform")
        self.transforms = list(transforms)
        self.kernel, self.boundary, self.label_fill = kernel, boundary, label_fill

    def draw(self, count: int, size: Sequence[int], generator: Generator | None = None) -> Map:
        """The composed maps of ``count`` images of ``size``, one for each."""
        here = tuple(size)
        drawn = []
        for transform in self.transforms:
            drawn.append(transform.draw(count, here, generator))
            here = drawn[-1].size or here
        return compose(*drawn)

    def forward(
        self,
        images: Tensor,
        *,
        labels: Tensor | None = None,
        points: Tensor | None = None,
        boxes: Tensor | None = None,
        fill: float | Tensor | None = None,
        generator: Generator | None = None,
        everything: bool = False,
    ) -> Tensor | Augmented:
        if images.dim() != 4:
            raise ShapeError("Augment", "images (N, C, H, W)", str(tuple(images.shape)), "add the batch")
        if labels is not None and (len(labels) != len(images) or labels.shape[-2:] != images.shape[-2:]):
            got = f"{tuple(labels.shape)} for images {tuple(images.shape)}"
            raise ShapeError("Augment", "labels (N, H, W) or (N, C, H, W) of the images' size", got, "resize them")
        size = tuple(images.shape[2:])
        map_ = self.draw(len(images), size, generator).to(images)
        places = mapped.placed("Augment", _for_type(map_, images), images, map_.size or size)
        result = self._sampled(images, places, fill)
        if labels is points is boxes is None and not everything:
            return result
        out = tuple(result.shape[2:])
        return Augmented(
            result,
            None if labels is None else self._labels(labels, places),
            None if points is None else map_.points(points).to(points.dtype),
            None if boxes is None else map_.boxes(boxes, clip=out).to(boxes.dtype),
            map_,
        )

    def _sampled(self, images: Tensor, places: Tensor | Map, fill: float | Tensor | None) -> Tensor:
        if not isinstance(fill, Tensor):
            rule = self.boundary if fill is None else "constant"
            return resampled(images, places, kernel=self.kernel, boundary=rule, fill=fill or 0.0)  # type: ignore[no-any-return]
        beyond = fill.reshape(len(images), -1, 1, 1)
        if images.dtype == torch.uint8:
            return self._sampled(images.float(), places, fill).round().clamp(0, 255).to(torch.uint8)
        beyond = beyond.to(images)  # 0 beyond the image, once the fill is the zero
        found = resampled(images - beyond, places, kernel=self.kernel, boundary="zero", fill=0.0)
        return found + beyond  # type: ignore[no-any-return]

    def _labels(self, labels: Tensor, places: Tensor | Map) -> Tensor:
        planes = labels[:, None] if labels.dim() == 3 else labels
        wide = planes.double() if planes.dtype in (torch.int64, torch.int32, torch.float64) else planes.float()
        read = resampled(wide, places, kernel="nearest", boundary="constant", fill=float(self.label_fill))
        found = read.to(labels.dtype)
        return found[:, 0] if labels.dim() == 3 else found  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return ", ".join(repr(transform) for transform in self.transforms)


def _for_type(map_: Map, images: Tensor) -> Map:
    """Maps are drawn in float64; what is evaluated for every pixel is as precise as the images need."""
    if images.dtype == torch.float64:
        return map_
    return map_._each(lambda value: value.float() if torch.is_floating_point(value) else value)
