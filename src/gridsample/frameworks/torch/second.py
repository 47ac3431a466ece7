# SPDX-License-Identifier: Apache-2.0
"""The second backward pass by the engine, in one walk. No mathematics: derivatives.PullBackward says what it gives.

Where its result is to be differentiated again, traced or transformed, the rule is composed of the operators instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gridsample import frameworks
from gridsample.backends import chosen, cpu
from gridsample.frameworks.torch import operators
from gridsample.spec.kernels import find

_functorch_is_active: Any = torch._C._are_functorch_transforms_active


def fits(grad: Tensor, image: Tensor, coords: Tensor, options: str, mask: Sequence[bool]) -> bool:
    """Whether this second backward pass is one the engine has loops for, and nothing but its numbers is asked for."""
    plain = all(type(tensor) is Tensor or type(tensor) is torch.nn.Parameter for tensor in (grad, image, coords))
    if not plain or not mask[1] or torch.is_grad_enabled() or _functorch_is_active() or frameworks.tracing():
        return False
    if image.device.type != "cpu" or 0 in image.shape or 0 in coords.shape:
        return False
    p = operators.planned("sample", image.shape, image.dtype, coords.shape, coords.dtype, options)
    row = find(p.axes[0].kernel)
    return chosen(p).name == "cpu" and row is not None and row.taps > 1


def backward(
    by_image: Tensor | None,
    by_coords: Tensor,
    grad: Tensor,
    image: Tensor,
    coords: Tensor,
    options: str,
    needed: Sequence[bool],
) -> list[Tensor | None]:
    """The gradients to grad, image and coords of <by_image, grad_image> + <by_coords, grad_coords>, where needed."""
    p = operators.planned("sample", image.shape, image.dtype, coords.shape, coords.dtype, options)
    image_, coords_ = operators.wide(image), operators.wide(coords)
    image_ = image_.expand(p.batch, *image.shape[1:])
    layout = operators.layout(image_, image_.shape)
    image_ = image_.contiguous(memory_format=layout)
    coords_ = coords_.expand(p.batch, *coords.shape[1:])
    grad_ = grad.expand(p.out_shape).to(image_.dtype).contiguous()
    direction = by_coords.to(coords_.dtype).expand_as(coords_).contiguous()
    along = None
    if by_image is not None:
        along = by_image.to(image_.dtype).expand_as(image_).contiguous(memory_format=layout)
    made = zip((grad_, image_, direction), needed, strict=True)
    found = [torch.empty_like(like) if wanted else None for like, wanted in made]
    arrays = (along, direction, grad_, image_, coords_, *found)
    views = [None if array is None else operators.view(array) for array in arrays]
    cpu.second_backward(p, views, torch.get_num_threads())
    given = grad, image, coords
    return [
        None if f is None else operators.rounded(f.sum_to_size(like.shape), like)
        for f, like in zip(found, given, strict=True)
    ]
