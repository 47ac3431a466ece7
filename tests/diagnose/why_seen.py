# SPDX-License-Identifier: Apache-2.0
"""Mistakes that the arrays alone give away."""

from __future__ import annotations

import numpy as np
from why_making import (
    affine,
    as_torch,
    call,
    f4,
    flow,
    identity,
    line,
    mistake,
    oblong,
    per_px,
    turned,
)


@mistake("pixel coordinates", "pixel_coordinates")
def _(image, rng, corners):
    yy, xx = np.mgrid[: image.shape[2], : image.shape[3]].astype(float)
    return call(image, np.stack([xx, yy], -1)[None] + 0.3 * rng.standard_normal(2), corners)


@mistake("pixel coordinates of a flow", "pixel_coordinates")
def _(image, rng, corners):
    h, w = image.shape[2:]
    yy, xx = np.mgrid[:h, :w].astype(float)
    return call(image, np.stack([xx, yy], -1)[None] + flow(rng, h, w, 3), corners, padding_mode="border")


@mistake("pixel coordinates of points", "pixel_coordinates")
def _(image, rng, corners):
    h, w = image.shape[2:]
    return call(image, rng.uniform(0, 1, (1, 1, 200, 2)) * [w - 1, h - 1], corners)


@mistake("pixel coordinates from the centre", "pixel_coordinates")
def _(image, rng, corners):
    h, w = image.shape[2:]
    yy, xx = np.mgrid[:h, :w].astype(float)
    return call(image, np.stack([xx - (w - 1) / 2, yy - (h - 1) / 2], -1)[None], corners)


@mistake("[0, 1] for [-1, 1]", "unit_coordinates")
def _(image, rng, corners):
    return call(image, (identity(*image.shape[2:], corners) + 1) / 2, corners)


@mistake("[0, 1] for [-1, 1], random points", "unit_coordinates")
def _(image, rng, corners):
    return call(image, rng.random((1, 10, 30, 2)), corners)


@mistake("x and y swapped", "xy_swapped")
def _(image, rng, corners):
    return call(image, identity(*image.shape[2:], corners)[..., ::-1], corners)


@mistake("x and y swapped, turned by 10°", "xy_swapped")
def _(image, rng, corners):
    return call(image, affine(image, turned(image, np.radians(10), corners), corners)[..., ::-1], corners)


@mistake('meshgrid "ij"', "ij_meshgrid")
def _(image, rng, corners):
    image = oblong(image)
    h, w = image.shape[2:]
    xx, yy = np.meshgrid(line(w, corners), line(h, corners), indexing="ij")
    return call(image, np.stack([xx, yy], -1)[None], corners)


@mistake("layout (N, 2, H, W)", "layout")
def _(image, rng, corners):
    return call(image, np.repeat(f4(np.moveaxis(identity(*image.shape[2:], corners), -1, 1)), len(image), 0), corners)


@mistake("layout (2, H, W)", "layout")
def _(image, rng, corners):
    return call(image, np.moveaxis(identity(*image.shape[2:], corners), -1, 1)[0], corners)


@mistake("view for permute", "reshaped")
def _(image, rng, corners):
    h, w = image.shape[2:]
    grid = affine(image, turned(image, 0.2, corners), corners)
    return call(image, np.moveaxis(grid, -1, 1).reshape(1, h, w, 2), corners)


