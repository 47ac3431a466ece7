# SPDX-License-Identifier: Apache-2.0
"""Why is grid_sample returning incorrect values? `why` says so, in words and pictures.

A call becomes a Case (case.py), every diagnostic in findings/ looks at it, examine.py ranks what they saw, and with the
picture wanted at hand trial.py tries their repairs. Nothing is changed: not the arrays, not the results, not any
random state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.examine import examine
from gridsample.diagnose.finding import Diagnostic, Finding, Seen
from gridsample.diagnose.intake import Array, floating, take
from gridsample.diagnose.report import Report, Site, Watched
from gridsample.errors import ArgumentTypeError, OptionError, ShapeError
from gridsample.options import flag, grid_sample_options

__all__ = ["Diagnostic", "Finding", "Report", "Seen", "Site", "Watched", "why"]


def why(
    image: Any = None,
    grid: Any = None,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = False,
    *,
    expected: Any = None,
    size: Sequence[int] | None = None,
    **more: Any,
) -> Any:
    """What is wrong with this sampling? Findings, each with what was seen, why it matters and the corrected line.

        why(image, grid, ...)         the call grid_sample(image, grid, ...), looked at without making it
        why(callable, *arguments)     runs it, and looks at every F.grid_sample of torch in it, line by line
        with why() as seen: ...       the same for a block

    Shapes:
        image (N, C, *n) and grid (N, *out, D) as `grid_sample` takes them; wrong shapes are found, not refused.
        expected: the picture wanted, (N, C, *out), or without N and C; the mistake that explains the difference is
        found by trying. size: the spatial size of the output wanted.

    Convention:
        NumPy, torch and JAX arrays; nothing is changed. Severities: "error" is certain, "warning" very likely a
        mistake, "note" worth knowing. The finding that explains most comes first.

    Returns:
        Report, or Watched for a program: print it, look at it in a notebook, or ``save("report.html")``.

    Raises:
        ArgumentTypeError, OptionError, ShapeError (arrays without pixels); in a watched block what the program raises.

    >>> import numpy as np, gridsample as gs
    >>> image = np.arange(64, dtype="float32").reshape(1, 1, 8, 8)
    >>> x, y = np.meshgrid(np.arange(8.0), np.arange(8.0))
    >>> report = gs.why(image, np.stack([x, y], -1)[None])
    >>> report.first
    'pixel_coordinates'
    >>> print(report.findings[0].fix)
    gs.sample(image, grid, frame='pixel')  # takes pixel coordinates as they are
    # or, for F.grid_sample:
    grid[..., 0] = (2 * grid[..., 0] + 1) / 8 - 1
    grid[..., 1] = (2 * grid[..., 1] + 1) / 8 - 1
    """
    if image is None and grid is None:
        from gridsample.diagnose.watch import Watch

        return Watch()
    if callable(image) and not hasattr(image, "__array__"):
        from gridsample.diagnose.watch import watched

        arguments = [] if grid is None else [grid]
        named = {"mode": (mode, "bilinear"), "padding_mode": (padding_mode, "zeros")}
        more |= {name: value for name, (value, usual) in named.items() if value != usual}
        return watched(image, arguments, more)
    if more:
        do = "see help(gridsample.why)"
        raise OptionError("why", "the arguments of grid_sample, expected and size", ", ".join(more), do)
    if image is None or grid is None:
        raise ArgumentTypeError("why", "an image and a grid", "one of them", "pass both, or a callable, or nothing")
    corners = False if align_corners is None else align_corners
    return report(case_of(image, grid, mode, padding_mode, corners, expected, size))


def report(case: Case, call: str = "") -> Report:
    """The Report on a Case."""
    with np.errstate(all="ignore"):
        after, findings = examine(case)
    return Report(after, findings, call)


def case_of(
    image: Any,
    grid: Any,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool = False,
    expected: Any = None,
    size: Sequence[int] | None = None,
    **known: Any,
) -> Case:
    """A Case of arrays of any library, its options checked."""
    corners = flag("why", "align_corners", align_corners)
    grid_sample_options(mode, padding_mode, corners)  # refuses unknown names
    pixels, points = take("why", "image", image), take("why", "grid", grid)
    for name, array in (("image", pixels.array), ("grid", points.array)):
        if array.size == 0 or array.ndim < 2:
            do = "pass the arrays that grid_sample would get"
            raise ShapeError("why", f"{name} with numbers on two or more axes", f"shape {array.shape}", do)
    wanted = None if expected is None else _expected(take("why", "expected", expected).array, pixels.array)
    wants = tuple(int(n) for n in size) if size is not None else None
    if wants is None and wanted is not None and wanted.ndim == points.array.ndim:
        wants = tuple(wanted.shape[2:])
    return Case(
        image=pixels.array,
        grid=floating(points.array),
        mode=mode,
        padding_mode=padding_mode,
        align_corners=corners,
        expected=wanted,
        size=wants,
        image_dtype=pixels.dtype,
        grid_dtype=points.dtype,
        library=pixels.library,
        image_grad=pixels.requires_grad,
        grid_grad=points.requires_grad,
        **known,
    )


def _expected(wanted: Array, image: Array) -> Array:
    """(N, C, *out) from that, or from a picture without N or without C."""
    axes = max(image.ndim, 3) - 2
    if wanted.ndim == axes and wanted.ndim < image.ndim:
        return wanted[None, None]
    if wanted.ndim == axes + 1:
        last = wanted.shape[-1] == image.shape[1] != wanted.shape[0] if image.ndim == axes + 2 else False
        return np.moveaxis(wanted, -1, 0)[None] if last else wanted[None]
    return wanted
