# SPDX-License-Identifier: Apache-2.0
"""What breaks in this field's libraries, by the numbers of the reports, and does not happen here: coordinates.

Memory, shapes and half types are in test_faults_memory.py.
"""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch
from api_cases import CORNERS, MODES, PADDINGS, near, oracle, rules, run, size_of

import gridsample as gs

NAN, INF = float("nan"), float("inf")
HUGE = [NAN, INF, -INF, 3e38, -3e38, 2.98e38, 2.5e38, 1e10, -1e10, 1e7, 3.3e7, 7e7, -5e7]
TYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
EPS = {torch.float32: 2.0**-23, torch.float64: 2.0**-50, torch.float16: 2.0**-10, torch.bfloat16: 2.0**-7}


def huge_grid(axes: int, dtype: torch.dtype) -> torch.Tensor:
    """Each huge value on each axis beside an ordinary one, and all pairs of huge ones."""
    rows = [[v if j == k else 0.25 for k in range(axes)] for j in range(axes) for v in HUGE]
    rows += [[a, b, *[0.25] * (axes - 2)] for a, b in itertools.product(HUGE[:5], repeat=2)]
    rows += [[0.25] * axes, [-1.0] * axes]
    return torch.tensor([rows, rows[::-1]], dtype=torch.float64).to(dtype).reshape(2, *(1,) * (axes - 1), -1, axes)


@pytest.mark.parametrize("dtype", TYPES, ids=["f32", "f64", "f16", "bf16"])
@pytest.mark.parametrize("corners", CORNERS)
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_nan_infinite_and_huge_coordinates_24823_19826_42616_51911_35202_78125_62875_ort27975_ort28302(
    axes, mode, padding, corners, dtype
):
    sizes = {2: (4, 5), 3: (3, 4, 2)}[axes]
    grid = huge_grid(axes, dtype)
    image = torch.arange(1.0, 1 + 2 * 2 * np.prod(sizes)).reshape(2, 2, *sizes).to(dtype) / 64
    weigh = torch.ones(2, 2, *grid.shape[1:-1], dtype=dtype)
    ours = run(gs.grid_sample, image, grid, weigh, mode=mode, padding_mode=padding, align_corners=corners)
    precision = np.float64 if dtype == torch.float64 else np.float32
    want = oracle(image, grid, weigh, **rules(mode, padding, corners, precision))
    for got, right, slack in zip(ours, want, (4, 16, 32), strict=True):
        near(got, right, EPS[dtype] * slack * size_of(right))
    assert not ours[2][torch.isnan(grid)].any()  # nothing moves a point that is nowhere
    if padding == "zeros":
        lost = (torch.isinf(grid) | (grid.abs() > 1e6)).any(-1)
        assert not ours[0].movedim(1, -1)[lost].any()


