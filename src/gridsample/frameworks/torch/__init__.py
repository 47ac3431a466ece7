# SPDX-License-Identifier: Apache-2.0
"""torch tensors: what the public calls do with them. Everything is checked before an operator is dispatched."""

from __future__ import annotations

from functools import partial
from math import isfinite, prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gridsample import affine, attention, errors, frameworks, plan
from gridsample.backends import chosen
from gridsample.frameworks.torch import derivatives, made, operators, quick, sharding, space, team
from gridsample.frameworks.torch.operators import NAMES, check, dtype_name, narrowed, planned, takes
from gridsample.frameworks.torch.operators import wide as widened
from gridsample.made import Made
from gridsample.options import Options, known_names, known_torch_names

ARRAY = Tensor
REFUSED: dict[str, str] = {}
SPACE = space
PLAIN = (Tensor, torch.nn.Parameter)
SMALL = 4096  # points of a grid

# What torch.compile looks up while it traces, it looks up again before each call of what it compiled: not our options.
for _asked in (known_names, known_torch_names):
    torch.compiler.assume_constant_result(_asked)  # type: ignore[no-untyped-call]
quick.add(frameworks.CALLS)
team.lend()


def pull(where: str, image: Tensor, coords: Tensor, options: Options, out: Tensor | None = None) -> Tensor:
    if where == "grid_sample":
        image, coords = _as_autocast(image, coords)
    _check_devices(where, image, coords, "image")
    plain = image.dtype in NAMES and not options.prefilter
    if out is None:
        if _traced(where, image.shape, image.dtype, coords, options):
            return derivatives.pull(image, coords, options.text)  # type: ignore[no-any-return]
        rules = check(where, image.shape, image.dtype, coords.shape, coords.dtype, options)
        return derivatives.pull(image, coords, options.text) if plain else _pull(rules, image, coords, options)
    p = planned(where, image.shape, image.dtype, coords.shape, coords.dtype, options.text)
    _check_out(where, p, out, image)
    if not plain:
        derivatives.refuse_out(image, coords, out)
        if _is_read(image, coords, options) and out.dtype == image.dtype and not out.is_neg():
            operators.pull_out(image, coords, options.text, out)
            return out
        return out.copy_(_pull(p.rules, image, coords, options))
    target = out.resolve_neg()  # memory that means what it says
    derivatives.pull_out(image, coords, options.text, target)
    return out if target is out else out.copy_(target)


def pull_made(where: str, image: Tensor, source: Made, options: Options) -> Tensor | None:
    """`pull` at coordinates that the engine makes; None where it does not do this call."""
    if not takes(image) or options.prefilter or options.nonfinite == "error":
        return None
    p = plan.made(where, tuple(image.shape), dtype_name(image.dtype), source, options)
    if chosen(p).name != "cpu":
        return None
    numbers, kind = source.numbers, getattr(torch, p.coords_dtype)
    if numbers.dtype is not kind:  # even to what it is already it would take a microsecond
        numbers = numbers.to(kind)
    known: Any = frameworks.CALLS.planned(image, numbers, p)
    if known is not None:
        return known  # type: ignore[no-any-return]
    return made.pull(p, image, numbers, source.coordinates) if quick.unwatched(image, source.numbers) else None


def push(where: str, values: Tensor, coords: Tensor, sizes: tuple[int, ...], options: Options) -> Tensor:
    _check_devices(where, values, coords, "values")
    plan.check_values(where, tuple(values.shape), tuple(coords.shape))
    plan.check_sizes(where, sizes, tuple(coords.shape))
    batch = coords.shape[0] if values.shape[0] == 1 else values.shape[0]
    shape = (batch, values.shape[1], *sizes)
    if _traced(where, shape, values.dtype, coords, options):
        return derivatives.push(values, coords, shape, options.text)  # type: ignore[no-any-return]
    rules = check(where, shape, values.dtype, coords.shape, coords.dtype, options)
    if values.dtype.is_complex:
        return torch.complex(*(push(where, part, coords, sizes, options) for part in (values.real, values.imag)))
    if values.dtype in NAMES and not options.prefilter:
        return derivatives.push(values, coords, shape, options.text)  # type: ignore[no-any-return]
    image = derivatives.push(widened(values), coords, shape, options.filtered.text)
    return narrowed(_coefficients(rules, options, image, adjoint=True), values.dtype)


