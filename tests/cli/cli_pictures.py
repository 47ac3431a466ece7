# SPDX-License-Identifier: Apache-2.0
"""Small pictures for the tests of the command line: made, written and read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gridsample.cli.pictures import Picture, encode, read


def save(path: Path, pixels: Any, alpha: str = "none", **rest: Any) -> Path:
    pixels = np.asarray(pixels)
    path.write_bytes(encode(Picture(pixels[..., None] if pixels.ndim == 2 else pixels, alpha, **rest), path))
    return path


def load(path: Path) -> Any:
    pixels = read(path).pixels
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def noise(*shape: int, dtype: Any = np.uint8, seed: int = 0) -> Any:
    random = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return random.standard_normal(shape).astype(dtype)
    return random.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)
