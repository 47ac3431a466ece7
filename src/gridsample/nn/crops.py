# SPDX-License-Identifier: Apache-2.0
"""Attended regions (Fu et al. 2017, RA-CNN): a network says where to look, and gets those places enlarged."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gridsample.maps import Crop
from gridsample.nn.supersampling import supersampled
from gridsample.nn.transformer import _features


class Attended(NamedTuple):
    """What `AttendedCrops` gives."""

    crops: Tensor  # (N, K, C, *size)
    boxes: Tensor  # (N, K, 4): x0, y0, x1, y1, outer edges in pixels


class AttendedCrops(nn.Module):
    """K regions of each image, placed by a network, each drawn at ``size``; the image is never copied per region.

        centre = anchor + W_c(look(image)) · (width, height),   side = share · exp(W_s look(image)) · (width, height)

    Shapes:
        images: (N, C, H, W). look: a module from images to (N, features).

    Convention:
        Begins with regions of ``share`` of each side around anchors that are spread over the image (one: its middle),
        whatever the image, since W begins at zero. Gradients reach centres and sides through the pixels. Regions larger
        than ``size`` are averaged down, not skipped through.

    Returns:
        Attended: crops (N, K, C, *size) and boxes (N, K, 4).

    >>> import torch, gridsample as gs
    >>> look = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(48, 8))
    >>> crops, boxes = gs.nn.AttendedCrops(look, number=1, size=(16, 16), share=0.5)(torch.rand(2, 3, 32, 32))
    >>> crops.shape, boxes[0].tolist()
    (torch.Size([2, 1, 3, 16, 16]), [[8.0, 8.0, 24.0, 24.0]])
    """

    anchors: Tensor

    def __init__(
        self,
        look: nn.Module,
        number: int,
        size: Sequence[int],
        *,
        share: float = 0.5,
        features: int | None = None,
        kernel: str = "linear",
        boundary: str = "clamp",
    ) -> None:
        super().__init__()
        self.look, self.number, self.size, self.share = look, number, tuple(size), share
        self.kernel, self.boundary = kernel, boundary
        self.answer = nn.Linear(features or _features(look), 4 * number)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.answer.bias)
        across = ceil(sqrt(number))
        down = ceil(number / across)
        spread = [((k % across + 0.5) / across, (k // across + 0.5) / down) for k in range(number)]
        self.register_buffer("anchors", torch.tensor(spread))

    def boxes(self, images: Tensor) -> Tensor:
        """Where it looks: (N, K, 4)."""
        numbers = self.answer(self.look(images).flatten(1)).float().reshape(len(images), self.number, 4)
        whole = torch.tensor([images.shape[3], images.shape[2]], dtype=numbers.dtype, device=numbers.device)
        centre = (self.anchors + numbers[..., :2]) * whole
        half = self.share * numbers[..., 2:].exp() * whole / 2
        return torch.cat([centre - half, centre + half], -1)

    def forward(self, images: Tensor) -> Attended:
        boxes = self.boxes(images)
        crops = supersampled(images, Crop(boxes, self.size), kernel=self.kernel, boundary=self.boundary)
        return Attended(crops.transpose(1, 2), boxes)
