# SPDX-License-Identifier: Apache-2.0
"""Bad input: an error or a warning that says what was expected, what came, with numbers, and what to do."""

from __future__ import annotations

import numpy as np
import pytest

import gridsample as gs
from gridsample.errors import MapWarning

maps = gs.maps
IMAGE = np.zeros((1, 1, 8, 9))
LINE = [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
SQUARE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]

ERRORS = {
    "singular": (lambda: maps.Affine([[1, 2, 0], [2, 4, 0]]).inverse(), r"an inverse, got determinant 0"),
    "singular homography": (lambda: maps.Homography(np.ones((3, 3))), r"determinant 0 in map 0"),
    "singular forward": (
        lambda: maps.Affine.from_matrix([[0, 0, 1], [0, 1, 0]], direction="input_to_output"),
        r"determinant 0",
    ),
    "one of many": (
        lambda: maps.Homography(np.stack([np.eye(3), np.diag([1.0, 0, 1])])),
        r"determinant 0 in map 1",
    ),
    "collinear": (lambda: maps.Affine.from_points(LINE, SQUARE), r"on one line in map 0 \(spread 3.16 by"),
    "collinear spline": (lambda: maps.ThinPlateSpline(LINE, SQUARE), r"output_points that span .* on one line"),
    "collinear input": (lambda: maps.Homography.from_points(SQUARE, LINE), r"input_points .* on one line"),
    "three of four": (
        lambda: maps.Homography.from_points(SQUARE, [[0, 0], [1, 0], [2, 0], [0, 1]]),
        r"input_points of which no three are on one line",
    ),
    "few": (lambda: maps.Affine.from_points(SQUARE[:2], SQUARE[:2]), r"at least 3 pairs of points in 2D, got 2"),
    "few for four": (lambda: maps.Homography.from_points(SQUARE[:3], SQUARE[:3]), r"at least 4 pairs"),
    "unpaired": (lambda: maps.Affine.from_points(SQUARE, SQUARE[:3]), r"as many output as input points"),
    "twice": (
        lambda: maps.ThinPlateSpline([*SQUARE, SQUARE[2]], [*SQUARE, [5, 5]]),
        r"different places, got points 2 and 4",
    ),
    "last row": (lambda: maps.Affine([[1, 0, 0], [0, 1, 0], [0.1, 0, 1]]), r"Homography` for perspective"),
    "rank": (lambda: maps.Affine(np.zeros(3)), r"\(N, D, D \+ 1\)"),
    "text": (lambda: maps.Affine("turn"), r"matrix to be numbers"),
    "complex": (lambda: maps.Affine(np.eye(2, 3) * 1j), r"matrix to be numbers"),
    "scale": (lambda: maps.Affine.from_parts(scale=0), r"scale not 0"),
    "flat shear": (lambda: maps.Affine.from_parts(shear=(1, 1)), r"shear: expected a matrix with an inverse"),
    "direction": (lambda: maps.Affine.from_matrix(np.eye(2, 3), direction="forward"), r"direction to be"),
    "frame": (lambda: maps.Affine.from_matrix(np.eye(2, 3), frame="edge"), r"did you mean 'edges'"),
    "no size": (lambda: maps.Affine.from_matrix(np.eye(2, 3), frame="edges"), r"expected input_size, got none"),
    "kind": (lambda: maps.Affine.from_points(SQUARE, SQUARE, kind="afine"), r"did you mean 'affine'"),
    "channels last flow": (lambda: maps.Displacement(np.zeros((1, 8, 9, 2))), r"field.permute\(0, 3, 1, 2\)"),
    "few controls": (lambda: maps.BSplineField(np.zeros((2, 3, 9)), (8, 9)), r"4 control points or more"),
    "xywh": (lambda: maps.Crop([[10, 10, 5, 5]], (2, 2)), r"x1 > x0 and y1 > y0, got .* at 0; add the corner"),
    "coefficients": (lambda: maps.Lens((9, 9, 4, 4), np.zeros(6)), r"0 or 4 or 5 or 8 or 12 coefficients"),
    "fisheye": (lambda: maps.Lens((9, 9, 4, 4), np.zeros(5), model="fisheye"), r"0 or 4 coefficients"),
    "focal": (lambda: maps.Lens((0, 9, 4, 4)), r"focal lengths in camera not 0"),
    "radius": (lambda: maps.Polar((4, 4), 0.5, (9, 9), log=True), r"radius_px above 1"),
    "fov": (lambda: maps.Perspective((9, 9), 180), r"between 0 and 180"),
    "saliency": (lambda: maps.Saliency(np.zeros((1, 4, 4)), (9, 9), (9, 9)), r"not 0 everywhere"),
    "axes": (lambda: maps.Affine.identity(2) @ maps.Affine.identity(3), r"2D and 3D"),
    "no maps": (lambda: maps.compose(), r"one or more maps"),
    "positions": (lambda: maps.Affine.identity()([[1, 2, 3]]), r"positions \(…, 2\)"),
    "size": (lambda: maps.Affine.identity().coords((3, 4, 5)), r"a size of 2 positive lengths"),
    "needs size": (lambda: maps.Affine.identity().coords(), r"the size of the output"),
    "image rank": (lambda: gs.sample(IMAGE, maps.Affine.identity(3)), r"image \(N, C, \*3 axes\) for Affine"),
    "own frame": (lambda: gs.sample(IMAGE, maps.Affine.identity(), frame="edges"), r"a map carries its own"),
    "size of array": (lambda: gs.sample(IMAGE, np.zeros((1, 3, 2)), size=(3, 4)), r"size only with a map"),
    "crops inverted": (lambda: maps.Crop(np.ones((2, 2, 4)) * [0, 0, 5, 5], (3, 3)).inverse(), r"crop.affine\(\)"),
    "boxes": (lambda: maps.Affine.identity().boxes([[1, 2, 3, 4]]), r"boxes \(N, K, 4\)"),
    "grid": (lambda: maps.from_grid(np.zeros((3, 4, 2)), (8, 9), align_corners=False), r"grid \(N, \*out, D\)"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_was_expected_what_came_and_what_to_do(name):
    call, pattern = ERRORS[name]
    with pytest.raises(gs.GridSampleError, match=pattern) as caught:
        call()
    assert all(part in str(caught.value) for part in ("expected ", ", got ", "; "))


Y, X = np.mgrid[0:8, 0:9].astype(float)

WARNINGS = {
    "positions as flow": (lambda: maps.Displacement(np.stack([X, Y])), r"grows by 1, 1 px per pixel .* maps.Positions"),
    "grid as positions": (
        lambda: maps.Positions(np.stack([X / 4 - 1, Y / 4 - 1], -1)[None]),
        r"within ±1 px on an output of 8×9.*from_grid",
    ),
    "pixels as grid": (
        lambda: maps.from_grid(np.stack([X, Y], -1)[None], (8, 9), align_corners=False),
        r"look like pixels; maps.Positions",
    ),
    "fractions as boxes": (lambda: maps.Crop([[0.1, 0.2, 0.5, 0.6]], (3, 3)), r"fractions of the image; give pixels"),
    "fractions as camera": (lambda: maps.Lens((0.8, 0.8, 0.5, 0.5)), r"fractions of the image; give pixels"),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_warnings_for_units_that_can_be_recognised(name):
    call, pattern = WARNINGS[name]
    with pytest.warns(MapWarning, match=pattern):
        call()


def test_two_libraries_are_refused():
    torch = pytest.importorskip("torch")
    jax = pytest.importorskip("jax")
    with pytest.raises(TypeError, match="one library"):
        maps.Affine(torch.eye(2, 3))(jax.numpy.zeros((1, 2)))
    with pytest.raises(TypeError, match="one library"):
        gs.sample(IMAGE, maps.Affine(torch.eye(2, 3)))
    with pytest.raises(TypeError, match="stack them into one"):
        maps.Affine([[torch.ones(()), 0, 0], [0, 1, 0]])
