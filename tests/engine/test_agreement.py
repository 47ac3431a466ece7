# SPDX-License-Identifier: Apache-2.0
"""The engine against the oracle: every kernel x boundary x frame x axes x scalar x instruction set, every verb.

Positions are computed in the oracle with the engine's own roundings (its ``precision``), so that a point never falls on
the other side of a pixel or a tie in one of them, and the bounds hold everywhere: 1e-12 in float64, 2e-6 in float32,
relative to the image's range.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from gridsample._core import engine
from gridsample.spec import reference
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.frames import FRAMES, component
from gridsample.spec.kernels import COMPILED, KERNELS

SIZES = {1: [(7,), (1,)], 2: [(5, 6), (1, 4)], 3: [(4, 3, 5)]}
BOUND = {np.float32: 2e-6, np.float64: 1e-12}
FILL = 0.75


@pytest.fixture
def every_target() -> Iterator[list[str]]:
    """The instruction sets to try, so that the oracle, which takes longest, answers once for all of them."""
    before = engine.target()
    yield engine.targets()
    engine.set_target(before)


def problem_for(
    sizes: tuple[int, ...],
    kernel: str = "linear",
    boundary: str = "zero",
    *,
    frame: str = "pixel",
    order: str = "xy",
    fill: float = 0.0,
    ties: str | None = None,
    fold: str = "tap",
    nonfinite: str = "propagate",
    outside: float | None = None,
) -> engine.Problem:
    axes = [
        (boundary, fold == "coordinate", component(order, d, len(sizes)), *map(float, FRAMES[frame].numbers(n)))
        for d, n in enumerate(sizes)
    ]
    ties = ties or KERNELS[kernel].ties or "even"
    return engine.Problem(kernel, axes, fill if boundary == "constant" else 0.0, ties, nonfinite, outside)


def points_for(sizes: tuple[int, ...], frame: str, dtype: type, rng: np.random.Generator) -> np.ndarray:
    """Random points in and far around the image, points on pixels, half-way ties, exact borders; (2, P, D) in 'xy'."""
    columns = []
    for n in reversed(sizes):
        offset, scale, shift = map(float, FRAMES[frame].numbers(n))
        special = np.array([-1.0, -0.5, 0.0, 0.5, n - 1.5, n - 1.0, n - 0.5, float(n), -7.5 * n, 9.0 * n])
        x = np.concatenate(
            [rng.uniform(-2 * n - 2, 3 * n + 2, 20), rng.uniform(0, n - 1, 14), rng.permutation(special)]
        )
        columns.append((x - shift) / (scale or 1.0) - offset)
    return np.stack([np.stack(columns, -1), rng.permutation(np.stack(columns, -1))]).astype(dtype)


def check(what: str, got: np.ndarray, want: np.ndarray, scale: float, dtype: type) -> None:
    assert got.shape == want.shape, what
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want), err_msg=what)
    error = np.max(np.abs(np.nan_to_num(got.astype(np.float64)) - np.nan_to_num(want)), initial=0.0)
    assert error <= BOUND[dtype] * scale, f"{what}: error {error:.3g} above {BOUND[dtype] * scale:.3g}"


def compare(targets, sizes, kernel, boundary, frame, dtype, seed=0, **options):
    rng = np.random.default_rng(seed)
    image = rng.uniform(-1, 1, (2, 3, *sizes)).astype(dtype)
    coords = points_for(sizes, frame, dtype, rng)
    values = rng.uniform(-1, 1, (2, 3, coords.shape[1])).astype(dtype)
    rules = dict(frame=frame, fill=FILL, **options)
    problem = problem_for(sizes, kernel, boundary, **rules)
    oracle = dict(kernel=kernel, boundary=boundary, precision=dtype, **rules)
    pulled, slopes = reference.pull(image, coords, **oracle), reference.pull_grad(image, coords, **oracle)
    pushed = reference.push(values, coords, sizes, **oracle)
    steepest = 2.0 * max(abs(float(FRAMES[frame].numbers(n)[1])) for n in sizes)
    many = 8.0  # a pixel collects the values of several points

    for target in targets:
        engine.set_target(target)
        about = f"{target}, {sizes}, {frame}"
        out = np.full_like(values, 7)
        engine.pull(problem, image, coords, out, 2)
        check(f"pull, {about}", out, pulled, 2.0, dtype)

        jacobian = np.full((*values.shape, len(sizes)), 7, dtype)
        engine.pull_grad(problem, image, coords, jacobian, 2)
        check(f"pull_grad, {about}", jacobian, slopes, 2 * max(steepest, 1.0), dtype)

        filled = np.full_like(image, 7)
        engine.push(problem, values, coords, filled, 2)
        check(f"push, {about}", filled, pushed, many, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f32", "f64"])
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("boundary", sorted(BOUNDARIES))
@pytest.mark.parametrize("kernel", sorted(name for name, row in KERNELS.items() if row.taps in COMPILED))
def test_engine_agrees_with_the_oracle(kernel, boundary, axes, dtype, every_target):
    for sizes, frame in itertools.product(SIZES[axes], FRAMES):
        compare(every_target, sizes, kernel, boundary, frame, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f32", "f64"])
@pytest.mark.parametrize("kernel", ["nearest", "linear"])
@pytest.mark.parametrize("boundary", ["zero", "clamp", "reflect", "mirror"])
def test_folded_positions_and_rules_for_lost_points(kernel, boundary, dtype, every_target):
    for sizes, frame in itertools.product([(7,), (5, 6), (1, 4), (4, 3, 5)], ["edges", "corners"]):
        compare(every_target, sizes, kernel, boundary, frame, dtype, fold="coordinate", nonfinite="minus_one")
        compare(every_target, sizes, kernel, boundary, frame, dtype, outside=-2.5)
        compare(
            every_target, sizes, kernel, boundary, frame, dtype, order="ij", ties="up" if kernel == "nearest" else None
        )
