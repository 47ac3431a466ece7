# SPDX-License-Identifier: Apache-2.0
"""The CPU backend: a Plan turned into the engine's Problem once, then calls straight into the compiled loops.

Arrays are anything the binding takes: objects with the buffer protocol, or (address, typecode, shape, strides).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from gridsample import plan
from gridsample._core import engine
from gridsample.errors import GridSampleError, OptionError
from gridsample.options import Options, grid_sample_options, sample_options
from gridsample.plan import Plan, Shape
from gridsample.spec.kernels import find

Typed = tuple[plan.Shape, str]  # the shape and type of an array


@lru_cache(maxsize=2048)
def problem(plan: Plan) -> engine.Problem:
    """The engine's mirror of a Plan."""
    if plan.uncompiled:
        do = "leave the choice to gridsample.sample: the portable backend takes it"
        raise OptionError("backend cpu", "a call that the engine has loops for", plan.uncompiled, do)
    options = plan.options
    folds = options.fold == "coordinate"
    axes = [(axis.boundary, folds, axis.component, axis.offset, axis.scale, axis.shift) for axis in plan.axes]
    # "error" was asked of the coordinates before; what is left is finite
    nonfinite = "propagate" if options.nonfinite == "error" else options.nonfinite
    kernel = plan.axes[0].kernel
    return engine.Problem(
        kernel, axes, options.fill, options.ties, nonfinite, options.outside, plan.given, plan.control
    )


@dataclass(frozen=True)
class Resolved:
    """A call for `engine.Calls`: its Plan, the engine's Problem, whether it gives a derivative, the result's shape."""

    plan: Plan
    problem: engine.Problem
    jacobian: bool
    shape: Shape


def resolved(where: str, choices: tuple[Any, ...], image: Typed, coords: Typed) -> Resolved | None:
    """None if the call has something to refuse, or to look at first."""
    jacobian = where == "sample_grad"
    if where == "planned":
        p = choices[0]
        return Resolved(p, problem(p), jacobian, p.out_shape)
    try:
        if where in ("pull", "backward"):
            where, options = "sample", Options.parse(*choices)
        elif where == "grid_sample":
            options = grid_sample_options(*choices)
        else:
            options = sample_options(where, *choices)
        if options.nonfinite == "error":
            return None
        p = plan.make(where, *image, *coords, options)
    except GridSampleError:
        return None
    if p.uncompiled or options.prefilter:
        return None
    return Resolved(p, problem(p), jacobian, p.jacobian_shape if jacobian else p.out_shape)


def pull(plan: Plan, image: Any, coords: Any, out: Any, threads: int) -> None:
    """out (N, C, *out) = S(coords) image"""
    engine.pull(problem(plan), image, coords, out, threads)


def push(plan: Plan, values: Any, coords: Any, image: Any, threads: int) -> None:
    """image (N or 1, C, *n) = S(coords)^T values (N, C, *out)"""
    engine.push(problem(plan), values, coords, image, threads)


def pull_grad(plan: Plan, image: Any, coords: Any, out: Any, threads: int) -> None:
    """out (N, C, *out, D): the derivative of pull by each component of coords"""
    engine.pull_grad(problem(plan), image, coords, out, threads)


def backward(plan: Plan, grad: Any, image: Any, coords: Any, grad_image: Any, grad_coords: Any, threads: int) -> None:
    """Both gradients of sum(grad * pull), each only where an array is given for it."""
    engine.backward(problem(plan), grad, image, coords, grad_image, grad_coords, threads)


def second_backward(plan: Plan, arrays: Sequence[Any], threads: int) -> None:
    """The gradients of <by_image, push(grad)> + <by_coords, backward to coords>, each only where an array is given.

    by_image (or None), by_coords, grad, image, coords; to_grad, to_image, to_coords (or None)
    """
    by_image, by_coords, grad, image, coords, to_grad, to_image, to_coords = arrays
    engine.second_backward(
        problem(plan), by_image, by_coords, grad, image, coords, to_grad, to_image, to_coords, threads
    )


def prefilter(
    image: Any, out: Any, kernels: tuple[str, ...], boundaries: tuple[str, ...], adjoint: bool, threads: int
) -> None:
    """out (..., *n) = the coefficients of image (..., *n), float32 or float64, or the adjoint of that; holes read 0."""
    first = len(image[2] if isinstance(image, tuple) else image.shape) - len(kernels)
    for d, (kernel, boundary) in enumerate(zip(kernels, boundaries, strict=True)):
        if weights := _central(kernel):
            engine.prefilter(image, out, first + d, weights, boundary, adjoint, threads)
            image = out  # the other axes in place


@lru_cache(maxsize=64)
def _central(kernel: str) -> tuple[float, ...]:
    """What a point on a pixel's centre weighs that pixel and those at distances 1, 2, ...; empty without prefilter."""
    row = find(kernel)
    if row is None or not row.prefilter:
        return ()
    t = Fraction(row.taps % 2, 2)
    weights = [sum((c * t**power for power, c in enumerate(taps)), Fraction(0)) for taps in row.weights]
    return tuple(float(weight) for weight in weights[-row.first_tap :] if weight)
