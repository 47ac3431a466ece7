# SPDX-License-Identifier: Apache-2.0
"""Derivatives of the operators, of any order, in reverse and forward mode. No mathematics but the chain rule.

    d pull / d image   = push                     d push / d values = pull
    d pull / d coords  = pull_backward            d push / d coords = pull_backward, the two images exchanged

Options name how often the sampler is derived by each coordinate, so `pull` and `push` are also those of its
derivatives, and every rule here is written in the same operators: they are closed under differentiation. An argument's
derivative is computed only when it is asked for. The functions here are what the public calls use: they go below
autograd at once where no gradient is wanted, which halves the cost of a small call. Their `vmap` is in `batching`.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import intern
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function, forward_ad

from gridsample import frameworks
from gridsample._core import engine
from gridsample.errors import DerivativeError
from gridsample.frameworks.torch import batching, operators, second
from gridsample.options import Options
from gridsample.spec.frames import component

# Not in torch's documentation, but what torch.library and torch.func themselves are built on.
_below_autograd: Any = torch._C._AutoDispatchBelowAutograd
_functorch_is_active: Any = torch._C._are_functorch_transforms_active


def _any_requires_grad_slowly(*arguments: Any) -> bool:
    return any(isinstance(argument, Tensor) and argument.requires_grad for argument in arguments)


_any_requires_grad: Any = getattr(torch._C, "_any_requires_grad", _any_requires_grad_slowly)  # older torch lacks it


def _keep_for_jvp(ctx: Any, *tensors: Tensor) -> None:
    """What forward mode needs, if it is on."""
    if forward_ad._current_level >= 0 or _functorch_is_active():
        ctx.save_for_forward(*tensors)


def _keep_points(ctx: Any, image: Tensor, coords: Tensor, options: str) -> None:
    """What derivatives of what is read from an image need; `engine.node_forward` keeps the same."""
    ctx.options = intern(options)
    if ctx.needs_input_grad[1]:
        ctx.save_for_backward(coords, image)
    else:  # the image is needed for the gradient of the coordinates alone: do not keep it alive for its own
        ctx.save_for_backward(coords)
        ctx.image_shape = image.shape
    _keep_for_jvp(ctx, image, coords)


class Pull:
    """values = pull(image, coords, options)"""

    operator = operators.pull
    answers = True  # nodes ask the engine first; compiled autograd asks the rule below

    @staticmethod
    def quick(image: Tensor, coords: Tensor, options: str) -> Any:
        return frameworks.CALLS.pull(image, coords, intern(options))  # a dispatcher's string is new in every call

    keep = _keep_points

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        coords, *image = ctx.saved_tensors
        image_too, coords_too = ctx.needs_input_grad[:2]
        if not coords_too:
            return push(grad, coords, ctx.image_shape, ctx.options) if image_too else None, None, None
        grad_image, grad_coords = pull_backward(grad, image[0], coords, ctx.options, [image_too, True])
        return grad_image if image_too else None, grad_coords, None

    @staticmethod
    def jvp(ctx: Any, image_t: Any, coords_t: Any, _: Any) -> Any:
        image, coords = ctx.saved_tensors
        parts = [] if image_t is None else [_pull_linear(image_t, coords, ctx.options)]
        parts += [] if coords_t is None else [_pull_along(image, coords_t, coords, ctx.options)]
        return _total(parts)

    vmap = batching.pull


class Push:
    """image = push(values, coords, shape, options)"""

    operator = operators.push

    @staticmethod
    def keep(ctx: Any, values: Tensor, coords: Tensor, shape: Any, options: str) -> None:
        ctx.options, ctx.values_shape, ctx.shape = options, values.shape, shape
        ctx.save_for_backward(coords, *([values] if ctx.needs_input_grad[1] else []))
        _keep_for_jvp(ctx, values, coords)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        # <pull(image), values> = <image, push(values)>: one bilinear form, so each derivative is the other's verb
        coords, *values = ctx.saved_tensors
        grad_values = grad_coords = None
        if ctx.needs_input_grad[0]:
            grad_values = _pull_linear(grad, coords, ctx.options).sum_to_size(ctx.values_shape)
        if ctx.needs_input_grad[1]:
            linear = Options.parse(ctx.options).linear().text
            grad_coords = pull_backward(values[0], grad, coords, linear, [False, True])[1]
        return grad_values, grad_coords, None, None

    @staticmethod
    def jvp(ctx: Any, values_t: Any, coords_t: Any, *_: Any) -> Any:
        values, coords = ctx.saved_tensors
        parts = [] if values_t is None else [push(values_t, coords, ctx.shape, ctx.options)]
        parts += [] if coords_t is None else [_push_along(values, coords_t, coords, ctx.shape, ctx.options)]
        return _total(parts)

    vmap = batching.push


class PullGrad:
    """jacobian = pull_grad(image, coords, options)"""

    operator = operators.pull_grad
    keep = _keep_points

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        coords, *image = ctx.saved_tensors
        image_too, coords_too = ctx.needs_input_grad[:2]
        shape = image[0].shape if image else ctx.image_shape
        images, points = [], []
        for j, once in _derived(ctx.options, coords):
            if image_too:
                images.append(push(grad[..., j], coords, shape, once))
            if coords_too:
                points.append(pull_backward(grad[..., j], image[0], coords, once, [False, True])[1])
        return _total(images), _total(points), None

    @staticmethod
    def jvp(ctx: Any, image_t: Any, coords_t: Any, _: Any) -> Any:
        image, coords = ctx.saved_tensors
        parts = []
        if image_t is not None:
            parts.append(pull_grad(image_t, coords, Options.parse(ctx.options).linear().text))
        if coords_t is not None:
            along = {j: _pull_along(image, coords_t, coords, once) for j, once in _derived(ctx.options, coords)}
            parts.append(torch.stack([along[j] for j in sorted(along)], -1))
        return _total(parts)

    vmap = batching.pull_grad


class PullBackward:
    """grad_image, grad_coords = pull_backward(grad, image, coords, options, mask)"""

    operator = operators.pull_backward

    @staticmethod
    def quick(grad: Tensor, image: Tensor, coords: Tensor, options: str, mask: Any) -> Any:
        return frameworks.CALLS.backward(grad, image, coords, intern(options), True, True) if all(mask) else None

    @staticmethod
    def keep(ctx: Any, grad: Tensor, image: Tensor, coords: Tensor, options: str, mask: Any) -> None:
        ctx.options, ctx.mask = options, mask
        ctx.set_materialize_grads(False)  # the gradient that was not asked about has none itself: no pass for it
        ctx.save_for_backward(grad, image, coords)
        _keep_for_jvp(ctx, grad, image, coords)

    @staticmethod
    def backward(ctx: Any, by_image: Tensor | None, by_coords: Tensor | None) -> Any:
        # of <by_image, push(grad)> + <by_coords, sum over channels of grad * pull_grad(image)>
        grad, image, coords = ctx.saved_tensors
        grad_too, image_too, coords_too = ctx.needs_input_grad[:3]
        options = ctx.options
        by_image = by_image if ctx.mask[0] else None
        if by_coords is not None and second.fits(grad, image, coords, options, ctx.mask):
            needed = ctx.needs_input_grad[:3]
            return *second.backward(by_image, by_coords, grad, image, coords, options, needed), None, None
        grads, images, points = [], [], []
        if by_image is not None:
            if grad_too:
                grads.append(_pull_linear(by_image, coords, options))
            if coords_too:
                linear = Options.parse(options).linear().text
                points.append(pull_backward(grad, by_image, coords, linear, [False, True])[1])
        if by_coords is not None and ctx.mask[1]:
            if grad_too:
                grads.append(_pull_along(image, by_coords, coords, options))
            if image_too:
                images.append(_push_along(grad, by_coords, coords, image.shape, options))
            if coords_too:
                points.append(_slope_along(grad, by_coords, image, coords, options))
        by_grad = None if not grads else _total(grads).sum_to_size(grad.shape)
        return by_grad, _total(images), _total(points), None, None

    @staticmethod
    def jvp(ctx: Any, grad_t: Any, image_t: Any, coords_t: Any, *_: Any) -> Any:
        grad, image, coords = ctx.saved_tensors
        options = ctx.options
        images, points = [], []
        if grad_t is not None:
            by_image, by_coords = pull_backward(grad_t, image, coords, options, ctx.mask)
            images.append(by_image)
            points.append(by_coords)
        if image_t is not None and ctx.mask[1]:
            linear = Options.parse(options).linear().text
            points.append(pull_backward(grad, image_t, coords, linear, [False, True])[1])
        if coords_t is not None:
            if ctx.mask[0]:
                images.append(_push_along(grad, coords_t, coords, image.shape, options))
            if ctx.mask[1]:
                points.append(_slope_along(grad, coords_t, image, coords, options))
        nothing = image.new_zeros(0)
        return _total(images) if images else nothing, _total(points) if points else nothing

    vmap = batching.pull_backward


class Prefilter:
    """coefficients = prefilter(image, rules, adjoint)"""

    operator = operators.prefilter

    @staticmethod
    def keep(ctx: Any, image: Tensor, rules: str, adjoint: bool) -> None:
        ctx.rules, ctx.adjoint = rules, adjoint

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return prefilter(grad, ctx.rules, not ctx.adjoint), None, None

    @staticmethod
    def jvp(ctx: Any, image_t: Tensor, *_: Any) -> Any:
        return prefilter(image_t, ctx.rules, ctx.adjoint)

    vmap = batching.prefilter


def _total(parts: list[Tensor]) -> Any:
    """Their sum; None of nothing."""
    return sum(parts[1:], parts[0]) if parts else None


def _derived(options: str, coords: Tensor) -> list[tuple[int, str]]:
    """For every spatial axis: which component of coords is its own, and the options derived by it once more."""
    o, axes = Options.parse(options), coords.shape[-1]
    return [(component(o.order, d, axes), o.derived(d, axes).text) for d in range(axes)]


def _pull_linear(image: Tensor, coords: Tensor, options: str) -> Tensor:
    """The part of pull that is linear in the image; nothing at points that push leaves out."""
    o = Options.parse(options)
    values: Tensor = pull(image, coords, o.linear().text)
    if o.nonfinite == "propagate":
        values = values.masked_fill(torch.isnan(coords).any(-1)[:, None], 0)
    return values


def _pull_along(image: Tensor, direction: Tensor, coords: Tensor, options: str) -> Tensor:
    """The derivative of pull in a direction (N or 1, *out, D) of the coordinates."""
    slope: Tensor = pull_grad(image, coords, options)
    return (slope * direction[:, None]).sum(-1)


def _push_along(values: Tensor, direction: Tensor, coords: Tensor, shape: Any, options: str) -> Tensor:
    """The derivative of push in a direction of the coordinates."""
    derived = _derived(options, coords)
    return _total([push(values * direction[:, None, ..., j], coords, shape, once) for j, once in derived])  # type: ignore[no-any-return]


def _slope_along(grad: Tensor, direction: Tensor, image: Tensor, coords: Tensor, options: str) -> Tensor:
    """The derivative, in a direction, of the gradient to the coordinates."""
    mask = [False, True]
    derived = _derived(options, coords)
    parts = [pull_backward(grad * direction[:, None, ..., j], image, coords, once, mask)[1] for j, once in derived]
    return _total(parts)  # type: ignore[no-any-return]


def _below(rule: Any) -> Callable[..., Any]:
    """A rule's operator without autograd, by the short way where there is one and it takes the call."""
    operator = rule.operator
    quick = getattr(rule, "quick", None)  # not CALLS' own method: torch never lets go of what it has registered

    def below(*arguments: Any) -> Any:
        if quick is not None and (known := quick(*arguments)) is not None:
            return known
        with _below_autograd():
            return operator(*arguments)

    return below


