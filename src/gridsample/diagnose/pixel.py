# SPDX-License-Identifier: Apache-2.0
"""One output pixel taken apart: the taps it read, their weights, and the sum that made it. From the oracle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.intake import Array, floating
from gridsample.diagnose.words import AXES
from gridsample.errors import OptionError
from gridsample.spec import reference

SHOWN = 16  # taps; a cubic kernel in 2D has as many


@dataclass(frozen=True)
class Pixel:
    """An output, where it reads, and its taps; printed, it is the sum that made it."""

    output: tuple[int, ...]  # (n, *out)
    coordinate: Array  # as in the grid
    position: Array  # in pixels, x first
    taps: list[tuple[tuple[int, ...], float]]  # (index in memory order, weight), the heaviest first
    lost: float  # the weight of taps that read no pixel
    values: Array  # (taps, C)
    result: Array  # (C,) as sampled

    def __str__(self) -> str:
        at = ", ".join(f"{AXES[k]}={g:.6g}" for k, g in enumerate(self.coordinate))
        x = ", ".join(f"{AXES[k]}={v:.5g}" for k, v in enumerate(self.position))
        lines = [f"output {list(self.output)}: grid says {at}; that is pixel position {x}"]
        channels = len(self.result)
        for (index, weight), value in zip(self.taps[:SHOWN], self.values, strict=False):
            said = ", ".join(f"{v:.5g}" for v in value[:4]) + (", …" if channels > 4 else "")
            lines.append(f"  {weight:+.5f} * image[{', '.join(map(str, index))}] = {weight:+.5f} * {said}")
        if len(self.taps) > SHOWN:
            lines.append(f"  … and {len(self.taps) - SHOWN} more")
        if abs(self.lost) > 1e-9:
            lines.append(f"  {self.lost:+.5f} * 0          (outside the image)")
        if not self.taps:
            lines.append("  no tap lies in the image")
        lines.append("= " + ", ".join(f"{v:.6g}" for v in self.result[:8]) + (", …" if channels > 8 else ""))
        return "\n".join(lines)


def pixel(case: Case, output: tuple[int, ...], n: int) -> Pixel:
    """Output ``output`` of batch element n, by index in memory order."""
    shape = case.grid.shape[1:-1]
    fits = len(output) == len(shape) and all(-m <= i < m for i, m in zip(output, shape, strict=False))
    if not fits or not 0 <= n < case.batch:
        expected = f"an output of {tuple(shape)}, n below {case.batch}"
        raise OptionError("Report.pixel", expected, f"{output}, n={n}", "count rows before columns: pixel(y, x)")
    output = tuple(i % m for i, m in zip(output, shape, strict=True))
    image = floating(case.image)[min(n, len(case.image) - 1)][None]
    coords = case.grid[min(n, len(case.grid) - 1)][output].reshape(1, *(1,) * case.axes, case.axes)
    o = case.options
    weights = reference.push(
        np.ones((1, 1, *(1,) * case.axes)),
        coords,
        image.shape[2:],
        kernel=case.kernel,
        boundary=o.boundary[0],
        frame=o.frame,
        order=o.order,
        ties=o.ties,
        fold=o.fold,
        nonfinite=o.nonfinite,
        precision=np.float64 if coords.dtype == np.float64 else np.float32,
    )[0, 0]
    found = [(tuple(int(i) for i in index), float(weights[tuple(index)])) for index in np.argwhere(weights)]
    found.sort(key=lambda tap: -abs(tap[1]))
    values = np.array([image[(0, slice(None), *index)] for index, _ in found]).reshape(len(found), image.shape[1])
    result = case.sampled(image, coords.astype(image.dtype)).reshape(-1)
    position = case.pixels(coords.astype(np.float64)).reshape(-1)
    return Pixel((n, *output), coords.reshape(-1), position, found, 1 - float(weights.sum()), values, result)
