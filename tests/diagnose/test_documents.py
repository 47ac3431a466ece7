# SPDX-License-Identifier: Apache-2.0
"""The examples of five documents about grid sampling, written anew, and what `why` says about each.

The documents: how to convert grid_sample to Core ML; how it works in practice; a reference page with a spatial
transformer, a zoom and paddings; why it returns incorrect values; pixel grids from coordinate tensors.
"""

from __future__ import annotations

import numpy as np
import pytest

import gridsample as gs

torch = pytest.importorskip("torch")
F = torch.nn.functional

FOUR = torch.arange(16.0).reshape(1, 1, 4, 4)
FIVE = torch.arange(1.0, 26.0).reshape(1, 1, 5, 5)


def mesh(h, w, reach=1.0):
    y, x = torch.meshgrid(torch.linspace(-reach, reach, h), torch.linspace(-reach, reach, w), indexing="ij")
    return torch.stack([x, y], dim=-1)[None]


# ------------------------------------------------------------------------------------ "converted to Core ML"


def test_a_grid_scaled_to_the_unit_square():
    grid = (F.affine_grid(torch.eye(2, 3)[None], (1, 3, 20, 30), align_corners=False) + 1) / 2
    report = gs.why(torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(0)), grid, mode="nearest")
    assert report.first == "unit_coordinates"
    assert "2 * grid - 1" in report.findings[0].fix


# ---------------------------------------------------------------------------- "how it works in practice"


def test_four_inner_points_are_right():
    assert gs.why(FOUR, mesh(2, 2, 0.5)).ok


def test_points_beyond_every_edge():
    report = gs.why(FOUR, mesh(2, 2, 1.5), mode="nearest", padding_mode="border")
    assert report.first == "outside"
    assert "100 % of the outputs" in report["outside"].seen
    assert "edge pixel" in report["outside"].seen


def test_a_rotation_on_a_linspace_lattice_sampled_without_align_corners():
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    report = gs.why(FOUR, mesh(2, 2) @ turn)
    assert report.first == "align_corners"
    assert gs.why(FOUR, mesh(2, 2) @ turn, align_corners=True).ok


def test_the_same_rotation_turns_the_other_way():
    # rows times a matrix are the transposed matrix: what is written as a rotation by 90° is one by -90°
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    wanted = F.grid_sample(FIVE, mesh(5, 5) @ turn.T, align_corners=True)
    report = gs.why(FIVE, mesh(5, 5) @ turn, align_corners=True, expected=wanted)
    assert report.first == "direction"
    assert torch.equal(torch.from_numpy(report["direction"].repaired.output).round(), wanted.round())


# -------------------------------------------------------------------------------------- the reference page


def test_an_identity_filled_into_the_first_element_only():
    image = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    grid = torch.zeros(8, 32, 32, 2)
    grid[0] = mesh(32, 32)[0]
    report = gs.why(image, grid)
    assert report.first == "constant"
    assert "element 1, 2, 3, 4, 5, 6" in report["constant"].seen


def test_and_with_a_batch_axis_added_to_the_batch():
    image = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    report = gs.why(image, mesh(32, 32).expand(8, 32, 32, 2)[None])
    assert report.first == "layout"
    assert "squeeze(0)" in report["layout"].fix
    assert "align_corners" in report  # -1 + 2*w/31 was sampled with the default, False


def test_a_spatial_transformer_is_right():
    theta = torch.tensor([[[0.9, 0.1, 0.05], [-0.1, 0.9, 0.0]]]).requires_grad_()
    seen = gs.why(lambda x: F.grid_sample(x, F.affine_grid(theta, x.shape, False), align_corners=False), FIVE)
    assert seen.ok
    assert seen.sites[0].calls == 1


def test_a_zoom_built_on_corners_and_sampled_on_edges():
    image = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(2))
    report = gs.why(image, mesh(256, 256, 0.5), padding_mode="border")
    assert report.first == "align_corners"


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_normal_random_points_are_no_mistake_but_half_outside(padding):
    grid = torch.randn(1, 40, 40, 2, generator=torch.Generator().manual_seed(3))
    report = gs.why(torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(4)), grid, padding_mode=padding)
    assert report.ok
    share = float((grid.abs() > 1).any(-1).double().mean())
    assert f"{100 * share:.0f} % of the outputs read outside" in report["outside"].seen


