# SPDX-License-Identifier: Apache-2.0
"""`gridsample why IMAGE GRID.npy`: what is wrong with this sampling, printed and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import gridsample as gs
from gridsample.cli.parsing import CliError, Parser, name_in
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.kernels import KERNELS

_TELLS = """\
IMAGE and E are .npy files, (N, C, H, W), (C, H, W) or (H, W), or pictures; GRID is a .npy file, (N, H, W, 2).
They are looked at as F.grid_sample would get them. Findings are printed, the gravest first; -o writes a page with
pictures (needs matplotlib), which loads nothing from anywhere.

exit codes: 0 nothing but notes, 1 errors or warnings found, 2 the call itself is wrong
"""


def main(arguments: Sequence[str]) -> int:
    """Print the report, and write it where -o says."""
    given = _parser().parse(arguments)
    if given.output is not None:
        _check_output(given.output)
    image, grid = _array(given.image, "IMAGE"), _array(given.grid, "GRID")
    colours_last = image.ndim == 3 and image.shape[-1] in (3, 4) and image.shape[0] > 4
    if image.ndim < grid.ndim and not colours_last:  # (H, W) and (C, H, W) are what a file holds
        image = image.reshape(*(1,) * (grid.ndim - image.ndim), *image.shape)
    expected = _array(given.expected, "--expected") if given.expected else None
    report = gs.why(image, grid, given.mode[0], given.padding_mode[0], given.align_corners, expected=expected)
    print(report)
    if given.pixel:
        print(f"\n{report.pixel(*given.pixel)}")
    if given.output is not None:
        report.save(given.output)
        print(f"\nwritten: {given.output}")
    return 0 if report.ok else 1


def _parser() -> Parser:
    parser = Parser(
        "gridsample why", usage="gridsample why IMAGE GRID.npy [options]", description=__doc__, epilog=_TELLS
    )
    parser.add_argument("image", metavar="IMAGE")
    parser.add_argument("grid", metavar="GRID")
    parser.add_argument(
        "--expected", metavar="E", help="the picture wanted: the mistake that explains the difference is found"
    )
    modes = ["bilinear", "nearest", "bicubic", *KERNELS]
    parser.add_argument("--mode", type=name_in(modes), default=("bilinear",), help="as in grid_sample (bilinear)")
    paddings = ["zeros", "border", "reflection", *BOUNDARIES]
    parser.add_argument("--padding-mode", type=name_in(paddings), default=("zeros",), help="as in grid_sample (zeros)")
    parser.add_argument("--align-corners", action="store_true", help="as in grid_sample (False)")
    parser.add_argument("--pixel", type=_place, metavar="Y,X", help="also print the sum that made this output pixel")
    parser.add_argument("-o", dest="output", metavar="REPORT.html", help="write the page there")
    return parser


def _place(text: str) -> tuple[int, ...]:
    import argparse

    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected whole numbers, got {text!r}; write it as 10,20") from None


def _check_output(name: str) -> None:
    path = Path(name)
    if path.suffix.lower() not in (".html", ".htm"):
        raise CliError("a name ending in .html", f"'{name}'", "name it report.html", about="-o")
    if not path.absolute().parent.is_dir():
        raise CliError("a folder that is there", f"'{path.absolute().parent}'", "make it first", about="-o")


def _array(name: str, about: str) -> Any:
    path = Path(name)
    if not path.is_file():
        raise CliError("a file that is there", f"'{name}'", "check the path", about=about)
    if path.suffix.lower() != ".npy":
        if about == "GRID":
            raise CliError("a .npy file of numbers", f"'{name}'", "write it with numpy.save", about=about)
        from gridsample.cli.pictures import check_installed, read

        check_installed()
        pixels = np.asarray(read(path).pixels)
        return np.moveaxis(pixels if pixels.ndim == 3 else pixels[..., None], -1, 0)[None].astype(np.float32)
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        do = "write it with numpy.save"
        raise CliError("a .npy file of numbers", f"'{name}' ({error})", do, about=about) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub" or array.ndim < 2:
        got = f"'{name}', {getattr(array, 'dtype', type(array).__name__)} of shape {getattr(array, 'shape', ())}"
        raise CliError("an array of real numbers on two or more axes", got, "save the array itself", about=about)
    return array
