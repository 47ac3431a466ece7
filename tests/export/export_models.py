# SPDX-License-Identifier: Apache-2.0
"""Models that the tests of exports convert."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

import gridsample as gs

MODES, PADDINGS = ("nearest", "bilinear", "bicubic"), ("zeros", "border", "reflection")
CELLS = [(axes, m, p, c) for axes in (2, 3) for m in MODES for p in PADDINGS for c in (False, True)]


class Sampler(nn.Module):
    """One call; torch's where torch has it."""

    def __init__(self, mode="bilinear", padding="zeros", corners=False, own=False):
        super().__init__()
        self.how, self.own = (mode, padding, corners), own

    def forward(self, image, grid):
        mode, padding, corners = self.how
        if self.own or (mode == "bicubic" and image.dim() == 5) or padding not in PADDINGS:
            return gs.grid_sample(image, grid, mode, padding, corners)
        return F.grid_sample(image, grid, mode, padding, corners)


class Reader(nn.Module):
    """`gs.sample` with any options."""

    def __init__(self, **options):
        super().__init__()
        self.options = options

    def forward(self, image, coords):
        return gs.sample(image, coords, **self.options)


class SpatialTransformer(nn.Module):
    """A localisation network, the affine map it finds, and the image sampled there (Jaderberg et al. 2015)."""

    def __init__(self, padding="zeros"):
        super().__init__()
        self.padding = padding
        self.features = nn.Sequential(nn.Conv2d(1, 4, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU())
        self.theta = nn.Linear(6 * 8 * 8, 6)
        with torch.no_grad():
            self.theta.bias.copy_(torch.tensor([0.8, 0.3, 0.1, -0.3, 0.8, -0.1]))

    def forward(self, image):
        theta = self.theta(self.features(image).flatten(1)).reshape(-1, 2, 3)
        grid = F.affine_grid(theta, list(image.shape), align_corners=False)
        return F.grid_sample(image, grid, "bilinear", self.padding, align_corners=False)


class FlowWarp(nn.Module):
    """A network that finds a flow in pixels between two frames, and the second warped by it."""

    def __init__(self):
        super().__init__()
        self.flow = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 3, padding=1))

    def forward(self, first, second):
        flow = 4 * self.flow(torch.cat([first, second], 1))
        height, width = first.shape[2:]
        y = torch.arange(height, dtype=torch.float32).reshape(1, 1, -1, 1).expand(1, 1, height, width)
        x = torch.arange(width, dtype=torch.float32).reshape(1, 1, 1, -1).expand(1, 1, height, width)
        moved = torch.cat([x, y], 1) + flow
        return gs.sample(second, moved.permute(0, 2, 3, 1), kernel="linear", boundary="clamp")


def sizes_of(axes: int, corners: bool) -> tuple[int, ...]:
    """For which pixels to coordinates and back is exact in float32, so that ties are ties."""
    return tuple(n + corners for n in ((8, 16) if axes == 2 else (4, 8, 16)))


def inputs(axes: int, corners: bool, batch: int = 2, finite: bool = False, seed: int = 0):
    """An image, and a grid on the quarter-pixel lattice, some of it far away and some no number."""
    make = torch.Generator().manual_seed(seed)
    sizes = sizes_of(axes, corners)
    image = torch.randn(batch, 3, *sizes, generator=make)
    out = (6, 8) if axes == 2 else (2, 4, 6)
    n = torch.tensor(sizes[::-1], dtype=torch.float32)
    x = torch.randint(-12, 80, (batch, *out, axes), generator=make) / 4.0
    grid = 2 * x / (n - 1) - 1 if corners else (2 * x + 1) / n - 1
    flat = grid.reshape(-1)
    flat[:4] = torch.tensor([100.3, -10.25, 3.0, -100.0])
    if not finite:
        flat[4:8] = torch.tensor([float("nan"), float("inf"), -float("inf"), 3e9])
    return image, grid


def expected(model, *arguments):
    """What the model says with our grid_sample in torch's place: the same, and a rule for NaN."""
    from gridsample.export.comparing import _Ours

    with torch.no_grad(), _Ours():
        return model.eval()(*arguments).numpy()