def pull_grad(where: str, image: Tensor, coords: Tensor, options: Options) -> Tensor:
    _check_devices(where, image, coords, "image")
    if _traced(where, image.shape, image.dtype, coords, options):
        return derivatives.pull_grad(image, coords, options.text)  # type: ignore[no-any-return]
    rules = check(where, image.shape, image.dtype, coords.shape, coords.dtype, options)
    if image.dtype in NAMES and not options.prefilter:
        return derivatives.pull_grad(image, coords, options.text)  # type: ignore[no-any-return]
    return _pull(rules, image, coords, options, derivatives.pull_grad)


def _pull(rules: plan.Rules, image: Tensor, coords: Tensor, options: Options, verb: Any = derivatives.pull) -> Tensor:
    """Of an image that is complex, of whole numbers, or to be prefiltered."""
    if verb is derivatives.pull and _is_read(image, coords, options):
        return operators.pull(image, coords.detach(), options.text)  # type: ignore[no-any-return]
    if image.dtype.is_complex:  # what is read elsewhere is real
        pairs = ((image.real, options), (image.imag, options.linear()))
        return torch.complex(*(_pull(rules, part, coords, these, verb) for part, these in pairs))
    coefficients = _coefficients(rules, options, widened(image)) if options.prefilter else widened(image)
    return narrowed(verb(coefficients, coords, options.filtered.text), image.dtype)


def _is_read(image: Tensor, coords: Tensor, options: Options) -> bool:
    """Whether the engine reads this image of whole numbers as it is, and nobody else wants to see the call."""
    whole = not image.is_floating_point() and takes(image)
    return whole and not options.prefilter and quick.unwatched(image, coords)


def _coefficients(rules: plan.Rules, options: Options, image: Tensor, adjoint: bool = False) -> Tensor:
    """Of an image in the type it is computed in; holes read the fill, and the weights add up to one."""
    fill = options.fill if isfinite(options.fill) and not adjoint else 0.0
    text = " ".join(f"{kernel},{plan.tap_rule(options, kernel, boundary)}" for kernel, boundary in rules)
    return derivatives.prefilter(image - fill, text, adjoint) + fill  # type: ignore[no-any-return]


def affine_grid(theta: Tensor, size: tuple[int, ...], align_corners: bool) -> Tensor:
    plan.check_affine(tuple(theta.shape), dtype_name(theta.dtype), size)
    name = plan.COMPUTED[NAMES[theta.dtype]]
    if _small(theta, size):  # the same arithmetic
        ramp_ = partial(np.arange, dtype=name)
        return torch.from_numpy(affine.affine_grid(theta.numpy(), size[2:], align_corners, ramp_))
    computed = getattr(torch, name)

    def ramp(start: int, stop: int, step: int) -> Tensor:
        return torch.arange(start, stop, step, dtype=computed, device=theta.device)

    grid: Tensor = affine.affine_grid(theta.to(computed), size[2:], align_corners, ramp)
    return grid.to(theta.dtype)


def _small(theta: Tensor, size: tuple[int, ...]) -> bool:
    """Whether NumPy may make this grid, in less time than calling torch's operators takes."""
    if frameworks.tracing() or theta.requires_grad or not quick.unwatched(theta):
        return False
    return theta.dtype in (torch.float32, torch.float64) and len(theta) * prod(size[2:]) <= SMALL


