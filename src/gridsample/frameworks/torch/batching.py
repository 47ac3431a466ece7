# SPDX-License-Identifier: Apache-2.0
"""torch.func.vmap of the operators: the mapped axis is folded into the batch, and taken out of it again. No mathematics."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def pull(info: Any, in_dims: Any, image: Tensor, coords: Tensor, options: str) -> Any:
    batch, (image, coords) = _folded(info.batch_size, in_dims, [image, coords])
    return _unfolded(derivatives.pull(image, coords, options), info.batch_size, batch, batch), 0


def pull_grad(info: Any, in_dims: Any, image: Tensor, coords: Tensor, options: str) -> Any:
    batch, (image, coords) = _folded(info.batch_size, in_dims, [image, coords])
    return _unfolded(derivatives.pull_grad(image, coords, options), info.batch_size, batch, batch), 0


def push(info: Any, in_dims: Any, values: Tensor, coords: Tensor, shape: Any, options: str) -> Any:
    batch, (values, coords) = _folded(info.batch_size, in_dims, [values, coords])
    image = derivatives.push(values, coords, (info.batch_size * batch, *shape[1:]), options)
    return _unfolded(image, info.batch_size, batch, shape[0]), 0


def pull_backward(info: Any, in_dims: Any, grad: Tensor, image: Tensor, coords: Tensor, options: str, mask: Any) -> Any:
    size = info.batch_size
    pairs = zip((image, coords), in_dims[1:3], strict=True)
    batches = [(tensor if d is None else tensor.movedim(d, 0)[0]).shape[0] for tensor, d in pairs]
    batch, folded = _folded(size, in_dims, [grad, image, coords], share=False)
    found = derivatives.pull_backward(*folded, options, mask)
    results = [_unfolded(g, size, batch, n) if m else g for g, n, m in zip(found, batches, mask, strict=True)]
    return tuple(results), tuple(0 if m else None for m in mask)


def prefilter(info: Any, in_dims: Any, image: Tensor, rules: str, adjoint: bool) -> Any:
    return derivatives.prefilter(image.movedim(in_dims[0], 0), rules, adjoint), 0  # axes are counted from the last


def _folded(size: int, dims: Any, tensors: list[Tensor], share: bool = True) -> tuple[int, list[Tensor]]:
    """vmap's axis of ``size`` folded into the batch axis of each tensor, and the batch that stood there before.

    With ``share`` a tensor that is not mapped and has a batch of 1 stays as it is: it stands for all.
    """
    moved = [tensor if d is None else tensor.movedim(d, 0) for tensor, d in zip(tensors, dims, strict=False)]
    batches = [tensor.shape[0 if d is None else 1] for tensor, d in zip(moved, dims, strict=False)]
    batch = next((n for n in batches if n != 1), 1)
    folded = []
    for tensor, d, n in zip(moved, dims, batches, strict=False):
        if d is None and n == 1 and share:
            folded.append(tensor)
            continue
        whole = tensor.expand(size, *tensor.shape) if d is None else tensor
        folded.append(whole.expand(size, batch, *whole.shape[2:]).flatten(0, 1))
    return batch, folded


def _unfolded(tensor: Tensor, size: int, batch: int, wanted: int) -> Tensor:
    tensor = tensor.reshape(size, batch, *tensor.shape[1:])
    return tensor if wanted == batch else tensor.sum(1, keepdim=True)


from gridsample.frameworks.torch import derivatives  # noqa: E402  rules and operators name each other
