# SPDX-License-Identifier: Apache-2.0
"""A run: one row of a result file. A case, how it is sampled, which way, on how many threads; and its arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gridsample.bench.cases import Array, Case, Turned
from gridsample.bench.measure import Jumps

MODES = ("nearest", "bilinear", "bicubic")
DTYPES = ("float32", "float64", "uint8")
# forward: a grid is given. backward: both gradients. affine: forward, but the matrix is given and the grid is not.
# step: forward with its graph recorded, and backward, as in each step of a training.
VERBS = ("forward", "backward", "affine", "step")


@dataclass(frozen=True)
class Run:
    case: Case
    mode: str
    padding: str
    verb: str
    threads: int
    dtype: str = "float32"

    def arrays(self) -> tuple[Array, Array]:
        """Image and normalised grid; a channels-last image is a view (N, C, H, W) of memory (N, H, W, C).

        The same memory each time, until another run's are made: all calls of a run find it in the same caches.
        """
        return _arrays(self.case, self.dtype)

    def pixels(self) -> tuple[Array, Array]:
        """The image, and the grid as pixel positions, x first, in the grid's type."""
        image, grid = self.arrays()
        sizes = np.array(self.case.image[:1:-1], np.float64)
        return image, (((grid + 1.0) * sizes - 1.0) / 2.0).astype(grid.dtype)

    @property
    def jumps(self) -> Callable[[], Jumps] | None:
        """Where the results are not continuous in the coordinates, if they are not: nearest, and derivatives."""
        return self._jumps if self.mode == "nearest" or self.verb in ("backward", "step") else None

    def _jumps(self) -> Jumps:
        """Nearest jumps at halves; derivatives where pieces meet, at integers, and where a reflection turns, at halves.

        A position is computed from its coordinate in three steps, each rounded to a spacing that is at most that of
        numbers twice as large as the position or the axis; two ways of doing so differ by less than four such spacings.
        """
        _, grid = self.arrays()
        sizes = np.array(self.case.image[:1:-1], np.float64)
        x = ((grid + 1.0) * sizes - 1.0) / 2.0
        close = 4 * np.finfo(grid.dtype).eps * np.maximum(np.abs(x), sizes)
        halves = np.abs(x - 0.5 - np.round(x - 0.5)) < close
        whole = np.abs(x - np.round(x)) < close
        if self.mode == "nearest":
            return Jumps(halves.any(-1), image=True)
        near = whole | halves if self.padding == "reflection" else whole
        return Jumps(near.any(-1), image=False)

    def theta(self) -> Array:
        """The normalised matrix, output to input, of a case that has one."""
        assert isinstance(self.case.grid, Turned)
        return self.case.grid.theta(self.case.image[0], self.case.axes)

    def matrices(self) -> Array:
        """(N, D + 1, D + 1), float64: theta in pixels, output to input, x first."""

        def to_normalised(sizes: Sequence[int]) -> Array:
            n = np.array(sizes[::-1], np.float64)
            matrix = np.diag([*(2.0 / n), 1.0])
            matrix[:-1, -1] = 1.0 / n - 1.0
            return matrix

        theta = self.theta().astype(np.float64)
        square = np.concatenate(
            [theta, np.broadcast_to(np.eye(self.case.axes + 1)[-1:], (len(theta), 1, self.case.axes + 1))], 1
        )
        there, back = to_normalised(self.case.out), np.linalg.inv(to_normalised(self.case.image[2:]))
        return np.asarray(back @ square @ there)

    @property
    def name(self) -> dict[str, str | int]:
        """What tells this run from others, as it stands in a result file."""
        names = ("mode", "padding", "verb", "threads", "dtype")
        return {"case": self.case.name, **{name: getattr(self, name) for name in names}}

    def __str__(self) -> str:
        return run_text(self.name)


@lru_cache(maxsize=1)
def _arrays(case: Case, dtype: str) -> tuple[Array, Array]:
    image, grid = case.arrays(dtype)
    return (channels_last(image) if case.channels_last else image), grid


def channels_last(image: Array) -> Array:
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(image, 1, -1)), -1, 1)


def run_text(name: dict[str, str | int]) -> str:
    """From a run's name or a row of a result file; float32 goes without saying."""
    threads = name["threads"]
    parts = [str(name[key]) for key in ("case", "mode", "padding", "verb")]
    dtype = str(name.get("dtype", "float32"))
    return ", ".join([*parts, f"{threads} thread{'s' * (threads != 1)}", *[dtype] * (dtype != "float32")])


def runs(
    cases: Sequence[Case], modes: Sequence[str], verbs: Sequence[str], threads: Sequence[int], dtypes: Sequence[str]
) -> Iterator[Run]:
    """Every combination that means something; every padding only where the other choices are the usual ones."""
    for verb in verbs:
        for count in threads:
            for case in cases:
                if verb == "affine" and not (isinstance(case.grid, Turned) and case.axes > 1):
                    continue
                known = case.modes if verb != "affine" else ("bilinear",)
                for dtype in (dtype for dtype in case.dtypes if dtype in dtypes):
                    for mode in (mode for mode in known if mode in modes):
                        whole = (verb, mode, dtype) == ("forward", "bilinear", "float32")
                        for padding in case.paddings if whole else case.paddings[:1]:
                            yield Run(case, mode, padding, verb, count, dtype)
