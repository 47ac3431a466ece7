# SPDX-License-Identifier: Apache-2.0
"""What is for torch alone: ``gs.torch``. Loading it loads torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gridsample.errors import MissingError

try:
    from gridsample.frameworks.torch.acceleration import Acceleration
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    do = "install it, e.g. pip install 'gridsample[torch]'"
    raise MissingError("gridsample.torch", "torch to be installed", "no module named 'torch'", do) from error

__all__ = ["Acceleration", "accelerate"]


def accelerate(function: Callable[..., Any] | None = None, *, warn: bool = False) -> Any:
    """Run ``torch.nn.functional.grid_sample`` of programs that know nothing of this library on our kernels.

        gs.torch.accelerate()                  from now on, until .stop() of what it returns
        with gs.torch.accelerate(): ...        in the block
        @gs.torch.accelerate                   while the function runs
        GRIDSAMPLE_ACCELERATE=1 python ...     from torch's import on; "warn" for ``warn=True``

    What is replaced:
        The CPU kernels of aten::grid_sampler_2d and aten::grid_sampler_3d and of their backwards, for float16,
        bfloat16, float32 and float64, and so everything that ends there: F.grid_sample, TorchScript, autograd,
        autocast, vmap. Shapes, types and strides of results stay torch's. Values differ in the last bits; half types
        are computed in float32 and rounded once; a NaN coordinate is read as -1 and an infinite one is very far away,
        where torch's kernels give various things or crash. All else is left to torch: other devices and types, wrong
        arguments (torch's own errors), and programs that torch.compile has turned into code of its own.

    Convention:
        It holds for the whole process, all threads. Accelerations may be nested and overlap: the last that stops
        restores torch's own kernels exactly. warn: warn once for each reason why a call was left to torch; ``report()``
        of what is returned says the same at any time, with numbers.

    Returns:
        An `Acceleration`, which is on; or ``function``, decorated.

    Raises:
        MissingError: this torch is too old to give its own kernels back.

    >>> import torch, gridsample as gs
    >>> image, grid = torch.ones(1, 1, 4, 4), torch.zeros(1, 2, 2, 2)
    >>> with gs.torch.accelerate() as acceleration:
    ...     result = torch.nn.functional.grid_sample(image, grid, align_corners=False)
    >>> result[0, 0, 0, 0], acceleration.report()
    (tensor(1.), '1 x grid_sampler (past the dispatcher)')
    """
    acceleration = Acceleration(warn)
    return acceleration if function is None else acceleration(function)
