# SPDX-License-Identifier: Apache-2.0
"""torch tensors: what the public calls do with them. Everything is checked before an operator is dispatched."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gridsample import affine, errors, frameworks, plan
from gridsample.backends import for_device, names
from gridsample.frameworks.torch import derivatives, quick, team
from gridsample.frameworks.torch.operators import NAMES, dtype_name, planned
from gridsample.options import Options

ARRAY = Tensor
REFUSED: dict[str, str] = {}

frameworks.tracing = torch.compiler.is_dynamo_compiling
quick.add(frameworks.CALLS)
team.lend()


def pull(where: str, image: Tensor, coords: Tensor, options: Options, out: Tensor | None = None) -> Tensor:
    _check_devices(where, image, coords, "image")
    p = planned(where, image.shape, image.dtype, coords.shape, coords.dtype, options.text)
    if out is None:
        return derivatives.pull(image, coords, options.text)  # type: ignore[no-any-return]
    _check_out(where, p, out, image)
    target = out.resolve_neg()  # memory that means what it says
    derivatives.pull_out(image, coords, options.text, target)
    return out if target is out else out.copy_(target)


def push(where: str, values: Tensor, coords: Tensor, sizes: tuple[int, ...], options: Options) -> Tensor:
    _check_devices(where, values, coords, "values")
    plan.check_values(where, tuple(values.shape), tuple(coords.shape))
    plan.check_sizes(where, sizes, tuple(coords.shape))
    batch = coords.shape[0] if values.shape[0] == 1 else values.shape[0]
    shape = (batch, values.shape[1], *sizes)
    planned(where, shape, values.dtype, coords.shape, coords.dtype, options.text)
    return derivatives.push(values, coords, shape, options.text)  # type: ignore[no-any-return]


def pull_grad(where: str, image: Tensor, coords: Tensor, options: Options) -> Tensor:
    _check_devices(where, image, coords, "image")
    planned(where, image.shape, image.dtype, coords.shape, coords.dtype, options.text)
    return derivatives.pull_grad(image, coords, options.text)  # type: ignore[no-any-return]


def affine_grid(theta: Tensor, size: tuple[int, ...], align_corners: bool) -> Tensor:
    plan.check_affine(tuple(theta.shape), dtype_name(theta.dtype), size)
    computed = getattr(torch, plan.COMPUTED[NAMES[theta.dtype]])

    def ramp(start: int, stop: int, step: int) -> Tensor:
        return torch.arange(start, stop, step, dtype=computed, device=theta.device)

    grid: Tensor = affine.affine_grid(theta.to(computed), size[2:], align_corners, ramp)
    return grid.to(theta.dtype)


def _check_devices(where: str, image: Tensor, coords: Tensor, name: str) -> None:
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
    device = image.device.type
    if device != "meta" and for_device(device) is None:
        do = "move the tensors with .cpu()"
        raise errors.DeviceError(where, f"tensors on a device with a backend ({', '.join(names())})", device, do)


def _check_out(where: str, p: plan.Plan, out: Any, image: Tensor) -> None:
    if not isinstance(out, Tensor):
        raise errors.ArgumentTypeError(where, "out to be a tensor", type(out).__name__, "pass one or leave it away")
    if out.device != image.device or out.layout != torch.strided:
        got = f"out on {out.device} and image on {image.device}"
        raise errors.DeviceError(where, "out to be dense and where image is", got, "leave out= away to have one made")
    plan.check_out(where, p, tuple(out.shape), dtype_name(out.dtype), out.stride(), True)
