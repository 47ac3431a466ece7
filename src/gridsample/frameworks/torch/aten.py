# SPDX-License-Identifier: Apache-2.0
"""torch's own operators of grid sampling, done by our engine: what `accelerate` puts in their place on the CPU.

    aten::grid_sampler_2d, aten::grid_sampler_3d and their backwards

Only the CPU kernels are replaced, below everything else that torch does: autograd (derivatives of any order that it
has), autocast, vmap, subclasses, tracing and export go on as they did. Results have torch's shapes, types and strides.
A call that we cannot do goes to the kernel that was there before, and is counted with the reason.
"""

from __future__ import annotations

import contextlib
import warnings
from collections import Counter
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from gridsample import frameworks
from gridsample.backends import cpu
from gridsample.errors import GridSampleError
from gridsample.frameworks.torch.operators import planned, rounded, view, wide
from gridsample.options import grid_sample_options, remembered
from gridsample.plan import Plan

MODES = ("bilinear", "nearest", "bicubic")  # by torch's numbers for them
PADDINGS = ("zeros", "border", "reflection")

done: Counter[str] = Counter()  # calls by operator, since the process began
left: Counter[tuple[str, str]] = Counter()  # calls left to torch by operator and reason
warned: set[tuple[str, str]] = set()
warners = 0  # how many accelerations want a warning for each new reason


class _Left(Exception):
    """A call to leave to torch; its text says why."""


@lru_cache(maxsize=64)
def _options(axes: int, mode: int, padding: int, corners: bool) -> str | None:
    modes = MODES if axes == 2 else MODES[:2]  # torch has no bicubic volumes
    if not (0 <= mode < len(modes) and 0 <= padding < len(PADDINGS)):
        return None
    return grid_sample_options(modes[mode], PADDINGS[padding], bool(corners)).text


@remembered
def _plan(
    axes: int,
    shape: Any,
    dtype: torch.dtype,
    grid_shape: Any,
    grid_dtype: torch.dtype,
    mode: int,
    padding: int,
    corners: bool,
) -> Plan:
    options = _options(axes, mode, padding, corners)
    if options is None:
        raise _Left(f"mode {mode} and padding {padding} of {axes} axes")
    if len(shape) != axes + 2:
        raise _Left(f"input of shape {tuple(shape)}")
    try:
        return planned("grid_sample", shape, dtype, grid_shape, grid_dtype, options)
    except GridSampleError as error:
        raise _Left(str(error)) from None


_CHANNELS_LAST = {2: torch.channels_last, 3: torch.channels_last_3d}


def forward(axes: int, image: Tensor, grid: Tensor, mode: int, padding: int, corners: bool) -> Tensor:
    p = _plan(axes, image.shape, image.dtype, grid.shape, grid.dtype, mode, padding, corners)
    grid_ = wide(grid).contiguous()
    target = out = torch.empty(p.out_shape, dtype=image.dtype)
    if not image.is_contiguous():
        if image.numel() <= out.numel():
            image = image.contiguous()  # reading pixels beside each other pays for the copy
        elif _beside(image):  # few points of a large image: the result is the smaller thing to put in order
            target = torch.empty_like(out, memory_format=_CHANNELS_LAST[axes])
    cpu.pull(p, view(image), view(grid_), view(target), torch.get_num_threads())
    return out if target is out else out.copy_(target)


