# SPDX-License-Identifier: Apache-2.0
"""A panorama without a seam
=========================

An equirectangular panorama rendered to perspective views and to a cube, without a seam.

The panorama is made here of four photographs of scikit-image, painted onto the sphere around a camera, so that one of
them lies across the meridian where the panorama's left and right edge meet. It is then looked at from all sides. Shown
is how much the view across that meridian differs from the same view of the panorama turned by half, whose edges lie
behind the camera: a seam would show, and does where the longitude is not wrapped. So is what a cube and back costs.

Run it with `python examples/panorama.py`; it needs scikit-image and matplotlib.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from skimage import data
from tqdm import tqdm

import gridsample as gs
from gridsample import maps

Array = np.ndarray[Any, np.dtype[Any]]


class Result(NamedTuple):
    """Grey levels (of 255): greatest difference at the meridian with and without wrapping; the cube's mean error."""

    wrapped: float
    unwrapped: float
    cube: float


def paint(size: tuple[int, int]) -> Array:
    """The panorama (H, W, 3) in [0, 255]: sky and ground, and four photographs around."""
    sphere = maps.Equirectangular(size)
    _, down, _ = sphere.ray(list(np.meshgrid(np.arange(size[1]), np.arange(size[0]))))
    share = (down[..., None] + 1) / 2
    panorama = (1 - share) * [150.0, 190, 235] + share * [70.0, 60, 50]
    photographs = (data.astronaut(), data.chelsea(), data.coffee(), data.rocket())
    for photo, yaw in zip(tqdm(photographs, "painting", leave=False, disable=None), (0, 90, 175, -90), strict=True):
        picture = photo.astype(np.float64)
        camera = maps.Perspective(picture.shape[:2], 70)
        # the camera's picture drawn from the sphere, the other way round
        onto = maps.Reprojection(camera, sphere, yaw_deg=yaw, pitch_deg=5).inverse()
        painted = gs.warp(picture, onto, boundary="clamp")
        shown = onto.inside(picture.shape[:2])[0]
        panorama[shown] = painted[shown]
    return panorama


def look(panorama: Array, size: tuple[int, int], yaw_deg: float, fov_deg: float = 80) -> maps.Reprojection:
    sphere = maps.Equirectangular(panorama.shape[:2])
    return maps.Reprojection(maps.Perspective(size, fov_deg), sphere, yaw_deg=yaw_deg)


def through_the_cube(panorama: Array, face: int) -> Array:
    """Panorama to six faces and back."""
    sphere = maps.Equirectangular(panorama.shape[:2])
    faces = gs.sample(panorama.transpose(2, 0, 1)[None], maps.cube_faces(face, sphere), boundary=sphere.boundary)
    strip = maps.cube_strip(faces, border=1)
    back = maps.Reprojection(sphere, maps.Cubemap(face, border=1))
    return gs.warp(strip[0], back, layout="CHW").transpose(1, 2, 0)  # type: ignore[no-any-return]


def draw(panorama: Array, folder: Path) -> Path:
    """The panorama, four views around, and the view across the meridian with and without wrapping."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 9), layout="constrained")
    grid = figure.add_gridspec(3, 4)
    places = [figure.add_subplot(grid[0, 1:3])] + [figure.add_subplot(grid[1, k]) for k in range(4)]
    places += [figure.add_subplot(grid[2, 1]), figure.add_subplot(grid[2, 2])]
    pictures, titles = [panorama], ["panorama"]
    for yaw in (0, 90, 180, -90):
        pictures.append(gs.warp(panorama, look(panorama, (240, 300), yaw)))
        titles.append(f"yaw {yaw}°")
    for boundary, title in ((None, "across the meridian, wrapped"), ("constant", "not wrapped")):
        pictures.append(gs.warp(panorama, look(panorama, (240, 240), 180, 8), boundary=boundary))
        titles.append(title)
    for place, picture, title in zip(places, pictures, titles, strict=True):
        place.imshow(np.clip(picture / 255, 0, 1))
        place.set_title(title)
        place.set_axis_off()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "panorama.png"
    figure.savefig(path, dpi=80)
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--width-px", type=int, default=1200, help="of the panorama; its height is half of it")
    parser.add_argument("-o", "--output", type=Path, help="folder for the picture")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> Result:
    options = parse(arguments)
    width = options.width_px
    panorama = paint((width // 2, width))
    across = look(panorama, (width // 2, width // 2), 180)
    turned = np.roll(panorama, width // 2, axis=1)  # what was behind is ahead, and the edges meet behind
    expected = gs.warp(turned, look(panorama, (width // 2, width // 2), 0))
    print(f"panorama {width} x {width // 2}; the view across the meridian, greatest difference in grey levels")
    seams = []
    for name, boundary in (("wrapped", None), ("not wrapped", "constant")):
        seams.append(float(np.abs(gs.warp(panorama, across, boundary=boundary) - expected).max()))
        print(f"{name:<12} {seams[-1]:>10.2g}")
    again = through_the_cube(panorama, width // 3)
    cube = float(np.abs(again - panorama).mean())
    print(f"through a cube of {width // 3} pixels and back: {cube:.2f} grey levels off in the mean")
    if options.output:
        print(f"wrote {draw(panorama, options.output)}")
    return Result(seams[0], seams[1], cube)


if __name__ == "__main__":
    main()
