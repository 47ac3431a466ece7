# SPDX-License-Identifier: Apache-2.0
"""Sampling at coordinates that the engine computes from a map's matrix, and the gradient of image and matrix.

The first derivative is one pass of the engine, which reduces the points' gradients to the matrix's. Where a second
one is asked for, the coordinates are computed here after all, by operations that torch differentiates.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gridsample.backends import cpu
from gridsample.frameworks.torch import derivatives
from gridsample.frameworks.torch.operators import empty_like_image, pulled, rounded, view, wide
from gridsample.plan import Plan


class PullMatrix(torch.autograd.Function):
    """pull(image, coordinates of the matrix)"""

    @staticmethod
    def forward(ctx: Any, p: Plan, image: Tensor, matrix: Tensor) -> Tensor:
        ctx.plan = p
        ctx.save_for_backward(image, matrix)
        return pulled(p, image, matrix)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor | None, Tensor | None]:  # type: ignore[override]
        image, matrix = ctx.saved_tensors
        _, image_too, matrix_too = ctx.needs_input_grad
        if torch.is_grad_enabled():
            found = _recorded(ctx.plan, grad, image, matrix, (image_too, matrix_too))
            return None, found[0], found[1]
        image_, grad_ = wide(image), wide(grad)
        grad_image = empty_like_image(image_, image.shape) if image_too else None
        grad_matrix = torch.empty_like(matrix, memory_format=torch.contiguous_format) if matrix_too else None
        cpu.backward(
            ctx.plan,
            view(grad_.to(image_.dtype)),
            view(image_),
            view(matrix),
            None if grad_image is None else view(grad_image),
            None if grad_matrix is None else view(grad_matrix),
            torch.get_num_threads(),
        )
        return None, None if grad_image is None else rounded(grad_image, image), grad_matrix


def pull(p: Plan, image: Tensor, matrix: Tensor) -> Tensor:
    """S(coordinates of the matrix) image, by the engine."""
    matrix = matrix.to(getattr(torch, p.coords_dtype))
    if not image.is_floating_point():  # whole numbers have no gradient
        return pulled(p, image, matrix.detach())
    return PullMatrix.apply(p, image, matrix)  # type: ignore[no-any-return, no-untyped-call]


def _recorded(p: Plan, grad: Tensor, image: Tensor, matrix: Tensor, wanted: tuple[bool, bool]) -> list[Tensor | None]:
    with torch.enable_grad():
        values = derivatives.pull(image, coordinates(p, matrix), p.options.text)
        inputs = [tensor for tensor, asked in zip((image, matrix), wanted, strict=True) if asked]
        found = list(torch.autograd.grad(values, inputs, grad, create_graph=True))
    return [found.pop(0) if asked else None for asked in wanted]


def coordinates(p: Plan, matrix: Tensor) -> Tensor:
    """(N, *out, D): the matrix applied to every place of the output, x first, as the engine does it."""
    sizes = p.coords_shape[1:-1]
    ramps = [torch.arange(n, dtype=matrix.dtype, device=matrix.device) for n in sizes]
    places = torch.stack([*torch.meshgrid(*ramps, indexing="ij")[::-1], torch.ones(sizes, dtype=matrix.dtype)], -1)
    rows = torch.einsum("nrc,...c->n...r", matrix, places)
    if p.given == "affine":
        return rows
    below = rows[..., -1:]
    seen = below > 0
    return torch.where(seen, rows[..., :-1] / torch.where(seen, below, 1), torch.nan)
