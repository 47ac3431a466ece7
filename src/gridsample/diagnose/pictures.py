# SPDX-License-Identifier: Apache-2.0
"""The pictures of a Report, drawn with matplotlib: the only file here that knows it. No global state is touched.

Of volumes the middle slice is drawn, of 1D images a strip. A drawing is a row of KINDS and a function from a Report to
a matplotlib Figure.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.intake import Array, floating
from gridsample.diagnose.lattice import line
from gridsample.diagnose.report import Report
from gridsample.errors import GridSampleError, OptionError, unknown

INSIDE, OUTSIDE, WEIGHT = "#1f77b4", "#d62728", "#ff7f0e"
DPI = 96


def png(report: Report, kind: str, at: tuple[int, ...] | None = None) -> bytes:
    """The drawing ``kind`` as PNG; ``at`` is the output, (n, *out), that "pixel" shows."""
    if kind not in KINDS:
        raise unknown("Report.picture", "kind", kind, KINDS)
    if not report.case.valid:
        do = "put the shapes right first: see the findings"
        raise OptionError("Report.picture", "a call that can be sampled", f"grid {report.case.grid.shape}", do)
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        do = "pip install 'gridsample[viz]'"
        raise GridSampleError("Report.picture", "matplotlib to draw with", "no matplotlib", do) from error
    figure = _pixel(report, at) if kind == "pixel" else KINDS[kind](report)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight")
    return buffer.getvalue()


# ------------------------------------------------------------------------------------------------------- in two axes


def _panels(count: int, height: float = 3.6) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4 * count, height), layout="constrained")
    return figure, list(np.atleast_1d(figure.subplots(1, count)))


def _picture(image: Array) -> Array:
    """(C, *n) as (H, W) or (H, W, 3) for imshow, values in [0, 1]."""
    values = floating(image).astype(np.float64)
    while values.ndim > 3:
        values = values[:, values.shape[1] // 2]
    if values.ndim == 2:
        values = values[:, None]
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    values = np.nan_to_num((values - low) / ((high - low) or 1.0))
    return np.moveaxis(values[:3], 0, -1) if len(values) >= 3 else values[0]


def _show(axes: Any, image: Array, title: str) -> None:
    shown = _picture(image)
    axes.imshow(
        shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto" if shown.shape[0] == 1 else "equal"
    )
    axes.set_title(title, fontsize=10)
    axes.tick_params(labelsize=7)


def _flat(case: Case) -> tuple[Array, Array, Array]:
    """Positions x, y of the outputs drawn, (rows, columns), and what lies outside; the middle slice of volumes."""
    x = case.thin.x[0].astype(np.float64)
    while x.ndim > 3:
        x = x[x.shape[0] // 2]
    if x.ndim == 2:
        x = x[None]
    y = x[..., 1] if x.shape[-1] > 1 else np.zeros(x.shape[:-1])
    sizes = case.sizes_in[:2] if case.axes > 1 else (case.sizes_in[0], 1)
    out = (x[..., 0] < -0.5) | (x[..., 0] > sizes[0] - 0.5) | (y < -0.5) | (y > sizes[1] - 0.5)
    return x[..., 0], y, out


def _some(shape: tuple[int, ...], most: int) -> Any:
    """Every k-th of both, so that about ``most`` remain."""
    rows, columns = shape
    k = max(1, int(np.ceil(np.sqrt(rows * columns / most))))
    return slice((min(k, rows) - 1) // 2, None, k), slice((min(k, columns) - 1) // 2, None, k)


# ---------------------------------------------------------------------------------------------------------- drawings


def _points(report: Report) -> Any:
    """The source with the sample points, those outside marked, and the output."""
    case = report.case
    figure, (left, right) = _panels(2)
    _show(left, case.image[0], "source and where it is read")
    x, y, out = _flat(case)
    x, y, out = (a[_some(x.shape, 900)] for a in (x, y, out))
    w, h = (*case.sizes_in, 1)[:2]
    known = np.isfinite(x) & np.isfinite(y)
    left.plot(x[known & ~out], y[known & ~out], ".", ms=3, color=INSIDE)
    left.plot(np.clip(x, -w, 2 * w)[known & out], np.clip(y, -h, 2 * h)[known & out], ".", ms=3, color=OUTSIDE)
    left.add_patch(_rectangle(-0.5, -0.5, w, h))
    first = np.unravel_index(0, x.shape)
    if known[first]:
        left.annotate("first", (np.clip(x[first], -w, 2 * w), np.clip(y[first], -h, 2 * h)), fontsize=8, color="k")
    far = known & out
    beyond_x, beyond_y = np.clip(x[far], -w, 2 * w), np.clip(y[far], -h, 2 * h)  # further out is drawn at the frame
    margin = 0.04 * max(w, h) if far.any() else 0.5
    left.set_xlim(np.min(beyond_x, initial=-0.5) - margin, np.max(beyond_x, initial=w - 0.5) + margin)
    left.set_ylim(np.max(beyond_y, initial=h - 0.5) + margin, np.min(beyond_y, initial=-0.5) - margin)
    left.set_xlabel(f"{INSIDE_WORD}; {int((known & out).sum())} of {x.size} drawn lie outside (red)", fontsize=8)
    _show(right, case.thin.output[0], f"output, {' x '.join(map(str, case.grid.shape[1:-1]))}")
    return figure


INSIDE_WORD = "blue: inside"


def _rectangle(x: float, y: float, w: float, h: float, color: str = "k") -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), w, h, fill=False, lw=1.2, color=color)


def _compare(report: Report) -> Any:
    """The output now, put right, and wanted."""
    case = report.case.thin
    shown = [("output", case.output[0])]
    fixed = next((f for f in report.findings if f.repaired is not None and f.repaired.valid), None)
    if fixed is not None and fixed.repaired is not None:
        shown.append((f"put right: {fixed.name}", fixed.repaired.thin.output[0]))
        if shown[0][1].shape == shown[1][1].shape:
            change = np.abs(shown[0][1].astype(np.float64) - shown[1][1]).mean(0, keepdims=True)
            shown.append((f"what changes, up to {np.nanmax(change):.3g}", change))
    if case.expected is not None and case.expected.ndim == case.image.ndim:
        shown.append(("expected", case.expected[0]))
    figure, panels = _panels(len(shown), 3.4)
    for axes, (title, image) in zip(panels, shown, strict=True):
        _show(axes, image, title)
    return figure


def _arrows(report: Report) -> Any:
    """From where each output lies to where it reads, drawn on the source."""
    case = report.case
    figure, (left, right) = _panels(2)
    _show(left, case.image[0], "from the output's own place to where it reads")
    x, y, out = _flat(case)
    eye = case.thin.change(grid=np.broadcast_to(case.thin.identity(), case.thin.grid.shape))
    x0, y0, _ = _flat(eye)
    few = _some(x.shape, 260)
    x, y, x0, y0, out = (a[few] for a in (x, y, x0, y0, out))
    w, h = (*case.sizes_in, 1)[:2]
    dx, dy = np.clip(x - x0, -2 * w, 2 * w), np.clip(y - y0, -2 * h, 2 * h)
    colours = np.where(out, OUTSIDE, INSIDE)
    usual = float(np.nanmedian(np.hypot(dx, dy)))
    times = 1 if usual > 0.02 * max(w, h) or usual < 1e-3 else int(np.ceil(0.03 * max(w, h) / usual))
    left.quiver(
        x0, y0, times * dx, times * dy, angles="xy", scale_units="xy", scale=1, width=0.004, color=colours.ravel()
    )
    left.set_xlim(-0.1 * w, 1.1 * w)
    left.set_ylim(1.1 * h, -0.1 * h)
    length = np.hypot(dx, dy)
    left.set_xlabel(
        f"{np.nanmedian(length):.3g} px in the median, {np.nanmax(length):.3g} at most"
        + (f"; drawn {times} times as long" if times > 1 else ""),
        fontsize=8,
    )
    _show(right, case.thin.output[0], "output")
    return figure


def _ruler(report: Report) -> Any:
    """The two ends of the x axis, pixel by pixel, where the samples fall, and the lattices that could be meant."""
    case = report.case
    figure, panels = _panels(2, 2.6)
    n, m = case.sizes_in[0], case.sizes_out[0]
    middle = case.grid[0]
    while middle.ndim > 2:
        middle = middle[middle.shape[0] // 2]
    x = case.pixels(middle.astype(np.float64))[:, 0]
    lattices = {"read here": x}
    for kind, name in (("edges", "edges lattice"), ("corners", "corners lattice")):
        g = line(kind, np.arange(m, dtype=np.float64), m)
        grid = np.zeros((m, case.axes))
        grid[:, 0] = g
        lattices[f"an {name},\nsampled so" if kind == "edges" else f"a {name},\nsampled so"] = case.pixels(grid)[:, 0]
    for axes, (low, high), title in zip(panels, ((-1, 3.5), (n - 4.5, n)), ("left end", "right end"), strict=True):
        for i in range(n):
            if low - 1 < i < high + 1:
                axes.add_patch(_rectangle(i - 0.5, -0.4, 1, 0.8))
                axes.text(i, 0, str(i), ha="center", va="center", fontsize=9, clip_on=True)
        for row, at in enumerate(lattices.values(), 1):
            shown = at[(at > low) & (at < high)]
            colours = [
                OUTSIDE if v < -0.5 or v > n - 0.5 else (WEIGHT if v < 0 or v > n - 1 else INSIDE) for v in shown
            ]
            axes.scatter(shown, np.full(len(shown), row), c=colours, s=18)
            if row == 1:
                for v in shown:
                    axes.plot([v, v], [0.4, row], lw=0.5, color="0.6")
        axes.set_yticks(range(len(lattices) + 1), ["pixel", *lattices], fontsize=7)
        axes.set_xlim(low, high)
        axes.set_ylim(-0.6, len(lattices) + 0.5)
        axes.set_title(f"{title} of x; orange: within half a pixel of the edge", fontsize=9)
        axes.tick_params(labelsize=7)
    return figure


def _jacobian(report: Report) -> Any:
    """Input pixels per output, and where the map turns over."""
    case = report.case.thin
    figure, (left, right) = _panels(2)
    if case.axes != 2 or len(case.steps) != 2:
        left.set_title("drawn for two axes with two outputs or more each", fontsize=9)
        _show(right, case.output[0], "output")
        return figure
    (a, b), (c, d) = ((s[0, ..., 0], s[0, ..., 1]) for s in case.steps)
    det = a * d - b * c
    factor = np.maximum(np.hypot(a, b), np.hypot(c, d))
    low, high = float(np.nanmin(factor)), float(np.nanmax(factor))
    if low > 0 and high > 8 * low:
        shown = left.imshow(factor, cmap="viridis", norm="log")
    else:
        even = high - low < 0.02 * high  # rounding is no pattern
        shown = left.imshow(factor, cmap="viridis", vmin=0 if even else low, vmax=2 * high if even else high)
    figure.colorbar(shown, ax=left, shrink=0.8)
    turned = det < 0 if np.median(det) >= 0 else det > 0
    if turned.any():
        left.contour(turned, [0.5], colors=[OUTSIDE], linewidths=1)
    left.set_title(f"input pixels per output; red: folded ({int(turned.sum())})", fontsize=10)
    left.tick_params(labelsize=7)
    _show(right, case.output[0], "output")
    return figure


def _pixel(report: Report, at: tuple[int, ...] | None = None) -> Any:
    """One output close up: the pixels around it, its taps and their weights."""
    case = report.case
    shape = case.grid.shape[1:-1]
    if at is None:
        at = report.telling
    at = (at[0], *(min(i, n - 1) for i, n in zip(at[1:], shape, strict=True)))
    seen = report.pixel(*at[1:], n=at[0])
    figure, (axes,) = _panels(1, 4.2)
    image = case.image[min(at[0], len(case.image) - 1)]
    if case.axes == 3:
        z = int(np.clip(np.rint(np.nan_to_num(seen.position[2])), 0, case.sizes_in[2] - 1))
        image = image[:, z : z + 1]
    _show(axes, image, f"output {list(at)} = {', '.join(f'{v:.4g}' for v in seen.result[:3])}")
    for index, weight in seen.taps[:SHOWN_TAPS]:
        yx = (*((0,) if case.axes == 1 else ()), *index[-2:])
        axes.add_patch(_rectangle(yx[1] - 0.5, yx[0] - 0.5, 1, 1, WEIGHT))
        axes.text(yx[1], yx[0], f"{weight:.3g}", ha="center", va="center", fontsize=8, color=WEIGHT, weight="bold")
    x = float(seen.position[0])
    y = float(seen.position[1]) if case.axes > 1 else 0.0
    if np.isfinite(x) and np.isfinite(y) and abs(x) < 1e6 and abs(y) < 1e6:
        axes.plot([x], [y], "+", ms=14, mew=2, color=OUTSIDE)
        axes.set_xlim(x - 4, x + 4)
        axes.set_ylim(y + 4, y - 4)
    lost = f", {seen.lost:.3g} of the weight lies outside" if abs(seen.lost) > 1e-6 else ""
    axes.set_xlabel(f"+ is read; orange: taps and weights{lost}", fontsize=8)
    return figure


SHOWN_TAPS = 16

KINDS: dict[str, Callable[[Report], Any]] = {
    "points": _points,
    "compare": _compare,
    "arrows": _arrows,
    "ruler": _ruler,
    "jacobian": _jacobian,
    "pixel": _pixel,
}
