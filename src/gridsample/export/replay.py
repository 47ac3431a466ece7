# SPDX-License-Identifier: Apache-2.0
"""Runs a converted Core ML program anywhere, operation by operation: the graph's proof, not the device's.

Almost every operation is evaluated by coremltools' own value inference, the NumPy code that folds constants. Those
without any are evaluated by us, as their documentation says, and counted apart: see OURS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.mil import Function

from gridsample.errors import GridSampleError
from gridsample.spec import dialects
from gridsample.spec.reference import pull

Array = np.ndarray[Any, np.dtype[Any]]


class ReplayError(GridSampleError, NotImplementedError):
    """An operation that neither coremltools nor we can evaluate here."""


@dataclass
class Replay:
    """The outputs, and how many operations of each type coremltools and we evaluated."""

    outputs: tuple[Array, ...]
    by_coremltools: Counter[str] = field(default_factory=Counter)
    by_us: Counter[str] = field(default_factory=Counter)


def replay(function: Any, inputs: Mapping[str, Array], opset: Any) -> Replay:
    """The outputs of a MIL function of one block for ``inputs`` by name."""
    values: dict[int, Any] = {}
    done = Replay(())
    for name, var in function.inputs.items():
        values[id(var)] = np.asarray(inputs[name])
    for op in function.operations:
        if op.op_type == "const":
            values[id(op.outputs[0])] = op.outputs[0].val
            continue
        given = {name: _given(var, values) for name, var in op.inputs.items() if var is not None}
        if op.op_type in OURS:
            results = OURS[op.op_type](given)
            done.by_us[op.op_type] += 1
        else:
            results = _by_coremltools(op, given, opset)
            done.by_coremltools[op.op_type] += 1
        for var, value in zip(op.outputs, results, strict=True):
            values[id(var)] = value
    done.outputs = tuple(np.asarray(values[id(var)]) for var in function.outputs)
    return done


def _given(var: Any, values: Mapping[int, Any]) -> Any:
    if isinstance(var, (list, tuple)):
        return [_given(v, values) for v in var]
    return values.get(id(var), var.val)


def _by_coremltools(op: Any, given: Mapping[str, Any], opset: Any) -> list[Any]:
    with Function({}, opset_version=opset):
        made = getattr(mb, op.op_type)(**given)
    made = made if isinstance(made, (list, tuple)) else [made]
    if any(var.val is None for var in made):
        do = "run the model on a Mac, or replay a part without it"
        raise ReplayError("gridsample.export.replay", "operations that can be evaluated here", op.op_type, do)
    return [var.val for var in made]


def _resample(given: Mapping[str, Any]) -> list[Any]:
    """As documented, through our rows for Core ML: a reading of it, not a measurement of the operator."""
    corners = bool(given["align_corners"])
    kernel = dialects.lookup("coreml", "kernel", given["sampling_mode"])
    boundary = dialects.lookup("coreml", "boundary", given["padding_mode"])
    frame = dialects.lookup("coreml", "frame", given["coordinates_mode"], corners)
    rows = {"kernel": kernel, "boundary": boundary, "frame": frame}
    rules: dict[str, Any] = {what: row.ours for what, row in rows.items() if row is not None}
    value = pull(given["x"], given["coordinates"], fill=float(given["padding_value"]), precision=np.float32, **rules)
    return [value.astype(given["x"].dtype)]


def _conv(given: Mapping[str, Any]) -> list[Any]:
    import torch

    x, weight = (torch.from_numpy(np.asarray(given[name], np.float32)) for name in ("x", "weight"))
    bias = torch.from_numpy(np.asarray(given["bias"], np.float32)) if given.get("bias") is not None else None
    axes = x.dim() - 2
    padding = _padding(given, x.shape[2:], weight.shape[2:])
    x = torch.nn.functional.pad(x, padding)
    function = (torch.nn.functional.conv1d, torch.nn.functional.conv2d, torch.nn.functional.conv3d)[axes - 1]
    strides, dilations = (_whole(given.get(name), axes) for name in ("strides", "dilations"))
    value = function(x, weight, bias, strides, 0, dilations, int(given.get("groups", 1)))
    return [value.numpy().astype(np.asarray(given["x"]).dtype)]


def _max_pool(given: Mapping[str, Any]) -> list[Any]:
    import torch

    x = torch.from_numpy(np.asarray(given["x"], np.float32))
    sizes = _whole(given["kernel_sizes"], x.dim() - 2)
    x = torch.nn.functional.pad(x, _padding(given, x.shape[2:], sizes), value=float("-inf"))
    function = (torch.nn.functional.max_pool1d, torch.nn.functional.max_pool2d, torch.nn.functional.max_pool3d)
    value = function[len(sizes) - 1](x, sizes, _whole(given["strides"], len(sizes)), ceil_mode=bool(given["ceil_mode"]))
    return [value.numpy().astype(np.asarray(given["x"]).dtype)]


def _whole(values: Any, axes: int) -> list[int]:
    return [1] * axes if values is None else [int(v) for v in np.ravel(values)]


def _padding(given: Mapping[str, Any], sizes: Any, kernel: Any) -> list[int]:
    """For torch's pad: the last axis first. Other padding than numbers is not met in models converted from torch."""
    if given["pad_type"] not in ("custom", "valid"):
        do = "pad with numbers"
        raise ReplayError("gridsample.export.replay", "pad_type 'custom' or 'valid'", given["pad_type"], do)
    numbers: Any = given["pad"] if given["pad_type"] == "custom" else [0] * 2 * len(sizes)
    pairs = np.reshape(numbers, (-1, 2))
    return [int(v) for pair in pairs[::-1] for v in pair]


OURS: dict[str, Callable[[Mapping[str, Any]], list[Any]]] = {
    "resample": _resample,
    "conv": _conv,
    "max_pool": _max_pool,
}
