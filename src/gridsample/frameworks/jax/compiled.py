# SPDX-License-Identifier: Apache-2.0
"""The verbs as JAX primitives: on the CPU a call of the engine, elsewhere the portable backend's operations.

    pull(image, coords) -> values                     pull_grad(image, coords) -> jacobian
    push(values, coords; shape) -> image              backward(grad, image, coords; asked) -> gradients
    along(image, coords, *tangents; asked) -> values: pull's derivative in a direction of image, coords or both
    push_along(values, coords, coords_t; shape) -> image: push's, in a direction of coords

`along` is linear in its tangents and `backward` is its transpose, so first derivatives, both ways, are the engine's:
one pass for both gradients. What is derived again is derived as the portable backend does it, to any order.
``options`` is `Options.text`. Primitives and not jax.custom_vjp, which has no forward mode, nor custom_jvp, which could
not say that two gradients are computed together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from gridsample import plan
from gridsample.backends import portable
from gridsample.frameworks.jax import handler, mapped, space
from gridsample.options import Options

Array = Any


def planned(image: Any, coords: Any, options: str, shape: Any = None) -> plan.Plan:
    at = Options.parse(options)
    shape = tuple(image.shape) if shape is None else tuple(shape)
    return plan.make("sample", shape, image.dtype.name, tuple(coords.shape), coords.dtype.name, at)


def linear(options: str) -> str:
    return Options.parse(options).linear().text


# What each does by JAX's own operations


def _pull(image: Array, coords: Array, options: str) -> Array:
    return portable.pull(space, planned(image, coords, options), image, coords)


def _pull_grad(image: Array, coords: Array, options: str) -> Array:
    return portable.pull_grad(space, planned(image, coords, options), image, coords)


def _push(values: Array, coords: Array, shape: Any, options: str) -> Array:
    return portable.push(space, planned(values, coords, options, shape), values, coords)


def _backward(grad: Array, image: Array, coords: Array, options: str, asked: Any) -> list[Array]:
    p = planned(image, coords, options)
    found = [portable.push(space, p, grad, coords)] if asked[0] else []
    return found + ([portable.backward_coords(space, p, grad, image, coords)] if asked[1] else [])


def _derived(image: Array, coords: Array, *tangents: Array, options: str, asked: Any) -> Array:
    """`along` by JAX's rules for the portable pull, to be derived again."""
    given = iter(tangents)
    whole = [next(given) if one else jnp.zeros_like(x) for x, one in zip((image, coords), asked, strict=True)]
    return jax.jvp(partial(_pull, options=options), (image, coords), tuple(whole))[1]


def _along(image: Array, coords: Array, *tangents: Array, options: str, asked: Any) -> Array:
    """From `pull` and `pull_grad`."""
    given, parts = iter(tangents), []
    if asked[0]:
        parts.append(pull_linear(next(given), coords, options))
    if asked[1]:
        direction = next(given)
        parts.append((pull_grad(image, coords, options) * direction[:, None].astype(image.dtype)).sum(-1))
    return sum(parts[1:], parts[0])


def _push_along(values: Array, coords: Array, coords_t: Array, shape: Any, options: str) -> Array:
    return jax.jvp(lambda at: _push(values, at, shape, options), (coords,), (coords_t,))[1]


# The calls


def _primitive(name: str, portably: Callable[..., Any], verb: Callable[..., str | None], many: bool = False) -> Any:
    """``verb`` names what the engine does of these arguments; None for what it does not."""
    one = Primitive(f"gridsample_{name}")
    one.multiple_results = many
    one.def_abstract_eval(lambda *avals, **how: _shapes(portably, avals, how, many))
    mlir.register_lowering(one, mlir.lower_fun(portably, multiple_results=many))
    call = jax.ffi.ffi_lowering(handler.TARGET)

    def lowered(ctx: Any, *operands: Any, **how: Any) -> Any:
        image, coords = ctx.avals_in[1 if name == "backward" else 0], ctx.avals_in[2 if name == "backward" else 1]
        p = planned(image, coords, how["options"], how.get("shape"))
        which = verb(**how)
        if p.uncompiled or which is None:
            return mlir.lower_fun(portably, multiple_results=many)(ctx, *operands, **how)
        return call(ctx, *operands, verb=which, problem=handler.problem(p))

    mlir.register_lowering(one, lowered, platform="cpu")
    _eager(one)
    return one


