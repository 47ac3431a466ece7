# SPDX-License-Identifier: Apache-2.0
"""One map of every kind, gentle enough to be inverted, for the tests that every map must pass."""

from __future__ import annotations

from typing import Any

import numpy as np

import gridsample as gs

SIZE = (24, 30)
RNG = np.random.default_rng(7)


def bumps(axes: int, size: tuple[int, ...], amplitude: float) -> Any:
    """A smooth field (1, D, *size), zero at the rim."""
    grids = np.meshgrid(*[np.linspace(0, np.pi, n) for n in size], indexing="ij")
    bell = np.prod([np.sin(g) for g in grids], axis=0)
    return np.stack([amplitude * bell * np.cos(g + j) for j, g in enumerate(grids)])[None]


def points(n: int, axes: int = 2) -> Any:
    return RNG.uniform(2.0, 20.0, (1, n, axes))


def corners(axes: int = 2) -> Any:
    grid = np.stack(np.meshgrid(*[[1.0, 12.0, 23.0]] * axes, indexing="ij"), axis=-1).reshape(1, -1, axes)
    return grid + np.random.default_rng(3).uniform(-1, 1, grid.shape)


def spline() -> Any:
    p = corners()
    return p, p + np.random.default_rng(4).uniform(-1.5, 1.5, p.shape)


MAPS: dict[str, Any] = {
    "affine": gs.maps.Affine.from_parts(rotation_deg=20, scale=(1.2, 0.9), shear=0.1, input_size=SIZE),
    "affine3d": gs.maps.Affine.from_parts(
        rotation_deg=(10, 20, 30), scale=1.1, translation_px=(1, 2, 3), centre_px=(4, 5, 6), axes=3
    ),
    "homography": gs.maps.Homography([[1.1, 0.1, 1], [-0.05, 0.95, 2], [0.002, -0.001, 1]], size=SIZE),
    "displacement": gs.maps.Displacement(bumps(2, SIZE, 1.5)),
    "velocity": gs.maps.Velocity(bumps(2, SIZE, 2.0)),
    "spline": gs.maps.ThinPlateSpline(*spline(), size=SIZE),
    "spline3d": gs.maps.ThinPlateSpline(corners(3), corners(3) + 0.05 * corners(3) ** 1.1),
    "bspline": gs.maps.BSplineField(np.random.default_rng(5).uniform(-1, 1, (1, 2, 6, 7)), SIZE),
    "bspline3d": gs.maps.BSplineField(np.random.default_rng(5).uniform(-1, 1, (1, 3, 5, 4, 6)), (24, 24, 24)),
    "polar": gs.maps.Polar([14.5, 11.5], 11.0, size=SIZE),
    "logpolar": gs.maps.Polar([14.5, 11.5], 11.0, size=SIZE, log=True),
    "lens": gs.maps.Lens((25.0, 24.0, 14.0, 12.0), (0.1, 0.02, 0.003, -0.002, 0.01), size=SIZE),
    "fisheye": gs.maps.Lens(
        (20.0, 21.0, 14.0, 12.0), (0.02, 0.01, 0.003, 0.001), model="fisheye", new_camera=(18, 18, 15, 11), size=SIZE
    ),
    "view": gs.maps.Reprojection(
        gs.maps.Perspective(SIZE, 80), gs.maps.Equirectangular((60, 120)), yaw_deg=30, pitch_deg=20, roll_deg=5
    ),
    "crop": gs.maps.Crop([[2.0, 3.0, 20.0, 21.0], [1.0, 1.0, 11.5, 9.0]], SIZE, angle_deg=[0.0, 15.0]),
    "saliency": gs.maps.Saliency(1 + RNG.uniform(0, 3, (1, 12, 15)), SIZE, (40, 50)),
    "composed": gs.maps.Affine.from_parts(rotation_deg=8, centre_px=(12, 12)) @ gs.maps.Displacement(bumps(2, SIZE, 1)),
}
