# SPDX-License-Identifier: Apache-2.0
"""Sampling along maps and flows as modules, so that they sit in a network, keep parameters and move with ``.to``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gridsample import api, warping
from gridsample.errors import ArgumentTypeError
from gridsample.maps import Map


class Warp(nn.Module):
    """Warp images along a map that is learned, or that comes with each call.

        out = image ∘ map(parameters)

    Shapes:
        image: (N or 1, C, *n).

    Convention:
        make: what makes the map from named arguments, such as ``gs.maps.Homography``; floating tensors among
        ``arguments`` become parameters of the module, everything else is passed as it is. Without ``make`` each call
        brings its map: ``Warp()(image, map)``.

    Returns:
        (N, C, *size).

    >>> import torch, gridsample as gs
    >>> warp = gs.nn.Warp(gs.maps.Affine, matrix=torch.eye(2, 3))
    >>> [name for name, _ in warp.named_parameters()]
    ['matrix']
    >>> warp(torch.rand(2, 3, 8, 8)).shape
    torch.Size([2, 3, 8, 8])
    """

    def __init__(
        self,
        make: Callable[..., Map] | None = None,
        *,
        output_size: Sequence[int] | None = None,
        kernel: str = "linear",
        boundary: str | Sequence[str] = "zero",
        fill: float = 0.0,
        **arguments: Any,
    ) -> None:
        super().__init__()
        self.make, self.output_size = make, output_size
        self.kernel, self.boundary, self.fill = kernel, boundary, fill
        self.fixed: dict[str, Any] = {}
        for name, value in arguments.items():
            if isinstance(value, Tensor) and torch.is_floating_point(value):
                setattr(self, name, value if isinstance(value, nn.Parameter) else nn.Parameter(value.clone()))
            else:
                self.fixed[name] = value

    def map(self) -> Map:
        """The map as its parameters are now."""
        if self.make is None:
            raise ArgumentTypeError("Warp", "a map with the call, or one made by the module", "neither", "pass a map")
        return self.make(**dict(self.named_parameters(recurse=False)), **self.fixed)

    def forward(self, image: Tensor, map: Map | None = None) -> Tensor:
        found: Tensor = api.sample(
            image,
            self.map() if map is None else map,
            size=self.output_size,
            kernel=self.kernel,
            boundary=self.boundary,
            fill=self.fill,
            nonfinite="outside",
        )
        return found


class FlowWarp(nn.Module):
    """`gs.flow_warp` as a module: images read where a flow in pixels points, and the mask of where that is inside.

    Shapes:
        image: (N or 1, C, *n). flow: (N or 1, D, *n).

    >>> import torch, gridsample as gs
    >>> warped, valid = gs.nn.FlowWarp()(torch.rand(1, 3, 8, 8), torch.zeros(1, 2, 8, 8))
    >>> warped.shape, bool(valid.all())
    (torch.Size([1, 3, 8, 8]), True)
    """

    def __init__(
        self, *, kernel: str = "linear", boundary: str | Sequence[str] = "zero", fill: float = 0.0, order: str = "xy"
    ) -> None:
        super().__init__()
        self.options: dict[str, Any] = {"kernel": kernel, "boundary": boundary, "fill": fill, "order": order}

    def forward(self, image: Tensor, flow: Tensor) -> warping.FlowWarped:
        return warping.flow_warp(image, flow, **self.options)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.options.items())