@mistake("output of another size", "output_size")
def _(image, rng, corners):
    h, w = image.shape[2:]
    return call(image, identity(h, w, corners), corners, size=(h // 2, w + 3))


@mistake("size given as (W, H)", "output_size")
def _(image, rng, corners):
    image = oblong(image)
    h, w = image.shape[2:]
    return call(image, affine(image, [1, 0, 0.1, 0, 1, 0], corners, (w, h)), corners)


@mistake("built with the other align_corners", "align_corners")
def _(image, rng, corners):
    return call(image, identity(*image.shape[2:], not corners), corners)


@mistake("built with the other align_corners, turned", "align_corners")
def _(image, rng, corners):
    return call(image, affine(image, turned(image, 0.3, not corners), not corners), corners)


@mistake("built with the other align_corners, some flow", "align_corners")
def _(image, rng, corners):
    h, w = image.shape[2:]
    some = flow(rng, h, w, 3) * per_px(image, corners)
    some[:, :, : w // 2] = 0
    return call(image, identity(h, w, not corners) + some, corners)


@mistake("2*x/W - 1", "normalised_by_n")
def _(image, rng, corners):
    h, w = image.shape[2:]
    yy, xx = np.mgrid[:h, :w].astype(float)
    return call(image, np.stack([2 * xx / w - 1, 2 * yy / h - 1], -1)[None], corners)


@mistake("rotation that shears", "rotation_shear")
def _(image, rng, corners):
    image, angle = oblong(image), rng.uniform(0.15, 1.2)
    c, s = np.cos(angle), np.sin(angle)
    return call(image, affine(image, [c, -s, 0, s, c, 0], corners), corners)


@mistake("translation in pixels", "translation_px")
def _(image, rng, corners):
    return call(image, affine(image, [1, 0, rng.integers(3, 20), 0, 1, -5], corners), corners)


@mistake("degrees for radians", "degrees")
def _(image, rng, corners):
    angle = float(rng.choice([10, 15, 20, 30, 40, 45, 60, 75, 90, 120]))
    return call(image, affine(image, turned(image, angle, corners), corners), corners)


@mistake("flow without identity", "flow_without_identity")
def _(image, rng, corners):
    return call(image, flow(rng, *image.shape[2:], 4) * per_px(image, corners), corners)


@mistake("flow in pixels without identity", "flow_without_identity")
def _(image, rng, corners):
    return call(image, 2 * flow(rng, *image.shape[2:], 8), corners)


@mistake("NaN", "nonfinite")
def _(image, rng, corners):
    grid = affine(image, turned(image, 0.3, corners), corners)
    grid[0, rng.integers(3), rng.integers(9)] = np.nan
    return call(image, grid, corners)


@mistake("bfloat16 coordinates", "half")
def _(image, rng, corners):
    grid = np.repeat(affine(image, turned(image, 0.1, corners, 0.9), corners), len(image), 0)
    return call(as_torch(image, "bfloat16"), as_torch(grid, "bfloat16"), corners)


@mistake("an axis of one pixel", "one_pixel")
def _(image, rng, corners):
    flat = np.ascontiguousarray(image[:, :, :1])
    grid = identity(1, image.shape[3], corners)
    grid[..., 1] = rng.uniform(-1, 1, grid.shape[:-1])
    return call(flat, grid, corners)


@mistake("labels with linear", "labels")
def _(image, rng, corners):
    labels = np.round(6 * image[:, :1] / image.max())
    h, w = labels.shape[2:]
    labels = labels[:, :, np.arange(h) // 6 * 6][..., np.arange(w) // 6 * 6] + (np.arange(w) // 7 % 3)
    return call(f4(labels), affine(image, turned(image, 0.3, corners), corners), corners)


@mistake("nearest on ties", "ties")
def _(image, rng, corners):
    h, w = image.shape[2:]
    yy, xx = np.mgrid[: h - 2, : w - 2] + 0.5
    grid = np.stack([xx, yy], -1)[None] * per_px(image, corners) - 1 + (0 if corners else per_px(image, corners) / 2)
    return call(image, grid, corners, mode="nearest")


@mistake("a constant grid", "constant")
def _(image, rng, corners):
    image = np.repeat(image[:1], 3, 0)
    grid = np.zeros((3, *image.shape[2:], 2), np.float32)
    grid[0] = identity(*image.shape[2:], corners)[0]
    return call(image, grid, corners)


@mistake("channels last", "channels_last")
def _(image, rng, corners):
    colours = np.repeat(image[:1, :1], 3, 1) * f4([1, 0.8, 0.6])[:, None, None]
    return call(np.moveaxis(colours, 1, -1), affine(image, turned(image, 0.2, corners), corners), corners)


@mistake("(H, W, C) without batch", "channels_last")
def _(image, rng, corners):
    colours = np.repeat(image[0, :1], 3, 0)
    return call(np.moveaxis(colours, 0, -1), affine(image, turned(image, 0.2, corners), corners), corners)


@mistake("bytes and bicubic", "integers")
def _(image, rng, corners):
    sharp = (image > np.median(image)).astype(np.uint8) * 255
    return call(sharp, affine(image, turned(image, 0.2, corners), corners), corners, mode="bicubic")


@mistake("batches that differ", "batch")
def _(image, rng, corners):
    grid = np.repeat(affine(image, turned(image, 0.2, corners), corners), 2, 0)
    return call(np.repeat(image[:1], 6, 0), grid, corners)


@mistake("a batch of 1 with torch", "batch")
def _(image, rng, corners):
    grid = affine(image, turned(image, 0.2, corners), corners)
    return call(as_torch(np.repeat(image[:1], 3, 0)), as_torch(grid), corners)


@mistake("no gradient: nearest", "gradients")
def _(image, rng, corners):
    grid = np.repeat(affine(image, turned(image, 0.2, corners), corners), len(image), 0)
    return call(as_torch(image), as_torch(grid).requires_grad_(), corners, mode="nearest")


@mistake("no gradient: points beyond the edge", "gradients")
def _(image, rng, corners):
    points = np.repeat(f4(rng.uniform(1.05, 1.6, (1, 1, 300, 2)) * [-1, 1]), len(image), 0)
    return call(as_torch(image), as_torch(points).requires_grad_(), corners, padding_mode="border")


@mistake("folds", "folds")
def _(image, rng, corners):
    h, w = image.shape[2:]
    wave = 3.0 * np.sin(np.mgrid[:h, :w][1] * 2 * np.pi / 8)
    return call(image, identity(h, w, corners) + np.stack([wave, 0 * wave], -1)[None] * per_px(image, corners), corners)


@mistake("aliasing", "aliasing")
def _(image, rng, corners):
    h, w = image.shape[2:]
    return call(image, affine(image, turned(image, 0.3, corners), corners, (h // 3, w // 3)), corners)


@mistake("samples outside", "outside")
def _(image, rng, corners):
    return call(image, affine(image, [1, 0, rng.uniform(0.5, 0.9), 0, 1, 0], corners), corners, padding_mode="border")


@mistake("a dark rim", "rim")
def _(image, rng, corners):
    h, w = image.shape[2:]
    grid = affine(image, [1, 0, 0, 0, 1, 0], False, (3 * h, 3 * w))
    return call(image, grid, False)
