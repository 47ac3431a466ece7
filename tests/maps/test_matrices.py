# SPDX-License-Identifier: Apache-2.0
"""Maps that the engine evaluates in its loops: the values and gradients of the same map by stored coordinates."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
import torch
from torch.autograd import forward_ad

import gridsample as gs
from gridsample import frameworks, plan
from gridsample.maps import arrays
from gridsample.options import sample_options

SIZES = {1: ((90,), (70,)), 2: ((40, 60), (33, 75)), 3: ((12, 20, 30), (9, 21, 70))}


def some_map(axes: int, kind: str, batch: int, dtype: torch.dtype) -> torch.Tensor:
    rng = np.random.default_rng(axes + batch)
    rows = axes + (kind == "homography")
    matrix = np.eye(rows, axes + 1) + rng.normal(0, 0.05, (batch, rows, axes + 1))
    matrix[:, :axes, -1] += rng.uniform(-3, 3, (batch, axes))
    if kind == "homography":
        matrix[:, -1] = np.r_[rng.normal(0, 0.002, axes), 1]
    return torch.from_numpy(matrix).to(dtype)


def made(kind: str, matrix: torch.Tensor) -> gs.maps.Map:
    return gs.maps.Affine(matrix) if kind == "affine" else gs.maps.Homography(matrix)


KINDS = [(1, "affine"), (2, "affine"), (3, "affine"), (2, "homography")]


@pytest.mark.parametrize("kernel", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("axes", "kind"), KINDS)
def test_values_and_gradients_are_those_of_stored_coordinates(axes, kind, dtype, kernel):
    inner, outer = SIZES[axes]
    close = {"rtol": 0, "atol": 1e-9 if dtype == torch.float64 else 2e-3}
    for batch, matrices in ((3, 3), (3, 1), (1, 3)):
        torch.manual_seed(axes)
        smooth = torch.linspace(0, 3, inner[-1], dtype=dtype).sin().expand(batch, 2, *inner).clone()
        image = smooth.requires_grad_()
        matrix = some_map(axes, kind, matrices, dtype).requires_grad_()
        for boundary in ("zero", "clamp", "mirror"):
            chosen = {"kernel": kernel, "boundary": boundary}
            values = gs.sample(image, made(kind, matrix), size=outer, **chosen)
            stored = gs.sample(image, made(kind, matrix).coords(outer).to(dtype), **chosen)
            assert "PullMade" in type(values.grad_fn).__name__
            assert "PullMade" not in type(stored.grad_fn).__name__
            same = (values - stored).abs() < (1e-9 if dtype == torch.float64 else 2e-4)
            assert same.float().mean() > 0.995  # ties, and points on the rim, may fall either way
            weigh = torch.randn(values.shape, dtype=dtype) * same
            found = torch.autograd.grad(values, (image, matrix), weigh)
            wanted = torch.autograd.grad(stored, (image, matrix), weigh)
            torch.testing.assert_close(found[0], wanted[0], **close)
            scale = wanted[1].abs().max() + 1e-9
            torch.testing.assert_close(found[1] / scale, wanted[1] / scale, **close)


@pytest.mark.parametrize(("axes", "kind"), KINDS)
def test_gradcheck_also_of_second_derivatives(axes, kind):
    inner, outer = {1: ((7,), (5,)), 2: ((5, 6), (4, 5)), 3: ((4, 5, 3), (3, 2, 4))}[axes]
    image = torch.rand(2, 2, *inner, dtype=torch.float64, requires_grad=True)
    matrix = some_map(axes, kind, 2, torch.float64).requires_grad_()

    def call(image: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
        return gs.sample(image, made(kind, matrix), size=outer, kernel="catmull_rom", boundary="clamp")

    assert torch.autograd.gradcheck(call, (image, matrix))
    assert torch.autograd.gradgradcheck(call, (image, matrix), atol=1e-4)


def test_bits_do_not_depend_on_threads_or_batch():
    image = torch.rand(4, 3, 120, 140, requires_grad=True)
    matrix = some_map(2, "affine", 4, torch.float32).requires_grad_()
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            values = gs.sample(image, gs.maps.Affine(matrix), size=(130, 150))
            found.append([values.detach(), *torch.autograd.grad(values.sum(), (image, matrix))])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for other in found[1:] for a, b in zip(found[0], other, strict=True))
    alone = gs.sample(image[2:3], gs.maps.Affine(matrix[2:3]), size=(130, 150))
    assert torch.equal(alone[0], found[0][0][2])


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_where_somebody_watches_coordinates_are_computed_first():
    image, matrix = torch.rand(1, 1, 8, 9), some_map(2, "affine", 1, torch.float32)

    def call(matrix: torch.Tensor) -> torch.Tensor:
        return gs.sample(image, gs.maps.Affine(matrix))

    slope = torch.func.jacfwd(lambda m: call(m).sum())(matrix)
    matrix.requires_grad_()
    torch.testing.assert_close(slope, torch.autograd.grad(call(matrix).sum(), matrix)[0], rtol=1e-4, atol=1e-4)


def test_numpy_and_types():
    image = np.random.default_rng(0).random((1, 2, 20, 30)).astype("f4")
    matrix = [[0.9, 0.1, 1.0], [-0.1, 0.9, 2.0]]
    values = gs.sample(image, gs.maps.Affine(matrix))
    assert values.dtype == np.float32
    stored = gs.sample(image, gs.maps.Affine(matrix).coords((20, 30)).astype("f4"))
    np.testing.assert_allclose(values, stored, atol=2e-5)
    half = gs.sample(image.astype("f2"), gs.maps.Affine(matrix))
    assert half.dtype == np.float16
    whole = gs.sample((image * 255).astype("u1"), gs.maps.Affine(matrix))
    assert whole.dtype == np.uint8
    identity = gs.sample(image, gs.maps.Affine.identity())
    assert np.array_equal(identity, image)


def test_explain_says_that_no_coordinates_are_stored():
    chosen = sample_options("sample", "linear", "zero", 0.0, "pixel", "xy", "propagate", None)
    source = gs.maps.Affine.identity().made((7, 8))
    p = plan.made("sample", (1, 1, 5, 6), "float32", source, chosen)
    assert p.out_shape == (1, 1, 7, 8)
    assert "not stored" in p.explain()


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("frame", ["edges", "corners", "unit"])
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # torch's own, at the first dual tensor
@pytest.mark.parametrize("count", [5, 3000])  # few numbers, and so many that the result is made elsewhere
def test_what_is_recorded_is_the_same_to_the_bit(frame, axes, count):
    # matrices that nobody differentiates by are computed with by the engine
    sizes = {"input_size": (7, 12, 1)[:axes], "output_size": (9, 5, 3)[:axes]}
    matrix = torch.randn(count, axes, axes + 1)
    plain = gs.maps.Affine.from_matrix(matrix, frame=frame, **sizes).matrix
    recorded = gs.maps.Affine.from_matrix(matrix.clone().requires_grad_(), frame=frame, **sizes).matrix
    assert torch.equal(plain, recorded.detach())
    assert plain.dtype == recorded.dtype == torch.float32
    for one, alone in zip(plain[:5], matrix[:5], strict=True):
        assert torch.equal(gs.maps.Affine.from_matrix(alone, frame=frame, **sizes).matrix[0], one)
        assert np.array_equal(gs.maps.Affine.from_matrix(alone.numpy(), frame=frame, **sizes).matrix[0], one.numpy())
    with forward_ad.dual_level():
        dual = gs.maps.Affine.from_matrix(forward_ad.make_dual(matrix, torch.ones_like(matrix)), frame=frame, **sizes)
        assert forward_ad.unpack_dual(dual.matrix).tangent is not None


@pytest.mark.parametrize("dtype", ["f4", "f8", ">f8", "f2"])
def test_matrices_of_any_layout_are_put_into_pixels(dtype):
    sizes = {"input_size": (7, 12), "output_size": (9, 5)}
    matrix = np.random.default_rng(0).normal(size=(2, 3, 4)).transpose(0, 2, 1)[:, 1:3, :].astype(dtype, order="K")
    dense = gs.maps.Affine.from_matrix(np.ascontiguousarray(matrix).astype("f8"), frame="edges", **sizes).matrix
    found = gs.maps.Affine.from_matrix(matrix, frame="edges", **sizes).matrix
    assert found.dtype == np.dtype("f4" if dtype in ("f4", "f2") else "f8")
    assert np.array_equal(found, dense.astype(found.dtype))
    assert np.array_equal(found[0], gs.maps.Affine.from_matrix(matrix[0], frame="edges", **sizes).matrix[0])


def test_the_engine_refuses_numbers_that_do_not_fit_the_matrices():
    calls, matrix = frameworks.CALLS, np.zeros((1, 2, 3))
    frameworks.of("test", matrix=matrix)  # loads what tells the engine of NumPy's arrays
    with pytest.raises(ValueError, match="numbers"):
        calls.into_pixels(matrix, np.zeros((2, 5)))
    with pytest.raises(ValueError, match="matrices"):
        calls.into_pixels(np.zeros((1, 3, 3)), np.zeros((3, 8)))
    assert calls.into_pixels([[1.0]], np.zeros((2, 6))) is None


@pytest.mark.parametrize("corners", [False, True])
def test_a_small_affine_grid_is_a_large_one_to_the_bit(monkeypatch, corners):
    frameworks_torch = sys.modules["gridsample.frameworks.torch"]
    for axes, dtype in itertools.product((1, 2, 3), (torch.float32, torch.float64)):
        theta, size = torch.randn(2, axes, axes + 1, dtype=dtype), (2, 1, *(5, 1, 7)[:axes])
        small = gs.affine_grid(theta, size, align_corners=corners)
        with monkeypatch.context() as patch:
            patch.setattr(frameworks_torch, "SMALL", 0)
            large = gs.affine_grid(theta, size, align_corners=corners)
        assert torch.equal(small, large)
        assert small.dtype == large.dtype == dtype


class Asked:
    """The short way, and what it answered; or nothing at all."""

    def __init__(self, serves):
        self.calls, self.serves, self.answers = frameworks.CALLS, serves, []

    def __getattr__(self, name):
        return getattr(self.calls, name)

    def planned(self, *arguments):
        self.answers.append(self.calls.planned(*arguments) if self.serves else None)
        return self.answers[-1]


def test_the_short_way_gives_what_the_long_way_gives(monkeypatch):
    image, map_ = torch.rand(2, 3, 8, 9), gs.maps.Affine([[0.9, 0.1, 0.3], [-0.1, 0.8, 0.5]], size=(5, 6))
    last = image.to(memory_format=torch.channels_last)
    for array in (image, last, image.double(), image.half(), (image * 255).byte(), image.numpy()):
        results = []
        for serves in (True, False):
            with monkeypatch.context() as patch:
                patch.setattr(frameworks, "CALLS", asked := Asked(serves))
                results.append(gs.sample(array, map_))
            assert asked.answers[0] is (results[-1] if serves else None), array.dtype
        short, long = results
        assert (short == long).all()
        assert short.dtype == long.dtype == array.dtype
        assert not isinstance(array, torch.Tensor) or short.stride() == long.stride()
    with monkeypatch.context() as patch:  # what is recorded goes the long way
        patch.setattr(frameworks, "CALLS", asked := Asked(True))
        assert gs.sample(image.clone().requires_grad_(), map_).requires_grad
    assert asked.answers == [None]


def test_a_map_beside_its_image_is_not_made_again():
    map_ = gs.maps.Affine(torch.eye(2, 3))
    assert map_.to(torch.zeros(1, 1, 4, 4)) is map_
    assert arrays.library(gs.maps.Affine(np.eye(2, 3)).to(torch.zeros(1)).matrix) == "torch"
