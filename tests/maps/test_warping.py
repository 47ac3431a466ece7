# SPDX-License-Identifier: Apache-2.0
"""gs.warp, gs.flow_warp and gs.pixels: layouts, types, validity, gradients."""

from __future__ import annotations

import numpy as np
import pytest

import gridsample as gs

RNG = np.random.default_rng(0)
TURN = gs.maps.Affine.from_parts(rotation_deg=17, scale=1.2, input_size=(20, 30))
PHOTO = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)


def test_layouts_agree():
    whole = gs.warp(PHOTO, TURN)
    assert whole.dtype == np.uint8
    assert whole.flags.c_contiguous
    np.testing.assert_array_equal(gs.warp(PHOTO[..., 0], TURN), whole[..., 0])
    np.testing.assert_array_equal(gs.warp(PHOTO.transpose(2, 0, 1), TURN), whole.transpose(2, 0, 1))
    np.testing.assert_array_equal(gs.warp(PHOTO[None], TURN)[0], whole)
    np.testing.assert_array_equal(gs.warp(np.repeat(PHOTO, 3, 2), TURN, layout="HWC"), np.repeat(whole, 3, 2))
    torch = pytest.importorskip("torch")
    found = gs.warp(torch.from_numpy(PHOTO).permute(2, 0, 1), TURN)
    assert found.dtype == torch.uint8
    np.testing.assert_array_equal(found.permute(1, 2, 0).numpy(), whole)


