# SPDX-License-Identifier: Apache-2.0
"""Sampling at coordinates that the engine makes from a map's numbers, and the gradient of image and numbers.

The first derivative is one pass of the engine, which reduces the points' gradients to the numbers'. Where a second
one is asked for, the coordinates are computed after all, by operations that torch differentiates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gridsample.backends import cpu
from gridsample.frameworks.torch import derivatives
from gridsample.frameworks.torch.operators import empty_like_image, pulled, rounded, view, wide
from gridsample.plan import Plan


class PullMade(torch.autograd.Function):
    """pull(image, coordinates(numbers))"""

    @staticmethod
    def forward(ctx: Any, p: Plan, coordinates: Callable[[Tensor], Tensor], image: Tensor, numbers: Tensor) -> Tensor:
        ctx.plan, ctx.coordinates = p, coordinates
        ctx.save_for_backward(image, numbers)
        return pulled(p, image, numbers)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, None, Tensor | None, Tensor | None]:  # type: ignore[override]
        image, numbers = ctx.saved_tensors
        _, _, image_too, numbers_too = ctx.needs_input_grad
        if torch.is_grad_enabled():
            found = _recorded(ctx, grad, image, numbers, (image_too, numbers_too))
            return None, None, found[0], found[1]
        image_, grad_ = wide(image), wide(grad)
        grad_image = empty_like_image(image_, image.shape) if image_too else None
        grad_numbers = torch.empty_like(numbers) if numbers_too else None  # laid out like them
        cpu.backward(
            ctx.plan,
            view(grad_.to(image_.dtype)),
            view(image_),
            view(numbers),
            None if grad_image is None else view(grad_image),
            None if grad_numbers is None else view(grad_numbers),
            torch.get_num_threads(),
        )
        return None, None, None if grad_image is None else rounded(grad_image, image), grad_numbers


def pull(p: Plan, image: Tensor, numbers: Tensor, coordinates: Callable[[Tensor], Tensor]) -> Tensor:
    """S(coordinates(numbers)) image, by the engine."""
    if not ((image.requires_grad or numbers.requires_grad) and torch.is_grad_enabled()):
        return pulled(p, image, numbers)
    if not image.is_floating_point():  # whole numbers have no gradient
        return pulled(p, image, numbers.detach())
    return PullMade.apply(p, coordinates, image, numbers)  # type: ignore[no-any-return, no-untyped-call]


def _recorded(ctx: Any, grad: Tensor, image: Tensor, numbers: Tensor, wanted: tuple[bool, bool]) -> list[Tensor | None]:
    with torch.enable_grad():
        values = derivatives.pull(image, ctx.coordinates(numbers), ctx.plan.options.text)
        inputs = [tensor for tensor, asked in zip((image, numbers), wanted, strict=True) if asked]
        found = list(torch.autograd.grad(values, inputs, grad, create_graph=True))
    return [found.pop(0) if asked else None for asked in wanted]
