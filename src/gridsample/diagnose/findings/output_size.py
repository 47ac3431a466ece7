# SPDX-License-Identifier: Apache-2.0
"""An output of another size than is wanted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair, Seen
from gridsample.diagnose.intake import Array


def _look(case: Case) -> Seen | None:
    out = tuple(case.grid.shape[1:-1])
    if case.size is not None and out != case.size:
        turned = out == case.size[::-1]
        text = (
            f"the grid makes an output of {_by(out)}, wanted is"
            f" {_by(case.size)}{': H and W are exchanged' if turned else ''}"
        )
        return Seen("error", 0.94, text, fix=_fix(case.size))
    if case.size is None and case.axes == 2 and case.dense:
        h, w = case.image.shape[2:]
        fits = case.thin.fits
        upright = bool(fits) and all(
            np.diag(f.matrix).min() > 3 * abs(f.matrix[0, 1]) and f.explained > 0.9 for f in fits
        )
        if out == (w, h) and w != h and upright:
            text = f"the image is {_by((h, w))} (rows x columns), the output {_by(out)}, though the grid is not turned"
            return Seen("warning", 0.93, text, fix=_fix((h, w)), about="The output has height and width exchanged")
    return None


def _by(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))


def _fix(size: tuple[int, ...]) -> str:
    inner = ", ".join(map(str, size))
    return f"F.affine_grid(theta, (N, C, {inner}), align_corners=...)  # the OUTPUT's size, height before width"


def _repairs(case: Case) -> Iterator[Repair]:
    """The same map on the outputs wanted, its grid interpolated."""
    wanted = case.size or (
        case.expected.shape[2:] if case.expected is not None and case.expected.ndim == case.grid.ndim else None
    )
    if wanted is None and case.axes == 2:
        wanted = tuple(case.image.shape[2:])
    if wanted is None or tuple(wanted) == tuple(case.grid.shape[1:-1]) or case.stride > 1 or not case.finite:
        return
    yield Repair(case.change(grid=_resized(case, tuple(wanted))), _fix(tuple(wanted)))


def _resized(case: Case, size: tuple[int, ...]) -> Array:
    lines = [np.linspace(-1, 1, n) if case.align_corners else (2 * np.arange(n) + 1) / n - 1 for n in reversed(size)]
    at = np.stack(np.meshgrid(*lines[::-1], indexing="ij")[::-1], axis=-1)
    if len(case.affine) == len(case.grid):
        return np.stack([at * _stretched(size, case.align_corners) @ f.matrix.T + f.shift for f in case.fits])
    field = np.ascontiguousarray(np.moveaxis(case.grid, -1, 1))
    smooth = case.change(mode="bilinear", padding_mode="border")
    return np.moveaxis(smooth.sampled(field, np.broadcast_to(at, (len(field), *at.shape))), 1, -1)


def _stretched(size: tuple[int, ...], corners: bool) -> Array:
    """The fit is by outer edges; with corners the new outermost outputs keep the places of the old ones."""
    return np.array([(n - 1) / n if corners and n > 1 else 1.0 for n in reversed(size)])


DIAGNOSTIC = Diagnostic(
    name="output_size",
    title="The grid's shape is not the output wanted",
    because=(
        "The output has as many rows and columns as the grid; the image's own size plays no part. A size given as"
        " (W, H), the order of pictures, makes an output on its side."
    ),
    fix="F.affine_grid(theta, (N, C, H_out, W_out), align_corners=...)",
    look=_look,
    repairs=_repairs,
    explains=("aliasing", "rotation_shear", "rim"),
    rare=2,
)
