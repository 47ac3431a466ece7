# SPDX-License-Identifier: Apache-2.0
"""What the options of `gridsample warp` do to a picture: directions, order, size, one sampling."""

from __future__ import annotations

import numpy as np
import pytest
from cli_pictures import load, noise, save

from gridsample.spec import reference
from gridsample.spec.frames import FRAMES


def dot(height: int, width: int, y: int, x: int) -> np.ndarray:
    pixels = np.zeros((height, width), "u1")
    pixels[y, x] = 255
    return pixels


def where(pixels: np.ndarray) -> tuple[int, int]:
    (y,), (x,) = np.nonzero(pixels == 255)
    return int(y), int(x)


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize("quarters", [-1, 0, 1, 2, 3, 4, 5])
def test_quarter_turns_are_exact(warp, size, quarters):
    pixels = noise(size, size, 3)
    np.testing.assert_array_equal(warp(pixels, "--rotate", 90 * quarters), np.rot90(pixels, quarters))


def test_quarter_turn_with_fit_swaps_the_sides(warp):
    pixels = noise(5, 8)
    np.testing.assert_array_equal(warp(pixels, "--rotate", 90, "--size", "fit"), np.rot90(pixels))


def test_positive_angles_turn_left(warp):
    pixels = np.zeros((41, 41), "u1")
    pixels[18:23, 33:38] = 255  # 15 right of the centre (20, 20)
    y, x = np.nonzero(warp(pixels, "--rotate", 45) > 100)
    np.testing.assert_allclose([y.mean(), x.mean()], [20 - 15 * 0.5**0.5, 20 + 15 * 0.5**0.5], atol=0.3)


def test_translate_moves_right_and_down(warp):
    assert where(warp(dot(9, 9, 4, 4), "--translate", "3,1")) == (5, 7)
    assert where(warp(dot(9, 9, 4, 4), "--translate", "-3,-1")) == (3, 1)


def test_scale_enlarges_about_the_centre(warp):
    assert where(warp(dot(9, 9, 4, 6), "--scale", 2)) == (4, 8)
    assert where(warp(dot(9, 9, 5, 6), "--scale", "2,1")) == (5, 8)


def test_negative_scale_flips(warp):
    pixels = noise(5, 6)
    np.testing.assert_array_equal(warp(pixels, "--scale", "-1,1"), pixels[:, ::-1])


def test_shear_moves_lower_rows_right(warp):
    assert where(warp(dot(9, 9, 6, 4), "--shear", 1)) == (6, 6)
    assert where(warp(dot(9, 9, 4, 6), "--shear", "0,1")) == (6, 6)


def test_scale_with_fit_resizes(warp):
    pixels = noise(4, 6)
    result = warp(pixels, "--scale", 3, "--size", "fit", "--kernel", "nearest")
    np.testing.assert_array_equal(result, pixels.repeat(3, 0).repeat(3, 1))


@pytest.mark.parametrize(("size", "expected"), [("8x6", (1, 1)), ("2x2", None)])
def test_size_is_a_centred_canvas(warp, size, expected):
    pixels = noise(4, 6)
    result = warp(pixels, "--size", size)
    if expected:
        np.testing.assert_array_equal(result, np.pad(pixels, 1))
    else:
        np.testing.assert_array_equal(result, pixels[1:3, 2:4])


def test_order_is_scale_shear_rotate_translate(warp):
    # from the centre (8, 8): (2, 0) -> scale (4, 0) -> shear 0,1 (4, 4) -> left turn (4, -4) -> shift (5, -2)
    result = warp(dot(17, 17, 8, 10), "--scale", "2,1", "--shear", "0,1", "--rotate", 90, "--translate", "1,2")
    assert where(result) == (6, 13)


