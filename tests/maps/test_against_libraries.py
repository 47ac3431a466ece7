# SPDX-License-Identifier: Apache-2.0
"""Each map's values against a library that has it, or its formula written down another way."""

from __future__ import annotations

import numpy as np
import pytest

import gridsample as gs

RNG = np.random.default_rng(0)
IMAGE = RNG.random((40, 50))
SIZE = (40, 50)


def grid(size=SIZE):
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float64)
    return x, y


def smooth(size=SIZE):
    """Smooth enough that OpenCV's 1/32 pixel does not show."""
    x, y = grid(size)
    return (np.sin(x / 7) + np.cos(y / 5)).astype(np.float32)


def test_affine_is_scipys():
    ndimage = pytest.importorskip("scipy.ndimage")
    map_ = gs.maps.Affine.from_parts(rotation_deg=25, scale=1.3, translation_px=(2, -1), input_size=SIZE)
    m = map_.matrix[0]
    expected = ndimage.affine_transform(IMAGE, m[::-1, 1::-1], m[::-1, 2], order=1, mode="grid-constant")
    np.testing.assert_allclose(gs.sample(IMAGE[None, None], map_)[0, 0], expected, atol=1e-12)


def test_affine_from_opencvs_forward_matrix():
    cv2 = pytest.importorskip("cv2")
    forward = cv2.getRotationMatrix2D((20.0, 15.0), 30.0, 1.2)  # counter-clockwise as seen, moves the picture
    parts = gs.maps.Affine.from_parts(rotation_deg=30, scale=1.2, centre_px=(20, 15))
    ours = gs.maps.Affine.from_matrix(forward, direction="input_to_output")
    np.testing.assert_allclose(ours.matrix, parts.matrix, atol=1e-12)
    picture = smooth()
    expected = cv2.warpAffine(picture, forward, SIZE[::-1])
    np.testing.assert_allclose(gs.warp(picture, ours), expected, atol=0.03)


def test_affine_is_scikit_images():
    transform = pytest.importorskip("skimage.transform")
    theirs = transform.AffineTransform(rotation=-0.4, scale=(1.5, 0.8), translation=(3, 4))
    ours = gs.maps.Affine.from_parts(rotation_deg=np.rad2deg(0.4), scale=(1.5, 0.8), translation_px=(3, 4))
    np.testing.assert_allclose(ours.square()[0], np.linalg.inv(theirs.params), atol=1e-12)
    p, q = RNG.random((6, 2)), RNG.random((6, 2))
    least = np.linalg.lstsq(np.c_[p, np.ones(6)], q, rcond=None)[0].T
    np.testing.assert_allclose(gs.maps.Affine.from_points(p, q).matrix[0], least, atol=1e-9)
    for kind, name in (("similarity", "similarity"), ("rigid", "euclidean")):
        fitted = transform.estimate_transform(name, p, q)
        np.testing.assert_allclose(gs.maps.Affine.from_points(p, q, kind=kind).square()[0], fitted.params, atol=1e-9)


@pytest.mark.parametrize("kind", ["similarity", "rigid"])
def test_similarity_in_3d_is_scipys_rotation(kind):
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    p, q = RNG.random((7, 3)), RNG.random((7, 3))
    found = gs.maps.Affine.from_points(p, q, kind=kind).matrix[0]
    turn, _ = rotation.align_vectors(q - q.mean(0), p - p.mean(0))
    linear = found[:, :3]
    np.testing.assert_allclose(linear / np.cbrt(np.linalg.det(linear)), turn.as_matrix(), atol=1e-6)
    if kind == "rigid":
        np.testing.assert_allclose(np.linalg.det(linear), 1, atol=1e-12)


def test_rotation_in_3d_is_scipys():
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    turn = rotation.from_euler("xyz", [10, 20, 30], degrees=True).as_matrix()  # about x, then y, then z
    found = gs.maps.Affine.from_parts(rotation_deg=(10, 20, 30), axes=3).matrix[0]
    np.testing.assert_allclose(found[:, :3], turn.T, atol=1e-12)


