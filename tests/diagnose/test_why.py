# SPDX-License-Identifier: Apache-2.0
"""`why` on arrays: every library's, every number of axes, nothing changed; its checks; how findings are ranked."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
import why_making as corpus

import gridsample as gs
from gridsample.diagnose.findings import diagnostics

RNG = np.random.default_rng(0)
IMAGE = corpus.noise(RNG, 3, 40, 60)
PIXELS = np.stack(np.meshgrid(np.arange(60.0), np.arange(40.0)), -1)[None].astype("f4")


def identity(*sizes, corners=False):
    lines = [corpus.line(n, corners) for n in sizes]
    return np.stack(np.meshgrid(*lines, indexing="ij")[::-1], -1)[None].astype("f4")


def test_a_report_says_what_why_and_how():
    report = gs.why(IMAGE, PIXELS)
    text = str(report)
    assert not report.ok
    assert report.first == "pixel_coordinates"
    assert "x from 0 to 59, y from 0 to 39" in text
    assert "W=60, H=40" in text
    assert "gs.sample(image, grid, frame='pixel')" in text
    assert "pixel_coordinates" in report
    assert report["pixel_coordinates"] is report.findings[0]
    assert len(report) == len(list(report))
    np.testing.assert_allclose(report.findings[0].repaired.output, IMAGE, atol=1e-5)
    with pytest.raises(KeyError, match="found: pixel_coordinates"):
        report["zoom"]


def test_nothing_is_found_where_nothing_is_wrong():
    report = gs.why(IMAGE, identity(40, 60))
    assert report.ok
    assert "Nothing found." in str(report)


@pytest.mark.parametrize("sizes", [(50,), (20, 30), (6, 9, 12)], ids=len)
@pytest.mark.parametrize("corners", [False, True])
def test_any_number_of_axes(sizes, corners):
    image = np.random.default_rng(1).random((1, 2, *sizes), dtype=np.float32)
    assert gs.why(image, identity(*sizes, corners=corners), align_corners=corners).ok
    index = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij")[::-1], -1)[None].astype("f4")
    assert gs.why(image, index, align_corners=corners).first == "pixel_coordinates"
    unit = (identity(*sizes, corners=corners) + 1) / 2
    assert gs.why(image, unit, align_corners=corners).first == "unit_coordinates"
    if len(sizes) > 1:
        assert gs.why(image, np.moveaxis(identity(*sizes), -1, 1)).first == "layout"
        assert gs.why(image, identity(*sizes, corners=corners)[..., ::-1], align_corners=corners).first == "xy_swapped"
        assert gs.why(image, identity(*sizes, corners=not corners), align_corners=corners).first == "align_corners"


def test_torch_tensors():
    torch = pytest.importorskip("torch")
    report = gs.why(torch.from_numpy(IMAGE), torch.from_numpy(PIXELS).requires_grad_())
    assert report.first == "pixel_coordinates"
    assert gs.why(torch.from_numpy(IMAGE).bfloat16(), torch.from_numpy(identity(40, 60))).first == "types"
    with pytest.raises(gs.GridSampleError, match="meta"):
        gs.why(torch.empty(1, 1, 4, 4, device="meta"), torch.zeros(1, 4, 4, 2))


def test_jax_arrays():
    jnp = pytest.importorskip("jax.numpy")
    report = gs.why(jnp.asarray(IMAGE), jnp.asarray(PIXELS))
    assert report.first == "pixel_coordinates"
    assert report.case.library == "jax"
    half = gs.why(jnp.asarray(IMAGE), jnp.asarray(identity(40, 60)).astype(jnp.bfloat16))
    assert half.first == "half"


def test_nothing_is_changed():
    torch = pytest.importorskip("torch")
    image, grid, wanted = IMAGE.copy(), PIXELS.copy(), np.flip(IMAGE, -1).copy()
    before = [a.copy() for a in (image, grid, wanted)]
    for array in (image, grid, wanted):
        array.flags.writeable = False
    numpy_state, torch_state = str(np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
    gs.why(image, grid, expected=wanted).pixel(3, 4)
    for array, was in zip((image, grid, wanted), before, strict=True):
        np.testing.assert_array_equal(array, was)
    assert str(np.random.get_state()) == numpy_state  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_the_first_position_of_a_nan():
    grid = identity(40, 60)
    grid[0, 7, 11, 1] = np.nan
    grid[0, 30, 5, 0] = -np.inf
    report = gs.why(IMAGE, grid)
    assert report.first == "nonfinite"
    assert "1 NaN and 1 infinite" in report.findings[0].seen
    assert "grid[0, 7, 11]" in report.findings[0].seen
    assert report.findings[0].place == (0, 7, 11)
    image = IMAGE.copy()
    image[0, 1, 2, 3] = np.nan
    assert "image[0, 1, 2, 3]" in gs.why(image, identity(40, 60))["nonfinite"].seen


def test_fractions_and_sides_are_counted():
    theta = np.array([[[1, 0, 0.5], [0, 1, 0]]], "f4")
    seen = gs.why(IMAGE, gs.affine_grid(theta, IMAGE.shape))["outside"].seen
    assert seen.startswith("25 % of the outputs read outside the image: 25 % beyond the right")


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("name", ["pixel_coordinates", "unit_coordinates", "xy_swapped", "normalised_by_n", "layout"])
def test_the_corrected_line_corrects(name, corners):
    torch = pytest.importorskip("torch")
    right = torch.from_numpy(identity(40, 60, corners=corners))
    px = torch.from_numpy(PIXELS)
    wrong = {
        "pixel_coordinates": px.clone(),
        "unit_coordinates": (right + 1) / 2,
        "xy_swapped": right.flip(-1),
        "normalised_by_n": 2 * px / torch.tensor([60.0, 40.0]) - 1,
        "layout": right.permute(0, 3, 1, 2),
    }[name]
    image = torch.from_numpy(IMAGE)
    report = gs.why(image, wrong, align_corners=corners)
    assert report.first == name
    names = {"image": image, "grid": wrong.clone(), "px": px, "gs": gs, "torch": torch}
    exec(report.findings[0].fix, names)
    out = torch.nn.functional.grid_sample(image, names["grid"], align_corners=corners)
    torch.testing.assert_close(out, image, rtol=0, atol=2e-5)


def test_folds_are_counted_and_tears_are_not_folds():
    grid = identity(40, 60)
    grid[0, :, 20:30, 0] = grid[0, :, 20:30, 0][:, ::-1]
    assert gs.why(IMAGE, grid).first == "folds"
    torn = identity(40, 60)
    torn[..., 0] = (torn[..., 0] + 2.2) % 2 - 1
    report = gs.why(IMAGE, torn)
    assert report.ok
    assert "39" in report["torn"].seen or "40" in report["torn"].seen


def test_types_are_compared_for_torch_alone():
    torch = pytest.importorskip("torch")
    image, grid = torch.from_numpy(IMAGE), torch.from_numpy(identity(40, 60)).double()
    with pytest.raises(RuntimeError):
        torch.nn.functional.grid_sample(image, grid, align_corners=False)
    assert gs.why(image, grid).first == "types"
    assert gs.why(IMAGE, identity(40, 60).astype("f8")).ok


def test_expected_clears_what_looks_like_a_mistake():
    grid = identity(40, 60)[..., ::-1].copy()  # somebody wants this
    assert not gs.why(IMAGE, grid).ok
    assert gs.why(IMAGE, grid, expected=gs.grid_sample(IMAGE, grid)).ok


def test_expected_of_another_kind():
    report = gs.why(IMAGE, identity(40, 60), expected=RNG.random(IMAGE.shape))
    assert report.first == "unexplained"
    assert report.ok
    wrong = gs.why(IMAGE, identity(40, 60), expected=IMAGE[..., :7])
    assert wrong.first == "output_size"


@pytest.mark.parametrize("form", ["(C, H, W)", "(H, W, C)", "uint8"])
def test_expected_as_pictures_come(form):
    theta = np.array([[[1, 0, 0.2], [0, 1, -0.1]]], "f4")
    image = np.round(255 * IMAGE)
    wanted = gs.grid_sample(image, gs.affine_grid(theta, image.shape))[0]
    wanted = np.round(wanted).astype(np.uint8) if form == "uint8" else wanted
    wanted = np.moveaxis(wanted, 0, -1) if form == "(H, W, C)" else wanted
    theta[..., 2] *= -1
    report = gs.why(image, gs.affine_grid(theta, image.shape), expected=wanted)
    assert report.first == "translation_sign"
    assert report.findings[0].severity == "error"


def test_two_mistakes_at_once():
    right = gs.affine_grid(np.array([[[0.8, 0.1, 0.1], [-0.1, 0.8, 0]]], "f4"), IMAGE.shape)
    wanted = gs.grid_sample(IMAGE, right, padding_mode="border")
    report = gs.why(IMAGE, np.moveaxis((right + 1) / 2, -1, 1), padding_mode="border", expected=wanted)
    assert {"layout", "unit_coordinates"} <= {f.name for f in report.findings[:2]}


@pytest.mark.parametrize(
    "arguments",
    [
        {"image": IMAGE},
        {"image": IMAGE, "grid": "no"},
        {"image": IMAGE, "grid": np.zeros((1, 0, 4, 2))},
        {"image": IMAGE, "grid": PIXELS, "mode": "bilinar"},
        {"image": IMAGE, "grid": PIXELS, "padding_mode": "black"},
        {"image": IMAGE, "grid": PIXELS, "align_corners": "yes"},
        {"image": IMAGE, "grid": PIXELS, "wanted": IMAGE},
        {"image": IMAGE.astype(complex), "grid": PIXELS},
    ],
)
def test_what_is_refused(arguments):
    with pytest.raises(gs.GridSampleError, match=r"expected .*, got .*; "):
        gs.why(**arguments)


def test_hopeless_shapes_are_said_and_not_raised():
    report = gs.why(IMAGE, np.zeros((1, 4, 5, 7), "f4"))
    assert report.first == "refused"
    assert not report.ok
    with pytest.raises(gs.GridSampleError, match="put the shapes right"):
        report.pixel(0, 0)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_comes_is_answered(seed):
    """Sizes down to 1, one to three axes, every type, values from nothing to infinity, right and wrong shapes."""
    random = np.random.default_rng([seed, 5])
    for _ in range(12):
        axes = int(random.integers(1, 4))
        into, out = random.integers(1, 9, axes), random.integers(1, 9, axes)
        n = int(random.integers(1, 3))
        image = (random.standard_normal((n, int(random.integers(1, 4)), *into)) * 50).astype(
            random.choice(["f2", "f4", "f8", "u1", "i4"])
        )
        grid = random.standard_normal((int(random.choice([1, n])), *out, axes)) * random.choice([0, 1e-3, 1, 30, 1e30])
        if random.random() < 0.2:
            grid.flat[random.integers(grid.size)] = random.choice([np.nan, np.inf, -np.inf])
        grid = grid.astype(random.choice(["f2", "f4", "f8"])) if np.abs(grid).max() < 1e4 else grid
        if random.random() < 0.2:
            grid = np.moveaxis(grid, -1, int(random.integers(grid.ndim)))
        if random.random() < 0.2:
            grid = grid[0]
        expected = None
        if random.random() < 0.4:
            expected = random.standard_normal((n, image.shape[1], *(out if random.random() < 0.7 else into)))
        report = gs.why(
            image,
            grid,
            str(random.choice(["bilinear", "nearest", "bicubic"])),
            str(random.choice(["zeros", "border", "reflection", "wrap"])),
            bool(random.integers(2)),
            expected=expected,
        )
        assert str(report)
        if report.case.valid:
            assert str(report.pixel(*report.telling[1:], n=report.telling[0]))


@pytest.mark.parametrize("name", sorted(diagnostics()))
def test_every_diagnostic_is_a_file_of_its_name_with_words(name):
    row = diagnostics()[name]
    module = __import__(f"gridsample.diagnose.findings.{name}", fromlist=["DIAGNOSTIC"])
    assert module.DIAGNOSTIC is row
    assert row.title[-1] != "."
    assert row.because.endswith(".")
    assert row.fix
    assert set(row.explains) <= set(diagnostics())
    from gridsample.diagnose.pictures import KINDS

    assert row.picture in KINDS


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("GRIDSAMPLE_SLOW"), reason="set GRIDSAMPLE_SLOW=1")
def test_a_picture_of_1080_lines_takes_less_than_a_second():
    image = np.random.default_rng(2).random((1, 3, 1080, 1920), dtype=np.float32)
    grid = gs.affine_grid(np.array([[[0.9, -0.2, 0], [0.3, 0.8, 0]]], "f4"), image.shape)
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        gs.why(image, grid)
        taken.append(time.perf_counter() - start)
    assert min(taken) < 1
