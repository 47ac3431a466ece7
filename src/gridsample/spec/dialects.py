# SPDX-License-Identifier: Apache-2.0
"""What other libraries call our kernels, boundaries and frames, and where the same name means something else.

A row with ``ours=None`` is a setting that no row of our tables equals; ``note`` says why. The rows are tested against
the libraries where these are installed, those of ONNX against onnxruntime and ONNX's own node tests; the rows of
Core ML follow its specification and what converting torch programs to it gives.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One setting of one library, as spelled there, and what it is here."""

    library: str
    what: str  # "kernel", "boundary" or "frame"
    theirs: str
    ours: str | None
    align_corners: bool | None = None  # the row holds only with this value
    ties: str | None = None  # kernels of one tap: the pixel taken half-way between two; None when not documented
    fold: str = "tap"  # "coordinate": the position is folded into the image before the taps are chosen
    outside: bool = False  # the library's fill is what points outside are, not what taps read ...
    limit: str = "edges"  # ... outside being beyond this
    splines: str | None = None  # the boundary that prefiltered kernels have instead
    extend: int = 0  # before prefiltering the image is extended by so many pixels
    filtered: bool = True  # kernels that need it: whether the library prefilters the image, unless it is told otherwise
    note: str = ""


# The order of a coordinate's components, and the frame where a library has only one.
ORDER = {
    "torch": "xy",
    "scipy": "ij",
    "jax": "ij",
    "opencv": "xy",
    "itk": "xy",
    "interpol": "ij",
    "resampler": "ij",
    "onnx": "xy",
    "coreml": "xy",
}


def _rows(library: str, what: str, *rows: Row | tuple[str, str | None] | tuple[str, str | None, str]) -> list[Row]:
    return [
        row if isinstance(row, Row) else Row(library, what, row[0], row[1], note=row[2] if len(row) > 2 else "")
        for row in rows
    ]


_FOLDED = "for bilinear and nearest; bicubic folds each tap"

_TORCH = [
    Row("torch", "kernel", "nearest", "nearest", ties="even"),
    *_rows("torch", "kernel", ("bilinear", "linear", "also of volumes"), ("bicubic", "cubic")),
    Row("torch", "boundary", "zeros", "zero"),
    Row("torch", "boundary", "border", "clamp", fold="coordinate", note=_FOLDED),
    Row("torch", "boundary", "reflection", "mirror", align_corners=True, fold="coordinate", note=_FOLDED),
    Row("torch", "boundary", "reflection", "reflect", align_corners=False, fold="coordinate", note=_FOLDED),
    Row("torch", "frame", "normalized", "corners", align_corners=True),
    Row("torch", "frame", "normalized", "edges", align_corners=False),
]

_SCIPY = [
    Row("scipy", "kernel", "0", "nearest", ties="up", note="outside the image ties fall as the folded position does"),
    *_rows("scipy", "kernel", ("1", "linear"), *((str(order), f"bspline{order}") for order in range(2, 6))),
    *_rows("scipy", "boundary", ("reflect", "reflect"), ("grid-mirror", "reflect")),
    Row("scipy", "boundary", "constant", "mirror", outside=True, limit="centres", note="does not blend with the fill"),
    Row("scipy", "boundary", "grid-constant", "constant", extend=12),
    Row("scipy", "boundary", "nearest", "clamp", extend=12),
    *_rows("scipy", "boundary", ("mirror", "mirror"), ("grid-wrap", "wrap")),
    Row("scipy", "boundary", "wrap", "wrap", fold="coordinate", splines="mirror", note="its period is n-1"),
    Row("scipy", "frame", "index", "pixel"),
]

_JAX = [
    Row("jax", "kernel", "0", "nearest", ties="up", note="ties round away from zero, so down where x is negative"),
    *_rows("jax", "kernel", ("1", "linear")),
    *_rows(
        "jax",
        "boundary",
        ("constant", "constant", "blends tap by tap: SciPy's grid-constant"),
        ("nearest", "clamp"),
        ("wrap", "wrap", "SciPy's grid-wrap"),
        ("mirror", "mirror"),
        ("reflect", "reflect"),
    ),
    Row("jax", "frame", "index", "pixel"),
]

