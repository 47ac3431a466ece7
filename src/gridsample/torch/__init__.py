# SPDX-License-Identifier: Apache-2.0
"""What is for torch alone: ``gs.torch``. Loading it loads torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gridsample.errors import MissingError

try:
    from gridsample.frameworks.torch import compiled
    from gridsample.frameworks.torch.acceleration import Acceleration
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    do = "install it, e.g. pip install 'gridsample[torch]'"
    raise MissingError("gridsample.torch", "torch to be installed", "no module named 'torch'", do) from error

__all__ = ["Acceleration", "accelerate", "compile_node"]


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


def compile_node(directory: str | Path | None = None) -> Path:
    """Compile the node that autograd keeps of a recorded call in C++, once, for the torch installed here.

    What it is for:
        Programs that record gradients of many small calls. Our node is written in Python, as every
        `torch.autograd.Function` is, and takes some microseconds more of a call and its gradients than one in C++. That
        cannot come with a package, since torch's headers differ from torch to torch. Values, gradients and errors are
        the same; ``grad_fn`` is then a node of C++, without a Function's attributes.

    Convention:
        Processes that start afterwards load it with the first tensor; this one goes on as it began. It is
        found again by torch's version, Python's and the source: after an update of either, call this again. To be rid
        of it, delete the file. Programs of other users are not concerned.

    Args:
        directory: where to put it; default the folder that GRIDSAMPLE_CACHE names, else ``gridsample`` in
            XDG_CACHE_HOME or ~/.cache. It is looked for in the default alone.

    Returns:
        The file.

    Raises:
        MissingError: not on Linux, or torch is older than 2.13: there nothing is gained.
        CompileError: no C++20 compiler (CXX names one), Python's headers missing, or a torch whose C++ is another.
            Nothing is left behind, and all goes on without.
    """
    return compiled.compile_node(directory)
