# SPDX-License-Identifier: Apache-2.0
"""kornia's geometry: each of its warps that samples a grid, as a call and the tensors it is differentiated by."""

from __future__ import annotations

from typing import Any

import kornia.feature as kf
import kornia.geometry as kg
import torch

Tensors = list[torch.Tensor]


def _image(side: int, channels: int = 3) -> torch.Tensor:
    return torch.rand(2, channels, side, side)


def _near_identity(rows: int, columns: int, amount: float = 0.02) -> torch.Tensor:
    return torch.eye(rows, columns).repeat(2, 1, 1) + torch.randn(2, rows, columns) * amount


def _volume(side: int) -> torch.Tensor:
    n = max(8, side // 8)
    return torch.rand(2, 1, n, n, n)


def warp_affine(side: int) -> Any:
    size = (side, side)
    return lambda i, m: kg.warp_affine(i, m, size, padding_mode="border"), [_image(side), _near_identity(2, 3)]


def warp_perspective(side: int) -> Any:
    matrix = _near_identity(3, 3)
    matrix[:, 2] = torch.tensor([1e-4, 1e-4, 1.0])
    return lambda i, m: kg.warp_perspective(i, m, (side, side)), [_image(side), matrix]


def remap(side: int) -> Any:
    x, y = torch.rand(2, 2, side, side) * side
    return lambda i, x, y: kg.remap(i, x, y, mode="bicubic", align_corners=True), [_image(side), x, y]


def rotate(side: int) -> Any:
    return lambda i, a: kg.rotate(i, a, mode="bilinear", padding_mode="reflection"), [
        _image(side),
        torch.tensor([30.0, -7.0]),
    ]


def translate(side: int) -> Any:
    return lambda i, t: kg.translate(i, t), [_image(side), torch.rand(2, 2) * 9]


def elastic(side: int) -> Any:
    return lambda i, n: kg.transform.elastic_transform2d(i, n), [_image(side), torch.rand(2, 2, side, side) * 2 - 1]


def thin_plate(side: int) -> Any:
    points = torch.rand(2, 9, 2) * 2 - 1
    weights, affine = kg.transform.get_tps_transform(points, points + torch.randn_like(points) * 0.05)
    return lambda i, w, a: kg.transform.warp_image_tps(i, points, w, a), [_image(side), weights, affine]


def homography(side: int) -> Any:
    size = (side, side)
    return lambda i, h: kg.homography_warp(i, h, size, normalized_homography=True), [_image(side), _near_identity(3, 3)]


def crop_and_resize(side: int) -> Any:
    far = side * 0.8
    boxes = torch.tensor([[[5.0, 5.0], [far, 5.0], [far, far], [5.0, far]]]).repeat(2, 1, 1)
    return lambda i: kg.crop_and_resize(i, boxes, (side // 2, side // 2)), [_image(side)]


def patches(side: int) -> Any:
    frames = torch.zeros(2, 40, 2, 3)
    frames[..., :2] = torch.eye(2) * 6
    frames[..., 2] = torch.rand(2, 40, 2) * side
    return lambda i, f: kf.extract_patches_from_pyramid(i, f, 32), [_image(side, 1), frames]


def warp_affine3d(side: int) -> Any:
    volume = _volume(side)
    return lambda v, m: kg.warp_affine3d(v, m, tuple(volume.shape[2:])), [volume, _near_identity(3, 4)]


def warp_perspective3d(side: int) -> Any:
    volume = _volume(side)
    matrix = torch.eye(4).repeat(2, 1, 1)
    return lambda v, m: kg.transform.warp_perspective3d(v, m, tuple(volume.shape[2:])), [volume, matrix]


WARPS = {
    row.__name__: row
    for row in (
        warp_affine,
        warp_perspective,
        remap,
        rotate,
        translate,
        elastic,
        thin_plate,
        homography,
        crop_and_resize,
        patches,
        warp_affine3d,
        warp_perspective3d,
    )
}


def build(name: str, side: int, seed: int = 0) -> Any:
    """The call, and the tensors it takes and is differentiated by."""
    torch.manual_seed(seed)
    call, tensors = WARPS[name](side)
    return call, [tensor.requires_grad_() for tensor in tensors]