# --------------------------------------------------------------------------- "why is it returning incorrect values"


def test_pixel_positions():
    x, y = np.meshgrid(np.linspace(0, 4, 5), np.linspace(0, 4, 5))
    report = gs.why(FIVE, np.stack([x, y], -1)[None].astype("f4"), mode="nearest", align_corners=True)
    assert report.first == "pixel_coordinates"
    assert report.findings[0].severity == "error"
    assert np.array_equal(report.findings[0].repaired.output, FIVE.numpy())


def test_a_shift_to_the_right_that_moves_left():
    grid = mesh(5, 5)
    grid[..., 0] += 0.5
    grid[..., 1] -= 0.5
    assert gs.why(FIVE, grid, mode="nearest", align_corners=True).ok
    wanted = torch.zeros(1, 1, 5, 5)
    wanted[..., :4, 1:] = FIVE[..., 1:, :4]  # one pixel to the right and one up, as the document says
    wanted_by_it = gs.why(FIVE, grid, mode="nearest", align_corners=True, expected=wanted)
    assert wanted_by_it.first == "translation_sign"
    exact = np.array_equal(wanted_by_it.findings[0].repaired.output, wanted.numpy())
    assert exact


def test_corners_only_is_a_right_way_of_making_smaller_but_no_zoom():
    grid = mesh(2, 2)
    assert gs.why(FOUR, grid, mode="nearest", align_corners=True).ok
    wanted = F.grid_sample(FOUR, mesh(2, 2, 0.5), mode="nearest", align_corners=True)  # the four in the middle
    report = gs.why(FOUR, grid, mode="nearest", align_corners=True, expected=wanted)
    assert report.first == "zoom"
    assert report.findings[0].severity == "error"
    names = {"grid": grid}
    exec(report.findings[0].fix, names)
    assert torch.equal(names["grid"], mesh(2, 2, 0.5))
    wanted = F.grid_sample(FOUR, mesh(4, 4, 0.5), align_corners=True)
    report = gs.why(FOUR, mesh(4, 4, 2.0), align_corners=True, expected=wanted)
    assert report.first == "zoom"


def test_a_grid_of_another_shape_than_the_output_wanted():
    report = gs.why(FIVE, mesh(5, 5), mode="nearest", align_corners=True, size=(3, 3))
    assert report.first == "output_size"
    assert "output of 5 x 5, wanted is 3 x 3" in report.findings[0].seen
    assert gs.why(FIVE, mesh(3, 3), mode="nearest", align_corners=True, size=(3, 3)).ok


# ---------------------------------------------------------------------------- "pixel grids from coordinate tensors"


@pytest.mark.parametrize("batch", [1, 16])
def test_coordinates_channels_first(batch):
    size, points = (64, 10) if batch == 1 else (128, 20)
    random = torch.Generator().manual_seed(5)
    image = torch.randn(batch, 3, size, size, generator=random)
    coordinates = torch.rand(batch, 2, points, points, generator=random) * 2 - 1
    with pytest.raises(RuntimeError):
        F.grid_sample(image, coordinates, padding_mode="border", align_corners=True)
    report = gs.why(image, coordinates, padding_mode="border", align_corners=True)
    assert report.first == "layout"
    assert report.findings[0].fix == "grid = grid.permute(0, 2, 3, 1)"
    fixed = {"grid": coordinates}
    exec(report.findings[0].fix, fixed)
    assert F.grid_sample(image, fixed["grid"], align_corners=True).shape == (batch, 3, points, points)
    assert gs.why(image, fixed["grid"], padding_mode="border", align_corners=True).ok


def test_nearest_is_not_differentiable_in_the_coordinates():
    random = torch.Generator().manual_seed(6)
    grid = (torch.rand(1, 10, 10, 2, generator=random) * 2 - 1).requires_grad_()
    image = torch.randn(1, 1, 64, 64, generator=random)
    report = gs.why(image, grid, mode="nearest", padding_mode="border")
    assert report.first == "gradients"
    F.grid_sample(image, grid, mode="nearest", padding_mode="border", align_corners=False).sum().backward()
    assert not grid.grad.any()
