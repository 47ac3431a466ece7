# SPDX-License-Identifier: Apache-2.0
"""Mistakes that cannot be seen without the picture wanted: a rotation to the left is none in itself."""

from __future__ import annotations

import numpy as np
from why_making import (
    affine,
    call,
    f4,
    flow,
    identity,
    mistake,
    oblong,
    per_px,
    turned,
    wanting,
)

import gridsample as gs


@mistake("direction inverted", "direction", wanted=True)
def _(image, rng, corners):
    theta = turned(image, rng.uniform(0.2, 0.6), corners, rng.uniform(0.7, 0.9), rng.uniform(-0.2, 0.2, 2))
    back = np.linalg.inv(np.vstack([theta, [0, 0, 1]]))[:2]
    return wanting(image, affine(image, theta, corners), affine(image, back, corners), corners)


@mistake("direction inverted, a flow", "direction", wanted=True)
def _(image, rng, corners):
    h, w = image.shape[2:]
    d = flow(rng, h, w, 5) * per_px(image, corners)
    return wanting(image, identity(h, w, corners) + d, identity(h, w, corners) - d, corners)


@mistake("zoom the wrong way round", "zoom", wanted=True)
def _(image, rng, corners):
    z = rng.uniform(1.3, 2.2)
    right, wrong = ([k, 0, 0, 0, k, 0] for k in (1 / z, z))
    return wanting(image, affine(image, right, corners), affine(image, wrong, corners), corners)


@mistake("zoom the wrong way round, turned", "zoom", wanted=True)
def _(image, rng, corners):
    z, angle = rng.uniform(1.3, 1.8), rng.uniform(0.3, 0.6)
    right, wrong = np.zeros((2, 2, 3))
    right[:, :2], wrong[:, :2] = (z**-k * turned(image, angle, corners)[:, :2] for k in (1, -1))
    return wanting(image, affine(image, right, corners), affine(image, wrong, corners), corners)


@mistake("translation with the wrong sign", "translation_sign", wanted=True)
def _(image, rng, corners):
    b = rng.uniform(0.1, 0.4, 2)
    right, wrong = ([1, 0, s * b[0], 0, 1, s * b[1]] for s in (1, -1))
    return wanting(image, affine(image, right, corners), affine(image, wrong, corners), corners)


@mistake("translation in pixels, a small one", "translation_px", wanted=True)
def _(image, rng, corners):
    t = per_px(image, corners)
    right, wrong = ([0.9, 0, k[0], 0, 0.9, k[1]] for k in (t, np.ones(2)))
    return wanting(image, affine(image, right, corners), affine(image, wrong, corners), corners)


@mistake("y axis up", "y_up", wanted=True)
def _(image, rng, corners):
    theta = np.array([[0.8, 0.1, 0.1], [0.05, 0.8, -0.1]])
    grid = affine(image, theta, corners)
    return wanting(image, grid, grid * f4([1, -1]), corners)


@mistake("rotation that shears, seen", "rotation_shear", wanted=True)
def _(image, rng, corners):
    image, angle = oblong(image), rng.uniform(0.3, 1.2)
    c, s = np.cos(angle), np.sin(angle)
    right = affine(image, turned(image, angle, corners), corners)
    return wanting(image, right, affine(image, [c, -s, 0, s, c, 0], corners), corners)


@mistake("degrees for radians, seen", "degrees", wanted=True)
def _(image, rng, corners):
    d = float(rng.choice([10, 15, 20, 25, 35, 50, 70]))
    right, wrong = (affine(image, turned(image, a, corners, 0.9), corners) for a in (np.radians(d), d))
    return wanting(image, right, wrong, corners)


@mistake("flow channels swapped", "flow_channels", wanted=True)
def _(image, rng, corners):
    h, w = image.shape[2:]
    d, eye = flow(rng, h, w, 5), identity(h, w, corners)
    right, wrong = (eye + k * per_px(image, corners) for k in (d, d[..., ::-1]))
    return wanting(image, right, wrong, corners)


@mistake("flow normalised by the wrong W", "flow_scale", wanted=True)
def _(image, rng, corners):
    h, w = image.shape[2:]
    d, eye = flow(rng, h, w, 8), identity(h, w, corners)
    return wanting(image, eye + d * per_px(image, corners), eye + d * per_px(image, not corners), corners)


@mistake("flow without identity, seen", "flow_without_identity", wanted=True)
def _(image, rng, corners):
    h, w = image.shape[2:]
    d = flow(rng, h, w, 5) * per_px(image, corners)
    return wanting(image, identity(h, w, corners) + d, d, corners)


@mistake("pixel coordinates, seen", "pixel_coordinates", wanted=True)
def _(image, rng, corners):
    h, w = image.shape[2:]
    px = np.stack(np.meshgrid(np.arange(w), np.arange(h)), -1)[None] * 0.7 + flow(rng, h, w, 4)
    right = px * per_px(image, corners) - 1 + (0 if corners else per_px(image, corners) / 2)
    return wanting(image, right, px, corners)


@mistake("x and y swapped, seen", "xy_swapped", wanted=True)
def _(image, rng, corners):
    right = affine(image, turned(image, 0.5, corners, 0.8, (0.1, 0.05)), corners)
    return wanting(image, right, right[..., ::-1], corners)


@mistake("built with the other align_corners, seen", "align_corners", wanted=True)
def _(image, rng, corners):
    theta = turned(image, rng.uniform(0.2, 0.5), corners, 0.83, (0.05, -0.08))
    right = gs.grid_sample(image, np.repeat(affine(image, theta, corners), len(image), 0), align_corners=corners)
    return call(image, affine(image, theta, corners), not corners, expected=right)


@mistake("another padding mode", "boundary", wanted=True)
def _(image, rng, corners):
    grid = affine(image, turned(image, 0.4, corners, 1.1), corners)
    wanted = gs.grid_sample(image, np.repeat(grid, len(image), 0), padding_mode="reflection", align_corners=corners)
    return call(image, grid, corners, expected=wanted)


@mistake("another kernel", "kernel", wanted=True)
def _(image, rng, corners):
    grid = affine(image, turned(image, 0.4, corners, 0.8), corners)
    wanted = gs.grid_sample(image, np.repeat(grid, len(image), 0), "bicubic", align_corners=corners)
    return call(image, grid, corners, expected=wanted)
