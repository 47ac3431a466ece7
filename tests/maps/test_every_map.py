# SPDX-License-Identifier: Apache-2.0
"""What must hold of every map: inverses, derivatives, composition, grids for plain torch, printing, libraries."""

from __future__ import annotations

import numpy as np
import pytest
from maps_cases import MAPS, SIZE, bumps

import gridsample as gs

PLANE = {name: map_ for name, map_ in MAPS.items() if map_.axes == 2}


def places(map_, n=50):
    """Random output positions, away from the rim of the map's output."""
    low, high = 4.0, np.array([(n - 5) for n in reversed(map_.size or (24,) * map_.axes)])
    return np.random.default_rng(1).uniform(low, high, (1, n, map_.axes))


@pytest.mark.parametrize("name", MAPS)
def test_a_map_says_its_direction_units_and_order(name):
    text = repr(MAPS[name])
    assert "output → input" in text
    assert "pixels, x first" in text


@pytest.mark.parametrize("name", MAPS)
def test_called_or_for_a_whole_output_it_is_one_map(name):
    map_ = MAPS[name]
    size = map_.size or (5, 6, 7)[: map_.axes]
    ramps = np.meshgrid(*[np.arange(float(n)) for n in size], indexing="ij")
    grid = np.stack(ramps[::-1], axis=-1)[None]
    found = map_.coords(size)
    assert found.shape == (map_.batch, *size, map_.axes)
    np.testing.assert_allclose(found, map_(grid), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", list(MAPS))
def test_the_inverse_leads_back(name):
    map_ = MAPS[name]
    p = places(map_)
    tolerance = 0.02 if name == "velocity" else 1e-3  # integration; otherwise what Inverse promises, or better
    back = map_.inverse()(map_(p))
    np.testing.assert_allclose(back, np.broadcast_to(p, back.shape), rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", [name for name in MAPS if hasattr(MAPS[name].inverse(), "residual")])
def test_iterated_inverses_state_their_residual(name):
    inverse = MAPS[name].inverse()
    x = MAPS[name](places(MAPS[name]))
    assert inverse.residual(x).max() < 1e-3
    off = MAPS[name](inverse(x)) - x
    np.testing.assert_allclose(inverse.residual(x), np.linalg.norm(off, axis=-1), atol=1e-12)


@pytest.mark.parametrize("name", MAPS)
def test_jacobian_against_differences_of_the_map(name):
    map_ = MAPS[name]
    lattice = name in ("displacement", "velocity", "saliency", "composed")  # differences over whole pixels
    p = np.round(places(map_)) if lattice else places(map_)
    h = 1.0 if lattice else 1e-4
    found = map_.jacobian(p)
    for j in range(map_.axes):
        step = np.zeros(map_.axes)
        step[j] = h
        expected = (map_(p + step) - map_(p - step)) / (2 * h)
        # a composition differentiates its parts: for a field behind an affine map the differences are the same
        np.testing.assert_allclose(found[..., j], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", PLANE)
def test_composition_is_composing_by_hand(name):
    map_ = PLANE[name]
    turn = gs.maps.Affine.from_parts(rotation_deg=5, translation_px=(0.5, -0.3), centre_px=(12, 12))
    p = places(map_)
    np.testing.assert_allclose((map_ @ turn)(p), map_(turn(p)), rtol=0, atol=1e-12)
    np.testing.assert_allclose((turn @ map_)(p), turn(map_(p)), rtol=0, atol=1e-12)
    np.testing.assert_allclose(gs.maps.compose(turn, map_, turn)(p), turn(map_(turn(p))), rtol=0, atol=1e-12)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("name", MAPS)
def test_equal_through_to_grid_and_plain_torch(name, align_corners):
    torch = pytest.importorskip("torch")
    map_ = MAPS[name]
    size = {"view": (60, 120), "saliency": (40, 50)}.get(name, (24, 30, 20)[: map_.axes])
    out = map_.size or size
    image = np.random.default_rng(2).random((map_.batch, 2, *size))
    ours = gs.sample(image, map_, size=out)
    grid = map_.to_grid(size, out, align_corners=align_corners)
    theirs = torch.nn.functional.grid_sample(
        torch.from_numpy(image), torch.from_numpy(np.ascontiguousarray(grid)), align_corners=align_corners
    )
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=1e-9)
    back = gs.maps.from_grid(grid, size, align_corners=align_corners)
    np.testing.assert_allclose(back.coords(), map_.coords(out), rtol=0, atol=1e-9)
    np.testing.assert_allclose(gs.grid_sample(image, back, align_corners=align_corners), ours, atol=1e-9)


@pytest.mark.parametrize("frame", ["pixel", "unit", "edges", "corners"])
@pytest.mark.parametrize("order", ["xy", "ij"])
@pytest.mark.parametrize("name", ["affine", "affine3d", "lens"])
def test_in_another_frame_it_is_the_same_map(name, order, frame):
    map_ = MAPS[name]
    size, out = (24, 30, 20)[: map_.axes], (11, 12, 13)[: map_.axes]
    framed = map_.in_frame(frame, size, out, order)
    assert frame in repr(framed)
    image = np.random.default_rng(2).random((1, 1, *size))
    expected = gs.sample(image, map_, size=out)
    np.testing.assert_allclose(gs.sample(image, framed.coords(), frame=frame, order=order), expected, atol=1e-12)
    np.testing.assert_array_equal(gs.sample(image, framed, size=out), expected)


@pytest.mark.parametrize("name", MAPS)
def test_torch_in_torch_out_in_both_types(name):
    torch = pytest.importorskip("torch")
    map_ = MAPS[name].to(torch.zeros(()))
    found = map_.coords(map_.size or (5, 6, 7)[: map_.axes])
    assert isinstance(found, torch.Tensor)
    np.testing.assert_allclose(found.numpy(), MAPS[name].coords(found.shape[1:-1]), rtol=0, atol=1e-9)
    single = map_._each(lambda value: value.float())
    np.testing.assert_allclose(single.coords(found.shape[1:-1]).numpy(), found.numpy(), rtol=2e-5, atol=1e-3)


@pytest.mark.parametrize("name", ["affine", "homography", "spline", "bspline", "lens", "polar", "view", "crop"])
def test_jax_in_jax_out_and_traced(name):
    jax = pytest.importorskip("jax")
    map_ = MAPS[name].to(jax.numpy.zeros(()))
    found = jax.jit(lambda: map_.coords(SIZE))()
    assert isinstance(found, jax.Array)
    np.testing.assert_allclose(np.asarray(found), MAPS[name].coords(SIZE), rtol=1e-4, atol=2e-3)


def test_points_boxes_and_masks_follow_the_picture():
    # a bright spot, the box around it and its mask are where the map says they are, after warping
    image = np.zeros((1, 1, 40, 50))
    image[0, 0, 12, 30] = 1
    map_ = gs.maps.Affine.from_parts(rotation_deg=90, input_size=(40, 50), output_size=(50, 40))
    warped = gs.sample(image, map_)
    x, y = map_.points([[30.0, 12.0]])[0]
    assert warped[0, 0, round(y), round(x)] == warped.max() == 1
    box = map_.boxes([[[29.0, 11.0, 31.0, 13.0]]])[0, 0]
    assert box[0] <= x - 0.5 + 1e-9
    assert x + 0.5 <= box[2] + 1e-9
    assert np.allclose([box[2] - box[0], box[3] - box[1]], 2)
    np.testing.assert_allclose(map_.boxes([[[0.0, 0.0, 50.0, 40.0]]])[0, 0], [0, 0, 40, 50], atol=1e-12)
    assert map_.inside((40, 50)).all()
    moved = gs.maps.Affine.from_parts(translation_px=(10, 0))
    assert (moved.inside((40, 50)).sum(axis=(1, 2)) == 40 * 40).all()
    np.testing.assert_allclose(moved.boxes([[[30.0, 0.0, 50.0, 40.0]]], clip=(40, 50))[0, 0], [40, 0, 50, 40])


def test_a_bent_box_is_bounded_along_its_sides():
    map_ = gs.maps.Displacement(bumps(2, (40, 40), -4.0))
    box = map_.boxes([[[5.0, 5.0, 35.0, 35.0]]])[0, 0]
    y, x = np.mgrid[5:35:0.25, 5:35:0.25]
    inner = map_.points(np.stack([x - 0.5, y - 0.5], axis=-1)[None])[0] + 0.5
    assert (inner.min((0, 1)) > box[:2] - 0.2).all()
    assert (inner.max((0, 1)) < box[2:] + 0.2).all()


def test_fold_fraction_counts_folds_and_no_mirrors():
    x = np.mgrid[0:20, 0:20][1].astype(float)
    still = gs.maps.Displacement(np.zeros((2, 20, 20)))
    assert still.fold_fraction() == 0
    folded = np.zeros((2, 20, 20))
    folded[0, :, 10:] = -2 * (x[:, 10:] - 9.5)  # the right half runs backwards
    assert 0.4 < gs.maps.Displacement(folded).fold_fraction()[0] <= 0.5
    assert gs.maps.Affine([[-1, 0, 19], [0, 1, 0]]).fold_fraction((20, 20)) == 0


def test_a_field_that_folds_has_no_inverse_and_says_by_how_much():
    field = np.zeros((1, 2, 20, 20))
    field[0, 0, :, 10:] = -2 * (np.arange(10, 20) - 9.5)
    x = np.array([[[15.0, 5.0], [17.0, 7.0]]])
    with pytest.warns(gs.errors.MapWarning, match=r"2 of 2 positions .* off by up to .* px .*fold"):
        gs.maps.Displacement(field).inverse(tolerance_px=1e-4)(x)