def test_theta_is_what_affine_grid_takes():
    torch = pytest.importorskip("torch")
    map_ = gs.maps.Affine.from_parts(rotation_deg=25, scale=1.3, input_size=SIZE, output_size=(30, 20))
    for corners in (False, True):
        theta = torch.from_numpy(map_.theta(SIZE, (30, 20), align_corners=corners))
        expected = torch.nn.functional.affine_grid(theta, (1, 1, 30, 20), align_corners=corners)
        np.testing.assert_allclose(map_.to_grid(SIZE, align_corners=corners), expected.numpy(), atol=1e-12)
        frame = "corners" if corners else "edges"
        back = gs.maps.Affine.from_matrix(theta, frame=frame, input_size=SIZE, output_size=(30, 20))
        np.testing.assert_allclose(back.matrix.numpy(), map_.matrix, atol=1e-10)


def test_homography_is_opencvs_and_kornias():
    cv2 = pytest.importorskip("cv2")
    out, into = np.float32([[0, 0], [49, 0], [49, 39], [0, 39]]), np.float32([[3, 4], [44, 1], [47, 36], [6, 33]])
    map_ = gs.maps.Homography.from_points(out, into)
    matrix = cv2.getPerspectiveTransform(out, into)
    np.testing.assert_allclose(map_.matrix[0] / map_.matrix[0, 2, 2], matrix, rtol=1e-3, atol=1e-4)
    picture = smooth()
    expected = cv2.warpPerspective(picture, matrix, SIZE[::-1], flags=cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR)
    np.testing.assert_allclose(gs.warp(picture, map_), expected, atol=0.03)
    kornia = pytest.importorskip("kornia")
    torch = pytest.importorskip("torch")
    forward = torch.from_numpy(np.linalg.inv(matrix))[None].float()
    theirs = kornia.geometry.warp_perspective(torch.from_numpy(picture)[None, None], forward, SIZE, align_corners=True)
    np.testing.assert_allclose(gs.warp(picture, map_), theirs[0, 0].numpy(), atol=2e-3)


def test_homography_from_more_points_is_scikit_images():
    transform = pytest.importorskip("skimage.transform")
    p = RNG.random((12, 2)) * 40
    exact = transform.ProjectiveTransform(np.array([[1.1, 0.1, 2], [0.05, 0.9, 3], [1e-3, 2e-3, 1]]))
    found = gs.maps.Homography.from_points(p, exact(p))
    np.testing.assert_allclose(found(p), exact(p)[None].squeeze(), atol=1e-7)
    np.testing.assert_allclose(found.matrix[0] / found.matrix[0, 2, 2], exact.params, atol=1e-7)


def test_homography_in_frames():
    map_ = gs.maps.Homography([[1.1, 0.1, 1], [-0.05, 0.95, 2], [0.002, -0.001, 1]])
    p = RNG.random((20, 2)) * 30
    to_frame = gs.maps.Affine.from_matrix(np.eye(2, 3), frame="pixel").square()[0]
    for frame in ("unit", "edges", "corners"):
        g = map_.in_frame(frame, SIZE, (30, 20))
        # the matrix that does in the frame what the map does in pixels, from four points
        corners = np.array([[0.1, 0.2], [0.9, 0.1], [0.8, 0.7], [0.2, 0.8]])
        matrix = gs.maps.Homography.from_points(corners, g(corners)).matrix
        back = gs.maps.Homography.from_matrix(matrix, frame=frame, input_size=SIZE, output_size=(30, 20))
        np.testing.assert_allclose(back(p), map_(p), atol=1e-8)
    forward = gs.maps.Homography.from_matrix(map_.inverse().matrix, direction="input_to_output")
    np.testing.assert_allclose(forward(p), map_(p), atol=1e-9)
    assert to_frame.shape == (3, 3)


def test_positions_are_opencvs_remap():
    cv2 = pytest.importorskip("cv2")
    x, y = grid()
    tables = (x + 2 * np.sin(y / 9)).astype(np.float32), (y + np.cos(x / 7)).astype(np.float32)
    picture = smooth()
    expected = cv2.remap(picture, *tables, cv2.INTER_LINEAR)
    np.testing.assert_allclose(gs.warp(picture, gs.maps.Positions(np.stack(tables, -1)[None])), expected, atol=0.03)