def _composed(name: str, function: Callable[..., Any]) -> Any:
    one = Primitive(f"gridsample_{name}")
    one.def_abstract_eval(lambda *avals, **how: _shapes(function, avals, how, False))
    mlir.register_lowering(one, mlir.lower_fun(function, multiple_results=False))
    _eager(one)
    return one


def _shapes(function: Callable[..., Any], avals: Any, how: Any, many: bool) -> Any:
    found = jax.eval_shape(partial(function, **how), *(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in avals))
    made = [jax.core.ShapedArray(x.shape, x.dtype) for x in (found if many else [found])]
    return made if many else made[0]


def _eager(one: Any) -> None:
    """Outside of jit: a program of its own, kept by its shapes."""

    @partial(jax.jit, static_argnames=("options", "shape", "asked"))
    def call(*arrays: Array, options: str, shape: Any = None, asked: Any = None) -> Any:
        how = {"options": options, "shape": shape, "asked": asked}
        return one.bind(*arrays, **{name: value for name, value in how.items() if value is not None})

    one.def_impl(call)


pull_p = _primitive("pull", _pull, lambda **_: "pull")
pull_grad_p = _primitive("pull_grad", _pull_grad, lambda **_: "pull_grad")
push_p = _primitive("push", _push, lambda **_: "push")
_BACKWARD = {(True, True): "backward", (False, True): "backward_coords"}
backward_p = _primitive("backward", _backward, lambda asked, **_: _BACKWARD.get(asked), many=True)
along_p = _composed("along", _along)
push_along_p = _composed("push_along", _push_along)


def pull(image: Array, coords: Array, options: str) -> Array:
    return pull_p.bind(image, coords, options=options)


def pull_grad(image: Array, coords: Array, options: str) -> Array:
    return pull_grad_p.bind(image, coords, options=options)


def push(values: Array, coords: Array, shape: Any, options: str) -> Array:
    values = jnp.broadcast_to(values, planned(values, coords, options, shape).out_shape)
    return push_p.bind(values, coords, shape=tuple(shape), options=options)


def backward(grad: Array, image: Array, coords: Array, options: str, asked: Any) -> list[Array]:
    """The gradients asked for; of the image alone it is `push`."""
    if asked == (True, False):
        return [push(grad, coords, image.shape, options)]
    return list(backward_p.bind(grad, image, coords, options=options, asked=asked))


def pull_linear(image: Array, coords: Array, options: str) -> Array:
    """The part of pull that is linear in the image; nothing at points that push leaves out."""
    values = pull(image, coords, linear(options))
    if Options.parse(options).nonfinite in ("propagate", "error"):
        values = jnp.where(jnp.isnan(coords).any(-1)[:, None], 0, values)
    return values


# Derivatives


def _split(primals: Any, tangents: Any) -> tuple[tuple[bool, ...], list[Array]]:
    """Which of them have a tangent, and those."""
    asked = tuple(type(t) is not ad.Zero for t in tangents)
    return asked, [t for t, one in zip(tangents, asked, strict=True) if one]


def _again(function: Callable[..., Any], primals: Any, tangents: Any, how: Any) -> Any:
    """Derived as JAX derives the portable backend's operations."""
    whole = tuple(ad.instantiate_zeros(t) for t in tangents)
    return jax.jvp(partial(function, **how), tuple(primals), whole)[1]


def _pull_jvp(primals: Any, tangents: Any, options: str) -> Any:
    image, coords = primals
    asked, given = _split(primals, tangents)
    return pull(image, coords, options), along_p.bind(image, coords, *given, options=options, asked=asked)


