# SPDX-License-Identifier: Apache-2.0
"""torch tensors: the registered operators, their shapes for tracing, and their derivative rules. No mathematics.

    gridsample::pull(image, coords, options) -> values            options is `Options.text()`
    gridsample::pull_grad(image, coords, options) -> jacobian
    gridsample::push(values, coords, shape, options) -> image
    gridsample::pull_backward(grad, image, coords, options, mask) -> (grad_image, grad_coords)

First derivatives of pull and push exist, for each argument only when it is asked for; asking for a second one raises.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gridsample import affine, errors, plan
from gridsample.backends import cpu, for_device, names
from gridsample.options import Options

_CODES = {torch.float32: "f", torch.float64: "d"}
_HALF = (torch.float16, torch.bfloat16)
_NAMES: dict[torch.dtype, str] = {}


def _dtype_name(dtype: torch.dtype) -> str:
    found = _NAMES.get(dtype)
    if found is None:
        found = _NAMES[dtype] = str(dtype).removeprefix("torch.")
    return found


def _plan(where: str, image_shape: Any, image_dtype: torch.dtype, coords: Tensor, options: Options) -> plan.Plan:
    return plan.make(where, image_shape, _dtype_name(image_dtype), coords.shape, _dtype_name(coords.dtype), options)


# The public calls: everything is checked before an operator is dispatched, then the operators do the work.


def pull(where: str, image: Tensor, coords: Tensor, options: Options, out: Tensor | None = None) -> Tensor:
    _check_devices(where, image=image, coords=coords)
    p = _plan(where, image.shape, image.dtype, coords, options)
    _check_finite(where, coords, options)
    if out is None:
        return _ops.pull(image, coords, options.text())  # type: ignore[no-any-return]
    _check_out(where, p, out, image, coords)
    with torch.no_grad():
        if out.dtype in _CODES:
            _pull_into(p, image, coords, out)
        else:
            out.copy_(_ops.pull(image, coords, options.text()))
    return out


def push(where: str, values: Tensor, coords: Tensor, sizes: tuple[int, ...], options: Options) -> Tensor:
    _check_devices(where, values=values, coords=coords)
    plan.check_values(where, tuple(values.shape), tuple(coords.shape))
    plan.check_sizes(where, sizes, tuple(coords.shape))
    _plan(where, (*_batch_channels(values, coords), *sizes), values.dtype, coords, options)
    _check_finite(where, coords, options)
    return _ops.push(values, coords, sizes, options.text())  # type: ignore[no-any-return]


def pull_grad(where: str, image: Tensor, coords: Tensor, options: Options) -> Tensor:
    _check_devices(where, image=image, coords=coords)
    _plan(where, image.shape, image.dtype, coords, options)
    _check_finite(where, coords, options)
    return _ops.pull_grad(image, coords, options.text())  # type: ignore[no-any-return]


def affine_grid(theta: Tensor, size: tuple[int, ...], align_corners: bool) -> Tensor:
    plan.check_affine(tuple(theta.shape), _dtype_name(theta.dtype), size)
    wide = theta.float() if theta.dtype in _HALF else theta

    def ramp(n: int) -> Tensor:
        return torch.arange(n, dtype=wide.dtype, device=wide.device)

    grid: Tensor = affine.affine_grid(wide, size[2:], align_corners, ramp, torch)
    return grid.to(theta.dtype)


# The operators


def _batch_channels(values: Tensor, coords: Tensor) -> tuple[Any, Any]:
    return (coords.shape[0] if values.shape[0] == 1 else values.shape[0]), values.shape[1]


def _view(tensor: Tensor) -> tuple[int, str, Any, Any]:
    """What the engine reads: memory that the caller's reference keeps alive."""
    return tensor.data_ptr(), _CODES[tensor.dtype], tensor.shape, tensor.stride()


def _wide(tensor: Tensor) -> Tensor:
    """Half types are computed in float32 and rounded once, at the end."""
    return tensor.float() if tensor.dtype in _HALF else tensor


def _pull_into(p: plan.Plan, image: Tensor, coords: Tensor, out: Tensor) -> None:
    image, coords = _wide(image), _wide(coords)
    cpu.pull(p, _view(image), _view(coords), _view(out), torch.get_num_threads())


