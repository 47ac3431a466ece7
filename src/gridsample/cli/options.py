# SPDX-License-Identifier: Apache-2.0
"""The options of `gridsample warp`: what they are called, what --help says, and all checks that need no picture."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import gridsample as gs
from gridsample.cli.geometry import Array, Field, Map, Size, Turn
from gridsample.cli.parsing import CliError, Parser, name_in, numbers, size_or_fit, whole_number
from gridsample.cli.pictures import check_pixels
from gridsample.cli.resample import Reading
from gridsample.cli.tables import DIRECTIONS, load_field, load_matrix
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.frames import FRAMES
from gridsample.spec.kernels import KERNELS

_CONVENTIONS = """\
conventions:
  The options speak of the picture: a positive --rotate turns it counter-clockwise as seen, --scale 2 makes it twice
  as large, --translate 10,5 moves it 10 px right and 5 px down. Centres of pixels are whole numbers, the top left
  one is 0,0. The picture is scaled, sheared and rotated about its centre, then translated, then put through --matrix,
  then through --flow or --grid. All of that is one map from output to input pixels, and the picture is sampled once.

  Without --size the output is as large as the input, or as the grid file. --size WxH is the canvas, the picture in
  its middle and not resized (with --matrix: the canvas from pixel 0,0); --size fit is the smallest canvas that holds
  the whole picture: `--scale 2 --size fit` doubles the size of a file.

  Numbers are sampled as stored (sRGB is not linearised) in float32, rounded half to even and clipped to 8 or 16 bits;
  the type is kept. Straight alpha is multiplied into the colours first and divided out afterwards, so that transparent
  rims do not bleed; where nothing is visible the colour becomes 0. Making a picture smaller does not smooth it first.

  The orientation of EXIF is applied. The colour profile is kept, and EXIF from JPEG to JPEG; other metadata is not.
  Outputs are written whole or not at all, and replace what was there; an input is only replaced with --force.

