# SPDX-License-Identifier: Apache-2.0
"""One photograph, every boundary
==============================

A photograph turned, tilted and waved by one coordinate field, once for each boundary rule, and timed against SciPy.

Run it with ``make demo``, or as ``python examples/demo.py`` where gridsample[viz] is installed. The photograph is
Chelsea the cat, which comes inside scikit-image (CC0, by Stéfan van der Walt).
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy import ndimage
from skimage import data

import gridsample as gs
from gridsample.spec.boundaries import BOUNDARIES, Boundary

INK, PAPER, DIM, ACCENT = "#e8eaf0", "#12141c", "#7d8499", "#ffb454"


def coordinate_field(width: int, height: int, source_width: int, source_height: int) -> np.ndarray:
    """Where each output pixel reads the source: three maps composed into one field, (1, height, width, 2), x first.

    Every map goes from output to input, so the last one is the nearest to the source.
    """
    u = np.linspace(-1, 1, width)[None, :] * width / height + np.zeros((height, 1))
    v = np.linspace(-1, 1, height)[:, None] + np.zeros((1, width))
    zoom, turn = 1.5, np.radians(-13)  # rotation, and far enough back to see beyond the edges
    u, v = zoom * (np.cos(turn) * u - np.sin(turn) * v), zoom * (np.sin(turn) * u + np.cos(turn) * v)
    w = 1 + 0.035 * u + 0.11 * v  # homography: the plane tilts
    u, v = u / w, v / w
    u, v = u + 0.06 * np.sin(3.2 * v + 0.5), v + 0.08 * np.sin(2.7 * u - 0.8)  # flow: a wave
    u, v = u + 0.1, v + 0.08  # the cat to the middle
    x = (source_width - 1) / 2 + u * source_height / 2
    y = (source_height - 1) / 2 + v * source_height / 2
    return np.stack([x, y], axis=-1)[None]


def warp(image: np.ndarray, coords: np.ndarray, rule: Boundary) -> np.ndarray:
    """The photograph (1, 3, h, w) in [0, 1] sampled with one boundary rule, as a picture (H, W, 3)."""
    # Rules with a sign continue the picture as its negative; that is seen when mid-grey is 0.
    middle = 0.5 if rule.sign < 0 else 0.0
    fill = 0.55 if rule.name == "constant" else 0.0
    result = gs.sample(image - middle, coords, boundary=rule.name, fill=fill) + middle
    return np.clip(result[0].transpose(1, 2, 0), 0, 1)


def contact_sheet(photo: np.ndarray, image: np.ndarray, coords: np.ndarray, path: Path, dpi: int) -> None:
    """The source with the sampling grid over it, and one warped picture for each boundary rule."""
    rows = 2 + max(math.ceil((len(BOUNDARIES) - 4) / 4), 0)  # four rules beside the source, four in each row below
    top, bottom, cell, gap = 0.683, 0.127, 2.61, 0.56  # inches
    tall = top + rows * cell + (rows - 1) * gap + bottom
    figure = Figure(figsize=(16, tall), facecolor=PAPER)
    margins = {"left": 0.008, "right": 0.992, "bottom": bottom / tall, "top": 1 - top / tall}
    cells = figure.add_gridspec(rows, 4, wspace=0.035, hspace=gap / cell, **margins)
    places = [cells[row, column] for row in range(rows) for column in range(4) if row > 1 or column > 1]
    _draw_source(figure.add_subplot(cells[:2, :2]), photo, coords[0])
    for place, rule in zip(places, BOUNDARIES.values(), strict=False):
        axes = figure.add_subplot(place)
        axes.imshow(warp(image, coords, rule), interpolation="antialiased")
        _bare(axes)
        _title(axes, rule)
    figure.savefig(path, dpi=dpi, facecolor=PAPER)


def _draw_source(axes: Any, photo: np.ndarray, field: np.ndarray) -> None:
    height, width = field.shape[:2]
    source_height, source_width = photo.shape[:2]
    axes.imshow(photo, extent=(-0.5, source_width - 0.5, source_height - 0.5, -0.5), zorder=1)
    lines = 24
    for i in np.linspace(0, height - 1, lines * height // width + 1).round().astype(int):
        axes.plot(*field[i].T, color="white", linewidth=0.7, alpha=0.55, zorder=2)
    for j in np.linspace(0, width - 1, lines + 1).round().astype(int):
        axes.plot(*field[:, j].T, color="white", linewidth=0.7, alpha=0.55, zorder=2)
    rim = np.concatenate([field[0], field[:, -1], field[-1, ::-1], field[::-1, 0]])
    axes.plot(*rim.T, color=ACCENT, linewidth=2, zorder=3)
    axes.plot(*field[0, 0], "o", color=ACCENT, markersize=8, zorder=4)
    _bare(axes)
    axes.set_aspect("equal", adjustable="datalim")
    axes.text(0.5, 1.0564, "source", transform=axes.transAxes, ha="center", color=INK, fontsize=15, fontweight="bold")
    note = "lines: rows and columns of output pixels, drawn where they read; dot: pixel (0, 0)"
    axes.text(0.5, 1.0158, note, transform=axes.transAxes, ha="center", color=DIM, fontsize=12)


def _title(axes: Any, rule: Boundary) -> None:
    """The rule's name, and its picture with the image's own pixels in another colour."""
    axes.text(0.5, 1.125, rule.name, transform=axes.transAxes, ha="center", color=INK, fontsize=15, fontweight="bold")
    inside = "".join(c if c != "|" and rule.picture[:i].count("|") == 1 else " " for i, c in enumerate(rule.picture))
    style = {"transform": axes.transAxes, "ha": "center", "fontsize": 12, "family": "monospace"}
    axes.text(0.5, 1.035, rule.picture, color=DIM, **style)
    axes.text(0.5, 1.035, inside, color=ACCENT, **style)


def _bare(axes: Any) -> None:
    axes.set_facecolor(PAPER)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def race(image: np.ndarray, coords: np.ndarray, rounds: int) -> str:
    """The same sampling by gridsample and by SciPy, in turns: medians, their ratio, the greatest difference."""
    rows = np.ascontiguousarray(np.moveaxis(coords[0], -1, 0)[::-1])  # SciPy's layout, made outside of the time

    def ours() -> np.ndarray:
        return gs.sample(image, coords, boundary="mirror")[0]

    def scipys() -> np.ndarray:
        return np.stack([ndimage.map_coordinates(c, rows, order=1, mode="mirror", prefilter=False) for c in image[0]])

    difference = np.abs(ours() - scipys()).max()  # which also warms both up
    times: dict[Callable[[], np.ndarray], list[float]] = {ours: [], scipys: []}
    for turn in range(rounds):
        for call in (ours, scipys) if turn % 2 else (scipys, ours):
            start = time.perf_counter()
            call()
            times[call].append(time.perf_counter() - start)
    mine, theirs = (statistics.median(times[call]) * 1e3 for call in (ours, scipys))
    height, width = coords.shape[1:3]
    return (
        f"sampling {width}x{height} points of {image.shape[1]} channels, linear, boundary mirror, float32 image:\n"
        f"  gridsample            {mine:8.2f} ms   ({gs.get_num_threads()} threads)\n"
        f"  SciPy map_coordinates {theirs:8.2f} ms   (it has no threads)\n"
        f"  SciPy's time is {theirs / mine:.1f} times gridsample's (medians of {rounds} runs in turns); "
        f"greatest difference {difference:.1e} of the image's range"
    )


def main(arguments: list[str] | None = None) -> Path:
    """Make the contact sheet, print where it is and how long sampling took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("demo-output"), help="folder (default: %(default)s)")
    parser.add_argument("--width", type=int, default=960, help="of each warped picture, in pixels (default: 960)")
    parser.add_argument("--dpi", type=int, default=120, help="of the contact sheet (default: 120, 1920 px wide)")
    parser.add_argument("--rounds", type=int, default=11, help="of timing (default: 11)")
    options = parser.parse_args(arguments)

    photo = data.chelsea()
    image = np.ascontiguousarray(photo.transpose(2, 0, 1)[None], dtype=np.float32) / 255
    width, height = options.width, round(options.width * photo.shape[0] / photo.shape[1])
    coords = coordinate_field(width, height, photo.shape[1], photo.shape[0])
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "contact-sheet.png"
    contact_sheet(photo, image, coords, path, options.dpi)
    print(f"the contact sheet is {path.resolve()}")
    print(race(image, coords, options.rounds))
    return path


if __name__ == "__main__":
    main()