def _functions(rule: Any, below: Callable[..., Any]) -> tuple[Any, Any]:
    """A rule as torch wants it: for calls, and for torch.func, whose way of calling costs 60 us more."""
    operator, keep = rule.operator, rule.keep

    class Eager(Function):
        backward = rule.backward

        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            keep(ctx, *inputs)
            return below(*inputs)

        jvp = rule.jvp

    class Transformed(Eager):
        vmap = rule.vmap

        @staticmethod
        def forward(*inputs: Any) -> Any:
            with _below_autograd():
                return operator(*inputs)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            keep(ctx, *inputs)

    return _quickened(Eager, rule), Transformed


def _quickened(function: Any, rule: Any) -> Any:
    """Its nodes are asked for gradients at once: torch looks each time for which of its rules they have, for 7 us."""
    nodes = function._backward_cls
    if hasattr(rule, "answers"):
        nodes.holder = frameworks  # of CALLS
        nodes.apply = engine.node_answer(nodes)
    else:
        nodes.apply = function.backward
    return function


def recorder(rule: Any) -> Any:
    """Records values of a pull that are computed already: (image, coords, options, (values,)) -> values.

    As the short way calls it: the C function alone, without what Function.apply does for torch.func, which is not on.
    """

    class Sampled(Function):
        forward = staticmethod(engine.node_forward())

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            return *rule.backward(ctx, *grads), None

    return super(Function, _quickened(Sampled, rule)).apply  # type: ignore[misc]


