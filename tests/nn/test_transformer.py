# SPDX-License-Identifier: Apache-2.0
"""The spatial transformer, its heads, averaging where it zooms out, attended crops and learned warps."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gridsample as gs  # noqa: E402
from gridsample.nn import HEADS  # noqa: E402

nn = torch.nn


def look(features=8, side=12):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(side * side, features), nn.Tanh())


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_it_begins_as_exactly_the_identity(head, dtype):
    class Cast(nn.Module):
        def __init__(self):
            super().__init__()
            self.look = look()

        def forward(self, images):
            return self.look(images.float())

    images = torch.randn(3, 1, 12, 12).to(dtype)
    found = gs.nn.SpatialTransformer(Cast(), head=head)(images)
    assert found.dtype == dtype
    assert torch.equal(found, images)


@pytest.mark.parametrize("head", HEADS)
def test_every_number_of_every_head_gets_its_gradient(head):
    transformer = gs.nn.SpatialTransformer(look(), head=head, points=3, antialias=False).double()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in transformer.answer.parameters():
            parameter.copy_(0.05 * torch.randn_like(parameter))
    images = torch.rand(2, 1, 12, 12, dtype=torch.float64)

    def warped(bias):
        numbers = torch.func.functional_call(transformer, {"answer.bias": bias}, (images,))
        return numbers.sum((1, 2, 3))

    bias = transformer.answer.bias.detach().clone()
    jacobian = torch.autograd.functional.jacobian(warped, bias)
    assert (jacobian.abs().sum(0) > 0).all()
    step = 1e-6
    for i in range(len(bias)):
        moved = torch.zeros_like(bias)
        moved[i] = step
        expected = (warped(bias + moved) - warped(bias - moved)) / (2 * step)
        torch.testing.assert_close(jacobian[:, i], expected, rtol=1e-4, atol=1e-4)


def test_similarity_head_is_a_similarity_and_affine_head_is_torchs():
    transformer = gs.nn.SpatialTransformer(look(), head="similarity")
    with torch.no_grad():
        transformer.answer.bias.copy_(torch.tensor([0.2, 0.5, 0.1, -0.1]))
    matrix = transformer.map(torch.rand(1, 1, 12, 12)).matrix[0, :, :2]
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(2) * float(np.exp(-0.4)), atol=1e-5, rtol=1e-5)
    affine = gs.nn.SpatialTransformer(look(), head="affine", size=(7, 9), antialias=False)
    with torch.no_grad():
        affine.answer.bias.copy_(torch.tensor([-0.2, 0.3, 0.1, -0.1, 0.2, -0.3]))
    images = torch.rand(2, 1, 12, 12)
    theta = (affine.answer.bias.reshape(1, 2, 3) + torch.eye(2, 3)).expand(2, 2, 3)
    grid = torch.nn.functional.affine_grid(theta, (2, 1, 7, 9), align_corners=False)
    expected = torch.nn.functional.grid_sample(images, grid, align_corners=False)
    torch.testing.assert_close(affine(images), expected, atol=1e-5, rtol=1e-4)


def test_zooming_out_averages_and_zooming_in_does_not():
    images = torch.rand(1, 2, 16, 24)
    small = gs.nn.SpatialTransformer(nn.Sequential(nn.Flatten(), nn.Linear(768, 4)), size=(4, 6))
    torch.testing.assert_close(small(images), torch.nn.functional.avg_pool2d(images, 4))
    large = gs.nn.SpatialTransformer(nn.Sequential(nn.Flatten(), nn.Linear(768, 4)), size=(32, 48))
    expected = torch.nn.functional.interpolate(images, (32, 48), mode="bilinear", align_corners=False)
    zero_rim = (slice(None), slice(None), slice(1, -1), slice(1, -1))  # interpolate clamps where sampling reads 0
    torch.testing.assert_close(large(images)[zero_rim], expected[zero_rim], atol=1e-5, rtol=1e-5)


def test_supersampling_of_a_volume_and_its_limit():
    volume = torch.rand(1, 1, 8, 6, 4)
    half = gs.maps.Affine.from_matrix(torch.eye(3, 4), frame="edges", input_size=(8, 6, 4), output_size=(4, 2, 4))
    expected = torch.nn.functional.avg_pool3d(volume, (2, 3, 1))
    torch.testing.assert_close(gs.nn.supersampled(volume, half), expected)
    coarse = gs.nn.supersampled(volume, half, most=1)
    torch.testing.assert_close(coarse, gs.sample(volume, half))


def test_the_transformer_refuses():
    with pytest.raises(ValueError, match="did you mean 'affine'"):
        gs.nn.SpatialTransformer(look(), head="afine")
    with pytest.raises(ValueError, match="pass features="):
        gs.nn.SpatialTransformer(nn.Conv2d(1, 4, 3))
    with pytest.raises(ValueError, match="add the batch"):
        gs.nn.SpatialTransformer(look())(torch.rand(1, 12, 12))


def test_attended_crops_begin_at_their_anchors_and_learn_where_to_look():
    torch.manual_seed(0)
    spot = torch.zeros(16, 1, 32, 32)
    places = torch.randint(6, 26, (16, 2))
    for i, (y, x) in enumerate(places):
        spot[i, 0, y - 1 : y + 2, x - 1 : x + 2] = 1
    look = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(256, 32), nn.ReLU())
    crops = gs.nn.AttendedCrops(look, number=2, size=(8, 8), share=0.5)
    found, boxes = crops(spot)
    assert found.shape == (16, 2, 1, 8, 8)
    assert boxes[0].tolist() == [[0, 8, 16, 24], [16, 8, 32, 24]]
    expected = torch.nn.functional.avg_pool2d(spot[:, :, 8:24, :16], 2)
    torch.testing.assert_close(found[:, 0], expected)
    optimiser = torch.optim.Adam(crops.parameters(), 1e-2)
    weight = torch.exp(-((torch.arange(8) - 3.5) ** 2)[:, None] / 8 - ((torch.arange(8) - 3.5) ** 2) / 8)

    def score():
        return (crops(spot).crops[:, 0, 0] * weight).sum((1, 2)).mean()

    before = score().item()
    for _ in range(40):
        optimiser.zero_grad()
        (-score()).backward()
        optimiser.step()
    assert score().item() > 1.5 * before


def test_a_warp_learns_its_map():
    torch.manual_seed(0)
    y, x = torch.meshgrid(torch.arange(24.0), torch.arange(30.0), indexing="ij")
    image = (torch.sin(x / 3) * torch.cos(y / 4))[None, None]
    target = gs.sample(image, gs.maps.Affine(torch.tensor([[1.02, 0.03, 0.8], [-0.02, 0.98, -0.6]])))
    warp = gs.nn.Warp(gs.maps.Affine, matrix=torch.eye(2, 3), boundary="clamp")
    optimiser = torch.optim.LBFGS(warp.parameters(), max_iter=60, line_search_fn="strong_wolfe")
    inner = (slice(None), slice(None), slice(3, -3), slice(3, -3))

    def loss():
        optimiser.zero_grad()
        value = (warp(image)[inner] - target[inner]).square().mean()
        value.backward()
        return value

    optimiser.step(loss)
    torch.testing.assert_close(
        warp.matrix[0] if warp.matrix.dim() == 3 else warp.matrix,
        torch.tensor([[1.02, 0.03, 0.8], [-0.02, 0.98, -0.6]]),
        atol=2e-3,
        rtol=0,
    )
    assert set(warp.state_dict()) == {"matrix"}


def test_warp_takes_a_map_with_the_call_and_flow_warp_is_the_function():
    image, flow = torch.rand(1, 2, 8, 9), torch.randn(1, 2, 8, 9)
    map_ = gs.maps.Affine([[1.0, 0.1, 0], [0, 1, 0.5]])
    assert torch.equal(gs.nn.Warp()(image, map_), gs.sample(image, map_))
    with pytest.raises(TypeError, match="pass a map"):
        gs.nn.Warp()(image)
    module, function = gs.nn.FlowWarp(boundary="clamp")(image, flow), gs.flow_warp(image, flow, boundary="clamp")
    assert torch.equal(module.image, function.image)
    assert torch.equal(module.valid, function.valid)
