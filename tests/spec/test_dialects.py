# SPDX-License-Identifier: Apache-2.0
"""Every row of the dialect table is well formed; those of libraries that are installed do what they say."""

import numpy as np
import pytest

import gridsample as gs
from gridsample import dialects
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.dialects import DIALECTS, LIBRARIES, ORDER, Row, lookup, names
from gridsample.spec.frames import FRAMES, ORDERS
from gridsample.spec.kernels import KERNELS

TABLES = {"kernel": KERNELS, "boundary": BOUNDARIES, "frame": FRAMES}
RNG = np.random.default_rng(0)
IMAGE = RNG.normal(size=(6, 5))
COORDS = np.concatenate([RNG.uniform(-7, 12, (300, 2)), RNG.integers(-7, 12, (60, 2))])  # ij
TIES = np.array([0.5, 1.5, 2.5, 3.5])  # inside the image, where the libraries say what they do


def equal(library, what):
    return [row for row in DIALECTS if (row.library, row.what) == (library, what) and row.ours]


def pairs(library):
    """Every kernel of a library with every boundary, as far as we have both."""
    for kernel in equal(library, "kernel"):
        for boundary in equal(library, "boundary"):
            yield pytest.param(kernel, boundary, id=f"{kernel.theirs}-{boundary.theirs}")


def ours(kernel: Row, boundary: Row, coords=COORDS, image=IMAGE):
    """By the public way: the names translated, then sampled."""
    options = dialects.translate(kernel.library, kernel=kernel.theirs, boundary=boundary.theirs, fill=4.0)
    coords = coords if options["order"] == "ij" else coords[:, ::-1].copy()
    return gs.sample(image[None, None], coords[None], **options)[0, 0]


@pytest.mark.parametrize("row", DIALECTS, ids=lambda row: f"{row.library}-{row.theirs}-{row.align_corners}")
def test_rows_are_well_formed(row):
    assert row.library in LIBRARIES
    assert row.ours is None or row.ours in TABLES[row.what]
    assert row.ours is not None or row.note
    assert row.fold in ("tap", "coordinate")
    assert lookup(row.library, row.what, row.theirs, row.align_corners) is row
    assert row.theirs in names(row.library, row.what)
    if row.ours == "nearest":
        assert row.ties in ("even", "up") or row.note
    else:
        assert row.ties is None


def test_lookup_answers_none_for_what_it_does_not_know():
    assert lookup("torch", "kernel", "lanczos") is None
    assert lookup("torch", "boundary", "reflection") is None  # it depends on align_corners
    assert lookup("torch", "boundary", "reflection", True).ours == "mirror"
    assert lookup("torch", "boundary", "reflection", False).ours == "reflect"
    assert set(ORDER.values()) <= set(ORDERS)


def test_every_setting_of_torch_is_here():
    assert names("torch", "kernel") == ("nearest", "bilinear", "bicubic")
    assert names("torch", "boundary") == ("zeros", "border", "reflection")


@pytest.mark.parametrize(("kernel", "boundary"), list(pairs("scipy")))
def test_scipy(kernel, boundary):
    ndimage = pytest.importorskip("scipy.ndimage")
    settings = {"order": int(kernel.theirs), "mode": boundary.theirs, "cval": 4.0}
    splines = kernel.ours.startswith("bspline")  # SciPy's filter starts exactly only where an axis is long
    image = np.random.default_rng(1).normal(size=(60, 50)) if splines else IMAGE
    coords = np.concatenate([COORDS, image.shape - COORDS])
    theirs = ndimage.map_coordinates(image, coords.T, **settings)
    bound = (
        (1e-5 if boundary.extend else 1e-11) if splines else 1e-12
    )  # ... and it leaves out what 12 pixels more would add
    np.testing.assert_allclose(ours(kernel, boundary, coords, image), theirs, atol=bound)
    ties = np.stack([TIES, np.ones(4)], axis=1)
    theirs = ndimage.map_coordinates(image, ties.T, **settings)
    np.testing.assert_allclose(ours(kernel, boundary, ties, image), theirs, atol=bound)


def test_all_of_scipys_orders_and_modes_are_here():
    assert len(equal("scipy", "boundary")) == len(names("scipy", "boundary")) == 8
    assert [row.theirs for row in equal("scipy", "kernel")] == list("012345")


