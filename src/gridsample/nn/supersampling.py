# SPDX-License-Identifier: Apache-2.0
"""Sampling without aliasing where a map makes the picture smaller: several samples per output pixel, averaged."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, prod

import torch
from torch import Tensor

from gridsample import mapped
from gridsample.maps import Affine, Map, jacobian
from gridsample.warping import resampled

LOOKED_AT = 17  # places per axis at which a map's enlargement is measured


def supersampled(
    image: Tensor,
    map: Map,
    size: Sequence[int] | None = None,
    *,
    kernel: str = "linear",
    boundary: str | Sequence[str] = "zero",
    fill: float = 0.0,
    factor: Sequence[int] | None = None,
    most: int = 8,
) -> Tensor:
    """Sample along a map, with as many samples per output pixel as it makes the picture smaller.

        out[o] = mean over f samples per axis of image[map(o + (k + 1/2)/f - 1/2)],   f = ⌈max |∂map/∂o|⌉

    Shapes:
        image: (N or 1, C, *n). size: of the output, by default the map's own, else the image's.

    Convention:
        factor: samples per output axis, in memory order; None measures the map (and so waits for an accelerator), at
        ``most`` this many. Where the map does not make the picture smaller, f = 1 and the result is `gs.sample`'s bits.

    Returns:
        (N, C, *size).

    >>> import torch, gridsample as gs
    >>> stripes = torch.arange(8.0).remainder(2).expand(1, 1, 8, 8)
    >>> half = gs.maps.Affine([[2.0, 0, 0.5], [0, 2, 0.5]])
    >>> bool((gs.nn.supersampled(stripes, half, (4, 4)) == 0.5).all())
    True
    """
    out = map.output_size(size or map.size or tuple(image.shape[2:]))
    beside = map.to(image)
    factors = tuple(factor) if factor is not None else _measured(beside, out, most)
    if prod(factors) == 1:
        places = mapped.placed("supersampled", map, image, out)
        return resampled(image, places, kernel=kernel, boundary=boundary, fill=fill)  # type: ignore[no-any-return]
    finer = tuple(n * f for n, f in zip(out, factors, strict=True))
    finely = beside @ _between_pixels(factors)
    values = resampled(
        image, mapped.placed("supersampled", finely, image, finer), kernel=kernel, boundary=boundary, fill=fill
    )
    lead = values.shape[: 2 + map.stacks]
    split: Tensor = values.reshape(*lead, *(part for n, f in zip(out, factors, strict=True) for part in (n, f)))
    return split.mean(dim=[len(lead) + 1 + 2 * d for d in range(len(out))])


def _between_pixels(factors: tuple[int, ...]) -> Affine:
    """o + (k + 1/2)/f - 1/2 of the k-th of f samples of output pixel o, which is sample f o + k."""
    rows = [[0.0] * len(factors) + [0.5 / f - 0.5] for f in reversed(factors)]
    for j, f in enumerate(reversed(factors)):
        rows[j][j] = 1 / f
    return Affine(rows)


@torch.no_grad()
def _measured(map: Map, size: tuple[int, ...], most: int) -> tuple[int, ...]:
    """Samples per axis, memory order: the farthest that neighbouring output pixels lie apart in the input."""
    still = map.detach()
    axes = [torch.linspace(0, n - 1, min(n, LOOKED_AT)) for n in size]
    places = torch.stack([axis.flatten() for axis in torch.meshgrid(*axes, indexing="ij")][::-1], -1)
    places = places[(None,) * (1 + map.stacks)].to(still.leader())
    apart = jacobian(still, places).square().sum(-2).sqrt()  # (N, …, D): how far along each output axis
    farthest = torch.nan_to_num(apart, nan=1.0, posinf=float(most)).reshape(-1, map.axes).amax(0)
    return tuple(min(max(ceil(value - 1e-3), 1), most) for value in farthest.flip(0).tolist())
