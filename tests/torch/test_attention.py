# SPDX-License-Identifier: Apache-2.0
"""Multi-scale deformable attention against the reference of transformers, finite differences and its own definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

import gridsample as gs
from gridsample.errors import DerivativeError

LEVELS = [(6, 7), (3, 4), (1, 2)]


@pytest.fixture(autouse=True)
def one_thread():
    """Small calls: on a busy machine threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tensors(
    levels=LEVELS,
    batch: int = 2,
    queries: int = 5,
    heads: int = 3,
    channels: int = 4,
    points: int = 2,
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
) -> list[torch.Tensor]:
    make = torch.Generator().manual_seed(seed)
    pixels, axes = sum(int(np.prod(row)) for row in levels), len(levels[0])
    value = torch.rand(batch, pixels, heads, channels, dtype=torch.float64, generator=make) * 2 - 1
    where = (
        torch.rand(batch, queries, heads, len(levels), points, axes, dtype=torch.float64, generator=make) * 1.6 - 0.3
    )
    weights = torch.rand(batch, queries, heads, len(levels), points, dtype=torch.float64, generator=make)
    return [tensor.to(dtype) for tensor in (value, where, weights)]


def definition(value, levels, locations, weights):
    """The formula, level by level and head by head, from `sample`."""
    total, start = 0, 0
    for level, sizes in enumerate(levels):
        end = start + int(np.prod(sizes))
        images = value[:, start:end].permute(0, 2, 3, 1).unflatten(-1, sizes)  # (N, heads, C, *sizes)
        heads = []
        for h in range(value.shape[2]):
            samples = gs.sample(images[:, h].contiguous(), locations[:, :, h, level].contiguous(), frame="unit")
            heads.append((samples * weights[:, None, :, h, level]).sum(-1))  # (N, C, Q)
        total, start = total + torch.stack(heads, 1), end
    return total.flatten(1, 2).transpose(1, 2)


def gradients(function, value, levels, locations, weights):
    leaves = [tensor.clone().requires_grad_() for tensor in (value, locations, weights)]
    result = function(leaves[0], levels, leaves[1], leaves[2])
    weigh = torch.arange(result.numel(), dtype=torch.float64).sin().view(result.shape).to(result.dtype)
    return [result, *torch.autograd.grad(result, leaves, weigh)]


def reference(value, levels, locations, weights):
    modeling = pytest.importorskip("transformers.models.deformable_detr.modeling_deformable_detr")
    attend = modeling.MultiScaleDeformableAttention()
    return attend(value, torch.tensor(levels), levels, None, locations, weights, 64)


def far_from_kinks(locations: torch.Tensor, levels) -> torch.Tensor:
    """Moved so that no point lies near a pixel's centre, where the derivative jumps."""
    locations = locations.clone()
    for level, sizes in enumerate(levels):
        n = torch.tensor(sizes[::-1], dtype=locations.dtype)
        x = locations[..., level, :, :] * n - 0.5
        locations[..., level, :, :] = (x.floor() + 0.2 + 0.6 * (x - x.floor()) + 0.5) / n
    return locations


