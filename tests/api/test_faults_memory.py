# SPDX-License-Identifier: Apache-2.0
"""What breaks in this field's libraries, by the numbers of the reports: memory, shapes, layouts and half types."""

from __future__ import annotations

import itertools
import os

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from api_cases import CORNERS, HALF, MODES, near, run, tensors

import gridsample as gs

HALF_TYPES = list(HALF)


@pytest.mark.parametrize("dtype", HALF_TYPES)
def test_half_images_of_more_than_2_15_pixels_16_bit_index(dtype):
    image = torch.rand(1, 1, 256, 256).to(dtype)
    grid = (torch.rand(1, 64, 64, 2) * 2 - 1).to(dtype)
    ours = run(gs.grid_sample, image, grid, torch.ones(1, 1, 64, 64, dtype=dtype))
    wide = run(F.grid_sample, image.double(), grid.double(), torch.ones(1, 1, 64, 64).double(), align_corners=False)
    near(ours[0], wide[0], HALF[dtype])
    near(ours[1], wide[1], HALF[dtype] * float(wide[1].max()))
    near(ours[2], wide[2], HALF[dtype] * 256)


@pytest.mark.parametrize("width", [256, 512, 4096])
@pytest.mark.parametrize("mode", MODES)
def test_half_positions_hold_whole_pixels_89836_96429_90427_96586(mode, width):
    image = (torch.arange(width) % 251).half().reshape(1, 1, 1, width)
    places = torch.arange(1, width, 2)[:-1]  # with corners at an odd number of pixels: -1 + k / 2**m, exact in half
    x = (places * 2 + 1 - width) / width
    exact = x.half().double() == x.double()
    places, x = places[exact], x[exact]
    assert len(places) > 60
    grid = torch.stack([x.half(), torch.zeros(len(x)).half()], -1).reshape(1, 1, -1, 2)
    assert torch.equal(gs.grid_sample(image, grid, mode=mode, padding_mode="border")[0, 0, 0], image[0, 0, 0, places])
    pixels = torch.arange(width, dtype=torch.float64).reshape(1, 1, width, 1)
    coords = torch.cat([pixels, 0 * pixels], -1)
    assert torch.equal(gs.sample(image, coords), image)  # a half image with whole positions of a wider type


@pytest.mark.parametrize("dtype", HALF_TYPES)
def test_affine_grid_in_half_is_the_rounded_exact_grid_172061(dtype):
    for sizes, corners in itertools.product([(1, 1, 1, 2), (1, 1, 2, 1), (1, 1, 7, 1024), (1, 1, 1, 3, 1)], CORNERS):
        axes = len(sizes) - 2
        theta = torch.eye(axes, axes + 1).to(dtype)[None]
        wide = gs.affine_grid(theta.double(), sizes, align_corners=corners)
        grid = gs.affine_grid(theta, sizes, align_corners=corners)
        assert grid.dtype == dtype
        near(grid, wide, HALF[dtype] / 2 * 1.001 + 1e-7)
        assert not grid[..., [axes - 1 - d for d in range(axes) if sizes[2 + d] == 1]].any()