@pytest.mark.parametrize("count", [4, 5, 8, 12])
def test_lens_is_opencvs_undistortion(count):
    cv2 = pytest.importorskip("cv2")
    k = np.array([-0.3, 0.1, 0.002, -0.003, 0.02, 0.05, -0.02, 0.01, 0.003, 0.001, -0.002, 0.004])[:count]
    camera = np.array([[45.0, 0, 24], [0, 44, 21], [0, 0, 1]])
    new = np.array([[40.0, 0, 25], [0, 41, 19], [0, 0, 1]])
    tables = cv2.initUndistortRectifyMap(camera, k, None, new, SIZE[::-1], cv2.CV_32FC1)
    found = gs.maps.Lens(camera, k, new_camera=new, size=SIZE).coords()
    np.testing.assert_allclose(found[0], np.stack(tables, -1), atol=1e-4)
    points = RNG.random((10, 1, 2)) * 20 + 12
    undistorted = cv2.undistortPoints(points, camera, k, P=new)[:, 0]
    inverse = gs.maps.Lens(camera, k, new_camera=new).inverse()
    np.testing.assert_allclose(gs.maps.Lens(camera, k, new_camera=new)(undistorted), points[:, 0], atol=0.02)
    np.testing.assert_allclose(inverse(points[:, 0]), undistorted, atol=0.02)


def test_fisheye_is_opencvs():
    cv2 = pytest.importorskip("cv2")
    k = np.array([0.05, -0.02, 0.01, -0.003])
    camera = np.array([[30.0, 0, 24], [0, 31, 21], [0, 0, 1]])
    tables = cv2.fisheye.initUndistortRectifyMap(camera, k, np.eye(3), camera, SIZE[::-1], cv2.CV_32FC1)
    found = gs.maps.Lens(camera, k, model="fisheye", size=SIZE).coords()
    np.testing.assert_allclose(found[0], np.stack(tables, -1), atol=1e-4)


@pytest.mark.parametrize("log", [False, True])
def test_polar_is_scikit_images_and_opencvs(log):
    transform = pytest.importorskip("skimage.transform")
    map_ = gs.maps.Polar([24, 20], 18, size=(36, 18), log=log)
    theirs = transform.warp_polar(
        IMAGE, center=(20, 24), radius=18, output_shape=(36, 18), scaling="log" if log else "linear", order=1
    )
    np.testing.assert_allclose(gs.warp(IMAGE, map_), theirs, atol=1e-9)
    cv2 = pytest.importorskip("cv2")
    if not log:  # OpenCV's log-polar begins at radius 0
        theirs = cv2.warpPolar(smooth(), (18, 36), (24, 20), 18, cv2.WARP_POLAR_LINEAR | cv2.INTER_LINEAR)
        np.testing.assert_allclose(gs.warp(smooth(), map_), theirs, atol=0.03)


def test_thin_plate_spline_is_scipys():
    interpolate = pytest.importorskip("scipy.interpolate")
    for axes in (2, 3):
        p, q = RNG.random((9, axes)) * 20, RNG.random((9, axes)) * 20
        kernel = "thin_plate_spline" if axes == 2 else "linear"
        theirs = interpolate.RBFInterpolator(p, q, kernel=kernel, degree=1)
        places = RNG.random((50, axes)) * 20
        np.testing.assert_allclose(gs.maps.ThinPlateSpline(p, q)(places), theirs(places), atol=1e-8)


def test_thin_plate_spline_passes_through_its_points_and_smoothing_lets_go():
    p, q = RNG.random((9, 2)) * 20, RNG.random((9, 2)) * 20
    np.testing.assert_allclose(gs.maps.ThinPlateSpline(p, q)(p), q, atol=1e-9)
    affine = gs.maps.Affine.from_points(p, q)
    np.testing.assert_allclose(gs.maps.ThinPlateSpline(p, q, smoothing=1e9)(p), affine(p), atol=1e-4)
    assert np.abs(gs.maps.ThinPlateSpline(p, q, smoothing=0.1)(p) - q).max() > 0.1


