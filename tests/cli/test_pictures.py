# SPDX-License-Identifier: Apache-2.0
"""Picture files: what goes in comes out, bit for bit where the format can, and what cannot be kept is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from cli_pictures import load, noise, save
from PIL import Image, ImageCms, ImageOps

from gridsample.cli.pictures import read

CHANNELS = {1: "none", 2: "straight", 3: "none", 4: "straight"}
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def seen(shape: tuple[int, ...], dtype: Any, alpha: str) -> Any:
    """Noise; with alpha nothing is wholly transparent, where colours are not kept."""
    pixels = noise(*shape, dtype=dtype)
    if alpha == "straight":
        pixels[..., -1] = np.abs(pixels[..., -1]) if pixels.dtype.kind == "f" else np.maximum(pixels[..., -1], 1)
    return pixels


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize(
    ("ending", "dtype"),
    [(".png", "u1"), (".png", "u2"), (".tif", "u1"), (".tif", "u2"), (".tiff", "f4"), (".tif", "f8")],
)
def test_identity_is_exact(run, tmp_path, ending, dtype, channels):
    alpha = CHANNELS[channels]
    pixels = seen((13, 17, channels), dtype, alpha)
    source = save(tmp_path / f"in{ending}", pixels, alpha)
    target = tmp_path / f"out{ending}"
    assert run("warp", source, "-o", target) == (0, "", "")
    result = read(target)
    assert result.pixels.dtype == pixels.dtype
    assert result.alpha == alpha
    if pixels.dtype.kind == "f" and alpha == "straight":  # c*a/a
        np.testing.assert_allclose(result.pixels, pixels, rtol=1e-6 if dtype == "f4" else 1e-14)
    else:
        np.testing.assert_array_equal(result.pixels, pixels)


@pytest.mark.parametrize("kernel", ["nearest", "cubic"])
def test_identity_is_exact_with_other_kernels(warp, kernel):
    pixels = noise(9, 8, 3, dtype="u2")
    np.testing.assert_array_equal(warp(pixels, "--kernel", kernel, ending=".png"), pixels)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg(run, tmp_path, mode):
    ramp = np.linspace(0, 255, 64).astype("u1")
    pixels = (
        np.broadcast_to(ramp[:, None], (64, 64)) if mode == "L" else np.broadcast_to(ramp[:, None, None], (64, 64, 3))
    )
    source = save(tmp_path / "in.jpg", pixels)
    assert run("warp", source, "-o", tmp_path / "out.jpeg") == (0, "", "")
    with Image.open(tmp_path / "out.jpeg") as image:
        assert (image.format, image.mode) == ("JPEG", mode)
    assert np.abs(load(tmp_path / "out.jpeg").astype(int) - pixels).max() <= 3


def test_sixteen_bits_agree_with_other_programs(run, tmp_path):
    """The files are what other libraries say they are: not 8 bits, not byte-swapped."""
    pixels = noise(6, 5, 3, dtype="u2")
    (tmp_path / "in.png").write_bytes(imagecodecs.png_encode(pixels))
    assert run("warp", tmp_path / "in.png", "-o", tmp_path / "out.tif").code == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), pixels)
    assert run("warp", tmp_path / "out.tif", "-o", tmp_path / "back.png").code == 0
    data = (tmp_path / "back.png").read_bytes()
    assert data[24:26] == b"\x10\x02"  # bit depth 16, colour type RGB
    np.testing.assert_array_equal(imagecodecs.png_decode(data), pixels)


@pytest.mark.parametrize("options", [{"byteorder": ">"}, {"compression": "lzw"}, {"planarconfig": "separate"}])
def test_tiff_variants(run, tmp_path, options):
    pixels = noise(6, 5, 3, dtype="u2")
    stored = np.moveaxis(pixels, -1, 0) if "planarconfig" in options else pixels
    tifffile.imwrite(tmp_path / "in.tif", stored, photometric="rgb", **options)
    assert run("warp", tmp_path / "in.tif", "-o", tmp_path / "out.tif").code == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), pixels)


def test_tiff_keeps_what_its_numbers_mean(run, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", noise(5, 4), photometric="miniswhite")
    associated = noise(5, 4, 4)
    tifffile.imwrite(tmp_path / "b.tif", associated, photometric="rgb", extrasamples=["assocalpha"])
    assert run("warp", tmp_path / "a.tif", tmp_path / "b.tif", "-o", tmp_path / "out").code == 0
    assert read(tmp_path / "out/a.tif").white_is_zero
    result = read(tmp_path / "out/b.tif")
    assert result.alpha == "premultiplied"
    np.testing.assert_array_equal(result.pixels, associated)


@pytest.mark.parametrize("mode", ["1", "P"])
def test_fewer_bits_and_palettes_become_eight_bits(run, tmp_path, mode):
    image = Image.fromarray(noise(8, 8, 3)).convert(mode)
    image.save(tmp_path / "in.png")
    assert run("warp", tmp_path / "in.png", "-o", tmp_path / "out.png").code == 0
    expected = np.asarray(image.convert("L" if mode == "1" else "RGB"))
    np.testing.assert_array_equal(load(tmp_path / "out.png"), expected)


@pytest.mark.parametrize("ending", [".png", ".tif", ".jpg"])
def test_colour_profile_is_kept(run, tmp_path, ending):
    save(tmp_path / f"in{ending}", noise(5, 4, 3), icc=PROFILE)
    assert run("warp", tmp_path / f"in{ending}", "-o", tmp_path / f"out{ending}").code == 0
    assert read(tmp_path / f"out{ending}").icc == PROFILE
    with Image.open(tmp_path / f"out{ending}") as image:  # another reader finds it, and the rest is whole
        image.load()
        assert image.info["icc_profile"] == PROFILE


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_orientation_is_applied(run, tmp_path, orientation, ending):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "a camera"
    pixels = np.zeros((16, 24), "u1")
    pixels[:4, :12] = 200
    Image.fromarray(pixels).save(tmp_path / f"in{ending}", exif=exif)
    assert run("warp", tmp_path / f"in{ending}", "-o", tmp_path / f"out{ending}").code == 0
    with Image.open(tmp_path / f"in{ending}") as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    with Image.open(tmp_path / f"out{ending}") as image:
        assert image.getexif().get(0x0112, 1) == 1
        assert image.getexif().get(0x010F) == ("a camera" if ending == ".jpg" else None)
        result = np.asarray(image)
    assert result.shape == expected.shape
    assert np.abs(result.astype(int) - expected).max() <= 4


def test_orientation_of_tiff(run, tmp_path):
    pixels = noise(3, 4)
    tifffile.imwrite(tmp_path / "in.tif", pixels, extratags=[(0x0112, "H", 1, 6, True)])
    assert run("warp", tmp_path / "in.tif", "-o", tmp_path / "out.tif").code == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), np.rot90(pixels, -1))


def test_contents_count_and_not_the_name(run, tmp_path):
    save(tmp_path / "in.jpg", noise(4, 4, 3)).rename(tmp_path / "in.png")
    assert run("warp", tmp_path / "in.png", "-o", tmp_path / "out.png").code == 0
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def _cmyk(path: Path) -> None:
    Image.new("CMYK", (4, 4)).save(path, "JPEG")


def _pages(path: Path) -> None:
    tifffile.imwrite(path, noise(3, 4, 4), photometric="minisblack")


def _signed(path: Path) -> None:
    tifffile.imwrite(path, noise(4, 4).astype("i2"))


def _five(path: Path) -> None:
    tifffile.imwrite(path, noise(4, 4, 5), photometric="minisblack", planarconfig="contig")


def _cut(path: Path) -> None:
    whole = io.BytesIO()
    Image.fromarray(noise(64, 64, 3)).save(whole, path.suffix[1:].replace("jpg", "jpeg"))
    path.write_bytes(whole.getvalue()[:900])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("not a picture")


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("a.jpg", _cmyk, "expected a grey or RGB JPEG, got CMYK; convert it to RGB first"),
        ("a.tif", _pages, "expected one picture in the file, got 3; split it first"),
        ("a.tif", _signed, "expected 8 or 16 bits unsigned, or 32 or 64 bits float, got int16 of 16 bits; convert"),
        ("a.tif", _five, "expected grey or RGB, with or without alpha, got MINISBLACK with 5 channels; convert"),
        ("a.png", _cut, "expected a readable picture, got a broken file ("),
        ("a.jpg", _cut, "expected a readable picture, got a broken file ("),
        ("a.png", _empty, "expected a PNG, JPEG or TIFF file, got an empty file; convert it first"),
        ("a.png", _text, "expected a PNG, JPEG or TIFF file, got other contents; convert it first"),
    ],
)
def test_unreadable_pictures(run, tmp_path, name, make, message):
    make(tmp_path / name)
    answer = run("warp", tmp_path / name, "-o", tmp_path / "out.png")
    assert answer.code == 2
    assert answer.err.startswith(f"gridsample warp: '{tmp_path / name}': {message}")
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("pixels", "alpha", "target", "message"),
    [
        (noise(4, 4, 4), "straight", "out.jpg", "expected 8-bit grey or RGB for JPEG, got uint8 RGB with alpha; write"),
        (noise(4, 4, dtype="u2"), "none", "out.jpg", "expected 8-bit grey or RGB for JPEG, got uint16 grey; write"),
        (noise(4, 4, dtype="f4"), "none", "out.png", "expected 8 or 16 bits for PNG, got float32 grey; write .tif"),
        (noise(4, 4, 4), "premultiplied", "out.png", "expected straight alpha, and black at 0, for PNG, got premult"),
    ],
)
def test_nothing_is_converted_silently(run, tmp_path, pixels, alpha, target, message):
    source = save(tmp_path / "in.tif", pixels, alpha)
    answer = run("warp", source, "-o", tmp_path / target)
    assert answer.code == 2
    assert message in answer.err
    assert not (tmp_path / target).exists()