@pytest.mark.parametrize("corners", CORNERS)
def test_affine_grid_backward_with_a_channels_last_gradient_124154(corners):
    for axes, sizes in ((2, (2, 1, 4, 5)), (3, (2, 1, 3, 4, 5))):
        theta = torch.rand(2, axes, axes + 1, dtype=torch.float64, requires_grad=True)
        grid = gs.affine_grid(theta, sizes, align_corners=corners)
        grad = torch.rand(grid.shape, dtype=torch.float64)
        last = grad.movedim(-1, 1).contiguous().movedim(1, -1)
        (a,), (b,) = (torch.autograd.grad(grid, theta, g, retain_graph=True) for g in (grad, last))
        (c,) = torch.autograd.grad(F.affine_grid(theta, sizes, align_corners=corners), theta, grad)
        near(a, b, 1e-13)
        near(a, c, 1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_empty_batches_channels_and_outputs_78125_78130_98136_175683(axes, mode):
    sizes, out = (4, 3, 5)[:axes], (2, 3, 1)[:axes]
    for shape, places in (
        ((0, 2, *sizes), (0, *out)),
        ((2, 0, *sizes), (2, *out)),
        *(((2, 2, *sizes), (2, *out[:d], 0, *out[d + 1 :])) for d in range(axes)),
    ):
        image, grid = torch.rand(shape), torch.zeros(*places, axes)
        weigh = torch.zeros(*shape[:2], *places[1:])
        values, grad_image, grad_grid = run(gs.grid_sample, image, grid, weigh, mode=mode)
        assert (values.shape, grad_image.shape, grad_grid.shape) == (weigh.shape, image.shape, grid.shape)
        assert not grad_image.any()
        assert not grad_grid.any()
        assert gs.splat(values, grid, sizes).shape == shape
        assert gs.sample_grad(image.numpy(), grid.numpy()).shape == (*values.shape, axes)


def test_batches_that_differ_in_3d_backward_73187():
    image, grid = torch.rand(2, 1, 3, 4, 5, requires_grad=True), torch.zeros(3, 2, 2, 2, 3, requires_grad=True)
    with pytest.raises(RuntimeError, match="one batch size"):
        gs.grid_sample(image, grid)
    with pytest.raises(RuntimeError, match="equal or 1"):
        gs.sample(image, grid)
    with pytest.raises(RuntimeError):
        torch.ops.gridsample.pull_backward(torch.ones(3, 1, 2, 2, 2), image, grid, TEXT, [True, True])


TEXT = "kernel=linear boundary=zero fill=0.0 frame=pixel order=xy ties=even fold=tap nonfinite=propagate outside=None"


@pytest.mark.parametrize("text", [TEXT.replace("linear", "x"), TEXT.replace("pixel", "x"), "x", "", "kernel=\0"])
def test_bad_options_in_the_raw_operators_78125_98136(text):
    with pytest.raises(Exception):  # noqa: B017,PT011 - any, as long as the process lives
        torch.ops.gridsample.pull(torch.rand(1, 1, 4, 5), torch.zeros(1, 1, 1, 2), text)


@pytest.mark.parametrize(
    "shapes", [((4, 5), (1, 1, 1, 2)), ((1, 1, 4, 5), (2,)), ((1, 1, 4, 5), (1, 1, 3)), ((2, 1, 4, 5), (3, 1, 1, 2))]
)
def test_bad_shapes_in_the_raw_operators_78125_78130(shapes):
    image, coords = (torch.rand(shape) for shape in shapes)
    with pytest.raises(RuntimeError):
        torch.ops.gridsample.pull(image, coords, TEXT)
    with pytest.raises(RuntimeError):
        torch.ops.gridsample.pull_grad(image, coords, TEXT)
    with pytest.raises(RuntimeError):
        torch.ops.gridsample.pull_backward(torch.rand(1), image, coords, TEXT, [True, True])


def test_a_gradient_of_the_wrong_shape_in_the_raw_operator_is_refused():
    image, coords = torch.rand(1, 1, 4, 5), torch.zeros(1, 3, 3, 2)
    for shape in ((), (1,), (1, 1, 3), (1, 1, 3, 2), (1, 2, 3, 3), (2, 1, 3, 3)):
        with pytest.raises((RuntimeError, ValueError)):
            torch.ops.gridsample.pull_backward(torch.rand(shape), image, coords, TEXT, [True, True])


@pytest.mark.parametrize("channels", [1025, 1500])
def test_more_than_1024_channels_and_many_images_7435_88380_7258_16365(channels):
    image, grid, weigh = tensors((3, 4), False, torch.float64, channels=channels)
    ours, theirs = (run(f, image, grid, weigh, align_corners=False) for f in (gs.grid_sample, F.grid_sample))
    for a, b in zip(ours, theirs, strict=True):
        near(a, b, 1e-12 * max(1.0, float(b.abs().max())))


def test_more_than_65536_images_88380():
    image, grid = torch.rand(65537, 1, 2, 2), torch.rand(65537, 1, 1, 2) * 2 - 1
    weigh = torch.ones(65537, 1, 1, 1)
    ours, theirs = (run(f, image, grid, weigh, align_corners=True) for f in (gs.grid_sample, F.grid_sample))
    for a, b in zip(ours, theirs, strict=True):
        near(a, b, 2e-6)
    assert gs.affine_grid(torch.eye(2, 3).expand(65537, 2, 3), (65537, 1, 1, 1)).shape == (65537, 1, 1, 2)


def test_outputs_larger_than_1024_by_1024_flaggems3027():
    image = torch.rand(1, 1, 4, 4)
    grid = gs.affine_grid(torch.eye(2, 3)[None], (1, 1, 1030, 1031))
    ours, theirs = (f(image, grid, align_corners=False) for f in (gs.grid_sample, F.grid_sample))
    near(ours, theirs, 2e-6)


def test_vmap_over_the_last_axis_of_one_and_the_second_of_the_other():
    """torch 2.13 fails an internal assertion here."""
    images, grids = torch.rand(2, 3, 4, 5, 6), torch.rand(2, 6, 3, 7, 2)
    got = torch.func.vmap(gs.grid_sample, (-1, 1))(images, grids)
    assert torch.equal(got, torch.stack([gs.grid_sample(images[..., k], grids[:, k]) for k in range(6)]))


@pytest.mark.parametrize("wrap", [np.asarray, torch.from_numpy])
def test_an_impossible_output_is_an_error_not_an_abort_cve_2022_41886(wrap):
    with pytest.raises((MemoryError, ValueError, RuntimeError)):
        gs.splat(wrap(np.ones((1, 1, 1), "f4")), wrap(np.zeros((1, 1, 3), "f4")), (2**30, 2**30, 2**30))
    with pytest.raises(gs.GridSampleError):
        gs.splat(wrap(np.ones((1, 1, 1), "f4")), wrap(np.zeros((1, 1, 1), "f4")), (2**31,))


CORNER_POINTS = [[0.0, 0.0], [1.0, 1.0], [65535.0, 32768.0], [65534.5, 32767.5], [40000.25, 20000.75], [-3.0, 5.0]]


@pytest.mark.parametrize("kernel", ["nearest", "linear", "cubic"])
def test_images_over_2_31_elements_without_their_memory_41656_41923_opencv7544_scipy6131(kernel):
    for height, width in ((32769, 65536), (2**15, 2**17), (5, 2**30)):
        columns = (np.arange(width) % 7 if width <= 2**17 else np.float32(3)) + np.zeros(1, "f4")
        image = np.broadcast_to(columns.astype("f4"), (1, 2, height, width))  # one row, or one number, for all
        coords = np.array([CORNER_POINTS], "f8")
        got = gs.sample(image, coords, kernel=kernel, boundary="clamp")
        line = image[:, :, 0] if width <= 2**17 else np.full((1, 2, 65537), 3, "f4")
        near(got, gs.sample(line, coords[..., :1].clip(-3, 65537), kernel=kernel, boundary="clamp"), 2e-6 * 7)
        slope = gs.sample_grad(image, coords, kernel=kernel, boundary="clamp")
        assert not slope[..., 1].any() or np.abs(slope[..., 1]).max() < 1e-5


def test_long_axes_keep_their_position_opencv4694_26860():
    image = np.arange(100_000, dtype="f4")[None, None]
    coords = np.array([32766.5, 32767.5, 32768.5, 65535.5, 65536.25, 99998.5], "f4")[None, :, None]
    assert gs.sample(image, coords).ravel().tolist() == coords.ravel().tolist()


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("GRIDSAMPLE_SLOW") != "1", reason="needs 2.3 GB of memory")
@pytest.mark.parametrize("boundary", ["zero", "clamp", "reflect"])
def test_strides_beyond_2_31_bytes_over_real_memory_41656(boundary):
    buffer = np.zeros(2**31 + 2**27, "u1")
    far = np.lib.stride_tricks.as_strided(buffer.view("f4"), (1, 2, 3, 4), (0, 4, 2**30, 64))
    small = np.arange(24, dtype="f4").reshape(1, 2, 3, 4)
    far[...] = small
    coords = np.random.default_rng(0).uniform(-2, 5, (1, 50, 2))
    for kernel in ("nearest", "linear", "cubic"):
        options = {"kernel": kernel, "boundary": boundary}
        assert np.array_equal(gs.sample(far, coords, **options), gs.sample(small, coords, **options))


