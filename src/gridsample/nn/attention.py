# SPDX-License-Identifier: Apache-2.0
"""Deformable attention (Zhu et al. 2021, Deformable DETR): each query reads a few places of several feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, sin

import torch
from torch import Tensor, nn

from gridsample import api
from gridsample.errors import OptionError, ShapeError

Shapes = Sequence[Sequence[int]]


deformable_attention = api.multiscale_deformable_attention  # the core, as MSDeformAttn's users know it


class DeformableAttention2d(nn.Module):
    """Multi-scale deformable attention, with the parameters, initial values and result of MSDeformAttn.

    Shapes:
        query: (N, Q, dim). reference: (N, Q, levels, 2), fractions of each level, or (N, Q, levels, 4) with the
        width and height of boxes. value: (N, S, dim), levels flattened one after the other; or a list of
        (N, dim, H, W). shapes: (height, width) of each level, unless value is a list. mask: bool (N, S), True where
        value is padding.

    Returns:
        (N, Q, dim).

    >>> import torch, gridsample as gs
    >>> attend = gs.nn.DeformableAttention2d(32, heads=4, levels=2, points=4)
    >>> levels = [torch.rand(2, 32, 8, 8), torch.rand(2, 32, 4, 4)]
    >>> attend(torch.rand(2, 5, 32), torch.rand(2, 5, 2, 2), levels).shape
    torch.Size([2, 5, 32])
    """

    def __init__(self, dim: int, *, heads: int = 8, levels: int = 4, points: int = 4) -> None:
        super().__init__()
        if dim % heads:
            raise OptionError("DeformableAttention2d", "dim divisible by heads", f"{dim} and {heads}", "change one")
        self.heads, self.levels, self.points = heads, levels, points
        self.sampling_offsets = nn.Linear(dim, heads * levels * points * 2)
        self.attention_weights = nn.Linear(dim, heads * levels * points)
        self.value_proj = nn.Linear(dim, dim)
        self.output_proj = nn.Linear(dim, dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Each head begins looking in its own direction, each point one step farther."""
        angles = [2 * pi * h / self.heads for h in range(self.heads)]
        directions = torch.tensor([[cos(a), sin(a)] for a in angles])
        directions = directions / directions.abs().amax(-1, keepdim=True)
        steps = torch.arange(1.0, self.points + 1)
        start = directions[:, None, None] * steps[:, None]  # (heads, 1, points, 2)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(start.expand(-1, self.levels, -1, -1).flatten())
        for zero in (self.sampling_offsets.weight, self.attention_weights.weight, self.attention_weights.bias):
            nn.init.zeros_(zero)
        for projection in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(projection.weight)
            nn.init.zeros_(projection.bias)

    def forward(
        self,
        query: Tensor,
        reference: Tensor,
        value: Tensor | Sequence[Tensor],
        shapes: Shapes | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        if not isinstance(value, Tensor):
            shapes = [tuple(level.shape[2:]) for level in value]
            value = torch.cat([level.flatten(2).transpose(1, 2) for level in value], 1)
        if shapes is None or len(shapes) != self.levels or reference.shape[2:3] != (self.levels,):
            got = f"shapes {shapes} and reference {tuple(reference.shape)}"
            do = "give the height and width of each, and reference (N, Q, levels, 2 or 4)"
            raise ShapeError("DeformableAttention2d", f"{self.levels} levels", got, do)
        count, queries, _ = query.shape
        projected: Tensor = self.value_proj(value)
        if mask is not None:
            projected = projected.masked_fill(mask[..., None], 0.0)
        many = (count, queries, self.heads, self.levels, self.points)
        offsets = self.sampling_offsets(query).view(*many, 2)
        weights = self.attention_weights(query).view(*many[:3], -1).softmax(-1).view(many)
        places = reference[:, :, None, :, None]
        if reference.shape[-1] == 2:  # offsets in pixels of each level
            per_pixel = query.new_tensor([[1 / w, 1 / h] for h, w in shapes])
            locations = places + offsets * per_pixel[:, None]
        else:  # offsets in parts of half the box
            locations = places[..., :2] + offsets / self.points * places[..., 2:] * 0.5
        by_head = projected.reshape(count, -1, self.heads, projected.shape[-1] // self.heads)
        found: Tensor = self.output_proj(deformable_attention(by_head, shapes, locations, weights))
        return found