def _pull_cpu(image: Tensor, coords: Tensor, options: str) -> Tensor:
    p = _plan("sample", image.shape, image.dtype, coords, Options.parse(options))
    out = torch.empty(p.out_shape, dtype=_computed(image.dtype), memory_format=_layout(image, p.out_shape))
    _pull_into(p, image, coords, out)
    return out.to(image.dtype)


def _layout(image: Tensor, shape: Any) -> torch.memory_format:
    """Channels last in, channels last out, where the output has as many axes as the image."""
    last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(image.dim())
    if last is None or len(shape) != image.dim() or image.shape[1] == 1:
        return torch.contiguous_format
    is_last = not image.is_contiguous() and image.is_contiguous(memory_format=last)
    return last if is_last else torch.contiguous_format


def _pull_grad_cpu(image: Tensor, coords: Tensor, options: str) -> Tensor:
    p = _plan("sample_grad", image.shape, image.dtype, coords, Options.parse(options))
    out = torch.empty(p.jacobian_shape, dtype=_computed(image.dtype))
    wide, at = _wide(image), _wide(coords)
    cpu.pull_grad(p, _view(wide), _view(at), _view(out), torch.get_num_threads())
    return out.to(image.dtype)


def _push_cpu(values: Tensor, coords: Tensor, shape: list[int], options: str) -> Tensor:
    size = (*_batch_channels(values, coords), *shape)
    p = _plan("splat", size, values.dtype, coords, Options.parse(options))
    image = torch.empty(size, dtype=_computed(values.dtype))
    wide, at = _wide(values).expand(p.out_shape), _wide(coords)
    cpu.push(p, _view(wide), _view(at), _view(image), torch.get_num_threads())
    return image.to(values.dtype)


def _pull_backward_cpu(
    grad: Tensor, image: Tensor, coords: Tensor, options: str, mask: list[bool]
) -> tuple[Tensor, Tensor]:
    p = _plan("sample", image.shape, image.dtype, coords, Options.parse(options))
    wide, at, from_grad = _wide(image), _wide(coords), _wide(grad)
    grad_image = torch.empty(image.shape, dtype=wide.dtype) if mask[0] else None
    grad_coords = torch.empty(coords.shape, dtype=at.dtype) if mask[1] else None
    cpu.backward(
        p,
        _view(from_grad),
        _view(wide),
        _view(at),
        None if grad_image is None else _view(grad_image),
        None if grad_coords is None else _view(grad_coords),
        torch.get_num_threads(),
    )
    return (
        image.new_empty(0) if grad_image is None else grad_image.to(image.dtype),
        coords.new_empty(0) if grad_coords is None else grad_coords.to(coords.dtype),
    )


