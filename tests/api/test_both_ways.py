# SPDX-License-Identifier: Apache-2.0
"""What the short way (`engine.Calls`) gives is what the long way gives: bits, layouts, gradients, messages."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from api_cases import Dispatched

import gridsample as gs
from gridsample import frameworks
from gridsample._core import engine
from gridsample.frameworks.torch import quick

HAS_SHORT_WAY = hasattr(torch.Tensor, "__dlpack_c_exchange_api__") and not hasattr(torch.Tensor, "names")
pytestmark = pytest.mark.skipif(not HAS_SHORT_WAY, reason="this torch is served the long way")

IMAGE, GRID = torch.rand(2, 3, 6, 7), torch.rand(2, 4, 5, 2) * 3 - 1.5
WATCHED = engine.Calls()  # as it is where torch's libraries cannot be asked themselves
quick.add(WATCHED, maker=None, peeks=None)


def same(a, b):
    assert type(a) is type(b)
    assert a.dtype == b.dtype
    if isinstance(a, torch.Tensor):
        assert a.stride() == b.stride()
        assert a.is_inference() == b.is_inference()
        assert a.untyped_storage().resizable() == b.untyped_storage().resizable()
        a, b = a.detach().clone().numpy(), b.detach().clone().numpy()
    assert a.shape == b.shape
    assert a.tobytes() == b.tobytes()


LAYOUTS = {
    "contiguous": lambda t: t.contiguous(),
    "channels_last": lambda t: t.movedim(1, -1).contiguous().movedim(-1, 1),
    "transposed": lambda t: t.transpose(-1, -2).contiguous().transpose(-1, -2),
    "every_other": lambda t: t.repeat_interleave(2, -1)[..., ::2],
    "expanded": lambda t: t[:1].expand(t.shape),
}


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("channels", [1, 3, 8])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_ways_give_the_same_tensor(axes, channels, layout, long_way):
    sizes, points = (5, 6, 7)[:axes], (3, 4, 2)[:axes]
    for dtype in (torch.float32, torch.float64):
        image = LAYOUTS[layout](torch.rand(2, channels, *sizes, dtype=dtype))
        grid = torch.rand(2, *points, axes, dtype=dtype) * 3 - 1.5
        for mode, padding, corners in itertools.product(
            ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (False, True)
        ):
            short = frameworks.CALLS.grid_sample(image, grid, mode, padding, corners)
            assert short is not None
            same(short, long_way(gs.grid_sample, image, grid, mode, padding, corners))
            same(WATCHED.grid_sample(image, grid, mode, padding, corners), short)
        for verb in (gs.sample, gs.sample_grad):
            options = {"boundary": ("wrap", "clamp", "mirror")[:axes], "outside": 0.5, "order": "ij"}
            same(verb(image, grid * 4, **options), long_way(verb, image, grid * 4, **options))


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_both_ways_give_the_same_array(axes, long_way):
    rng = np.random.default_rng(0)
    sizes, points = (5, 6, 7)[:axes], (3, 4, 2)[:axes]
    for dtype in ("float32", "float64"):
        image = rng.random((2, 3, *sizes)).astype(dtype)
        grid = (rng.random((2, *points, axes)) * 3 - 1.5).astype(dtype)
        for a in (image, image[..., ::-1], np.asfortranarray(image), np.broadcast_to(image[:1], image.shape)):
            short = gs.grid_sample(a, grid)
            assert frameworks.CALLS.grid_sample(a, grid, "bilinear", "zeros", False) is not None
            same(short, long_way(gs.grid_sample, a, grid))
            for verb in (gs.sample, gs.sample_grad):
                same(
                    verb(a, grid * 4, fill=2.0, boundary="constant"),
                    long_way(verb, a, grid * 4, fill=2.0, boundary="constant"),
                )


def test_empty_and_large_calls_too(long_way):
    for image, grid in (
        (IMAGE[:0], GRID[:0]),
        (IMAGE, GRID[:, :0]),
        (torch.rand(1, 3, 99, 99), torch.rand(1, 99, 99, 2)),
    ):
        assert frameworks.CALLS.grid_sample(image, grid, "bilinear", "zeros", False) is not None
        same(gs.grid_sample(image, grid), long_way(gs.grid_sample, image, grid))


def gradients(image, grid, weights, which, **options):
    pairs = zip((image, grid), which, strict=True)
    leaves = [t.detach().clone(memory_format=torch.preserve_format).requires_grad_(w) for t, w in pairs]
    result = gs.grid_sample(*leaves, **options)
    return [result, *torch.autograd.grad(result, [t for t in leaves if t.requires_grad], weights)]


@pytest.mark.parametrize("which", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_ways_give_the_same_gradients(which, layout, long_way):
    image = LAYOUTS[layout](IMAGE)
    for weights in (torch.rand(2, 3, 4, 5), torch.ones(()).expand(2, 3, 4, 5), torch.rand(2, 3, 5, 4).mT):
        for padding in ("zeros", "reflection"):
            short = gradients(image, GRID, weights, which, padding_mode=padding)
            long = long_way(gradients, image, GRID, weights, which, padding_mode=padding)
            for a, b in zip(short, long, strict=True):
                same(a, b)
    wide = torch.rand(2, 3, 60, 60), torch.rand(2, 50, 50, 2)
    weights = torch.rand(2, 3, 50, 50)
    for a, b in zip(gradients(*wide, weights, which), long_way(gradients, *wide, weights, which), strict=True):
        same(a, b)


def test_recorded_calls_know_their_gradients_further_on():
    image, grid = IMAGE.double().requires_grad_(), GRID.double().requires_grad_()
    assert torch.autograd.gradcheck(gs.grid_sample, (image, grid))
    assert torch.autograd.gradgradcheck(lambda i: gs.grid_sample(i, grid.detach()), (image,))
    result = gs.grid_sample(image, grid)
    assert result.requires_grad
    assert not result.is_leaf
    with torch.no_grad():
        assert not gs.grid_sample(image, grid).requires_grad
    (first,) = torch.autograd.grad(result.sum(), grid, create_graph=True)
    first.square().sum().backward()
    assert image.grad.abs().sum() > 0
    assert grid.grad.abs().sum() > 0
    image.grad = grid.grad = None
    seen = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (seen.append(t.shape), t)[1], lambda t: t):
        gs.grid_sample(image, grid)
    assert len(seen) == 2
    with Dispatched() as mode:
        gs.grid_sample(image, grid).sum().backward()
    assert "gridsample.pull.default" in mode.seen
    assert "gridsample.pull_backward.default" in mode.seen


@pytest.mark.parametrize("which", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("verb", [gs.grid_sample, gs.sample_grad])
def test_nodes_keep_the_same_both_ways(verb, which, long_way):
    leaves = [t.clone().requires_grad_(w) for t, w in zip((IMAGE, GRID), which, strict=True)]

    def kept(node):
        return {"saved": [t.shape for t in node.saved_tensors], **vars(node)}

    short = verb(*leaves).grad_fn
    assert short.name() == "SampledBackward"
    assert kept(short) == kept(long_way(verb, *leaves).grad_fn)
    assert ("image_shape" in kept(short)) != which[1]  # instead of the image, which may then go
    assert kept(short)["saved"] == [GRID.shape, IMAGE.shape][: 1 + which[1]]


@pytest.mark.parametrize("verb", [gs.grid_sample, gs.sample_grad])
def test_what_a_node_keeps_must_not_be_changed(verb):
    image, grid = IMAGE.clone().requires_grad_(), GRID.clone().requires_grad_()
    result = verb(image, grid)
    with torch.no_grad():
        image.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        result.sum().backward()


def test_what_autograd_calls_refuses_other_calls():
    node = gs.grid_sample(IMAGE.clone().requires_grad_(), GRID).grad_fn
    forward = engine.node_forward()
    for call in (forward, node.apply):
        with pytest.raises(TypeError, match="arguments"):
            call(IMAGE, GRID)
    with pytest.raises(TypeError):
        type(node).apply(IMAGE, GRID)  # on no node of its class
    with pytest.raises(AttributeError):
        forward(IMAGE, IMAGE, GRID, "", (IMAGE,))  # a tensor is no node


def test_bad_calls_are_told_the_same(long_way):
    for arguments in (
        (IMAGE, GRID[:1]),
        (IMAGE, GRID.double()),
        (IMAGE, GRID[..., :1]),
        (IMAGE, GRID, "cubist"),
        (IMAGE, GRID, "bilinear", "circular"),
        (IMAGE, GRID, "bilinear", "zeros", 1),
        (IMAGE, GRID, ["bilinear"]),
        (IMAGE[0], GRID),
        (IMAGE.numpy(), GRID),
        (IMAGE, None),
        (IMAGE.numpy(), GRID.numpy()[:1]),
        (IMAGE.to("meta"), GRID),
    ):
        messages = []
        for call in (gs.grid_sample, lambda *a: long_way(gs.grid_sample, *a)):
            for _ in range(2):  # also when the engine has seen it before
                with pytest.raises(gs.GridSampleError) as caught:
                    call(*arguments)
                messages.append((type(caught.value), str(caught.value)))
        assert len(set(messages)) == 1
    bad = torch.full((2, 5, 2), float("nan"))
    for _ in range(2):
        with pytest.raises(gs.GridSampleError, match="NaN or infinite"):
            gs.sample(IMAGE, bad, nonfinite="error")
    with pytest.warns(UserWarning, match="align_corners=None") as warned:
        gs.grid_sample(IMAGE, GRID, align_corners=None)
    assert warned[0].filename == __file__


def test_many_shapes_push_each_other_out(long_way):
    shapes = [(n, c) for n in range(1, 40) for c in range(1, 12)]
    for _ in range(2):
        for n, c in shapes:
            image = torch.rand(1, c, 3, n)
            same(gs.grid_sample(image, GRID[:1]), long_way(gs.grid_sample, image, GRID[:1]))


def test_a_tensor_without_memory_is_refused():
    emptied = IMAGE.clone()
    emptied.untyped_storage().resize_(0)
    for verb in (gs.grid_sample, gs.sample_grad):
        with pytest.raises(RuntimeError, match="expected memory for 252 numbers, got none"):
            verb(emptied, GRID)