def test_names_that_cannot_be_translated_say_why():
    for wrong, message in (
        ({"library": "pillow", "kernel": "x", "boundary": "y"}, "expected library to be 'torch'"),
        ({"library": "opencv", "kernel": "INTER_LANCZOS4", "boundary": "BORDER_WRAP"}, "windowed sinc of eight taps"),
        ({"library": "scipy", "kernel": 7, "boundary": "wrap"}, "expected kernel of scipy to be '0'"),
        ({"library": "torch", "kernel": "bilinear", "boundary": "reflection"}, "align_corners to be 'True' or 'False'"),
        ({"library": "coreml", "kernel": "bilinear", "boundary": "border"}, "expected frame to be"),
    ):
        with pytest.raises(ValueError, match=message):
            dialects.translate(**wrong)
    with pytest.raises(ValueError, match="expected what to be"):
        dialects.names("torch", "kernels")


@pytest.mark.parametrize(("kernel", "boundary"), list(pairs("jax")))
def test_jax(kernel, boundary):
    ndimage = pytest.importorskip("jax.scipy.ndimage")
    settings = {"order": int(kernel.theirs), "mode": boundary.theirs, "cval": 4.0}
    image = IMAGE.astype(np.float32)
    coords = (np.round(COORDS * 64) / 64)[RNG.permutation(len(COORDS))]
    coords = coords[np.all(coords % 1 != 0.5, axis=1)]
    for points in (coords, np.stack([TIES, np.ones(4)], axis=1)):
        theirs = ndimage.map_coordinates(image, list(points.T.astype(np.float32)), **settings)
        np.testing.assert_allclose(ours(kernel, boundary, points, image), theirs, atol=1e-5)


@pytest.mark.parametrize(("kernel", "boundary"), list(pairs("opencv")))
def test_opencv(kernel, boundary):
    cv2 = pytest.importorskip("cv2")
    image = IMAGE.astype(np.float32)
    coords = np.round(COORDS * 32) / 32  # where OpenCV reads exactly, whichever of its code paths it takes
    coords = coords[np.all(coords % 1 != 0.5, axis=1)]
    flag, border = getattr(cv2, kernel.theirs), getattr(cv2, boundary.theirs)
    for points in (coords, np.stack([TIES, np.ones(4)], axis=1)):
        maps = [points[None, :, j].astype(np.float32) for j in (1, 0)]
        theirs = cv2.remap(image, *maps, flag, borderMode=border, borderValue=4.0)[0]
        np.testing.assert_allclose(ours(kernel, boundary, points, image), theirs, atol=1e-5)


@pytest.mark.parametrize("kernel", equal("itk", "kernel"), ids=lambda row: row.theirs)
def test_itk(kernel):
    sitk = pytest.importorskip("SimpleITK")
    row = lookup("itk", "boundary", "DefaultPixelValue")
    interpolators = {
        "NearestNeighborInterpolateImageFunction": sitk.sitkNearestNeighbor,
        "LinearInterpolateImageFunction": sitk.sitkLinear,
        "BSplineInterpolateImageFunction": sitk.sitkBSpline,
    }
    resample = sitk.ResampleImageFilter()
    resample.SetInterpolator(interpolators[kernel.theirs])
    resample.SetDefaultPixelValue(4.0)
    resample.SetSize([30, 34])
    resample.SetOutputOrigin([-1.0, -1.0])
    resample.SetOutputSpacing([0.25, 0.25])
    theirs = sitk.GetArrayFromImage(resample.Execute(sitk.GetImageFromArray(IMAGE)))
    i, j = np.meshgrid(np.arange(34) / 4 - 1, np.arange(30) / 4 - 1, indexing="ij")
    options = dialects.translate("itk", kernel=kernel.theirs, boundary=row.theirs, fill=4.0)
    result = gs.sample(IMAGE[None, None], np.stack([j, i], axis=-1)[None], **options)[0, 0]
    excluded = (i == 5.5) | (j == 4.5)  # the far edge: see the row's note
    np.testing.assert_allclose(result[~excluded], theirs[~excluded], atol=1e-6)
    assert (theirs[excluded] == 4.0).all()
