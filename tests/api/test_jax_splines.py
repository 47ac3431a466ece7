# SPDX-License-Identifier: Apache-2.0
"""B-splines of JAX arrays, prefilter included: the oracle's values and derivatives, under jit, grad, jvp and vmap.

Mostly along one axis: XLA takes seconds to compile more.
"""

from __future__ import annotations

import numpy as np
import pytest

import gridsample as gs
from gridsample.spec import reference
from gridsample.spec.boundaries import BOUNDARIES

jax = pytest.importorskip("jax")
jnp = jax.numpy

SPLINES = [f"bspline{degree}" for degree in range(2, 8)]
RNG = np.random.default_rng(0)
SHAPES = {"line": (40,), "plane": (6, 40)}  # a long axis is solved in blocks, a short one by its matrix
ARRAYS = {
    name: tuple(
        array.astype("f4")
        for array in (
            RNG.normal(size=(2, 2, *sizes)),
            RNG.uniform(-0.6, 1.6, (2, 15, len(sizes))) * sizes,  # ij
            RNG.normal(size=(2, 2, 15)),
        )
    )
    for name, sizes in SHAPES.items()
}
CASES = [
    *[(kernel, "mirror", "line") for kernel in SPLINES],
    *[("bspline3", boundary, "line") for boundary in BOUNDARIES if boundary != "mirror"],
    ("bspline3", "reflect", "plane"),
]


def options_of(kernel, boundary):
    return {"kernel": kernel, "boundary": boundary} | ({"fill": 0.5} if boundary == "constant" else {})


def close(a, b, bound=3e-5):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), atol=bound * max(1.0, float(np.abs(b).max())))


@pytest.mark.parametrize(("kernel", "boundary", "shape"), CASES)
def test_values_are_the_oracles(kernel, boundary, shape):
    options, (image, coords, _) = options_of(kernel, boundary), ARRAYS[shape]
    coefficients = reference.prefilter(image.astype("f8"), **options)
    want = reference.pull(coefficients, coords.astype("f8"), order="ij", **options)

    def read(image, coords):
        return gs.sample(image, coords, order="ij", **options)

    close(jax.jit(read)(jnp.asarray(image), jnp.asarray(coords)), want)
    if kernel == "bspline3":
        close(read(jnp.asarray(image), jnp.asarray(coords)), want)
        mapped = jax.jit(jax.vmap(read))(jnp.asarray(image)[:, None], jnp.asarray(coords)[:, None])
        close(mapped[:, 0], want)


@pytest.mark.parametrize(("kernel", "boundary", "shape"), CASES)
def test_gradients_are_the_oracles(kernel, boundary, shape):
    """To the image: the adjoint, filtered by the transposed matrices. To the coordinates: the derivative's sum."""
    options, (image, coords, values) = options_of(kernel, boundary), ARRAYS[shape]
    linear = {"kernel": kernel, "boundary": "zero" if boundary == "constant" else boundary}
    wide = coords.astype("f8")
    by_image = reference.push(values.astype("f8"), wide, SHAPES[shape], order="ij", **linear)
    for d, n in enumerate(SHAPES[shape]):
        inverse = np.linalg.inv(reference.collocation(n, kernel, linear["boundary"]).T)
        by_image = np.moveaxis(np.tensordot(inverse, by_image, (1, d + 2)), 0, d + 2)
    slope = reference.pull_grad(reference.prefilter(image.astype("f8"), **options), wide, order="ij", **options)
    by_coords = np.einsum("nc...,nc...d->n...d", values, slope)

    def loss(image, coords):
        return (gs.sample(image, coords, order="ij", **options) * values).sum()

    tangents = tuple(np.cos(np.arange(a.size)).reshape(a.shape).astype("f4") for a in (image, coords))

    @jax.jit
    def both_ways(*arrays):
        return jax.grad(loss, (0, 1))(*arrays), jax.jvp(loss, arrays, tangents)[1]

    first, along = both_ways(jnp.asarray(image), jnp.asarray(coords))
    close(first[0], by_image)
    close(first[1], by_coords)
    close(along, sum(float((t * g).sum()) for t, g in zip(tangents, (by_image, by_coords), strict=True)), 1e-4)


def test_the_splat_is_the_adjoint_and_second_derivatives_are_torchs():
    torch = pytest.importorskip("torch")
    options = {"kernel": "bspline3", "boundary": "reflect", "order": "ij"}
    image, coords, values = ARRAYS["line"]
    pushed = gs.splat(jnp.asarray(values), jnp.asarray(coords), (40,), **options)
    close(pushed, gs.splat(values.astype("f8"), coords.astype("f8"), (40,), **options))

    def loss(image, coords):
        return (gs.sample(image, coords, **options) ** 3).sum()

    leaves = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in (image, coords)]
    first = torch.autograd.grad(loss(*leaves), leaves, create_graph=True)
    second = torch.autograd.grad(sum(f.cos().sum() for f in first), leaves)
    gradient = jax.grad(loss, (0, 1))
    again = jax.jit(jax.grad(lambda *arrays: sum(jnp.cos(f).sum() for f in gradient(*arrays)), (0, 1)))
    for got, want in zip(again(jnp.asarray(image), jnp.asarray(coords)), second, strict=True):
        close(got, want.numpy(), 3e-4)


def test_without_the_prefilter_the_image_is_coefficients():
    rules = {"kernel": "bspline5", "boundary": "clamp", "order": "ij"}
    image, coords, _ = ARRAYS["line"]
    want = reference.pull(image.astype("f8"), coords.astype("f8"), **rules)
    read = jax.jit(lambda i, c: gs.sample(i, c, **rules, prefilter=False))
    close(read(jnp.asarray(image), jnp.asarray(coords)), want)
