# SPDX-License-Identifier: Apache-2.0
"""Deformable convolution (Dai et al. 2017; Zhu et al. 2019): a convolution whose taps are moved by learned offsets."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn

from gridsample import api
from gridsample.errors import OptionError, ShapeError

Pair = tuple[int, int]


class DeformSample2d(nn.Module):
    """The sampling of a deformable convolution: for every output place, the image at its moved taps.

        out[n, c, k, o] = mask[n, k, o] · image[n, c](o·stride - padding + k·dilation + offset[n, k, o])

    Shapes:
        image: (N, C, H, W). offset: (N, 2·groups·K, H', W'), for each group and tap dy, then dx: torchvision's order.
        mask: (N, groups·K, H', W') or None. K = kernel height · width, taps row by row.

    Convention:
        In pixels; taps outside read 0. Offsets 0 are the taps of `torch.nn.Unfold`, exactly. ``groups`` divides the
        channels, each part with offsets of its own.

    Returns:
        (N, C, K, H', W').

    >>> import torch, gridsample as gs
    >>> taps = gs.nn.DeformSample2d(3, padding=1)
    >>> taps(torch.rand(1, 4, 6, 6), torch.zeros(1, 18, 6, 6)).shape
    torch.Size([1, 4, 9, 6, 6])
    """

    def __init__(
        self,
        kernel_size: int | Pair,
        *,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        kernel: str = "linear",
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = _pair(kernel_size), _pair(stride)
        self.padding, self.dilation = _pair(padding), _pair(dilation)
        self.groups, self.kernel = groups, kernel

    def output_size(self, image: Tensor) -> Pair:
        """(H', W')."""
        lengths = zip(image.shape[2:], self.kernel_size, self.stride, self.padding, self.dilation, strict=True)
        h, w = ((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in lengths)
        return h, w

    def forward(self, image: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:
        taps, (h, w) = self.kernel_size[0] * self.kernel_size[1], self.output_size(image)
        count = len(image)
        if offset.shape != (count, 2 * self.groups * taps, h, w) or image.shape[1] % self.groups:
            expected = f"offset {(count, 2 * self.groups * taps, h, w)} for image {tuple(image.shape)}"
            do = "its channels are dy and dx for each group and tap; groups must divide the image's channels"
            raise ShapeError("DeformSample2d", expected, str(tuple(offset.shape)), do)
        moved = offset.reshape(count * self.groups, taps, 2, h, w)
        y, x = self._regular(h, w, offset)
        coords = torch.stack([moved[:, :, 1] + x, moved[:, :, 0] + y], -1)
        parts = image.reshape(count * self.groups, -1, *image.shape[2:])
        values = api.sample(parts, coords, kernel=self.kernel).reshape(count, image.shape[1], taps, h, w)
        if mask is None:
            return values  # type: ignore[no-any-return]
        weights = mask.reshape(count, self.groups, 1, taps, h, w)
        return (values.reshape(count, self.groups, -1, taps, h, w) * weights).flatten(1, 2)  # type: ignore[no-any-return]

    def _regular(self, h: int, w: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Where taps lie without offsets: (K, H', 1) and (K, 1, W')."""
        tap = torch.arange(self.kernel_size[0] * self.kernel_size[1], device=like.device)
        row, column = tap // self.kernel_size[1], tap % self.kernel_size[1]
        (sy, sx), (py, px), (dy, dx) = self.stride, self.padding, self.dilation
        y = (row * dy - py)[:, None] + torch.arange(h, device=like.device) * sy
        x = (column * dx - px)[:, None] + torch.arange(w, device=like.device) * sx
        return y[:, :, None].to(like.dtype), x[:, None, :].to(like.dtype)

    def extra_repr(self) -> str:
        names = ("kernel_size", "stride", "padding", "dilation", "groups")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class DeformConv2d(nn.Module):
    """A deformable convolution: `DeformSample2d` and a matrix product. Weights are laid out as torchvision's.

        out[n, m, o] = bias[m] + Σ_c Σ_k weight[m, c, k] · taps[n, c, k, o]

    Shapes:
        image: (N, in_channels, H, W). offset, mask: as `DeformSample2d`, with offset_groups.

    Returns:
        (N, out_channels, H', W').

    >>> import torch, gridsample as gs
    >>> convolve = gs.nn.DeformConv2d(4, 8, 3, padding=1)
    >>> convolve(torch.rand(1, 4, 6, 6), torch.zeros(1, 18, 6, 6)).shape
    torch.Size([1, 8, 6, 6])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        *,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        offset_groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if in_channels % groups or out_channels % groups:
            got = f"{in_channels} and {out_channels} for {groups} groups"
            raise OptionError("DeformConv2d", "channels divisible by groups", got, "change one")
        self.groups = groups
        self.taps = DeformSample2d(kernel_size, stride=stride, padding=padding, dilation=dilation, groups=offset_groups)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, *self.taps.kernel_size))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        nn.init.kaiming_uniform_(self.weight, a=sqrt(5))
        if self.bias is not None:
            bound = 1 / sqrt(self.weight[0].numel())
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, image: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:
        taps = self.taps(image, offset, mask)
        count, _, _, h, w = taps.shape
        by_group = taps.reshape(count, self.groups, -1, h * w)  # (N, groups, C K / groups, H' W')
        weight = self.weight.reshape(self.groups, len(self.weight) // self.groups, -1)
        out: Tensor = (weight @ by_group).reshape(count, len(self.weight), h, w)
        return out if self.bias is None else out + self.bias[:, None, None]


def _pair(value: int | Pair) -> Pair:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))
