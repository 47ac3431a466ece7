# SPDX-License-Identifier: Apache-2.0
"""JAX arrays: the same values as NumPy's, under jit, grad, jvp, vmap and to second order; in float32, as JAX is by default."""

from __future__ import annotations

import numpy as np
import pytest

import gridsample as gs

jax = pytest.importorskip("jax")
jnp = jax.numpy

RNG = np.random.default_rng(0)
IMAGE = RNG.normal(size=(2, 3, 5, 6)).astype("f4")
COORDS = RNG.uniform(-1.5, 6.5, (2, 9, 2)).astype("f4")
VALUES = RNG.normal(size=(2, 3, 9)).astype("f4")
CASES = [("linear", "zero"), ("catmull_rom", "reflect"), ("bspline3", "clamp"), (("nearest", "lanczos3"), "wrap")]


def close(a, b, bound=2e-5):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), atol=bound * max(1.0, float(np.abs(b).max())))


@pytest.mark.parametrize(("kernel", "boundary"), CASES)
def test_values_are_numpys_also_under_jit(kernel, boundary):
    options = {"kernel": kernel, "boundary": boundary}
    for verb, arrays in ((gs.sample, (IMAGE, COORDS)), (gs.sample_grad, (IMAGE, COORDS))):
        want = verb(*arrays, **options)
        got = jax.jit(lambda a, b, v=verb: v(a, b, **options))(*map(jnp.asarray, arrays))
        assert isinstance(got, jax.Array)
        close(got, want)
    close(
        gs.splat(jnp.asarray(VALUES), jnp.asarray(COORDS), (5, 6), **options),
        gs.splat(VALUES, COORDS, (5, 6), **options),
    )


def test_grid_sample_and_affine_grid():
    theta = np.array([[[0.8, 0.2, 0.1], [-0.1, 0.9, 0.0]]] * 2, "f4")
    grid = gs.affine_grid(theta, (2, 3, 4, 4))
    close(gs.affine_grid(jnp.asarray(theta), (2, 3, 4, 4)), grid)
    for mode in ("nearest", "bicubic"):
        for padding in ("zeros", "reflection"):
            want = gs.grid_sample(IMAGE, grid, mode, padding)
            close(gs.grid_sample(jnp.asarray(IMAGE), jnp.asarray(grid), mode, padding), want)


def test_derivatives_are_torchs():
    torch = pytest.importorskip("torch")
    options = {"kernel": "catmull_rom", "boundary": "mirror"}

    def loss(image, coords):
        return (gs.sample(image, coords, **options) ** 2).sum()

    image, coords = torch.tensor(IMAGE, requires_grad=True), torch.tensor(COORDS, requires_grad=True)
    first = torch.autograd.grad(loss(image, coords), (image, coords), create_graph=True)
    second = torch.autograd.grad(sum(f.cos().sum() for f in first), (image, coords))
    arrays = jnp.asarray(IMAGE), jnp.asarray(COORDS)
    gradient = jax.jit(jax.grad(loss, (0, 1)))
    for a, b in zip(gradient(*arrays), first, strict=True):
        close(a, b.detach().numpy())

    def again(*arrays):
        return sum(jnp.cos(f).sum() for f in gradient(*arrays))

    for a, b in zip(jax.jit(jax.grad(again, (0, 1)))(*arrays), second, strict=True):
        close(a, b.numpy(), 2e-4)
    tangents = jnp.ones_like(arrays[0]), jnp.ones_like(arrays[1])
    _, along = jax.jvp(loss, arrays, tangents)
    close(along, sum(float(f.detach().sum()) for f in first), 1e-4)


def test_vmap_is_a_loop():
    image, coords = jnp.asarray(IMAGE)[:, None], jnp.asarray(COORDS)[:, None]

    @jax.jit
    def both(image, coords):
        values = jax.vmap(lambda i, c: gs.sample(i, c, boundary="clamp"))(image, coords)
        slopes = jax.vmap(jax.grad(lambda c, i: gs.sample(i, c, boundary="clamp").sum()), (0, None))(coords, image[0])
        return values, slopes

    values, slopes = both(image, coords)
    close(values[:, 0], gs.sample(IMAGE, COORDS, boundary="clamp"))
    close(slopes[:, 0], gs.sample_grad(IMAGE[:1], COORDS, boundary="clamp").sum(1))


def test_types_lost_points_and_poisoned_pixels():
    pixels = jnp.asarray(RNG.integers(0, 256, (1, 1, 5, 6)), jnp.uint8)
    points = np.array([[[0.5, 1.0], [np.nan, 0], [np.inf, 1], [1e30, -1e30], [4.0, 3.5]]], "f4")
    assert gs.sample(pixels, jnp.asarray(points), nonfinite="outside").dtype == jnp.uint8
    np.testing.assert_array_equal(
        gs.sample(pixels, jnp.asarray(points), nonfinite="outside"),
        gs.sample(np.asarray(pixels), points, nonfinite="outside"),
    )
    half = jnp.asarray(IMAGE, jnp.bfloat16)
    assert gs.sample(half, jnp.asarray(COORDS)).dtype == jnp.bfloat16
    waves = jnp.asarray(IMAGE + 1j * IMAGE[..., ::-1])
    close(gs.sample(waves, jnp.asarray(COORDS)).imag, gs.sample(np.ascontiguousarray(IMAGE[..., ::-1]), COORDS))
    poisoned = IMAGE[:1, :1].copy()
    poisoned[..., 0, 0] = np.nan
    gradient = jax.jit(jax.grad(lambda c: jnp.nan_to_num(gs.sample(jnp.asarray(poisoned), c)).sum()))
    found = np.asarray(gradient(jnp.asarray(points)))
    assert np.isfinite(found[0, [1, 2, 3, 4]]).all()
    assert not found[0, [1, 2, 3]].any()
    with pytest.raises(gs.GridSampleError, match="finite coords, got 2"):
        gs.sample(jnp.asarray(IMAGE), jnp.asarray(points[:, :3]), nonfinite="error")
    with pytest.raises(gs.GridSampleError, match="an array that is traced"):
        jax.jit(lambda c: gs.sample(jnp.asarray(IMAGE), c, nonfinite="error"))(jnp.asarray(COORDS))
    with pytest.raises(gs.GridSampleError, match="JAX arrays do not change"):
        gs.sample(jnp.asarray(IMAGE), jnp.asarray(COORDS), out=np.zeros(3))


def test_footprints_masks_and_batches():
    image = jnp.asarray(RNG.normal(size=(16, 16)).astype("f4"))
    coords = jnp.stack(jnp.meshgrid(jnp.arange(4) * 4 + 1.5, jnp.arange(4) * 4 + 1.5), -1)
    want = np.asarray(image).reshape(4, 4, 4, 4).mean((1, 3))
    close(gs.sample(image, coords, antialias=True), want)
    close(jax.jit(lambda c: gs.sample(image, c, antialias=4))(coords), want)
    with pytest.raises(gs.GridSampleError, match="antialias as a number while arrays are traced"):
        jax.jit(lambda c: gs.sample(image, c, antialias=True))(coords)
    assert bool(gs.valid_mask(coords, (16, 16)).all())