def test_matrix_maps_output_to_input(warp, tmp_path):
    pixels = noise(6, 7)
    expected = np.zeros_like(pixels)
    expected[:-2, :-1] = pixels[2:, 1:]
    np.testing.assert_array_equal(warp(pixels, "--matrix", "1,0,1,0,1,2"), expected)
    np.testing.assert_array_equal(warp(pixels, "--matrix", "1 0 1 0 1 2 0 0 1"), expected)
    back = ["--matrix-direction", "input-to-output"]
    np.testing.assert_array_equal(warp(pixels, "--matrix", "-1,0,-1,0,-1,-2,0,0,-1"), expected)
    np.testing.assert_array_equal(warp(pixels, "--matrix", "1,0,-1,0,1,-2", *back), expected)
    np.save(tmp_path / "m.npy", [[1, 0, 1], [0, 1, 2]])
    np.testing.assert_array_equal(warp(pixels, "--matrix", tmp_path / "m.npy"), expected)
    np.savetxt(tmp_path / "m.txt", [[2, 0, 2], [0, 2, 4], [0, 0, 2]])
    np.testing.assert_array_equal(warp(pixels, "--matrix", tmp_path / "m.txt"), expected)


def test_matrix_with_size_starts_at_the_first_pixel(warp):
    pixels = noise(6, 7)
    np.testing.assert_array_equal(warp(pixels, "--matrix", "1,0,1,0,1,2", "--size", "3x2"), pixels[2:4, 1:4])


def test_homography_shows_nothing_beyond_its_horizon(warp):
    matrix = "1,0,0,0,1,0,0,-0.2,1"  # w = 1 - y/5: the horizon is row 5
    for text in (matrix, ",".join(str(-float(v)) for v in matrix.split(","))):
        result = warp(np.full((8, 8), 200, "u1"), "--matrix", text, "--boundary", "clamp")
        assert (result[:5] == 200).all()
        assert (result[5:] == 0).all()


def test_flow_reads_at_p_plus_flow(warp, tmp_path):
    pixels = noise(6, 7)
    np.save(tmp_path / "flow.npy", np.broadcast_to(np.float32([1, 2]), (6, 7, 2)))
    expected = np.zeros_like(pixels)
    expected[:-2, :-1] = pixels[2:, 1:]
    np.testing.assert_array_equal(warp(pixels, "--flow", tmp_path / "flow.npy"), expected)


@pytest.mark.parametrize("frame", FRAMES)
def test_grid_in_every_frame(warp, tmp_path, frame):
    pixels = noise(6, 7, 3)
    coords = np.random.default_rng(1).uniform(-0.3, 6.3 if frame == "pixel" else 1.0, (1, 4, 5, 2))
    np.save(tmp_path / "grid.npy", coords)
    options = ["--align-corners"] if frame == "corners" else [] if frame == "edges" else ["--frame", frame]
    result = warp(pixels, "--grid", tmp_path / "grid.npy", "--boundary", "mirror", *options)
    image = np.moveaxis(pixels, -1, 0)[None]
    expected = np.moveaxis(reference.pull(image, coords, frame=frame, boundary="mirror")[0], 0, -1)
    assert result.shape == (4, 5, 3)
    assert np.abs(result - expected).max() <= 0.5 + 1e-3


def test_points_that_are_nowhere_show_the_fill(warp, tmp_path):
    flow = np.zeros((4, 4, 2), "f4")
    flow[1, 2] = np.nan
    flow[2, 1] = np.inf
    np.save(tmp_path / "flow.npy", flow)
    pixels = np.full((4, 4), 100, "u1")
    pixels[1, 2] = pixels[2, 1] = 7
    result = warp(np.full((4, 4), 100, "u1"), "--flow", tmp_path / "flow.npy", "--fill", 7)
    np.testing.assert_array_equal(result, pixels)