_QUANTIZED = "float64 images: positions are rounded to 1/32 pixel"
_OPENCV = [
    Row("opencv", "kernel", "INTER_NEAREST", "nearest", ties="even"),
    *_rows(
        "opencv",
        "kernel",
        ("INTER_LINEAR", "linear", _QUANTIZED),
        ("INTER_CUBIC", "cubic", _QUANTIZED),
        ("INTER_AREA", "linear", "remap has no area averaging and falls back to linear"),
        ("INTER_LANCZOS4", None, "a windowed sinc of eight taps"),
    ),
    *_rows(
        "opencv",
        "boundary",
        ("BORDER_CONSTANT", "constant"),
        ("BORDER_REPLICATE", "clamp"),
        ("BORDER_REFLECT", "reflect"),
        ("BORDER_REFLECT_101", "mirror"),
        ("BORDER_REFLECT101", "mirror"),
        ("BORDER_DEFAULT", "mirror"),
        ("BORDER_WRAP", "wrap"),
        ("BORDER_TRANSPARENT", None, "leaves what the destination held"),
    ),
    Row("opencv", "frame", "map", "pixel"),
]

_ITK = [
    Row("itk", "kernel", "NearestNeighborInterpolateImageFunction", "nearest", ties="up"),
    *_rows(
        "itk",
        "kernel",
        ("LinearInterpolateImageFunction", "linear"),
        ("BSplineInterpolateImageFunction", "bspline3", "the order it has unless told otherwise"),
        ("WindowedSincInterpolateImageFunction", None, "a windowed sinc"),
    ),
    Row(
        "itk",
        "boundary",
        "DefaultPixelValue",
        "clamp",
        outside=True,
        splines="mirror",
        note="x = n-1/2 counts as outside",
    ),
    Row("itk", "boundary", "NearestNeighborExtrapolateImageFunction", None, note="a point outside reads one pixel"),
    Row("itk", "frame", "ContinuousIndex", "pixel"),
    Row("itk", "frame", "PhysicalPoint", None, note="needs the image's origin, spacing and direction"),
]

_WHOLE = "with extrapolate=True; else points more than 0.05 px beyond the centres of the last pixels are 0"
_ENDED = "its prefilter=True filters {}, which no setting of ours does"
_LOST = "as its documents draw it: 0.3.0 reads 0 at the first pixel itself, and at some copies of the last"
_INTERPOL = [
    *[
        Row("interpol", "kernel", theirs, "nearest", ties="even", note="up where another axis has another order")
        for theirs in ("0", "nearest")
    ],
    *_rows("interpol", "kernel", ("1", "linear"), ("linear", "linear")),
    *[
        Row("interpol", "kernel", theirs, f"bspline{order}", filtered=False)
        for order, name in enumerate(("quadratic", "cubic", "fourth", "fifth", "sixth", "seventh"), 2)
        for theirs in (str(order), name)
    ],
    *_rows("interpol", "boundary", *((name, "zero", _ENDED.format("as `dct1`")) for name in ("zero", "zeros"))),
    *_rows("interpol", "boundary", *((name, "clamp", _ENDED.format("as `dct2`")) for name in ("replicate", "nearest"))),
    *_rows(
        "interpol", "boundary", ("dct1", "mirror"), ("mirror", "mirror"), ("dct2", "reflect"), ("reflect", "reflect")
    ),
    *_rows("interpol", "boundary", *((name, "antimirror", _LOST) for name in ("dst1", "antimirror"))),
    *_rows("interpol", "boundary", ("dst2", "antireflect"), ("antireflect", "antireflect")),
    *_rows("interpol", "boundary", ("dft", "wrap"), ("wrap", "wrap")),
    Row("interpol", "frame", "voxel", "pixel", note=_WHOLE),
]

