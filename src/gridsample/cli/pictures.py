# SPDX-License-Identifier: Apache-2.0
"""Picture files as arrays and back, nothing lost; what a picture is, and what is refused.

Numbers are kept as stored: sRGB is not linearised. The orientation of EXIF or TIFF is applied to the pixels and then
dropped. Kept: the ICC profile; from JPEG to JPEG also EXIF. Everything else (text, resolution, time) is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridsample.cli.parsing import CliError

Array = NDArray[Any]

ENDINGS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF"}
MAX_PIXELS = 1 << 28  # of one picture: 1 GiB a channel while it is sampled
_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TIFF"),  # either byte order, 32 and 64 bits
}


@dataclass(frozen=True)
class Picture:
    """Pixels (H, W, channels) of uint8, uint16, float32 or float64, and what the file said about them."""

    pixels: Array
    alpha: str = "none"  # "straight" or "premultiplied": what the last channel is
    icc: bytes | None = None
    exif: bytes | None = None
    white_is_zero: bool = False

    @property
    def channels(self) -> int:
        return int(self.pixels.shape[-1])

    def describe(self) -> str:
        colour = "grey" if self.channels < 3 else "RGB"
        return f"{self.pixels.dtype} {colour}{'' if self.alpha == 'none' else ' with alpha'}"


def read(path: Path) -> Picture:
    """The picture in a file, recognised by its first bytes; CliError when it cannot be read or taken as it is."""
    about = f"'{path}'"
    try:
        data = path.read_bytes()
        kind = next((kind for start, kind in _SIGNATURES.items() if data.startswith(start)), None)
        if kind is None:
            got = "other contents" if data else "an empty file"
            raise CliError("a PNG, JPEG or TIFF file", got, "convert it first")
        picture: Picture = _codecs().READERS[kind](data)
        return picture
    except CliError as error:
        raise CliError(error.expected, error.got, error.do, error.where or about) from error
    except MemoryError:
        raise
    except Exception as error:  # decoders raise whatever they like on broken files
        got = getattr(error, "strerror", None) or f"a broken file ({type(error).__name__}: {error})".replace("\n", " ")
        raise CliError("a readable picture", got, "check the file", about) from error


def encode(picture: Picture, path: Path) -> bytes:
    """The bytes of the file, in the format that ``path`` ends in."""
    pixels = picture.pixels[..., 0] if picture.channels == 1 else picture.pixels
    data: bytes = _codecs().WRITERS[_kind(path)](picture, np.ascontiguousarray(pixels))
    return data


def check_storable(picture: Picture, path: Path) -> None:
    """CliError unless the format that ``path`` ends in can hold the picture: nothing is converted silently."""
    kind, dtype, about = _kind(path), picture.pixels.dtype, f"'{path}'"
    if kind == "JPEG" and (dtype != np.uint8 or picture.alpha != "none"):
        raise CliError("8-bit grey or RGB for JPEG", picture.describe(), "write .png or .tif", about)
    if kind == "PNG" and dtype.kind == "f":
        raise CliError("8 or 16 bits for PNG", picture.describe(), "write .tif", about)
    if kind != "TIFF" and (picture.alpha == "premultiplied" or picture.white_is_zero):
        got = "grey whose 0 is white" if picture.white_is_zero else "premultiplied alpha"
        raise CliError(f"straight alpha, and black at 0, for {kind}", got, "write .tif", about)


def check_installed() -> None:
    """CliError unless the packages of the extra `cli` are there."""
    try:
        import_module("tqdm")
        _codecs()
    except ImportError as error:
        do = "run pip install 'gridsample[cli]'"
        raise CliError("the packages of gridsample[cli]", f"'{error}'", do) from error


def check_pixels(width: int, height: int, about: str = "", do: str = "cut it into parts first") -> None:
    """CliError for a picture too large to be held in memory as floating-point numbers."""
    if width * height > MAX_PIXELS:
        raise CliError(f"at most {MAX_PIXELS} pixels", f"{width}x{height}", do, about)


def _kind(path: Path) -> str:
    return ENDINGS[path.suffix.lower()]


def _codecs() -> Any:
    return import_module("gridsample.cli.codecs")  # loaded late: it needs the extra `cli`
