# SPDX-License-Identifier: Apache-2.0
"""First derivatives of the operators, each argument's only when it is asked for. No mathematics.

    d pull / d image   = push                     d push / d values = pull
    d pull / d coords  = pull_backward            d push / d coords = pull_backward, the two images exchanged

pull is linear in the image and push in the values, so those chains go on to any order; the derivative of a coordinate's
derivative raises. The functions here are what the public calls use: they go below autograd at once where no gradient
is wanted, which halves the cost of a small call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad

from gridsample import frameworks
from gridsample.errors import DerivativeError
from gridsample.frameworks.torch import operators
from gridsample.options import Options

# Not in torch's documentation, but what torch.library and torch.func themselves are built on.
_below_autograd: Any = torch._C._AutoDispatchBelowAutograd
_functorch_is_active: Any = torch._C._are_functorch_transforms_active


def _any_requires_grad_slowly(*arguments: Any) -> bool:
    return any(isinstance(argument, Tensor) and argument.requires_grad for argument in arguments)


_any_requires_grad: Any = getattr(torch._C, "_any_requires_grad", _any_requires_grad_slowly)  # older torch lacks it


def _refusal(what: str) -> DerivativeError:
    do = "use first derivatives only, or torch.nn.functional.grid_sample where torch has this one"
    return DerivativeError("gridsample", "first derivatives by backward", what, do)


class Pull:
    """values = pull(image, coords, options)"""

    what = "sample"
    operator = operators.pull

    @staticmethod
    def quick(image: Tensor, coords: Tensor, options: str) -> Any:
        return frameworks.CALLS.pull(image, coords, options)

    @staticmethod
    def keep(ctx: Any, image: Tensor, coords: Tensor, options: str) -> None:
        ctx.options, ctx.image_shape = options, image.shape
        # the image is needed for the gradient of the coordinates alone: do not keep it alive for its own
        ctx.save_for_backward(coords, *([image] if ctx.needs_input_grad[1] else []))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        coords, *image = ctx.saved_tensors
        image_too, coords_too = ctx.needs_input_grad[:2]
        if not frameworks.tracing():  # as compiled autograd does
            first = image[0] if image else ctx.image_shape
            known: Any = frameworks.CALLS.backward(grad, first, coords, ctx.options, image_too, coords_too)
            if known is not None:
                return *known, None
        if not coords_too:
            return push(grad, coords, ctx.image_shape, ctx.options) if image_too else None, None, None
        grad_image, grad_coords = pull_backward(grad, image[0], coords, ctx.options, [image_too, True])
        return grad_image if image_too else None, grad_coords, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, image: Tensor, coords: Tensor, options: str) -> Any:
        batch, (image, coords) = _folded(info.batch_size, in_dims, [image, coords])
        return _unfolded(pull(image, coords, options), info.batch_size, batch, batch), 0


class Push:
    """image = push(values, coords, shape, options)"""

    what = "splat"
    operator = operators.push

    @staticmethod
    def keep(ctx: Any, values: Tensor, coords: Tensor, shape: Any, options: str) -> None:
        ctx.options, ctx.values_shape = options, values.shape
        ctx.save_for_backward(coords, *([values] if ctx.needs_input_grad[1] else []))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        # <pull(image), values> = <image, push(values)>: one bilinear form, so each derivative is the other's verb
        coords, *values = ctx.saved_tensors
        options = Options.parse(ctx.options)
        linear = options.linear().text
        grad_values = grad_coords = None
        if ctx.needs_input_grad[0]:
            grad_values = pull(grad, coords, linear)
            if options.nonfinite == "propagate":  # push leaves such points out
                grad_values = grad_values.masked_fill(torch.isnan(coords).any(-1)[:, None], 0)
            grad_values = grad_values.sum_to_size(ctx.values_shape)
        if ctx.needs_input_grad[1]:
            grad_coords = pull_backward(values[0], grad, coords, linear, [False, True])[1]
        return grad_values, grad_coords, None, None

    @staticmethod
    def vmap(info: Any, in_dims: Any, values: Tensor, coords: Tensor, shape: Any, options: str) -> Any:
        batch, (values, coords) = _folded(info.batch_size, in_dims, [values, coords])
        image = push(values, coords, (info.batch_size * batch, *shape[1:]), options)
        return _unfolded(image, info.batch_size, batch, shape[0]), 0


class PullGrad:
    """jacobian = pull_grad(image, coords, options)"""

    what = "sample_grad"
    operator = operators.pull_grad

    @staticmethod
    def keep(ctx: Any, *inputs: Any) -> None:
        """Nothing: the derivative raises."""

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise _refusal("a derivative of sample_grad")

    @staticmethod
    def vmap(info: Any, in_dims: Any, image: Tensor, coords: Tensor, options: str) -> Any:
        batch, (image, coords) = _folded(info.batch_size, in_dims, [image, coords])
        return _unfolded(pull_grad(image, coords, options), info.batch_size, batch, batch), 0


class PullBackward:
    """grad_image, grad_coords = pull_backward(grad, image, coords, options, mask)"""

    what = "a gradient of sample"
    operator = operators.pull_backward

    @staticmethod
    def keep(ctx: Any, *inputs: Any) -> None:
        """Nothing: the derivative raises."""

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise _refusal("a derivative of a gradient of sample")

    @staticmethod
    def vmap(info: Any, in_dims: Any, grad: Tensor, image: Tensor, coords: Tensor, options: str, mask: Any) -> Any:
        size = info.batch_size
        pairs = zip((image, coords), in_dims[1:3], strict=True)
        batches = [(tensor if d is None else tensor.movedim(d, 0)[0]).shape[0] for tensor, d in pairs]
        batch, folded = _folded(size, in_dims, [grad, image, coords], share=False)
        found = pull_backward(*folded, options, mask)
        results = [_unfolded(g, size, batch, n) if m else g for g, n, m in zip(found, batches, mask, strict=True)]
        return tuple(results), tuple(0 if m else None for m in mask)


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


def _functions(rule: Any) -> tuple[Any, Any]:
    """A rule as torch wants it: for calls, and for torch.func, whose way of calling costs 60 us more."""
    operator, keep = rule.operator, rule.keep
    quick = getattr(rule, "quick", None)  # not CALLS' own method: torch never lets go of what it has registered

    class Eager(Function):
        backward = rule.backward

        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            keep(ctx, *inputs)
            if quick is not None and (known := quick(*inputs)) is not None:
                return known
            with _below_autograd():
                return operator(*inputs)

        @staticmethod
        def jvp(ctx: Any, *tangents: Any) -> Any:
            raise _refusal(f"forward-mode derivatives of {rule.what}")

    class Transformed(Eager):
        vmap = rule.vmap

        @staticmethod
        def forward(*inputs: Any) -> Any:
            with _below_autograd():
                return operator(*inputs)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            keep(ctx, *inputs)

    return Eager, Transformed


RECORD: dict[Any, Any] = {}  # by rule: what the short way calls to have a gradient recorded


def differentiable(rule: Any) -> Callable[..., Any]:
    """Registers the operator's derivative, and gives the quickest sound way to call it."""
    operator = rule.operator
    eager, transformed = _functions(rule)
    RECORD[rule] = super(Function, eager).apply  # without what Function.apply does for torch.func, which is not on

    def kernel(*arguments: Any) -> Any:
        if (torch.is_grad_enabled() and _any_requires_grad(*arguments)) or forward_ad._current_level >= 0:
            return (transformed if _functorch_is_active() else eager).apply(*arguments)
        with _below_autograd():
            return operator(*arguments)

    def call(*arguments: Any) -> Any:
        if torch.compiler.is_compiling():
            return operator(*arguments)
        if _functorch_is_active():
            return transformed.apply(*arguments)
        return kernel(*arguments)

    operators.LIBRARY.impl(operator._schema.name.removeprefix("gridsample::"), kernel, "Autograd")
    return call


def _pull_out_kernel(image: Tensor, coords: Tensor, options: str, out: Tensor) -> None:
    if torch.is_grad_enabled() and _any_requires_grad(image, coords, out):
        do = "call under torch.no_grad(), or leave out= away"
        raise DerivativeError("sample", "out= without gradients", "tensors that require them", do)
    with _below_autograd():
        operators.pull_out(image, coords, options, out)
    torch.autograd.graph.increment_version(out)


operators.LIBRARY.impl("pull_out", _pull_out_kernel, "Autograd")
pull_out = operators.pull_out
pull = differentiable(Pull)
push = differentiable(Push)
pull_grad = differentiable(PullGrad)
pull_backward = differentiable(PullBackward)