def test_everything_together_is_one_sampling(warp, tmp_path):
    """All options at once agree with the oracle at the composed positions: no second sampling blurs."""
    height, width = 11, 14
    pixels = noise(height, width, dtype="f8")
    flow = np.random.default_rng(2).uniform(-1, 1, (height, width, 2))
    np.save(tmp_path / "flow.npy", flow)
    bend = np.array([[1, 0.02, 0.3], [-0.05, 0.9, 0.5], [0.002, 0.001, 1]])
    result = warp(
        pixels,
        *("--flow", tmp_path / "flow.npy", "--matrix", ",".join(map(str, bend.ravel()))),
        *("--scale", "1.2,0.8", "--shear", "0.1,-0.2", "--rotate", 25, "--translate", "1.5,-2"),
        *("--kernel", "cubic", "--boundary", "reflect,clamp"),
    )
    y, x = np.mgrid[:height, :width]
    p = np.stack([x + flow[..., 0], y + flow[..., 1], np.ones((height, width))], axis=-1) @ bend.T
    p = p[..., :2] / p[..., 2:]
    turn = np.radians(25)
    forward = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    forward = forward @ [[1, 0.1], [-0.2, 1]] @ np.diag([1.2, 0.8])
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    q = (p - [1.5, -2] - centre) @ np.linalg.inv(forward).T + centre
    rules = {"kernel": "cubic", "boundary": ("clamp", "reflect")}  # memory order: the vertical rule first
    expected = reference.pull(pixels[None, None], q[None], **rules)[0, 0]
    np.testing.assert_allclose(result, expected, atol=1e-12)


def test_strips_do_not_show(warp, monkeypatch):
    pixels = noise(40, 30, 3, dtype="u2")
    options = ["--rotate", 33, "--kernel", "catmull_rom", "--boundary", "wrap"]
    whole = warp(pixels, *options)
    monkeypatch.setattr("gridsample.cli.resample.STRIP", 70)
    np.testing.assert_array_equal(warp(pixels, *options), whole)


def test_values_are_rounded_to_even_and_clipped(warp):
    pixels = np.uint8([[0, 1, 2, 3, 4, 5]])
    np.testing.assert_array_equal(warp(pixels, "--translate", "0.5,0", "--boundary", "clamp"), [[0, 0, 2, 2, 4, 4]])
    step = np.uint8([[0, 0, 0, 255, 255, 255]])
    result = warp(step, "--translate", "0.3,0", "--boundary", "clamp", "--kernel", "cubic")
    assert result.min() == 0
    assert result.max() == 255


@pytest.mark.parametrize(
    ("channels", "alpha", "fill", "expected"),
    [
        (1, "none", "7", [7]),
        (3, "none", "7", [7, 7, 7]),
        (3, "none", "9,8,7", [9, 8, 7]),
        (4, "straight", "9,8,7", [9, 8, 7, 255]),
        (4, "straight", "9,8,7,128", [9, 8, 7, 128]),
        (4, "straight", "0", [0, 0, 0, 0]),
    ],
)
def test_fill(warp, channels, alpha, fill, expected):
    pixels = np.full((3, 3, channels), 200, "u1")
    result = warp(pixels, "--translate", "2,0", "--fill", fill, alpha=alpha, ending=".png").reshape(3, 3, -1)
    np.testing.assert_array_equal(result[1, 0], expected)
    np.testing.assert_array_equal(result[1, 2], pixels[1, 2])


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_transparent_pixels_do_not_bleed(warp, dtype):
    """A red disc on transparent green: half a pixel further the rim is paler, and still red."""
    full = 1.0 if dtype == "f4" else np.iinfo(dtype).max
    pixels = np.zeros((5, 6, 4), dtype)
    pixels[..., 1] = full
    pixels[:, 2:4] = [full, 0, 0, full]
    result = warp(pixels, "--translate", "0.5,0", alpha="straight")
    np.testing.assert_array_equal(result[:, 2:5, 0] == full, True)
    np.testing.assert_array_equal(result[..., 1], 0)
    np.testing.assert_array_equal(result[:, :2], 0)
    assert abs(float(result[2, 2, 3]) / full - 0.5) < 0.01


def test_nearest_keeps_unseen_colours(warp):
    pixels = noise(5, 6, 4)
    pixels[2:, :, 3] = 0
    np.testing.assert_array_equal(warp(pixels, "--kernel", "nearest", alpha="straight"), pixels)


def test_one_boundary_per_axis_names_the_horizontal_one_first(run, tmp_path):
    pixels = noise(5, 6)
    source = save(tmp_path / "in.png", pixels)
    options = ["--boundary", "wrap,clamp", "--translate", "2,3"]
    assert run("warp", source, "-o", tmp_path / "out.png", *options).code == 0
    padded = np.roll(pixels, 2, axis=1)[np.clip(np.arange(5) - 3, 0, None)]
    np.testing.assert_array_equal(load(tmp_path / "out.png"), padded)