def test_bspline_field_is_scipys():
    interpolate = pytest.importorskip("scipy.interpolate")
    control = RNG.random((2, 6, 7))
    map_ = gs.maps.BSplineField(control, SIZE)
    places = RNG.random((50, 2)) * [49, 39]
    # SciPy's tensor product of uniform cubic B-splines: its coefficient k has its bump from knot k to knot k + 4
    c = [1 + places[:, 0] * 4 / 49, 1 + places[:, 1] * 3 / 39]
    knots = [np.arange(n + 4.0) - 2 for n in (6, 7)]
    for j in range(2):
        spline = interpolate.NdBSpline(tuple(knots), control[j], 3)
        np.testing.assert_allclose(map_(places)[:, j] - places[:, j], spline(np.stack([c[1], c[0]], -1)), atol=1e-10)


def test_displacement_between_pixels_is_scipys_linear():
    ndimage = pytest.importorskip("scipy.ndimage")
    field = RNG.random((2, *SIZE)) * 3
    places = RNG.uniform(-5, 60, (40, 2))
    map_ = gs.maps.Displacement(field)
    for j in range(2):
        read = ndimage.map_coordinates(field[j], places[:, ::-1].T, order=1, mode="nearest")
        np.testing.assert_allclose(map_(places)[:, j], places[:, j] + read, atol=1e-9)


def test_flow_of_a_rotating_velocity_is_a_rotation():
    x, y = grid((41, 41))
    speed = np.deg2rad(20)
    v = np.stack([-speed * (y - 20), speed * (x - 20)])  # clockwise as seen; y down
    found = gs.maps.Velocity(v, steps=12)
    places = 20 + RNG.uniform(-8, 8, (30, 2))
    turned = gs.maps.Affine.from_parts(rotation_deg=20, centre_px=(20, 20))
    np.testing.assert_allclose(found(places), turned(places), atol=2e-3)


def test_views_of_a_panorama_by_its_formula():
    pano = gs.maps.Equirectangular((90, 180))
    view = gs.maps.Reprojection(gs.maps.Perspective((31, 41), 70), pano, yaw_deg=40, pitch_deg=25, roll_deg=-10)
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    x, y = grid((31, 41))
    focal = 41 / 2 / np.tan(np.deg2rad(35))
    ray = np.stack([(x - 20) / focal, (y - 15) / focal, np.ones_like(x)], -1)
    # about y to the right, then about the new x upwards, then about the new z clockwise
    ray = rotation.from_euler("YXZ", [40, 25, -10], degrees=True).apply(ray.reshape(-1, 3)).reshape(31, 41, 3)
    longitude = np.arctan2(ray[..., 0], ray[..., 2])
    latitude = np.arcsin(ray[..., 1] / np.linalg.norm(ray, axis=-1))
    expected = np.stack([(longitude / np.pi + 1) * 90 - 0.5, (latitude / np.pi + 0.5) * 90 - 0.5], -1)
    np.testing.assert_allclose(view.coords()[0], expected, atol=1e-9)
    assert view([[20.0, 15.0]])[0, 1] < 44.5  # pitch up looks at the upper half


def test_a_panorama_has_no_seam_and_survives_the_cube():
    pano = gs.maps.Equirectangular((64, 128))
    right, down, ahead = pano.ray(grid((64, 128)))
    picture = 0.5 + 0.3 * right + 0.2 * down * ahead  # smooth on the sphere
    back = gs.maps.Reprojection(gs.maps.Perspective((33, 33), 60), pano, yaw_deg=180)
    r, d, a = gs.maps.Perspective((33, 33), 60).ray(grid((33, 33)))
    length = np.sqrt(r * r + d * d + a * a)
    seen = 0.5 + 0.3 * -r / length + 0.2 * (d / length) * (-a / length)
    np.testing.assert_allclose(gs.warp(picture, back), seen, atol=2e-3)  # across the wrap of the longitude
    assert np.abs(gs.warp(picture, back, boundary="zero") - seen).max() > 0.1  # which matters
    faces = gs.sample(picture[None, None], gs.maps.cube_faces(32, pano), boundary=("clamp", "wrap"))
    strip = gs.maps.cube_strip(faces, border=1)
    again = gs.warp(strip[0, 0], gs.maps.Reprojection(pano, gs.maps.Cubemap(32, border=1)))
    np.testing.assert_allclose(again, picture, atol=0.01)  # edges and corners of the cube included
    plain = gs.maps.cube_strip(faces, border=0)
    torn = gs.warp(plain[0, 0], gs.maps.Reprojection(pano, gs.maps.Cubemap(32)))
    assert np.abs(torn - picture).max() > 0.05  # without borders, the strip's neighbours show


