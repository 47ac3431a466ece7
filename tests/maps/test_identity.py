# SPDX-License-Identifier: Apache-2.0
"""An identity map returns the image bit for bit: every frame, type and size, axes of one pixel included."""

from __future__ import annotations

import numpy as np
import pytest

import gridsample as gs
from gridsample.spec.frames import FRAMES

SIZES = [(1, 1), (1, 7), (5, 1), (2, 3), (13, 17), (64, 48), (3, 1, 1), (4, 5, 6), (9,), (1,)]


def exact(image, map_, **options):
    found = gs.sample(image, map_, **options)
    assert found.dtype == image.dtype
    assert found.tobytes() == image.tobytes() if isinstance(image, np.ndarray) else bool((found == image).all())


def image_of(size, dtype="float32"):
    return np.random.default_rng(0).uniform(-9, 9, (2, 3, *size)).astype(dtype)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("order", ["xy", "ij"])
@pytest.mark.parametrize("frame", FRAMES)
def test_affine_in_every_frame(frame, order, size):
    axes = len(size)
    map_ = gs.maps.Affine.from_matrix(
        np.eye(axes, axes + 1), frame=frame, input_size=size, output_size=size, order=order
    )
    np.testing.assert_array_equal(map_.matrix, np.eye(axes, axes + 1)[None])
    exact(image_of(size), map_)
    exact(image_of(size), gs.maps.Affine.identity(axes).in_frame(frame, size, order=order))
    if axes == 2:
        h = gs.maps.Homography.from_matrix(np.eye(3), frame=frame, input_size=size, output_size=size, order=order)
        exact(image_of(size), h)


@pytest.mark.parametrize("size", [size for size in SIZES if len(size) == 2], ids=str)
def test_every_map_that_can_be_the_identity(size):
    image = image_of(size)
    height, width = size
    exact(image, gs.maps.Affine.from_parts(rotation_deg=0, scale=1, input_size=size))
    exact(image, gs.maps.Affine.from_parts(rotation_deg=360, centre_px=(0.3, 0.7)))
    exact(image, gs.maps.Displacement(np.zeros((1, 2, *size))))
    exact(image, gs.maps.Velocity(np.zeros((1, 2, *size))))
    exact(image, gs.maps.BSplineField(np.zeros((1, 2, 4, 5)), size))
    points = [[0.0, 0.0], [3.3, 0.1], [0.2, 7.7], [5.1, 4.9]]
    exact(image, gs.maps.ThinPlateSpline(points, points))
    exact(image, gs.maps.Lens((33.3, 31.7, 11.1, 9.9), (0, 0, 0, 0, 0)))
    exact(image[:1], gs.maps.Crop([[0, 0, width, height]], size))
    exact(image, gs.maps.Affine.identity() @ gs.maps.Displacement(np.zeros((1, 2, *size))))
    exact(image, gs.maps.Affine.identity().inverse())
    y, x = np.mgrid[0:height, 0:width].astype(float)
    exact(image, gs.maps.Positions(np.stack([x, y], -1)[None]))


@pytest.mark.parametrize("kernel", ["nearest", "linear", "cubic", "catmull_rom"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_in_every_type_and_interpolating_kernel(dtype, kernel):
    exact(image_of((6, 7), dtype), gs.maps.Affine.identity(), kernel=kernel)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32", "complex64", "complex128"])
def test_in_types_that_are_no_real_floats(dtype):
    image = (10 * image_of((6, 7))).round() + 100  # 10 to 190
    exact((image - 70).astype(dtype), gs.maps.Affine.identity())
    exact((image - 70).astype(dtype), gs.maps.Homography(np.eye(3)), kernel="cubic")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_in_torch_with_parameters_of_any_type(dtype):
    torch = pytest.importorskip("torch")
    image = torch.from_numpy(image_of((6, 7))).to(getattr(torch, dtype))
    exact(image, gs.maps.Affine.identity())
    exact(image, gs.maps.Affine(torch.eye(2, 3, dtype=getattr(torch, dtype))))
    exact(image, gs.maps.Homography(torch.eye(3, dtype=getattr(torch, dtype))))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32", "uint32", "bool", "float32", "float64"])
@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 3), (3, 5, 6), (1, 1, 3), (2, 5, 6, 4)])
def test_pictures_of_every_type(shape, dtype):
    kind = np.dtype(dtype)
    numbers = np.random.default_rng(0).integers(0, 2 if kind.kind == "b" else 100, shape)
    picture = numbers.astype(kind)
    if kind.kind in "iu":
        picture.flat[0], picture.flat[1] = np.iinfo(kind).max, np.iinfo(kind).min
    found = gs.warp(picture, gs.maps.Affine.identity())
    assert found.dtype == kind
    assert found.shape == shape
    np.testing.assert_array_equal(found, picture)


def test_quarter_turns_and_mirrors_are_exact():
    image = image_of((5, 8))
    turned = gs.sample(image, gs.maps.Affine.from_parts(rotation_deg=90, input_size=(5, 8), output_size=(8, 5)))
    np.testing.assert_array_equal(turned, np.rot90(image, axes=(2, 3)))
    mirrored = gs.sample(image, gs.maps.Affine.from_parts(scale=(-1, 1), input_size=(5, 8)))
    np.testing.assert_array_equal(mirrored, image[..., ::-1])
