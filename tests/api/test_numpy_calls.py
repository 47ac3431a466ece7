# SPDX-License-Identifier: Apache-2.0
"""The public calls on NumPy arrays: types, out=, ranks, frames, orders, fills, lost points."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from api_cases import MODES, PADDINGS, grid_for, near

import gridsample as gs
from gridsample import errors
from gridsample.spec import reference
from gridsample.spec.dtypes import DTYPES
from gridsample.spec.frames import FRAMES

NAN, INF = float("nan"), float("inf")
RNG = np.random.default_rng(5)
IMAGE = RNG.random((2, 3, 5, 6))
COORDS = RNG.uniform(-2, 8, (2, 7, 2))


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("mode", MODES)
def test_numpy_and_torch_give_the_same_bits(mode, padding):
    for dtype, sizes in itertools.product(("f2", "f4", "f8"), ((5,), (5, 6), (4, 3, 5))):
        image = RNG.random((2, 3, *sizes)).astype(dtype)
        grid = grid_for(sizes, False).clip(-2, 2).astype(dtype)
        ours = gs.grid_sample(image, grid, mode, padding)
        assert type(ours) is np.ndarray
        assert ours.dtype == dtype
        tensors = torch.from_numpy(image), torch.from_numpy(grid)
        assert np.array_equal(ours, gs.grid_sample(*tensors, mode, padding).numpy())
        assert np.array_equal(gs.splat(ours, grid, sizes), gs.splat(torch.from_numpy(ours), tensors[1], sizes).numpy())
        assert np.array_equal(gs.sample_grad(image, grid), gs.sample_grad(*tensors).numpy())


@pytest.mark.parametrize("image_type", ["f2", "f4", "f8", ">f4", ">f8", ">f2"])
@pytest.mark.parametrize("coords_type", ["f2", "f4", "f8", ">f4", ">f8"])
def test_any_two_types_in_either_byte_order(image_type, coords_type):
    image, coords = IMAGE.astype(image_type), COORDS.astype(coords_type)
    got = gs.sample(image, coords)
    assert got.dtype == np.dtype(image_type).newbyteorder("=")
    want = reference.pull(image.astype("f8"), coords.astype("f8"))
    near(got, want, {2: 5e-4, 4: 2e-6, 8: 1e-12}[got.itemsize] if "f8" in coords_type or got.itemsize < 8 else 4e-6)
    near(gs.splat(got, coords, (5, 6)), reference.push(got.astype("f8"), coords.astype("f8"), (5, 6)), 2e-3)
    assert gs.sample_grad(image, coords).dtype == got.dtype
    theta = np.eye(2, 3)[None].astype(coords_type)
    assert gs.affine_grid(theta, (1, 1, 4, 4)).dtype == np.dtype(coords_type).newbyteorder("=")


def test_out_is_filled_and_returned():
    want = gs.sample(IMAGE, COORDS)
    for out in (
        np.empty((2, 3, 7)),
        np.empty((2, 3, 7), order="F"),
        np.empty((4, 3, 14))[::-2, :, ::2],
        np.empty((2, 3, 7), ">f8"),
    ):
        assert gs.sample(IMAGE, COORDS, out=out) is out
        assert np.array_equal(out, want)
    half = np.empty((2, 3, 7), "f2")
    assert gs.sample(IMAGE.astype("f2"), COORDS, out=half) is half
    assert np.array_equal(half, gs.sample(IMAGE.astype("f2"), COORDS))
    tensor = torch.empty(2, 3, 7, dtype=torch.float64)
    assert gs.sample(torch.from_numpy(IMAGE), torch.from_numpy(COORDS), out=tensor) is tensor
    assert np.array_equal(tensor.numpy(), want)


@pytest.mark.parametrize(
    "make",
    [
        lambda image, coords: np.empty((2, 3, 6)),
        lambda image, coords: np.empty((2, 3, 7), "f4"),
        lambda image, coords: np.empty((2, 3, 7, 1)),
        lambda image, coords: np.broadcast_to(np.empty(7), (2, 3, 7)),
        lambda image, coords: image.reshape(-1)[:42].reshape(2, 3, 7),
        lambda image, coords: [[0.0]],
        lambda image, coords: torch.empty(2, 3, 7, dtype=torch.float64),
    ],
    ids=["shape", "type", "rank", "read-only", "overlap", "list", "tensor"],
)
def test_out_that_does_not_fit_is_refused(make):
    image, coords = IMAGE.copy(), COORDS.copy()
    with pytest.raises(gs.GridSampleError, match=r"^sample: expected out .*, got .*; .*"):
        gs.sample(image, coords, out=make(image, coords))
    assert np.array_equal(image, IMAGE)


def test_out_overlapping_the_coordinates_is_refused():
    memory = np.zeros(42 + 28)
    coords = memory[:28].reshape(2, 7, 2)
    with pytest.raises(ValueError, match="out overlapping coords"):
        gs.sample(IMAGE, coords, out=memory[20:62].reshape(2, 3, 7))
    apart = memory[28:70].reshape(2, 3, 7)
    assert gs.sample(IMAGE, coords, out=apart) is apart


@pytest.mark.parametrize("out", [(), (4,), (4, 3), (2, 4, 3), (2, 1, 4, 3), (1, 2, 2, 1, 3)])
def test_points_in_any_arrangement(out):
    for axes in (1, 2, 3):
        image, coords = RNG.random((2, 3, *(5, 6, 4)[:axes])), RNG.uniform(-2, 8, (2, *out, axes))
        got = gs.sample(image, coords, kernel="cubic", boundary="mirror")
        assert got.shape == (2, 3, *out)
        near(got, reference.pull(image, coords, kernel="cubic", boundary="mirror"), 1e-12)
        assert gs.sample_grad(image, coords).shape == (2, 3, *out, axes)
        near(gs.splat(got, coords, image.shape[2:]), reference.push(got, coords, image.shape[2:]), 1e-12)


@pytest.mark.parametrize("kernel", ["nearest", "linear", "catmull_rom"])
def test_frames_and_orders_say_the_same_places(kernel):
    want = gs.sample(IMAGE, COORDS, kernel=kernel, boundary="reflect")
    slope = gs.sample_grad(IMAGE, COORDS, kernel=kernel, boundary="reflect")
    for frame in FRAMES:
        offset, scale, shift = np.array([FRAMES[frame].numbers(n) for n in (6, 5)], "f8").T  # x, then y
        coords = (COORDS - shift) / scale - offset
        options = {"kernel": kernel, "boundary": "reflect", "frame": frame}
        near(gs.sample(IMAGE, coords, **options), want, 1e-12)
        near(gs.sample(IMAGE, coords[..., ::-1], order="ij", **options), want, 1e-12)
        near(gs.sample_grad(IMAGE, coords, **options), slope * scale, 1e-11)
        near(gs.sample_grad(IMAGE, coords[..., ::-1], order="ij", **options), (slope * scale)[..., ::-1], 1e-11)


def test_boundaries_for_each_axis_in_memory_order():
    got = gs.sample(IMAGE, COORDS, kernel="cubic", boundary=["wrap", "clamp"])
    near(got, reference.pull(IMAGE, COORDS, kernel="cubic", boundary=["wrap", "clamp"]), 1e-12)
    with pytest.raises(errors.OptionError, match="1 or 2 boundaries"):
        gs.sample(IMAGE, COORDS, boundary=["wrap"] * 3)


def test_fill_and_outside():
    image = np.ones((1, 1, 4))
    at = np.array([[-3.0, -1.0, -0.75, -0.5, 0.0, 3.25, 3.5, 4.0, 9.0]]).T[None]
    assert gs.sample(image, at).ravel().tolist() == [0, 0, 0.25, 0.5, 1, 0.75, 0.5, 0, 0]
    filled = gs.sample(image, at, boundary="constant", fill=5.0).ravel().tolist()
    assert filled == [5, 5, 4, 3, 1, 2, 3, 5, 5]
    outside = gs.sample(image, at, boundary="clamp", outside=-7.0).ravel().tolist()
    assert outside == [-7, -7, -7, 1, 1, 1, 1, -7, -7]
    assert np.isnan(gs.sample(image, at, boundary="constant", fill=NAN)).ravel().tolist()[:3] == [True] * 3
    assert gs.sample(image, at, kernel="mitchell", boundary="constant", fill=0.1)[0, 0, -1] == 0.1  # to the bit
    for wrong in ({"fill": 1.0}, {"fill": 1.0, "boundary": "clamp"}, {"fill": 1.0, "boundary": "zero"}):
        with pytest.raises(errors.OptionError, match="fill with boundary 'constant' only"):
            gs.sample(image, at, **wrong)
    with pytest.raises(errors.OptionError, match="one fill for all axes"):
        gs.sample(IMAGE, COORDS, boundary=["constant", "zero"], fill=1.0)
    with pytest.raises(TypeError, match="fill to be a number"):
        gs.sample(image, at, boundary="constant", fill="red")
    with pytest.raises(TypeError, match="outside to be a number"):
        gs.sample(image, at, outside=True)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_lost_points(dtype):
    image = np.arange(1, 5, dtype=dtype).reshape(1, 1, 4)
    at = np.array([[[1.0], [NAN], [INF], [-INF]]], dtype)
    answers = {
        "propagate": ({"boundary": "clamp"}, [2, NAN, 4, 1]),
        "outside": ({"boundary": "clamp"}, [2, 0, 0, 0]),
        "fill": ({"boundary": "constant", "fill": 9.0, "nonfinite": "outside"}, [2, 9, 9, 9]),
        "given": ({"boundary": "clamp", "outside": 6.0, "nonfinite": "outside"}, [2, 6, 6, 6]),
        "beyond": ({"boundary": "clamp", "outside": 6.0}, [2, NAN, 6, 6]),
    }
    for name, (options, want) in answers.items():
        if name == "outside":
            options = {**options, "nonfinite": name}
        np.testing.assert_array_equal(gs.sample(image, at, **options).ravel(), np.array(want, dtype))
        assert gs.sample_grad(image, at, **options).ravel()[1] == 0
    assert gs.splat(np.ones((1, 1, 4), dtype), at, (4,), boundary="clamp").ravel().tolist() == [0, 1, 0, 0]
    with pytest.raises(ValueError, match="choose 'outside' to leave such points out"):
        gs.splat(np.ones((1, 1, 4), dtype), at, (4,), nonfinite="propagate")


@pytest.mark.parametrize("wrap", [np.asarray, torch.from_numpy])
def test_nonfinite_error_counts_and_names_the_first(wrap):
    coords = COORDS.copy()
    assert gs.sample(wrap(IMAGE), wrap(coords), nonfinite="error").shape == (2, 3, 7)
    coords[0, 4, 1], coords[1, 0, 0], coords[1, 6, 1] = INF, NAN, -INF
    message = r"^{}: expected finite coords, got 3 that are NaN or infinite, the first at \(0, 4, 1\); mend them"
    with pytest.raises(errors.NonFiniteError, match=message.format("sample")):
        gs.sample(wrap(IMAGE), wrap(coords), nonfinite="error")
    with pytest.raises(ValueError, match=message.format("sample_grad")):
        gs.sample_grad(wrap(IMAGE), wrap(coords), nonfinite="error")
    with pytest.raises(ValueError, match=message.format("splat")):
        gs.splat(wrap(np.ones((2, 3, 7))), wrap(coords), (5, 6), nonfinite="error")


@pytest.mark.parametrize(
    ("values", "coords", "shape"),
    [
        ((2, 3, 7), (2, 6, 2), (5, 6)),
        ((2, 3), (2, 7, 2), (5, 6)),
        ((2, 3, 7), (3, 7, 2), (5, 6)),
        ((2, 3, 7), (2, 7, 2), (5,)),
        ((2, 3, 7), (2, 7, 2), (5, 0)),
        ((2, 3, 7), (2, 7, 2), (5, -1)),
        ((2, 3, 7), (2, 7, 4), (5, 6, 7)),
    ],
)
def test_splat_that_does_not_fit_is_refused(values, coords, shape):
    for wrap in (np.asarray, torch.from_numpy):
        with pytest.raises((errors.ShapeError, errors.OptionError), match=r"^splat: expected .*, got .*; .*"):
            gs.splat(wrap(np.zeros(values)), wrap(np.zeros(coords)), shape)


@pytest.mark.parametrize("shape", [4, None, (5.5, 6), "56"])
def test_splat_takes_whole_sizes_only(shape):
    with pytest.raises(errors.GridSampleError):
        gs.splat(np.zeros((2, 3, 7)), COORDS, shape)


@pytest.mark.parametrize("dtype", ["i4", "u1", "?", "c8", "O", "U3", "g", "M8[s]"])
def test_types_that_cannot_be_sampled_are_named(dtype):
    with pytest.raises(errors.DtypeError, match="of one of the types float16, bfloat16, float32, float64, got"):
        gs.sample(np.zeros((1, 1, 4)), np.zeros((1, 2, 1), dtype))
    image = np.zeros((1, 1, 4), dtype)
    if image.dtype.name not in DTYPES:
        with pytest.raises(errors.DtypeError, match=r"of one of the types float16, .*, complex64, .*, int32, got"):
            gs.sample(image, np.zeros((1, 2, 1)))


def test_subclasses_and_masks():
    with np.errstate(all="raise"):
        assert gs.sample(IMAGE.view(np.memmap), COORDS).shape == (2, 3, 7)


@pytest.mark.parametrize("boundary", ["clamp", "zero"])
@pytest.mark.parametrize("neighbour", [0.0, np.nan, 1e30])
def test_infinity_is_outside_whatever_stands_beside_it(boundary, neighbour):
    image = np.array([[[0.25, 0.5, 0.75]]], "float32")
    x = np.full((1, 16, 1), neighbour, "float32")
    x[0, [3, 9], 0] = np.inf, -np.inf
    got = gs.sample(image, x, kernel="nearest", boundary=boundary, nonfinite="outside")
    assert got[0, 0, [3, 9]].tolist() == [0.0, 0.0]