_SINC = "a windowed sinc of another width or window"
_ENDS = "its fill outside is blended over a pixel of the output"
_RESAMPLER = [
    Row("resampler", "kernel", "impulse", "nearest", ties="up"),
    Row("resampler", "kernel", "box", "nearest", ties="up"),
    *_rows(
        "resampler",
        "kernel",
        ("triangle", "linear"),
        ("cubic", "catmull_rom"),
        ("sharpcubic", "cubic"),
        ("mitchell", "mitchell"),
        ("lanczos3", "lanczos3", "read from a table: within 1e-5"),
        ("cardinal3", "bspline3", "read from a table: within 1e-5"),
        ("cardinal5", "bspline5", "read from a table: within 1e-5"),
    ),
    Row("resampler", "kernel", "bspline3", "bspline3", filtered=False),
    *_rows("resampler", "kernel", *((name, None, _SINC) for name in ("lanczos5", "lanczos10", "hamming3", "kaiser3"))),
    *_rows("resampler", "kernel", *((name, None, "splines of another basis") for name in ("omoms3", "omoms5"))),
    *_rows(
        "resampler",
        "kernel",
        ("gaussian", None, "a Gaussian of ten taps"),
        ("narrowbox", None, "for showing where samples lie"),
        ("trapezoid", None, "for resizing only"),
    ),
    *_rows("resampler", "boundary", ("reflect", "reflect"), ("auto", "reflect"), ("wrap", "wrap"), ("clamp", "clamp")),
    *_rows("resampler", "boundary", ("border", "constant")),
    *_rows(
        "resampler",
        "boundary",
        ("tile", None, "folds the position as `wrap`, then taps as `reflect`"),
        ("natural", None, "divides by the weights inside"),
        ("reflect_clamp", None, "reflects once, then clamps"),
        ("constant", None, f"{_ENDS}: near it is `reflect` with outside="),
        *((name, None, "continues the image as a polynomial") for name in ("linear", "quadratic")),
        *((f"{name}_constant", None, f"`{name}`; {_ENDS}") for name in ("linear", "quadratic")),
    ),
    Row("resampler", "frame", "dual", "unit"),
    Row("resampler", "frame", "primal", None, note="0 and 1 are pixel centres; the boundaries change with it"),
]

_LIKE_TORCH = "the specification does not say how ties fall; onnxruntime rounds to even and folds then, torch before"
_ONNX = [
    Row("onnx", "kernel", "nearest", "nearest", ties="even", note=_LIKE_TORCH),
    *_rows("onnx", "kernel", ("linear", "linear"), ("bilinear", "linear", "the name up to opset 19")),
    *_rows("onnx", "kernel", ("cubic", "cubic"), ("bicubic", "cubic", "the name up to opset 19")),
    *_rows("onnx", "boundary", ("zeros", "zero"), ("border", "clamp")),
    Row("onnx", "boundary", "reflection", "mirror", align_corners=True),
    Row("onnx", "boundary", "reflection", "reflect", align_corners=False),
    Row("onnx", "frame", "normalized", "corners", align_corners=True),
    Row("onnx", "frame", "normalized", "edges", align_corners=False),
]

_COREML = [
    Row("coreml", "kernel", "nearest", "nearest", note="how ties fall is not documented"),
    *_rows("coreml", "kernel", ("bilinear", "linear")),
    *_rows("coreml", "boundary", ("constant", "constant"), ("border", "clamp")),
    *_rows("coreml", "boundary", ("reflection", "mirror"), ("symmetric", "reflect")),
    Row("coreml", "frame", "unnormalized", "pixel", note="ignores align_corners"),
    Row("coreml", "frame", "normalized_minus_one_to_one", "corners", align_corners=True),
    Row("coreml", "frame", "normalized_minus_one_to_one", "edges", align_corners=False),
    Row("coreml", "frame", "normalized_zero_to_one", "unit", align_corners=False),
    Row("coreml", "frame", "normalized_zero_to_one", None, align_corners=True, note="0 and 1 are pixel centres"),
]

DIALECTS: tuple[Row, ...] = (*_TORCH, *_SCIPY, *_JAX, *_OPENCV, *_ITK, *_INTERPOL, *_RESAMPLER, *_ONNX, *_COREML)
LIBRARIES: tuple[str, ...] = tuple(ORDER)


def names(library: str, what: str) -> tuple[str, ...]:
    """Every name that ``library`` has for a kernel, boundary or frame, in the table's order, without repeats."""
    return tuple(dict.fromkeys(row.theirs for row in DIALECTS if (row.library, row.what) == (library, what)))


def rows(library: str, what: str, theirs: str) -> tuple[Row, ...]:
    """Every row of a name: several where it means something else with another ``align_corners``."""
    return tuple(row for row in DIALECTS if (row.library, row.what, row.theirs) == (library, what, theirs))


def lookup(library: str, what: str, theirs: str, align_corners: bool | None = None) -> Row | None:
    """The row of a name, or None if the library has no such name or the name needs ``align_corners`` to be given."""
    found = (row for row in rows(library, what, theirs) if row.align_corners in (None, align_corners))
    return next(found, None)
