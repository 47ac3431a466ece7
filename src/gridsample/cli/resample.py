# SPDX-License-Identifier: Apache-2.0
"""One picture through one map: sampled once, in float32 (float64 for float64 files), strip by strip."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import gridsample as gs
from gridsample.cli.geometry import Map
from gridsample.cli.parsing import CliError
from gridsample.cli.pictures import Picture
from gridsample.spec.kernels import KERNELS

Array = NDArray[Any]
STRIP = 1 << 19  # points a strip: 8 MB of coordinates, so that memory is the pictures' and not the map's


@dataclass(frozen=True)
class Reading:
    """How to read between and beyond pixels; ``fill`` in the file's own numbers, one or one per channel."""

    kernel: str
    boundary: tuple[str, ...]  # one, or one per axis with the vertical one first
    fill: tuple[float, ...] = (0.0,)


def resample(picture: Picture, where: Map, reading: Reading) -> Picture:
    """The picture read at the map's positions.

    Straight alpha is multiplied into the colours before sampling and divided out afterwards: without that, the
    unseen colours of transparent pixels would bleed into the rims. One tap mixes nothing and is left alone.
    """
    pixels = picture.pixels
    full = 1.0 if pixels.dtype.kind == "f" else float(np.iinfo(pixels.dtype).max)
    image: Any = pixels.astype(np.float64 if pixels.dtype == np.float64 else np.float32)
    fill = _fill_per_channel(reading.fill, picture, full)
    blends = picture.alpha == "straight" and KERNELS[reading.kernel].taps > 1
    if blends:
        image[..., :-1] *= image[..., -1:] / full
        fill = [*(value * fill[-1] / full for value in fill[:-1]), fill[-1]]
    width, height = where.size
    out: Array = np.empty((height, width, picture.channels), pixels.dtype)
    step = max(STRIP // width, 1)
    for start in range(0, height, step):
        rows = slice(start, min(start + step, height))
        values = _sample(image, where.coords(rows), reading, fill)
        if blends:
            alpha = values[..., -1:] / full
            visible = alpha * full >= 0.5 if pixels.dtype.kind != "f" else alpha > 0
            values[..., :-1] = np.where(visible, values[..., :-1] / np.where(visible, alpha, 1), 0)
        if pixels.dtype.kind != "f":
            values = np.clip(np.rint(values), 0, full)
        out[rows] = values
    return replace(picture, pixels=out)


def _sample(image: Array, coords: Array, reading: Reading, fill: list[float]) -> Array:
    """(h, w, channels). One call, or one per fill where channels differ in it."""
    planes = np.moveaxis(image, -1, 0)[None]
    groups = sorted(set(fill)) if "constant" in reading.boundary else fill[:1]
    result: Array = np.empty((*coords.shape[:2], image.shape[-1]), image.dtype)
    for value in groups:
        chosen = [c for c in range(len(fill)) if len(groups) == 1 or fill[c] == value]
        boundary = reading.boundary[0] if len(reading.boundary) == 1 else reading.boundary
        read = gs.sample(
            planes[:, chosen] if len(groups) > 1 else planes,
            coords[None],
            kernel=reading.kernel,
            boundary=boundary,
            fill=value,
            frame="pixel",
            order="xy",
            nonfinite="outside",
        )
        result[..., chosen] = np.moveaxis(read[0], 0, -1)
    return result


def _fill_per_channel(fill: tuple[float, ...], picture: Picture, full: float) -> list[float]:
    channels = picture.channels
    if len(fill) == 1:
        return list(fill) * channels
    if len(fill) == channels:
        return list(fill)
    if picture.alpha != "none" and len(fill) == channels - 1:
        return [*fill, full]
    allowed = f"1 number or {channels}" + (f" (or {channels - 1}, opaque)" if picture.alpha != "none" else "")
    raise CliError(f"{allowed} for this picture", f"{len(fill)}", "give one per channel", about="--fill")
