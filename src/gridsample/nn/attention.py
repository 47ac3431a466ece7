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


def deformable_attention(value: Tensor, shapes: Shapes, locations: Tensor, weights: Tensor) -> Tensor:
    """The core: weighted samples of several feature maps, added up.

        out[n, q, h] = Σ_levels Σ_points weights[n, q, h, l, p] · value_l[n, h](locations[n, q, h, l, p])

    Shapes:
        value: (N, S, heads, d), S = Σ height·width, the levels one after the other, rows first. shapes: (height, width)
        of each level. locations: (N, Q, heads, levels, points, 2). weights: (N, Q, heads, levels, points).

    Convention:
        Locations are fractions of a level, x first: 0 and 1 are its outer edges; outside reads 0. What MSDeformAttn
        computes, without its extension and without a tensor of all samples of all levels.

    Returns:
        (N, Q, heads·d).
    """
    sizes = [(int(h), int(w)) for h, w in shapes]
    count, length, heads, width = value.shape
    if sum(h * w for h, w in sizes) != length or locations.shape[3] != len(sizes):
        got = f"{length} and {locations.shape[3]} levels of locations for levels {sizes}"
        do = "flatten each level's rows and put the levels one after the other"
        raise ShapeError("deformable_attention", "value with Σ height·width entries", got, do)
    queries = locations.shape[1]
    by_head = value.permute(0, 2, 3, 1).reshape(count * heads, width, length)
    places = locations.permute(0, 2, 3, 1, 4, 5).flatten(0, 1)  # (N heads, levels, Q, points, 2)
    shares = weights.permute(0, 2, 3, 1, 4).flatten(0, 1)[:, :, None]  # (N heads, levels, 1, Q, points)
    total = value.new_zeros(count * heads, width, queries)
    start = 0
    for level, (h, w) in enumerate(sizes):
        image = by_head[..., start : start + h * w].reshape(count * heads, width, h, w)
        total = total + (api.sample(image, places[:, level], frame="unit") * shares[:, level]).sum(-1)
        start += h * w
    return total.reshape(count, heads * width, queries).transpose(1, 2)


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