def test_integers_are_what_the_floats_round_to():
    floats = gs.warp(PHOTO.astype(np.float32), TURN, kernel="cubic", boundary="mirror")
    expected = np.clip(np.rint(floats), 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(gs.warp(PHOTO, TURN, kernel="cubic", boundary="mirror"), expected)


def test_fill_is_one_number_or_one_per_channel():
    away = gs.maps.Affine([[1, 0, 100], [0, 1, 0]])
    assert (gs.warp(PHOTO, away, fill=7) == 7).all()
    assert (gs.warp(PHOTO, away, fill=(1, 2, 3)) == [1, 2, 3]).all()
    horizon = gs.maps.Homography([[1, 0, 0], [0, 1, 0], [0.1, 0, 1]])  # the output's left is nowhere
    shown = gs.warp(PHOTO, horizon @ gs.maps.Affine([[1, 0, -20], [0, 1, 0]]), fill=9)
    assert (shown[:, :10] == 9).all()


def test_many_maps_of_one_picture():
    crops = gs.warp(PHOTO, gs.maps.Crop([[0, 0, 10, 10], [5, 5, 15, 15]], (10, 10)))
    assert crops.shape == (2, 10, 10, 3)
    np.testing.assert_array_equal(crops[1], PHOTO[5:15, 5:15])


def test_coordinates_are_taken_too():
    photo = PHOTO.astype(float)  # a matrix's coordinates are made in the engine, rounded otherwise
    np.testing.assert_allclose(gs.warp(photo, TURN.coords((20, 30))), gs.warp(photo, TURN), rtol=1e-12, atol=1e-11)
    bent = gs.maps.Displacement(RNG.normal(0, 2, (2, 20, 30)))
    np.testing.assert_array_equal(gs.warp(photo, bent.coords()), gs.warp(photo, bent))


def test_warp_refuses():
    with pytest.raises(ValueError, match="say which with layout"):
        gs.warp(np.zeros((9, 9, 9)), TURN)
    with pytest.raises(ValueError, match="layout to be 'HW'"):
        gs.warp(PHOTO, TURN, layout="hwcc")
    with pytest.raises(TypeError, match="a picture as an array"):
        gs.warp([[1, 2]], TURN)
    with pytest.raises(ValueError, match="one per channel"):
        gs.warp(PHOTO, TURN, fill=(1, 2))


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_flow_warp_is_looking_where_the_flow_points(axes):
    size = (5, 6, 7)[:axes]
    image = RNG.random((2, 3, *size))
    flow = RNG.uniform(-4, 4, (2, axes, *size))
    warped, valid = gs.flow_warp(image, flow)
    grid = np.stack(np.meshgrid(*[np.arange(float(n)) for n in size], indexing="ij")[::-1])
    at = np.moveaxis(grid + flow, 1, -1)
    np.testing.assert_array_equal(warped, gs.sample(image, at))
    inside = ((at >= -0.5) & (at <= np.array(size[::-1]) - 0.5)).all(-1)
    np.testing.assert_array_equal(valid[:, 0], inside)
    again = gs.flow_warp(image, flow[:, ::-1], order="ij")
    np.testing.assert_array_equal(again.image, warped)


def test_flow_warp_is_rafts():
    torch = pytest.importorskip("torch")
    image, flow = torch.rand(2, 3, 11, 13), torch.randn(2, 2, 11, 13) * 3
    y, x = torch.meshgrid(torch.arange(11.0), torch.arange(13.0), indexing="ij")
    at = torch.stack([x, y], -1) + flow.permute(0, 2, 3, 1)
    grid = 2 * at / torch.tensor([12.0, 10.0]) - 1  # bilinear_sampler's convention
    expected = torch.nn.functional.grid_sample(image, grid, align_corners=True)
    torch.testing.assert_close(gs.flow_warp(image, flow).image, expected, atol=2e-6, rtol=1e-5)


def test_flow_that_is_nan_is_not_valid():
    flow = np.zeros((1, 2, 4, 4))
    flow[0, 1, 2, 2] = np.nan
    warped, valid = gs.flow_warp(np.ones((1, 1, 4, 4)), flow, fill=5.0, boundary="constant")
    assert not valid[0, 0, 2, 2]
    assert valid.sum() == 15
    assert warped[0, 0, 2, 2] == 5


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_pixels_of_separate_coordinates(axes):
    ndimage = pytest.importorskip("scipy.ndimage")
    size = (5, 6, 7)[:axes]
    image = RNG.random(size)
    parts = [RNG.uniform(-1, n, (4, 3)) for n in size]
    expected = ndimage.map_coordinates(image, parts, order=1, mode="grid-constant")
    given = dict(zip("xyz", reversed(parts), strict=False))
    np.testing.assert_allclose(gs.pixels(image, **given), expected, atol=1e-12)
    np.testing.assert_allclose(gs.pixels(np.stack([image, 2 * image]), **given), [expected, 2 * expected], atol=1e-12)
    batch = {name: np.stack([value, value]) for name, value in given.items()}
    found = gs.pixels(np.stack([image, 2 * image])[:, None], **batch)
    np.testing.assert_allclose(found[:, 0], [expected, 2 * expected], atol=1e-12)


def test_pixels_broadcast_and_differentiate():
    torch = pytest.importorskip("torch")
    image = torch.rand(6, 7, dtype=torch.float64, requires_grad=True)
    x = (torch.rand(1, 4, dtype=torch.float64) * 5 + 0.1).requires_grad_()
    y = (torch.rand(3, 1, dtype=torch.float64) * 4 + 0.1).requires_grad_()
    assert gs.pixels(image, x, y).shape == (3, 4)
    assert torch.autograd.gradcheck(lambda i, x, y: gs.pixels(i, x, y), (image, x, y))


def test_pixels_refuses():
    image = np.zeros((1, 1, 4, 4))
    with pytest.raises(TypeError, match="leave none out"):
        gs.pixels(image, np.zeros(3), z=np.zeros(3))
    with pytest.raises(ValueError, match="that broadcast"):
        gs.pixels(image[0, 0], np.zeros(3), np.zeros(4))
    with pytest.raises(ValueError, match="one coordinate array per spatial axis"):
        gs.pixels(image, np.zeros(3))
    with pytest.raises(ValueError, match="put the batch first"):
        gs.pixels(image, np.zeros(()), np.zeros(()))


def test_splat_and_sample_grad_take_maps():
    image = RNG.random((1, 2, 8, 9))
    map_ = gs.maps.Affine.from_parts(rotation_deg=20, input_size=(8, 9))
    coords = map_.coords((8, 9))
    np.testing.assert_array_equal(gs.splat(image, map_, (8, 9)), gs.splat(image, coords, (8, 9)))
    np.testing.assert_array_equal(gs.sample_grad(image, map_), gs.sample_grad(image, coords))
    single = gs.sample(image.astype("float32"), map_)
    stored = gs.sample(image.astype("float32"), coords.astype("float32"))
    np.testing.assert_allclose(single, stored, atol=2e-6)  # its coordinates are made in the engine, rounded otherwise


def test_masks_take_maps():
    map_ = gs.maps.Affine.from_parts(rotation_deg=20, input_size=(8, 9))
    np.testing.assert_array_equal(gs.valid_mask(map_, (8, 9)), map_.inside((8, 9)))
    np.testing.assert_array_equal(
        gs.valid_mask(map_.in_frame("edges", (8, 9), (4, 5)), (8, 9)), map_.inside((8, 9), (4, 5))
    )
    assert gs.sample(np.zeros((1, 1, 8, 9)), map_.in_frame("edges", (8, 9), (4, 5))).shape == (1, 1, 4, 5)
    narrow = gs.valid_mask(map_, (8, 9), within="taps", kernel="cubic")
    assert 0 < narrow.sum() < map_.inside((8, 9)).sum()
    with pytest.raises(ValueError, match="a map carries its own"):
        gs.valid_mask(map_, (8, 9), frame="unit")