exit codes: 0 done, 1 some pictures failed and the others are written, 2 nothing was done, 130 interrupted
"""


@dataclass(frozen=True)
class Options:
    """A checked call, but for what depends on each picture."""

    inputs: list[str]
    output: str
    turn: Turn
    matrix: Array | None
    field: Field | None
    size: Size | str | None
    reading: Reading
    force: bool
    progress: bool | None
    threads: int | None

    def map_for(self, source: Size) -> Map:
        """The output -> input map for a picture of this size."""
        grid = self.field is not None and self.field.frame is not None
        if self.size == "fit":
            size = self.turn.fitting(source)
        elif isinstance(self.size, tuple):
            size = self.size
        else:
            size = self.field.size if self.field is not None and grid else source
        check_pixels(size[0], size[1], about="the output", do="lower --size or --scale")
        if self.field is not None and not grid and self.field.size != size:
            expected = f"a flow of the output's size, ({size[1]}, {size[0]}, 2)"
            raise CliError(expected, str(self.field.values.shape), "resize the flow or the picture", about="--flow")
        canvas = source if grid else size
        if self.matrix is None:
            return Map(size, self.turn.matrix(source, canvas), self.field, canvas)
        return Map(size, self.turn.matrix(source, source) @ self.matrix, self.field, canvas).facing()


def parse(arguments: Sequence[str]) -> Options:
    """The call, checked as far as it can be without reading a picture; CliError says what is wrong with it."""
    given = _parser().parse(arguments)
    _check_together(given)
    frame = "corners" if given.align_corners else given.frame[0] if given.frame else "edges"
    field = None
    if given.grid or given.flow:
        field = load_field(given.grid, "--grid", frame) if given.grid else load_field(given.flow, "--flow", None)
    return Options(
        inputs=given.inputs,
        output=given.output,
        turn=Turn(given.rotate[0], (given.scale[0], given.scale[-1]), (*given.shear, 0.0)[:2], given.translate),
        matrix=load_matrix(given.matrix, given.matrix_direction[0]) if given.matrix else None,
        field=field,
        size=given.size,
        reading=Reading(given.kernel[0], tuple(reversed(_boundary(given))), given.fill or (0.0,)),
        force=given.force,
        progress=given.progress,
        threads=given.threads,
    )


def _check_together(given: argparse.Namespace) -> None:
    """What is wrong with options that are each right."""
    if not given.inputs:
        raise CliError("pictures to warp", "none", "name files or folders")
    if given.output is None:
        raise CliError("where to write", "no -o", "add -o FILE or -o FOLDER")
    if given.grid and given.flow:
        raise CliError("--grid or --flow", "both", "leave one out")
    for name, value in (("--frame", given.frame), ("--align-corners", given.align_corners)):
        if value and not given.grid:
            raise CliError("--grid FILE.npy", "none", "add --grid, whose numbers it explains", about=name)
    if given.frame and given.align_corners and given.frame[0] != "corners":
        raise CliError("one frame", f"--frame {given.frame[0]} and --align-corners", "leave one out")
    if given.size and given.grid:
        raise CliError("--grid or --size", "both", "leave --size out: the grid has the output's size")
    if given.size == "fit" and (given.flow or given.matrix):
        raise CliError("WxH beside --flow or --matrix", "fit", "write it as 640x480", about="--size")
    if isinstance(given.size, tuple):
        width, height = given.size
        check_pixels(width, height, about="--size", do="take a smaller one")
    if given.fill and "constant" not in _boundary(given):
        got = ",".join(given.boundary)
        raise CliError("constant beside --fill", got, "leave --fill out or change it", about="--boundary")
    if 0 in given.scale:
        got = ",".join(f"{value:g}" for value in given.scale)
        raise CliError("numbers other than 0", got, "0 leaves nothing to see", about="--scale")
    if len(given.shear) == 2 and abs(1 - given.shear[0] * given.shear[1]) < 1e-9:
        got = ",".join(f"{value:g}" for value in given.shear)
        do = "change one number: their product may not be 1"
        raise CliError("a shear that can be undone", got, do, about="--shear")


def _boundary(given: argparse.Namespace) -> tuple[str, ...]:
    """Horizontal rule first; a fill alone means that it is wanted."""
    return given.boundary or (("constant",) if given.fill else (_default("boundary"),))


def _parser() -> Parser:
    parser = Parser(
        "gridsample warp",
        usage="gridsample warp IN... -o OUT [options]",
        description="Rotate, scale, shift or bend pictures: PNG, JPEG and TIFF, 8 and 16 bits and float TIFF.",
        epilog=_CONVENTIONS,
    )
    add = parser.add_argument
    add("inputs", metavar="IN", nargs="*", help="pictures, or folders of pictures")
    add("-o", "--output", metavar="OUT", help="a file; a folder when several pictures go in")
    angle = numbers("an angle in degrees", [1], "30")
    add("--rotate", metavar="DEG", type=angle, default=(0.0,), help="turn left, about the centre")
    scale = numbers("a scale", [1, 2], "2 or 2,0.5")
    add("--scale", metavar="S|SX,SY", type=scale, default=(1.0,), help="times larger; negative numbers flip")
    shift = numbers("a shift in pixels", [2], "10,-5")
    add("--translate", metavar="X,Y", type=shift, default=(0.0, 0.0), help="pixels to the right and down")
    shear = numbers("a shear", [1, 2], "0.2 or 0.2,0.1")
    text = "px to the right per px down; px down per px to the right"
    add("--shear", metavar="KX|KX,KY", type=shear, default=(0.0,), help=text)
    text = "2x3 or 3x3 on pixels (x, y, 1), row by row: 6 or 9 numbers, or a .txt or .npy of them"
    add("--matrix", metavar="M|FILE", help=text)
    text = "what it maps (default: %(default)s; the other is OpenCV's findHomography(input, output))"
    add("--matrix-direction", metavar="WAY", type=name_in(DIRECTIONS), default=DIRECTIONS[0], help=text)
    text = "where each output pixel reads: (H,W,2) normalised, x first, as grid_sample takes it"
    add("--grid", metavar="FILE.npy", help=text)
    text = f"what the grid's numbers mean: {', '.join(FRAMES)} (default: edges)"
    add("--frame", metavar="NAME", type=name_in(FRAMES), help=text)
    add("--align-corners", action="store_true", help="the same as --frame corners")
    text = "displacement: (H,W,2) in pixels, x first; output p reads p + flow[p]"
    add("--flow", metavar="FILE.npy", help=text)
    add("--size", metavar="WxH|fit", type=size_or_fit, help="the output's size")
    text = f"{', '.join(KERNELS)} (default: %(default)s)"
    add("--kernel", metavar="NAME", type=name_in(KERNELS), default=_default("kernel"), help=text)
    text = f"outside the picture: {', '.join(BOUNDARIES)}; X,Y: one per axis (default: {_default('boundary')})"
    add("--boundary", metavar="NAME|X,Y", type=name_in(BOUNDARIES, [1, 2]), help=text)
    fill = numbers("a fill", [1, 2, 3, 4], "255 or 255,128,0")
    text = "with --boundary constant, in the file's numbers: one, or one per channel"
    add("--fill", metavar="V|V,V,V", type=fill, help=text)
    add("--force", action="store_true", help="let an output replace an input")
    text = "a bar on stderr (default: for several pictures on a terminal)"
    add("--progress", action=argparse.BooleanOptionalAction, default=None, help=text)
    add("--threads", metavar="N", type=whole_number, help="how many threads sample (default: all)")
    return parser


def _default(name: str) -> str:
    """The library's own default, so that it is said once."""
    return str(inspect.signature(gs.sample).parameters[name].default)