@pytest.mark.parametrize("levels", [LEVELS, [(5,), (3,)], [(3, 4, 5), (2, 1, 2)]])
def test_it_is_its_definition_on_one_to_three_axes(levels):
    value, locations, weights = tensors(levels)
    got = gradients(gs.multiscale_deformable_attention, value, levels, locations, weights)
    for a, b in zip(got, gradients(definition, value, levels, locations, weights), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    plain = gs.multiscale_deformable_attention(*(np.asarray(t) for t in (value, levels, locations, weights)))
    np.testing.assert_allclose(plain, got[0].detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("queries", [1, 300, 3000])  # the last in several pieces
def test_it_is_the_reference_of_transformers(queries):
    levels = [(20, 24), (10, 12), (5, 6), (3, 3)]
    arguments = tensors(levels, batch=2, queries=queries, heads=8, channels=16, points=4, dtype=torch.float32)
    value, locations, weights = arguments
    got = gradients(gs.multiscale_deformable_attention, value, levels, locations, weights)
    for a, b in zip(got, gradients(reference, value, levels, locations, weights), strict=True):
        assert a.shape == b.shape
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5 * float(b.detach().abs().max()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_are_nearer_the_truth_than_the_reference(dtype):
    value, locations, weights = tensors(dtype=dtype)
    exact = (value.double(), LEVELS, locations.double(), weights.double())
    truth = gradients(gs.multiscale_deformable_attention, *exact)
    ours = gradients(gs.multiscale_deformable_attention, value, LEVELS, locations, weights)
    theirs = gradients(reference, value, LEVELS, locations, weights)
    step = torch.finfo(dtype).eps
    for a, b, c in zip(ours, theirs, truth, strict=True):
        assert a.dtype == dtype
        scale = float(c.detach().abs().max())
        error, other = (float((x.double() - c).detach().abs().max()) / scale for x in (a, b))
        assert error <= step  # one rounding of what was computed in float32 (and of the gradient that came in)
        assert error <= other


def test_types_may_be_mixed():
    value, locations, weights = tensors()
    got = gs.multiscale_deformable_attention(value.float(), LEVELS, locations, weights.bfloat16())
    assert got.dtype == torch.float32
    want = gs.multiscale_deformable_attention(value, LEVELS, locations, weights.bfloat16().double())
    torch.testing.assert_close(got.double(), want, rtol=1e-5, atol=1e-5)


def test_finite_differences():
    levels = [(4, 3), (2, 2)]
    value, locations, weights = tensors(levels, queries=3, heads=2, channels=2)
    leaves = [t.requires_grad_() for t in (value, far_from_kinks(locations, levels), weights)]
    assert gradcheck(lambda v, p, w: gs.multiscale_deformable_attention(v, levels, p, w), leaves, fast_mode=False)


@pytest.mark.parametrize("asked", [(0,), (1,), (2,), (0, 2), (1, 2)])
def test_only_the_gradients_asked_for(asked):
    arguments = tensors()
    whole = gradients(gs.multiscale_deformable_attention, arguments[0], LEVELS, *arguments[1:])[1:]
    value, locations, weights = (t.clone().requires_grad_(k in asked) for k, t in enumerate(arguments))
    result = gs.multiscale_deformable_attention(value, LEVELS, locations, weights)
    weigh = torch.arange(result.numel(), dtype=torch.float64).sin().view(result.shape)
    leaves = [(value, locations, weights)[k] for k in asked]
    for k, found in zip(asked, torch.autograd.grad(result, leaves, weigh), strict=True):
        torch.testing.assert_close(found, whole[k], rtol=1e-13, atol=1e-13)


def test_views_are_read_where_they_lie():
    value, locations, weights = tensors()
    want = gs.multiscale_deformable_attention(value, LEVELS, locations, weights)
    views = (
        value.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0),
        locations.flip(1).contiguous().flip(1).transpose(1, 4).contiguous().transpose(1, 4),
        weights[..., None].expand(*weights.shape, 2)[..., 0],
    )
    torch.testing.assert_close(gs.multiscale_deformable_attention(views[0], LEVELS, *views[1:]), want)


@pytest.mark.parametrize("levels", [LEVELS, [(4,), (3,)], [(2, 3, 4)]])
def test_other_devices_compose_it_of_samples(levels):
    deformable = pytest.importorskip("gridsample.frameworks.torch.deformable")
    value, locations, weights = tensors(levels)
    want = gradients(gs.multiscale_deformable_attention, value, levels, locations, weights)
    got = gradients(lambda v, rows, p, w: deformable.composed(v, p, w, rows), value, levels, locations, weights)
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.filterwarnings("ignore")  # of JAX's own making
@pytest.mark.parametrize("levels", [LEVELS, [(4,), (3,)], [(2, 3, 4)]])
def test_jax_says_the_same(levels):
    jax = pytest.importorskip("jax")
    value, locations, weights = tensors(levels, dtype=torch.float32)
    want = gradients(gs.multiscale_deformable_attention, value, levels, locations, weights)
    weigh = np.sin(np.arange(want[0].numel(), dtype="float64")).reshape(want[0].shape).astype("float32")
    arrays = [jax.numpy.asarray(tensor.numpy()) for tensor in (value, locations, weights)]
    result = gs.multiscale_deformable_attention(arrays[0], levels, *arrays[1:])

    def loss(v, p, w):
        return (gs.multiscale_deformable_attention(v, levels, p, w) * weigh).sum()

    for a, b in zip([result, *jax.jit(jax.grad(loss, (0, 1, 2)))(*arrays)], want, strict=True):
        np.testing.assert_allclose(np.asarray(a), b.detach().numpy(), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("change", [{"queries": 0}, {"batch": 0}, {"points": 0}, {"channels": 0}, {"heads": 0}])
def test_nothing_of_something(change, monkeypatch):
    empty = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *a, **k: empty(*a, **k).fill_(torch.nan))  # what is not written shows
    value, locations, weights = tensors(**change)
    result, *found = gradients(gs.multiscale_deformable_attention, value, LEVELS, locations, weights)
    assert result.shape == (value.shape[0], locations.shape[1], value.shape[2] * value.shape[3])
    assert not result.any()
    assert [g.shape for g in found] == [value.shape, locations.shape, weights.shape]
    assert not any(g.any() for g in found)


@pytest.mark.filterwarnings("ignore")  # of torch's own making
def test_torchs_mechanisms():
    value, locations, weights = tensors()
    flat = [n for row in LEVELS for n in row]
    operators = torch.ops.gridsample
    want = gs.multiscale_deformable_attention(value, LEVELS, locations, weights)
    leaves = [t.clone().requires_grad_() for t in (value, locations, weights)]
    torch.library.opcheck(operators.attention.default, (*leaves, flat))
    for mask in ([True, True, True], [False, True, False]):
        torch.library.opcheck(operators.attention_backward.default, (want, value, locations, weights, flat, mask))
    torch.compiler.reset()

    def program(v, p, w):
        return gs.multiscale_deformable_attention(v * 2, LEVELS, p, w)

    compiled = torch.compile(program, fullgraph=True, dynamic=True, backend="aot_eager")
    for queries in (5, 6):
        arguments = tensors(queries=queries)
        for a, b in zip(
            *(
                gradients(lambda v, _, p, w, f=f: f(v, p, w), arguments[0], None, *arguments[1:])
                for f in (compiled, program)
            ),
            strict=True,
        ):
            torch.testing.assert_close(a, b)
    exported = torch.export.export(Attends(), (value, locations, weights))
    torch.testing.assert_close(exported.module()(value, locations, weights), want)

    def loss(v, p, w):
        return gs.multiscale_deformable_attention(v, LEVELS, p, w).sin().sum()

    more = tensors(seed=1)
    stacked = [torch.stack(pair) for pair in zip((value, locations, weights), more, strict=True)]
    got = torch.func.vmap(torch.func.grad(loss, (0, 1, 2)))(*stacked)
    for k, arguments in enumerate(((value, locations, weights), more)):
        for a, b in zip(got, torch.func.grad(loss, (0, 1, 2))(*arguments), strict=True):
            torch.testing.assert_close(a[k], b)
    shared = torch.func.vmap(lambda p: gs.multiscale_deformable_attention(value, LEVELS, p, weights))(stacked[1])
    torch.testing.assert_close(shared[0], want)
    once = gs.multiscale_deformable_attention(leaves[0], LEVELS, *leaves[1:]).sum()
    (g,) = torch.autograd.grad(once, leaves[1], create_graph=True)
    with pytest.raises(DerivativeError, match="a derivative of a gradient"):
        torch.autograd.grad(g.sum(), leaves[1])


class Attends(torch.nn.Module):
    def forward(self, value, locations, weights):
        return gs.multiscale_deformable_attention(value, LEVELS, locations, weights)


def test_results_do_not_depend_on_threads():
    arguments = tensors(queries=400, channels=8)
    found = []
    for threads in (1, 2, 5):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            found.append(gradients(gs.multiscale_deformable_attention, arguments[0], LEVELS, *arguments[1:]))
        finally:
            torch.set_num_threads(before)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-13)


def test_mistakes_are_named():
    value, locations, weights = tensors()
    call = gs.multiscale_deformable_attention
    for arguments, said in (
        (
            (value[:, :-1], LEVELS, locations, weights),
            r"value with the 56 pixels of all levels, got value of shape \(2, 55",
        ),
        ((value.flatten(2), LEVELS, locations, weights), r"expected value \(N, pixels, heads, C\)"),
        ((value, LEVELS[:2], locations, weights), "as many shapes as locations have levels, got 2 shapes"),
        ((value, LEVELS, locations[:, :, :2], weights), "one batch and number of heads"),
        ((value, LEVELS, locations[..., 0], weights), r"locations \(N, queries, heads, levels, points, axes\)"),
        ((value, LEVELS, locations, weights.flatten(3)), "one of weights for each of locations"),
        ((value, [(6, 7), (3, 4), (2,)], locations, weights), "2 positive sizes for each level"),
        ((value, 7, locations, weights), "shapes to be a sequence of sizes"),
        ((value, [(6.5, 7)] * 3, locations, weights), "each of shapes to be a sequence of integers"),
        ((value.int(), LEVELS, locations, weights), "value of one of the types .*, got int32"),
        ((value.to("meta"), LEVELS, locations, weights.to_sparse()), "dense tensors on one device"),
        ((value, LEVELS, locations.numpy(), weights), "arrays of one library"),
    ):
        with pytest.raises(gs.GridSampleError, match=said):
            call(*arguments)