def _along_jvp(primals: Any, tangents: Any, **how: Any) -> Any:
    out = along_p.bind(*primals, **how)
    if all(type(t) is ad.Zero for t in tangents[:2]):  # linear in the rest
        given = [ad.instantiate_zeros(t) for t in tangents[2:]]
        return out, along_p.bind(*primals[:2], *given, **how)
    return out, _again(_derived, primals, tangents, how)


def _along_transpose(ct: Any, image: Any, coords: Any, *tangents: Any, options: str, asked: Any) -> Any:
    wanted = [ad.is_undefined_primal(t) for t in tangents]
    of = tuple(bool(one) and wanted[sum(asked[:i])] for i, one in enumerate(asked))
    if type(ct) is ad.Zero:
        return [None, None, *(ad.Zero(t.aval) if w else None for t, w in zip(tangents, wanted, strict=True))]
    found = iter(backward(ct, image, coords, options, of))
    return [None, None, *(next(found) if w else None for w in wanted)]


def _backward_jvp(primals: Any, tangents: Any, options: str, asked: Any) -> Any:
    grad, image, coords = primals
    out = backward(grad, image, coords, options, asked)
    if all(type(t) is ad.Zero for t in tangents[1:]):
        return out, backward(tangents[0], image, coords, options, asked)
    return out, _again(_backward, primals, tangents, {"options": options, "asked": asked})


def _backward_transpose(cts: Any, grad: Any, image: Any, coords: Any, options: str, asked: Any) -> Any:
    given = iter(cts)
    named = [next(given) if one else ad.Zero(None) for one in asked]
    of = tuple(one and type(ct) is not ad.Zero for one, ct in zip(asked, named, strict=True))
    if not any(of):
        return [ad.Zero(grad.aval), None, None]
    tangents = [ct for ct, one in zip(named, of, strict=True) if one]
    return [along_p.bind(image, coords, *tangents, options=options, asked=of), None, None]


def _push_jvp(primals: Any, tangents: Any, shape: Any, options: str) -> Any:
    values, coords = primals
    by_values, by_coords = tangents  # values have the whole batch: `push` has seen to it
    parts = [] if type(by_values) is ad.Zero else [push(by_values, coords, shape, options)]
    if type(by_coords) is not ad.Zero:
        parts.append(push_along_p.bind(values, coords, by_coords, shape=shape, options=options))
    return push(values, coords, shape, options), sum(parts[1:], parts[0])


def _push_transpose(ct: Any, values: Any, coords: Any, shape: Any, options: str) -> Any:
    if type(ct) is ad.Zero:
        return [ad.Zero(values.aval), None]
    return [pull_linear(ct, coords, options), None]


def _push_along_jvp(primals: Any, tangents: Any, **how: Any) -> Any:
    return push_along_p.bind(*primals, **how), _again(_push_along, primals, tangents, how)


def _push_along_transpose(ct: Any, values: Any, coords: Any, coords_t: Any, shape: Any, options: str) -> Any:
    if type(ct) is ad.Zero:
        return [None, None, ad.Zero(coords_t.aval)]
    return [None, None, backward(values, ct, coords, linear(options), (False, True))[0]]


def _pull_grad_jvp(primals: Any, tangents: Any, options: str) -> Any:
    image, coords = primals
    return pull_grad(image, coords, options), _again(_pull_grad, primals, tangents, {"options": options})


for _one, _jvp, _transpose, _batched in (
    (pull_p, _pull_jvp, None, mapped.pull),
    (along_p, _along_jvp, _along_transpose, mapped.along),
    (backward_p, _backward_jvp, _backward_transpose, mapped.backward),
    (push_p, _push_jvp, _push_transpose, mapped.push),
    (push_along_p, _push_along_jvp, _push_along_transpose, mapped.push_along),
    (pull_grad_p, _pull_grad_jvp, None, mapped.pull),
):
    ad.primitive_jvps[_one] = _jvp
    batching.primitive_batchers[_one] = partial(_batched, _one)
    if _transpose is not None:
        ad.primitive_transposes[_one] = _transpose
