# SPDX-License-Identifier: Apache-2.0
"""Our lowerings in coremltools' converter from torch, registered by `register_torch_op(override=True)`.

They serve ``grid_sampler`` and ``affine_grid_generator``, traced or exported, and our own ``gridsample::pull`` and
``gridsample::prefilter``. The
operator ``affine`` is never written: with align_corners=False its documentation calls it unsupported.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil import register_torch_op
from coremltools.converters.mil.mil import types
from coremltools.converters.mil.mil.types.symbolic import any_variadic

from gridsample.errors import DtypeError, RankError
from gridsample.export import affine, prefilter, rewrite
from gridsample.export.lower import MODES, PADDINGS, PARTS
from gridsample.export.mil_ops import MilOps, MilValue
from gridsample.export.targets import TARGETS, choose
from gridsample.options import Options, grid_sample_options

WHERE = "gridsample.export.coreml"


class Settings:
    """What a conversion by `convert` asks for; a plain ``coremltools.convert`` finds the defaults."""

    prefer = "native"


def pull_mil(image: Any, coords: Any, options: Options, name: str) -> Any:
    """The MIL variable of a sampling call, of the image's type."""
    if image.dtype not in (types.fp16, types.fp32) or coords.dtype not in (types.fp16, types.fp32):
        got = f"{types.builtin_to_string(image.dtype)} and {types.builtin_to_string(coords.dtype)}"
        raise DtypeError(
            WHERE, "an image and coordinates of floats", got, PARTS if "complex" in got else "convert them in the model"
        )
    if any_variadic(image.shape) or any_variadic(coords.shape):
        do = "give the inputs shapes; single sizes may be a coremltools.RangeDim"
        raise RankError(WHERE, "an image and coordinates of known rank", "tensors of any rank", do)
    if image.rank < 3:
        got = f"an image of rank {image.rank}"
        raise RankError(WHERE, "an image (N, C, *n)", got, "give it a batch and a channel axis")
    lowering = choose(TARGETS["coreml"], image.rank - 2, options, prefer=Settings.prefer)
    o = MilOps()
    value = rewrite.pull(o, o.real(MilValue(image, False)), o.real(MilValue(coords, True)), options, lowering)
    if image.dtype == types.fp16:
        return mb.cast(x=value.var, dtype="fp16", name=name)
    return mb.identity(x=value.var, name=name)


def _value(context: Any, name: Any) -> Any:
    """What an input of a node is: a Python value or a variable."""
    var = context[name] if isinstance(name, str) and name in context else name
    value = getattr(var, "val", None)
    return var if value is None else value


@register_torch_op(torch_alias=["grid_sampler_2d", "grid_sampler_3d"], override=True)  # type: ignore[untyped-decorator]
def grid_sampler(context: Any, node: Any) -> None:
    image, coords = (context[name] for name in node.inputs[:2])
    mode, padding, corners = (_value(context, name) for name in node.inputs[2:5])
    options = grid_sample_options(MODES[int(mode)], PADDINGS[int(padding)], bool(corners))
    context.add(pull_mil(image, coords, options, node.name), node.name)


@register_torch_op(torch_alias=["gridsample::pull", "gridsample.pull"], override=True)  # type: ignore[untyped-decorator]
def gridsample_pull(context: Any, node: Any) -> None:
    image, coords = (context[name] for name in node.inputs[:2])
    options = Options.parse(str(_value(context, node.inputs[2])))
    context.add(pull_mil(image, coords, options, node.name), node.name)


@register_torch_op(torch_alias=["gridsample::prefilter", "gridsample.prefilter"], override=True)  # type: ignore[untyped-decorator]
def gridsample_prefilter(context: Any, node: Any) -> None:
    image = context[node.inputs[0]]
    rules, adjoint = str(_value(context, node.inputs[1])), bool(_value(context, node.inputs[2]))
    axes = len(rules.split(" "))
    sizes = [int(n) if isinstance(n, (int, np.integer)) else n for n in image.shape[-axes:]]
    for d, matrix in prefilter.matrices(WHERE, rules, sizes, adjoint):
        order = list(range(image.rank))
        order[d - axes], order[-1] = order[-1], order[d - axes]
        product = mb.matmul(
            x=mb.transpose(x=image, perm=order), y=matrix.astype(types.nptype_from_builtin(image.dtype))
        )
        image = mb.transpose(x=product, perm=order)
    context.add(mb.identity(x=image, name=node.name), node.name)


@register_torch_op(override=True)  # type: ignore[untyped-decorator]
def affine_grid_generator(context: Any, node: Any) -> None:
    theta, corners = context[node.inputs[0]], bool(_value(context, node.inputs[2]))
    o = MilOps()
    size = _value(context, node.inputs[1])
    sizes = []
    n: Any
    for n in size if isinstance(size, (list, tuple)) else _elements(o, size):
        n = getattr(n, "val", None) if getattr(n, "val", None) is not None else n
        sizes.append(MilValue(n, True) if hasattr(n, "op") else n if isinstance(n, MilValue) else int(n))
    grid = affine.affine_grid(o, o.real(MilValue(theta, True)), sizes[2:], corners)
    if theta.dtype == types.fp16:
        context.add(mb.cast(x=grid.var, dtype="fp16", name=node.name), node.name)
    else:
        context.add(mb.identity(x=grid.var, name=node.name), node.name)


def _elements(o: MilOps, size: Any) -> list[Any]:
    """The sizes in an array, or in a variable of rank 1 that is not known yet."""
    if not hasattr(size, "op"):
        return list(size)
    return [o.component(MilValue(size, True), j) for j in range(size.shape[0])]
