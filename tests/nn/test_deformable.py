# SPDX-License-Identifier: Apache-2.0
"""Deformable attention against its published fallback on F.grid_sample; deformable convolution against sums by hand."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch")

import gridsample as gs  # noqa: E402

F = torch.nn.functional
SHAPES = [(8, 10), (4, 5), (2, 3)]


def by_grid_sample(value, shapes, locations, weights):
    """Level by level with 2 loc - 1, zeros and align_corners=False, as Deformable DETR's fallback reads."""
    n, _, heads, width = value.shape
    queries, levels = locations.shape[1], locations.shape[3]
    parts = value.split([h * w for h, w in shapes], dim=1)
    out = value.new_zeros(n, queries, heads, width)
    for l, h, m in itertools.product(range(levels), range(heads), range(n)):
        image = parts[l][m, :, h].T.reshape(1, width, *shapes[l])
        read = F.grid_sample(image, 2 * locations[m : m + 1, :, h, l] - 1, align_corners=False)
        out[m, :, h] += (read[0] * weights[m, :, h, l]).sum(-1).T
    return out.flatten(2)


def inputs(dtype=torch.float64):
    torch.manual_seed(0)
    value = torch.randn(2, sum(h * w for h, w in SHAPES), 4, 3, dtype=dtype)
    locations = torch.rand(2, 5, 4, 3, 2, 2, dtype=dtype) * 1.4 - 0.2
    weights = torch.rand(2, 5, 4, 3, 2, dtype=dtype)
    return value, locations, weights


def test_the_core_is_the_fallback():
    value, locations, weights = inputs()
    found = gs.nn.deformable_attention(value, SHAPES, locations, weights)
    torch.testing.assert_close(found, by_grid_sample(value, SHAPES, locations, weights))


def test_gradients_of_the_core():
    value, locations, weights = (tensor[:1].clone() for tensor in inputs())
    value, locations, weights = value[:, :, :2, :1], locations[:, :2, :2], weights[:, :2, :2]
    arguments = [tensor.contiguous().requires_grad_() for tensor in (value, locations, weights)]
    assert torch.autograd.gradcheck(lambda v, l, w: gs.nn.deformable_attention(v, SHAPES, l, w), arguments)


@pytest.mark.parametrize("box", [2, 4])
def test_the_module_is_the_published_formula(box):
    torch.manual_seed(0)
    attend = gs.nn.DeformableAttention2d(12, heads=4, levels=3, points=2).double()
    with torch.no_grad():
        for parameter in attend.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    query, reference = torch.randn(2, 5, 12).double(), torch.rand(2, 5, 3, box).double()
    levels = [torch.randn(2, 12, h, w).double() for h, w in SHAPES]
    flat = torch.cat([level.flatten(2).transpose(1, 2) for level in levels], 1)
    mask = torch.rand(2, flat.shape[1]) < 0.2
    offsets = attend.sampling_offsets(query).view(2, 5, 4, 3, 2, 2)
    weights = attend.attention_weights(query).view(2, 5, 4, 6).softmax(-1).view(2, 5, 4, 3, 2)
    if box == 2:
        sizes = torch.tensor([[w, h] for h, w in SHAPES]).double()
        places = reference[:, :, None, :, None] + offsets / sizes[None, None, None, :, None]
    else:
        places = reference[:, :, None, :, None, :2] + offsets / 2 * reference[:, :, None, :, None, 2:] * 0.5
    for given, hidden in ((None, flat), (mask, flat)):
        value = attend.value_proj(hidden)
        value = value if given is None else value.masked_fill(given[..., None], 0)
        expected = attend.output_proj(by_grid_sample(value.unflatten(-1, (4, 3)), SHAPES, places, weights))
        torch.testing.assert_close(attend(query, reference, flat, SHAPES, given), expected)
    torch.testing.assert_close(attend(query, reference, levels), attend(query, reference, flat, SHAPES))


def test_attention_refuses():
    value, locations, weights = inputs()
    with pytest.raises(ValueError, match="each flattened row by row"):
        gs.nn.deformable_attention(value[:, :-1], SHAPES, locations, weights)
    with pytest.raises(ValueError, match="dim divisible by heads"):
        gs.nn.DeformableAttention2d(10, heads=4)
    with pytest.raises(ValueError, match="2 levels"):
        gs.nn.DeformableAttention2d(12, heads=4, levels=2)(torch.rand(1, 2, 12), torch.rand(1, 2, 3, 2), [value] * 3)


OPTIONS = [
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)},
]


@pytest.mark.parametrize("options", OPTIONS, ids=["plain", "all"])
def test_without_offsets_it_is_a_convolution(options):
    image = torch.randn(2, 4, 9, 8, dtype=torch.float64)
    convolve = gs.nn.DeformConv2d(4, 6, groups=2, **options).double()
    h, w = convolve.taps.output_size(image)
    taps = convolve.weight[0, 0].numel()
    offset = torch.zeros(2, 2 * taps, h, w, dtype=torch.float64)
    names = {name: options[name] for name in ("stride", "padding", "dilation") if name in options}
    expected = F.conv2d(image, convolve.weight, convolve.bias, groups=2, **names)
    torch.testing.assert_close(convolve(image, offset), expected)
    unfolded = F.unfold(image, options["kernel_size"], **names).view(2, 4, taps, h, w)
    assert torch.equal(convolve.taps(image, offset), unfolded)


@pytest.mark.parametrize("options", OPTIONS, ids=["plain", "all"])
def test_taps_are_read_where_the_offsets_say(options):
    torch.manual_seed(0)
    image = torch.randn(2, 4, 9, 8, dtype=torch.float64)
    layer = gs.nn.DeformSample2d(groups=2, **options)
    (kh, kw), (sy, sx), (py, px), (dy, dx) = layer.kernel_size, layer.stride, layer.padding, layer.dilation
    h, w = layer.output_size(image)
    offset = torch.randn(2, 2 * 2 * kh * kw, h, w, dtype=torch.float64) * 2
    mask = torch.rand(2, 2 * kh * kw, h, w, dtype=torch.float64)
    found = layer(image, offset, mask)
    moved = offset.view(2, 2, kh * kw, 2, h, w)
    for g, k in itertools.product(range(2), range(kh * kw)):
        y = torch.arange(h)[:, None] * sy - py + (k // kw) * dy + moved[:, g, k, 0]
        x = torch.arange(w)[None, :] * sx - px + (k % kw) * dx + moved[:, g, k, 1]
        grid = torch.stack([2 * x / 7 - 1, 2 * y / 8 - 1], -1)
        read = F.grid_sample(image[:, 2 * g : 2 * g + 2], grid, align_corners=True)
        expected = read * mask.view(2, 2, -1, h, w)[:, g, k, None]
        torch.testing.assert_close(found[:, 2 * g : 2 * g + 2, k], expected)


def test_gradients_of_the_deformable_convolution():
    torch.manual_seed(0)
    convolve = gs.nn.DeformConv2d(2, 2, 2).double()
    image = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    offset = (torch.rand(1, 8, 3, 3, dtype=torch.float64) * 0.8 + 0.1).requires_grad_()
    mask = torch.rand(1, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(convolve, (image, offset, mask))


def test_offsets_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"offset \(1, 18, 6, 6\) for image"):
        gs.nn.DeformSample2d(3, padding=1)(torch.rand(1, 4, 6, 6), torch.zeros(1, 9, 6, 6))