def backward(
    axes: int, grad: Tensor, image: Tensor, grid: Tensor, mode: int, padding: int, corners: bool, mask: Any
) -> tuple[Tensor | None, Tensor | None]:
    p = _plan(axes, image.shape, image.dtype, grid.shape, grid.dtype, mode, padding, corners)
    if grad.shape != p.out_shape or grad.dtype != image.dtype:
        raise _Left(f"grad_output of shape {tuple(grad.shape)} and type {grad.dtype}")
    image_, grid_, grad_ = wide(image), wide(grid).contiguous(), wide(grad)
    to_image = grad_image = torch.empty(image.shape, dtype=image_.dtype) if mask[0] else None
    grad_grid = torch.empty(grid.shape, dtype=grid_.dtype) if mask[1] else None
    if image_.is_contiguous():
        grad_ = grad_.contiguous()
    else:
        few, beside = 6 * grad_.numel() <= image_.numel(), _beside(image_)
        grad_ = grad_.contiguous(memory_format=_CHANNELS_LAST[axes] if beside else torch.contiguous_format)
        if beside and not few and grad_image is not None:  # whole points on both sides, then the result put in order
            to_image = torch.empty_like(grad_image, memory_format=_CHANNELS_LAST[axes])
        elif not beside and not few and grad_grid is not None:  # which alone reads the image
            image_ = image_.contiguous()
    cpu.backward(
        p,
        view(grad_),
        view(image_),
        view(grid_),
        None if to_image is None else view(to_image),
        None if grad_grid is None else view(grad_grid),
        torch.get_num_threads(),
    )
    if to_image is not grad_image and grad_image is not None and to_image is not None:
        grad_image.copy_(to_image)
    return (
        None if grad_image is None else rounded(grad_image, image),
        None if grad_grid is None else rounded(grad_grid, grid),
    )


def _beside(image: Tensor) -> bool:
    """Whether enough channels lie beside each other for the engine to walk whole points."""
    return image.stride(1) == 1 and image.shape[1] >= 8


def _leave(name: str, reason: str) -> None:
    left[name, reason] += 1
    if warners and (name, reason) not in warned:
        warned.add((name, reason))
        warnings.warn(f"gridsample.torch.accelerate leaves aten::{name} to torch: {reason}", UserWarning, stacklevel=3)


class Kernels:
    """Our kernels in place of torch's, from the making of this until `remove`."""

    def __init__(self) -> None:
        self.library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
        for name, function in (("", forward), ("_backward", backward)):
            for axes in (2, 3):
                self._replace(f"grid_sampler_{axes}d{name}", axes, function)

    def _replace(self, name: str, axes: int, function: Any) -> None:
        before = torch.library.get_kernel(f"aten::{name}", "CPU")

        def kernel(keys: Any, *arguments: Any) -> Any:
            try:
                result = function(axes, *arguments)
            except _Left as reason:
                _leave(name, str(reason))
                return before.call_boxed(keys, *arguments)
            done[name] += 1
            return result

        with warnings.catch_warnings():  # torch warns that a kernel is replaced, which is what was asked for
            warnings.simplefilter("ignore", UserWarning)
            self.library.impl(name, kernel, "CPU", with_keyset=True)  # type: ignore[no-untyped-call]

    def remove(self) -> None:
        self.library._destroy()  # type: ignore[no-untyped-call]


torch_grid_sampler: Any = torch.grid_sampler


def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """In place of the function that F.grid_sample calls: a plain small call need not pass torch's dispatcher."""
    if not frameworks.tracing():
        known = _short(input, grid, interpolation_mode, padding_mode, align_corners)
        if known is not None:
            done["grid_sampler"] += 1
            return known  # type: ignore[no-any-return]
    return torch_grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)  # type: ignore[no-any-return]


with contextlib.suppress(AttributeError):  # TorchScript knows what stands behind a function by this table
    torch.jit._builtins._register_builtin(grid_sampler, "aten::grid_sampler")  # type: ignore[no-untyped-call]


def _short(input: Any, grid: Any, mode: Any, padding: Any, corners: Any) -> Any:
    if type(input) is not Tensor or type(grid) is not Tensor or type(mode) is not int or type(padding) is not int:
        return None
    axes = input.dim() - 2
    if not (2 <= axes <= 3 and 0 <= mode < 5 - axes and 0 <= padding < 3 and input.is_contiguous()):
        return None
    if torch.is_grad_enabled() and (input.requires_grad or grid.requires_grad):
        return None  # torch's own function is recorded: docs/design/0013
    return frameworks.CALLS.grid_sample(input, grid, MODES[mode], PADDINGS[padding], corners)