def multiscale_deformable_attention(value: Tensor, shapes: Any, locations: Tensor, weights: Tensor) -> Tensor:
    from gridsample.frameworks.torch import deformable  # registers two more operators: not everyone needs them

    levels = attention.levels_of(shapes)
    deformable.check(value, locations, weights, levels)
    if value.device.type not in ("cpu", "meta") or not attention.fits(*locations.shape[3:5]):
        return deformable.composed(value, locations, weights, levels)
    return deformable.call(value, locations, weights, [n for sizes in levels for n in sizes])  # type: ignore[no-any-return]


def _as_autocast(*tensors: Tensor) -> tuple[Tensor, ...]:
    """What torch's own rule makes of the arguments of grid_sample; `sample` takes any two types as they are."""
    if not torch.is_autocast_enabled("cpu"):
        return tensors
    return tuple(t.float() if t.is_cpu and t.dtype in (torch.float16, torch.bfloat16) else t for t in tensors)


def _traced(where: str, shape: Any, dtype: torch.dtype, coords: Tensor, options: Options) -> bool:
    """Whether torch.compile is at work, and will meet the operator itself, with arguments that seem to fit: the rest is
    checked there."""
    if not frameworks.tracing() or dtype not in NAMES or coords.dtype not in NAMES or options.prefilter:
        return False
    if coords.dim() < 2 or coords.shape[-1] != len(shape) - 2 or (where == "grid_sample" and coords.dtype != dtype):
        return False
    return bool(coords.shape[0] == shape[0] or (where != "grid_sample" and 1 in (coords.shape[0], shape[0])))


def _traced_grid_sample(image: Any, grid: Any, mode: Any, padding_mode: Any, corners: Any) -> Tensor | None:
    """`grid_sample` for torch.compile, of tensors that fit: in fewer steps, since each thing they name is looked up
    again before each call of what was compiled. None for all else, which goes on as ever."""
    if type(image) not in PLAIN or type(grid) not in PLAIN or torch.is_autocast_enabled("cpu"):
        return None
    if not (image.is_cpu and grid.is_cpu and image.dtype == grid.dtype and image.dtype.is_floating_point):
        return None
    if image.is_sparse or grid.is_sparse or not 3 <= image.dim() <= 5 or grid.dim() < 2:
        return None
    if grid.shape[-1] != image.dim() - 2 or grid.shape[0] != image.shape[0] or corners is None:
        return None
    options = known_torch_names(mode, padding_mode, corners)
    if options is None or options.prefilter:
        return None
    return operators.pull(image, grid, options.text)  # type: ignore[no-any-return]


frameworks.tracing = torch.compiler.is_dynamo_compiling
frameworks.traced = _traced_grid_sample


def _check_devices(where: str, image: Tensor, coords: Tensor, name: str) -> None:
    if type(image) is not Tensor and not torch.compiler.is_compiling():
        sharding.meet(type(image))
    if image.is_cpu and coords.is_cpu and image.layout is torch.strided and coords.layout is torch.strided:
        return
    tensors = {"input": image, "grid": coords} if where == "grid_sample" else {name: image, "coords": coords}
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided:
            raise errors.DeviceError(where, f"{name} to be dense", str(tensor.layout), f"pass {name}.to_dense()")
    devices = {name: tensor.device.type for name, tensor in tensors.items()}
    if len(set(devices.values())) > 1:
        got = " and ".join(f"{name} on {device}" for name, device in devices.items())
        raise errors.DeviceError(where, "tensors on one device", got, "move one with .to(device)")


def _check_out(where: str, p: plan.Plan, out: Any, image: Tensor) -> None:
    if not isinstance(out, Tensor):
        raise errors.ArgumentTypeError(where, "out to be a tensor", type(out).__name__, "pass one or leave it away")
    if out.device != image.device or out.layout != torch.strided:
        got = f"out on {out.device} and image on {image.device}"
        raise errors.DeviceError(where, "out to be dense and where image is", got, "leave out= away to have one made")
    plan.check_out(where, p, tuple(out.shape), dtype_name(out.dtype), out.stride(), True)