@pytest.mark.parametrize("dtype", TYPES, ids=["f32", "f64", "f16", "bf16"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_nan_coordinate_is_read_as_minus_one_163851(axes, mode, dtype):
    image = torch.rand(1, 2, *(5, 4, 3)[:axes]).to(dtype)
    for padding, corners, axis in itertools.product(PADDINGS, CORNERS, range(axes)):
        options = {"mode": mode, "padding_mode": padding, "align_corners": corners}
        grid = (torch.rand(1, *(6,) * axes, axes) * 2 - 1).to(dtype)
        other = grid.clone()
        grid[..., axis], other[..., axis] = NAN, -1
        weigh = torch.rand(1, 2, *(6,) * axes).to(dtype)
        ours, minus_one = (run(gs.grid_sample, image, g, weigh, **options) for g in (grid, other))
        assert torch.equal(ours[0], minus_one[0])
        assert torch.equal(ours[1], minus_one[1])
        minus_one[2][..., axis] = 0
        assert torch.equal(ours[2], minus_one[2])


CRASH = """
import itertools, torch, gridsample as gs
for padding, value, dtype, image_too, grid_too in itertools.product(
    ("border", "reflection"), (float("nan"), float("inf"), -float("inf"), 3e38, -3e38),
    (torch.float32, torch.float64), (True, False), (True, False)):
    image = torch.rand(1, 1, 4, 5, dtype=dtype, requires_grad=image_too)
    grid = torch.rand(1, 6, 6, 2, dtype=dtype) * 2 - 1
    grid[0, 1, 1, 0] = value
    grid.requires_grad_(grid_too)
    if image_too or grid_too:
        gs.grid_sample(image, grid, padding_mode=padding, align_corners=False).sum().backward()
    for t in (image, grid):
        assert t.grad is None or bool(torch.isfinite(t.grad).all())
"""


def test_the_backward_that_ends_torch_2_13_ends_well_in_a_process_of_its_own():
    done = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_zeros_padding_gives_zero_at_infinity_24823_51911():
    image = np.arange(1, 10, dtype="float32").reshape(1, 1, 3, 3)
    for mode, value, dtype in itertools.product(MODES, (INF, -INF, 3e38, 60000.0), ("float16", "float32", "float64")):
        with np.errstate(over="ignore"):
            grid = np.full((1, 1, 2, 2), 0.0).astype(dtype)
            grid[0, 0, 0, 0] = grid[0, 0, 1, 1] = np.float64(value).astype(dtype)
        assert not gs.grid_sample(image.astype(dtype), grid, mode=mode).any()


def test_gradients_at_the_border_keep_their_sign_23925():
    image = torch.tensor([[[[1.0, 2.0, 4.0, 8.0]]]], dtype=torch.float64)
    for padding, corners in itertools.product(PADDINGS, CORNERS):
        for x in (-1.2, -1.0, -0.97, 0.97, 1.0, 1.2):
            grid = torch.tensor([[[[x, 0.0]]]], dtype=torch.float64)
            options = {"padding_mode": padding, "align_corners": corners}
            _, _, ours = run(gs.grid_sample, image, grid, torch.ones(1, 1, 1, 1, dtype=torch.float64), **options)
            theirs = run(torch.nn.functional.grid_sample, image, grid, torch.ones(1, 1, 1, 1).double(), **options)[2]
            near(ours, theirs, 1e-12)
            if padding == "border" and abs(x) >= 1:
                assert not ours.any()


def test_ties_go_to_the_even_pixel_in_every_rank_97000():
    line = torch.arange(8.0)
    ties = (torch.arange(7) * 2 + 2) / 8 - 1  # half-way between pixels, exactly
    for axes in (1, 2, 3):
        image = line.reshape(1, 1, *(1,) * (axes - 1), 8)
        grid = torch.stack([ties, *[torch.zeros(7)] * (axes - 1)], -1).reshape(1, *(1,) * (axes - 1), 7, axes)
        assert gs.grid_sample(image, grid, mode="nearest").flatten().tolist() == [0, 2, 2, 4, 4, 6, 6]


def test_pixels_that_are_not_read_poison_nothing():
    image = torch.full((1, 1, 5, 5), NAN)
    image[..., 1:3, 1:3] = 1
    coords = torch.tensor([[[1.25, 1.5], [1.5, 1.75]]])
    assert gs.sample(image, coords).tolist() == [[[1, 1]]]
    assert gs.sample(image[..., 1:3, 1:3], coords + 90).tolist() == [[[0, 0]]]


@pytest.mark.parametrize("boundary", ["zero", "clamp", "reflect", "mirror", "wrap", "antireflect", "antimirror"])
def test_large_integer_coordinates_stay_exact_ort10628_ncnn4288(boundary):
    for kernel, turns in itertools.product(("nearest", "linear", "cubic"), (1, 1000, 10**6)):
        image = np.random.default_rng(0).random((1, 1, 8))
        near_by = np.arange(-8.0, 16)[None, :, None]
        far = near_by + turns * {"mirror": 14, "antimirror": 18}.get(boundary, 16)
        ours = gs.sample(image, far, kernel=kernel, boundary=boundary)
        if boundary in ("zero", "clamp"):
            want = np.full(24, 0.0 if boundary == "zero" else image[0, 0, -1])
            near(ours[0, 0, 8 * (turns == 1) :], want[8 * (turns == 1) :], 1e-15)
        else:
            assert np.array_equal(ours, gs.sample(image, near_by, kernel=kernel, boundary=boundary))


def test_jax_coordinates_are_not_cast_to_the_images_type_2281():
    image = np.arange(300, dtype="float16")[None, None] % 7
    coords = np.arange(0, 299, 0.5)[None, :, None]
    near(gs.sample(image, coords), gs.sample(image.astype("f8"), coords), 1e-2)
    with pytest.raises(NotImplementedError, match="one type"):  # two types are for sample alone
        gs.grid_sample(image, coords)
