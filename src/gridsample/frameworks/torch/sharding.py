# SPDX-License-Identifier: Apache-2.0
"""How the operators run on distributed tensors (DTensor): which pieces of the arguments give which piece of the result.

    pull, pull_grad   a batch of image and coords; the channels of the image; the points, along any of their axes
    pull_backward     the same batches; the points, and then the image's gradient is a sum over the pieces
    push              the points, and then the image is a sum over the pieces

Spatial axes of an image are never cut: any point may read any pixel. A batch of 1 stands for all and stays whole. The
rules are given to torch when its DTensor is first seen: loading it takes longer than loading this library.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from gridsample.frameworks.torch import operators

MODULE = "torch.distributed.tensor"


def meet(kind: type) -> None:
    """Gives the rules to torch if ``kind`` is its DTensor."""
    if any(base.__module__.startswith(MODULE) for base in kind.__mro__):
        register()


@cache
def register() -> None:
    """Gives torch the rules, once."""
    from torch.distributed.tensor import Partial, Replicate, Shard
    from torch.distributed.tensor.experimental import register_sharding

    whole, summed = Replicate(), Partial()

    def of_batch(image: Any, coords: Any) -> list[Any]:
        """What image and coords become where the batch is cut, or nothing if there is nothing to cut."""
        most = max(image.shape[0], coords.shape[0])
        return [Shard(0) if most > 1 and tensor.shape[0] == most else whole for tensor in (image, coords)]

    def reading(image: Any, coords: Any, options: str) -> list[Any]:
        found: list[Any] = [([whole], [whole, whole, None]), ([Shard(1)], [Shard(1), whole, None])]
        if max(image.shape[0], coords.shape[0]) > 1:
            found.append(([Shard(0)], [*of_batch(image, coords), None]))
        points = range(1, len(coords.shape) - 1)
        return [*found, *(([Shard(d + 1)], [whole, Shard(d), None]) for d in points)]

    def backward(grad: Any, image: Any, coords: Any, options: str, mask: Any) -> list[Any]:
        found: list[Any] = [([whole, whole], [whole, whole, whole, None, None])]
        if max(image.shape[0], coords.shape[0]) > 1:
            cut = of_batch(image, coords)
            results = [summed if placement is whole else placement for placement in cut]
            found.append((results, [Shard(0), *cut, None, None]))
        found.append(([Shard(1), summed], [Shard(1), Shard(1), whole, None, None]))
        points = range(1, len(coords.shape) - 1)
        return [*found, *(([summed, Shard(d)], [Shard(d + 1), whole, Shard(d), None, None]) for d in points)]

    def spreading(values: Any, coords: Any, shape: Any, options: str) -> list[Any]:
        # `shape` is the whole image's, whatever piece of values there is: cut batches or channels would not fit it
        points = range(1, len(coords.shape) - 1)
        found: list[Any] = [([whole], [whole, whole, None, None])]
        return [*found, *(([summed], [Shard(d + 1), Shard(d), None, None]) for d in points)]

    for operator, rule in (
        (operators.pull, reading),
        (operators.pull_grad, reading),
        (operators.pull_backward, backward),
        (operators.push, spreading),
    ):
        register_sharding(operator)(rule)


if MODULE in sys.modules:  # tracing of a program may be what loads this: then no type is asked
    register()