def differentiable(rule: Any) -> Callable[..., Any]:
    """Registers the operator's derivative, and gives the quickest sound way to call it."""
    operator, below = rule.operator, _below(rule)
    eager, transformed = _functions(rule, below)

    def kernel(*arguments: Any) -> Any:
        if (torch.is_grad_enabled() and _any_requires_grad(*arguments)) or forward_ad._current_level >= 0:
            return (transformed if _functorch_is_active() else eager).apply(*arguments)
        return below(*arguments)

    def call(*arguments: Any) -> Any:
        if torch.compiler.is_compiling():
            return operator(*arguments)
        if _functorch_is_active():
            return transformed.apply(*arguments)
        return kernel(*arguments)

    operators.LIBRARY.impl(operator._schema.name.removeprefix("gridsample::"), kernel, "Autograd")
    return call


def refuse_out(image: Tensor, coords: Tensor, out: Tensor) -> None:
    """An array to write to has no place in a graph of gradients."""
    if torch.is_grad_enabled() and _any_requires_grad(image, coords, out):
        do = "call under torch.no_grad(), or leave out= away"
        raise DerivativeError("sample", "out= without gradients", "tensors that require them", do)


def _pull_out_kernel(image: Tensor, coords: Tensor, options: str, out: Tensor) -> None:
    refuse_out(image, coords, out)
    with _below_autograd():
        operators.pull_out(image, coords, options, out)
    torch.autograd.graph.increment_version(out)


operators.LIBRARY.impl("pull_out", _pull_out_kernel, "Autograd")
pull_out = operators.pull_out
pull = differentiable(Pull)
push = differentiable(Push)
pull_grad = differentiable(PullGrad)
pull_backward = differentiable(PullBackward)
prefilter = differentiable(Prefilter)