def views(array):
    """The same values in memory laid out in every awkward way."""
    for axes in itertools.product((False, True), repeat=array.ndim):
        flip = tuple(slice(None, None, -1 if a else 1) for a in axes)
        yield np.ascontiguousarray(array[flip])[flip]
    yield np.asfortranarray(array)
    yield np.frombuffer(b"\0" + array.tobytes(), array.dtype, array.size, 1).reshape(
        array.shape
    )  # unaligned, read-only
    frozen = array.copy()
    frozen.flags.writeable = False
    yield frozen
    record = np.zeros(array.shape, [("a", "u1"), ("value", array.dtype)])  # a stride that no element size divides
    record["value"] = array
    yield record["value"]


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
def test_any_memory_174339_171602(dtype):
    rng = np.random.default_rng(1)
    for axes in (1, 2, 3):
        image = rng.random((2, 3, *(5, 4, 6)[:axes])).astype(dtype)
        grid = rng.uniform(-1.2, 1.2, (2, *(4, 3, 5)[:axes], axes)).astype(dtype)
        plain = gs.grid_sample(image, grid)
        for view in views(image):
            assert np.array_equal(gs.grid_sample(view, grid), plain)
        for view in views(grid):
            assert np.array_equal(gs.grid_sample(image, view), plain)
            assert np.array_equal(gs.splat(plain, view, image.shape[2:]), gs.splat(plain, grid, image.shape[2:]))
        for view in views(plain):
            assert np.array_equal(gs.splat(view, grid, image.shape[2:]), gs.splat(plain, grid, image.shape[2:]))


def test_points_of_a_volume_with_an_empty_axis_end_no_program():
    values, coords = np.zeros((1, 1, 3, 0, 70), "f4"), np.zeros((1, 3, 0, 70, 3), "f4")
    assert not gs.splat(values, coords, (4, 4, 4)).any()