def test_crop_is_roi_align_with_one_sample_per_cell():
    ndimage = pytest.importorskip("scipy.ndimage")
    boxes = np.array([[3.0, 4.0, 20.0, 30.0], [0.0, 0.0, 50.0, 40.0], [10.5, 11.5, 17.5, 18.5]])
    # He et al. 2017: cells of (x1 - x0) / 9 by (y1 - y0) / 7, read in their middles; pixel centres at + 1/2
    x = boxes[:, 0, None] + (boxes[:, 2] - boxes[:, 0])[:, None] * (np.arange(9) + 0.5) / 9 - 0.5
    y = boxes[:, 1, None] + (boxes[:, 3] - boxes[:, 1])[:, None] * (np.arange(7) + 0.5) / 7 - 0.5
    places = np.broadcast_arrays(y[:, :, None], x[:, None, :])
    expected = ndimage.map_coordinates(IMAGE, places, order=1, mode="nearest")
    crop = gs.maps.Crop(boxes, (7, 9))
    found = gs.sample(IMAGE[None, None], crop, boundary="clamp")
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-12)
    batch = gs.maps.Crop(np.stack([boxes, boxes[::-1]]), (7, 9))
    many = gs.sample(np.stack([IMAGE, 2 * IMAGE])[:, None], batch, boundary="clamp")
    assert many.shape == (2, 1, 3, 7, 9)
    np.testing.assert_allclose(many[0, 0], expected, atol=1e-12)
    np.testing.assert_allclose(many[1, 0], 2 * expected[::-1], atol=1e-12)


def test_a_turned_crop_is_opencvs():
    cv2 = pytest.importorskip("cv2")
    box = ((25.0, 20.0), (16.0, 10.0), 30.0)  # middle, size, clockwise as seen: cv2.RotatedRect
    crop = gs.maps.Crop([[25 - 8 + 0.5, 20 - 5 + 0.5, 25 + 8 + 0.5, 20 + 5 + 0.5]], (10, 16), angle_deg=box[2])
    corners = gs.maps.compose(crop)(np.array([[-0.5, 9.5], [-0.5, -0.5], [15.5, -0.5], [15.5, 9.5]]))
    np.testing.assert_allclose(corners, cv2.boxPoints(box), atol=1e-4)


def test_saliency_is_learning_to_zooms_sum():
    s = RNG.random((1, 6, 7))
    map_ = gs.maps.Saliency(s, (6, 7), (60, 70), spread=0.2)
    # the published sum, over saliency with its rim replicated three spreads wide
    pad = 5
    padded = np.pad(s[0], pad, mode="edge")
    ky, kx = (np.arange(-pad, n + pad) for n in (6, 7))
    gy, gx = (ky + 0.5) / 7, (kx + 0.5) / 7  # in units of the longer side
    expected = np.zeros((6, 7, 2))
    for i in range(6):
        for j in range(7):
            dy, dx = gy - (i + 0.5) / 7, gx - (j + 0.5) / 7
            wy, wx = np.exp(-0.5 * (dy / 0.2) ** 2), np.exp(-0.5 * (dx / 0.2) ** 2)
            wy[np.abs(ky - i) > np.ceil(0.6 * 7)] = 0
            wx[np.abs(kx - j) > np.ceil(0.6 * 7)] = 0
            k = padded * wy[:, None] * wx[None]
            expected[i, j] = (k * gx[None]).sum() / k.sum() * 70 - 0.5, (k * gy[:, None]).sum() / k.sum() * 70 - 0.5
    np.testing.assert_allclose(map_.coords()[0], expected, atol=1e-9)
