# SPDX-License-Identifier: Apache-2.0
"""Bytes to pictures and back by established libraries, one for each format.

PNG by imagecodecs: Pillow and imageio have no 16-bit colour (they return 8 bits without a word), OpenCV no grey with
alpha; imagecodecs also opens TIFF's compressions for tifffile. JPEG by Pillow, which reads all headers too.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from gridsample.cli.parsing import CliError
from gridsample.cli.pictures import Array, Picture, check_pixels

ORIENTATION = 0x0112  # the tag's number in EXIF and in TIFF
PNG_LEVEL = 3  # 3 times as fast as zlib's own 6, for files 2 % larger
JPEG_QUALITY = 95


def read_png(data: bytes) -> Picture:
    header = _header(data)
    orientation = header.getexif().get(ORIENTATION, 1)
    pixels = imagecodecs.png_decode(data)  # palettes become RGB, 1 to 4 bits become 8
    alpha = "straight" if pixels.ndim == 3 and pixels.shape[-1] in (2, 4) else "none"
    return _picture(pixels, orientation, alpha=alpha, icc=header.info.get("icc_profile"))


def read_jpeg(data: bytes) -> Picture:
    header = _header(data)
    if header.mode not in ("L", "RGB"):
        raise CliError("a grey or RGB JPEG", header.mode, "convert it to RGB first")
    exif = header.getexif()
    orientation = exif.pop(ORIENTATION, 1)
    kept = exif.tobytes() if len(exif) else None
    return _picture(np.asarray(header), orientation, icc=header.info.get("icc_profile"), exif=kept)


def read_tiff(data: bytes) -> Picture:
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        if len(tiff.pages) != 1:
            raise CliError("one picture in the file", f"{len(tiff.pages)}", "split it first")
        page: Any = tiff.pages.first
        check_pixels(page.imagewidth, page.imagelength)
        colours = {"MINISBLACK": 1, "MINISWHITE": 1, "RGB": 3, "YCBCR": 3}.get(page.photometric.name)
        extra = tuple(int(sample) for sample in page.extrasamples)
        if page.samplesperpixel - len(extra) != colours or len(extra) > 1:
            got = f"{page.photometric.name} with {page.samplesperpixel} channels"
            raise CliError("grey or RGB, with or without alpha", got, "convert it first")
        if page.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
            got = f"{page.dtype} of {page.bitspersample} bits"
            raise CliError("8 or 16 bits unsigned, or 32 or 64 bits float", got, "convert it first")
        pixels = page.asarray()
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and page.samplesperpixel > 1:
            pixels = np.moveaxis(pixels, 0, -1)
        return _picture(
            pixels.astype(pixels.dtype.newbyteorder("="), copy=False),
            page.tags.valueof(ORIENTATION, 1),
            alpha={(): "none", (1,): "premultiplied"}.get(extra, "straight"),
            icc=page.iccprofile,
            white_is_zero=page.photometric.name == "MINISWHITE",
        )


def write_png(picture: Picture, pixels: Array) -> bytes:
    data = bytes(imagecodecs.png_encode(pixels, level=PNG_LEVEL))
    if picture.icc is None:
        return data
    # imagecodecs writes no profile. Its chunk (a name, method 0, the profile deflated) belongs behind the 33 bytes of
    # signature and header.
    body = b"iCCPICC profile\0\0" + zlib.compress(picture.icc)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return data[:33] + chunk + data[33:]


def write_jpeg(picture: Picture, pixels: Array) -> bytes:
    out = io.BytesIO()
    found = {"icc_profile": picture.icc, "exif": picture.exif}
    kept: Any = {key: value for key, value in found.items() if value}
    Image.fromarray(pixels).save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0, **kept)
    return out.getvalue()


def write_tiff(picture: Picture, pixels: Array) -> bytes:
    out = io.BytesIO()
    grey = "miniswhite" if picture.white_is_zero else "minisblack"
    tifffile.imwrite(
        out,
        pixels,
        photometric="rgb" if picture.channels > 2 else grey,
        planarconfig="contig" if picture.channels > 1 else None,
        extrasamples={"none": None, "straight": ["unassalpha"], "premultiplied": ["assocalpha"]}[picture.alpha],
        compression="zlib",
        iccprofile=picture.icc,
        metadata=None,
    )
    return out.getvalue()


READERS = {"PNG": read_png, "JPEG": read_jpeg, "TIFF": read_tiff}
WRITERS = {"PNG": write_png, "JPEG": write_jpeg, "TIFF": write_tiff}


def _header(data: bytes) -> Image.Image:
    """The file as Pillow sees it: size, profile and EXIF, no pixels yet."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # ours takes the place of Pillow's, which warns
    try:
        header = Image.open(io.BytesIO(data))
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    check_pixels(*header.size)
    return header


def _picture(pixels: Array, orientation: int, **rest: Any) -> Picture:
    """The pixels as the eight values of the orientation tag say they are meant to be seen."""
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return Picture(np.ascontiguousarray(pixels), **rest)