def _computed(dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if dtype in _HALF else dtype


# Shapes alone, for meta and fake tensors


def _out_size(image: Tensor, coords: Tensor) -> list[Any]:
    batch = coords.shape[0] if image.shape[0] == 1 else image.shape[0]
    return [batch, image.shape[1], *coords.shape[1:-1]]


def _pull_fake(image: Tensor, coords: Tensor, options: str) -> Tensor:
    size = _out_size(image, coords)
    return torch.empty(size, dtype=image.dtype, device=image.device, memory_format=_layout(image, size))


def _pull_grad_fake(image: Tensor, coords: Tensor, options: str) -> Tensor:
    return image.new_empty([*_out_size(image, coords), coords.shape[-1]])


def _push_fake(values: Tensor, coords: Tensor, shape: list[int], options: str) -> Tensor:
    return values.new_empty([*_batch_channels(values, coords), *shape])


def _pull_backward_fake(
    grad: Tensor, image: Tensor, coords: Tensor, options: str, mask: list[bool]
) -> tuple[Tensor, Tensor]:
    return (
        image.new_empty(image.shape if mask[0] else [0]),
        coords.new_empty(coords.shape if mask[1] else [0]),
    )


# First derivatives


def _pull_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    image, coords, ctx.options = inputs
    ctx.save_for_backward(image, coords)


def _pull_derivative(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
    image, coords = ctx.saved_tensors
    wanted = [ctx.needs_input_grad[0], ctx.needs_input_grad[1]]
    grad_image, grad_coords = _ops.pull_backward(grad, image, coords, ctx.options, wanted)
    return (grad_image if wanted[0] else None), (grad_coords if wanted[1] else None), None


def _push_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    values, coords, _, ctx.options = inputs
    ctx.save_for_backward(values, coords)


def _push_derivative(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
    # <pull(image), values> = <image, push(values)>: one bilinear form, so each derivative is the other's verb
    values, coords = ctx.saved_tensors
    grad_values = grad_coords = None
    if ctx.needs_input_grad[0]:
        grad_values = _ops.pull(grad, coords, ctx.options).sum_to_size(values.shape)
    if ctx.needs_input_grad[1]:
        spread = values.expand(grad.shape[0], *values.shape[1:])
        grad_coords = _ops.pull_backward(spread, grad, coords, ctx.options, [False, True])[1]
    return grad_values, grad_coords, None, None


def _no_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    """Nothing to keep: the derivative raises."""


def _refuse(what: str) -> Any:
    def derivative(ctx: Any, *grads: Tensor) -> Any:
        do = "use first derivatives only, or torch.nn.functional.grid_sample where torch has the second"
        raise errors.DerivativeError("gridsample", "first derivatives", f"a derivative of {what}", do)

    return derivative


_library: Any = torch.library.Library("gridsample", "DEF")  # type: ignore[no-untyped-call]
_ops = torch.ops.gridsample


def _register(schema: str, kernel: Any, fake: Any, derivative: Any, setup: Any) -> None:
    _library.define(schema)
    name = schema.split("(")[0]
    _library.impl(name, kernel, "CPU")
    torch.library.register_fake(f"gridsample::{name}", fake, lib=_library)
    torch.library.register_autograd(f"gridsample::{name}", derivative, setup_context=setup, lib=_library)


_register(
    "pull(Tensor image, Tensor coords, str options) -> Tensor", _pull_cpu, _pull_fake, _pull_derivative, _pull_setup
)
_register(
    "push(Tensor values, Tensor coords, SymInt[] shape, str options) -> Tensor",
    _push_cpu,
    _push_fake,
    _push_derivative,
    _push_setup,
)
_register(
    "pull_grad(Tensor image, Tensor coords, str options) -> Tensor",
    _pull_grad_cpu,
    _pull_grad_fake,
    _refuse("sample_grad"),
    _no_setup,
)
_register(
    "pull_backward(Tensor grad, Tensor image, Tensor coords, str options, bool[] mask) -> (Tensor, Tensor)",
    _pull_backward_cpu,
    _pull_backward_fake,
    _refuse("a gradient of sample"),
    _no_setup,
)


# Checks that need tensors, not shapes alone


def _check_devices(where: str, **tensors: Tensor) -> None:
    devices = {name: tensor.device.type for name, tensor in tensors.items()}
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided:
            raise errors.DeviceError(where, f"{name} to be dense", str(tensor.layout), f"pass {name}.to_dense()")
    if len(set(devices.values())) > 1:
        got = " and ".join(f"{name} on {device}" for name, device in devices.items())
        raise errors.DeviceError(where, "tensors on one device", got, "move one with .to(device)")
    device = next(iter(devices.values()))
    if device != "meta" and for_device(device) is None:
        do = "move the tensors with .cpu()"
        raise errors.DeviceError(where, f"tensors on a device with a backend ({', '.join(names())})", device, do)


def _check_finite(where: str, coords: Tensor, options: Options) -> None:
    if options.nonfinite == "error" and not bool((finite := torch.isfinite(coords)).all()):
        wrong = (~finite).nonzero()
        plan.refuse_nonfinite(where, len(wrong), tuple(wrong[0].tolist()))


def _check_out(where: str, p: plan.Plan, out: Any, image: Tensor, coords: Tensor) -> None:
    if not isinstance(out, Tensor):
        raise errors.ArgumentTypeError(where, "out to be a tensor", type(out).__name__, "pass one or leave it away")
    plan.check_out(where, p, tuple(out.shape), _dtype_name(out.dtype), True)
    if torch.is_grad_enabled() and (out.requires_grad or image.requires_grad or coords.requires_grad):
        do = "call under torch.no_grad(), or leave out= away"
        raise errors.DerivativeError(where, "out= without gradients", "tensors that require them", do)
    for name, tensor in (("image", image), ("coords", coords)):
        if out.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr():
            raise errors.ShapeError(where, "out with memory of its own", f"out sharing that of {name}", "use another")
