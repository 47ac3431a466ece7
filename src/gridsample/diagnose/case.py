# SPDX-License-Identifier: Apache-2.0
"""A Case: one call of grid_sample, and what can be measured of it. The diagnostics read it; repairs are other Cases.

Coordinates keep the grid's order: component k belongs to spatial axis D-1-k. `u` is the output's own position in
[-1, 1] by its outer edges, so that the identity map of align_corners=False is g = u. Large grids are looked at through
`thin`, the same Case at every `stride`-th output; what must be counted is counted on the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from gridsample import api
from gridsample.diagnose.intake import Array, floating
from gridsample.options import Options, grid_sample_options
from gridsample.spec.frames import FRAMES

MOST = 1 << 16  # points of one element that fits and trials look at
ELEMENTS = 4  # of the batch, for the same


@dataclass(frozen=True)
class Fit:
    """g = matrix @ u + shift, by least squares over one element of the batch."""

    matrix: Array  # (D, D)
    shift: Array  # (D,)
    rms_px: float  # how far the grid is from that, in input pixels
    explained: float  # share of the grid's variance


@dataclass(frozen=True, eq=False)
class Case:
    image: Array  # (N or 1, C, *n) once it is valid
    grid: Array  # (N or 1, *out, D)
    mode: str = "bilinear"
    padding_mode: str = "zeros"
    align_corners: bool = False
    expected: Array | None = None
    size: tuple[int, ...] | None = None  # of the output, spatial, as wanted
    image_dtype: str = "float32"
    grid_dtype: str = "float32"
    library: str = "numpy"
    image_grad: bool = False
    grid_grad: bool = False
    built_with: bool | None = None  # align_corners of the affine_grid this grid came from, where that is known
    built_at: str = ""  # and the line that called it
    detached: bool = False  # its grid was made from something that wants a gradient, and no longer leads there
    stride: int = 1
    full: tuple[int, ...] | None = None  # output sizes before thinning

    # ------------------------------------------------------------------------------------------------------- shapes

    @cached_property
    def axes(self) -> int:
        return self.image.ndim - 2

    @cached_property
    def valid(self) -> bool:
        """Whether grid_sample could be called at all, a batch of 1 standing for all."""
        if not (1 <= self.axes <= 3 and self.grid.ndim == self.image.ndim and self.grid.shape[-1] == self.axes):
            return False
        n, m = self.image.shape[0], self.grid.shape[0]
        return (n == m or 1 in (n, m)) and 0 not in self.image.shape and 0 not in self.grid.shape

    @cached_property
    def sizes_in(self) -> tuple[int, ...]:
        """By component: x first."""
        return tuple(reversed(self.image.shape[2:]))

    @cached_property
    def sizes_out(self) -> tuple[int, ...]:
        """By component: x first, before thinning."""
        return tuple(reversed(self.full if self.full is not None else self.grid.shape[1:-1]))

    @property
    def batch(self) -> int:
        return max(int(self.image.shape[0]), int(self.grid.shape[0]))

    @cached_property
    def options(self) -> Options:
        return grid_sample_options(self.mode, self.padding_mode, self.align_corners)

    def change(self, **changes: Any) -> Case:
        return replace(self, **changes)

    @cached_property
    def thin(self) -> Case:
        """At most a few ten thousand points of a few elements, evenly spread."""
        stride = 1
        while np.prod([-(-n // stride) for n in self.grid.shape[1:-1]]) > MOST:
            stride += 1
        if stride == 1 and self.batch <= ELEMENTS:
            return self
        every = (slice(None, ELEMENTS), *(slice(None, None, stride),) * self.axes)
        wanted = self.expected
        if wanted is not None:
            fits = wanted.shape[2:] == self.grid.shape[1:-1]
            wanted = wanted[(every[0], slice(None), *every[1:])] if fits else wanted[:ELEMENTS]
        full = self.full or self.grid.shape[1:-1]
        return self.change(
            image=self.image[:ELEMENTS], grid=self.grid[every], expected=wanted, stride=self.stride * stride, full=full
        )

    # ----------------------------------------------------------------------------------------------------- positions

    @cached_property
    def scale(self) -> Array:
        """Input pixels per unit of g, by component."""
        return np.array([FRAMES[self.options.frame].numbers(n)[1] for n in self.sizes_in])

    def pixels(self, grid: Array | None = None) -> Array:
        """Where in the input the grid reads, in pixels, by component."""
        g = self.grid if grid is None else grid
        x = np.empty(g.shape, g.dtype if g.dtype.kind == "f" else np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            for k, n in enumerate(self.sizes_in):
                offset, scale, shift = FRAMES[self.options.frame].numbers(n)
                x[..., k] = (g[..., k] + offset) * scale + shift
        return x

    def normalised(self, x: Array) -> Array:
        """The inverse of `pixels`: a grid that reads at x under this Case's align_corners."""
        g = np.empty(x.shape, np.float64)
        for k, n in enumerate(self.sizes_in):
            offset, scale, shift = FRAMES[self.options.frame].numbers(n)
            g[..., k] = (x[..., k] - shift) / scale - offset if scale else 0.0
        return g

    @cached_property
    def x(self) -> Array:
        """`pixels` of the whole grid."""
        return self.pixels()

    @cached_property
    def index(self) -> list[Array]:
        """The output's indices along each component, shaped to broadcast against grid[..., k]."""
        found = []
        for k in range(self.axes):
            axis = self.axes - 1 - k
            i = np.arange(self.grid.shape[1 + axis], dtype=np.float64) * self.stride
            found.append(i.reshape([-1 if a == axis else 1 for a in range(self.axes)]))
        return found

    @cached_property
    def u(self) -> Array:
        """(*out, D): the output's own positions, [-1, 1] by outer edges."""
        parts = [(2 * i + 1) / n - 1 for i, n in zip(self.index, self.sizes_out, strict=True)]
        return np.stack(np.broadcast_arrays(*parts), axis=-1)

    def identity(self, grid_of: str = "") -> Array:
        """(*out, D): the grid that changes nothing, under this Case's align_corners, or as ``corners`` or ``edges``."""
        corners = self.align_corners if not grid_of else grid_of == "corners"
        return self.u * self.stretch if corners else self.u

    @cached_property
    def stretch(self) -> Array:
        """From edges to corners: n/(n-1) of the output, by component; a single output lies at 0 either way."""
        return np.array([n / (n - 1) if n > 1 else 1.0 for n in self.sizes_out])

    @cached_property
    def resolution_px(self) -> float:
        """How far apart, in input pixels, neighbouring numbers of the grid's type lie near the image's edge."""
        bits = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}.get(self.grid_dtype, 24)
        return float(2.0**-bits * self.scale.max(initial=0.0))

    @cached_property
    def finite(self) -> bool:
        with np.errstate(over="ignore", invalid="ignore"):
            return bool(np.isfinite(self.grid.sum(dtype=np.float64)) or np.isfinite(self.grid).all())

    @cached_property
    def fits(self) -> list[Fit]:
        """One Fit per element of the thinned batch; empty where points are too few to say."""
        t = self.thin
        if t is not self:
            return t.fits
        design = np.concatenate([self.u.reshape(-1, self.axes), np.ones((self.u[..., 0].size, 1))], axis=1)
        if len(design) < self.axes + 2 or not self.finite:
            return []
        varies = [n > 1 for n in self.sizes_out]
        design[:, :-1] *= varies
        inverse = np.linalg.pinv(design)
        found = []
        for element in self.grid.reshape(len(self.grid), -1, self.axes).astype(np.float64):
            solved = inverse @ element
            rest = (element - design @ solved) * np.maximum(self.scale, 0.5)
            spread = (element - element.mean(0)) * np.maximum(self.scale, 0.5)
            power = float((spread**2).sum())
            explained = 1 - float((rest**2).sum()) / power if power > 0 else 0.0
            found.append(Fit(solved[:-1].T, solved[-1], float(np.sqrt((rest**2).sum(1).mean())), explained))
        return found

    @property
    def affine(self) -> list[Fit]:
        """The Fits that leave nothing over: elements whose grid is an affine map."""
        return [fit for fit in self.fits if fit.rms_px < 0.01 + 2 * self.resolution_px]

    def matrix_px(self, fit: Fit) -> Array:
        """Input pixels per output pixel, by component."""
        per_out = 2.0 / np.array(self.sizes_out)
        return np.asarray(self.scale[:, None] * fit.matrix * per_out[None, :])

    @cached_property
    def steps(self) -> list[Array]:
        """By component l of the output: the step of x from one output to the next, input pixels, (N, *out-1.., D)."""
        x = self.x[: max(1, int(4e6 // max(self.x[0].size, 1)))]
        core = tuple(slice(None, -1) if n > 1 else slice(None) for n in x.shape[1:-1])
        found = []
        for k in range(self.axes):
            axis = self.axes - 1 - k
            if x.shape[1 + axis] < 2:
                continue
            with np.errstate(invalid="ignore"):
                step = np.diff(x, axis=1 + axis)
            cut = tuple(slice(None) if a == axis else c for a, c in enumerate(core))
            found.append(step[(slice(None), *cut)] / self.stride)
        return found

    @cached_property
    def dense(self) -> bool:
        """Whether the grid is a map (neighbouring outputs read neighbouring places) and no list of points."""
        if min(self.grid.shape[1:-1]) < 2 or not self.finite:
            return False
        if min(self.grid.shape[1:-1]) == 2:  # no second differences; an exact affine map is no accident
            return self.axes > 1 and len(self.affine) == len(self.fits) > 0
        window = tuple(slice(max(0, n // 2 - 64), n // 2 + 64) for n in self.grid.shape[1:-1])
        x = self.pixels(self.grid[(slice(None, ELEMENTS), *window)])
        first, second = 0.0, 0.0
        for axis in range(1, self.axes + 1):
            step = np.diff(x, axis=axis)
            first += float(np.median(np.abs(step).sum(-1)))
            second += float(np.median(np.abs(np.diff(step, axis=axis)).sum(-1)))
        return second < 0.7 * first or first < 0.02

    # ------------------------------------------------------------------------------------------------------- results

    @cached_property
    def output(self) -> Array:
        return self.sampled(self.image, self.grid)

    def sampled(self, image: Array, grid: Array) -> Array:
        """What this call gives for them."""
        image, n = floating(image), max(len(image), len(grid))
        grid = np.broadcast_to(grid.astype(image.dtype, copy=False), (n, *grid.shape[1:]))
        image = np.broadcast_to(image, (n, *image.shape[1:]))
        out: Array = api.grid_sample(image, grid, self.mode, self.padding_mode, self.align_corners)
        return out

    @cached_property
    def contrast(self) -> float:
        """The spread of the image's values."""
        some = self.image.reshape(-1)
        values = some[:: max(1, some.size // 100_000)].astype(np.float64)
        values = values[np.isfinite(values)]
        return float(values.std()) if values.size else 0.0

    # --------------------------------------------------------------------------------------------------------- words

    def place(self, index: tuple[int, ...]) -> str:
        """``grid[0, 3, 4]``"""
        return f"grid[{', '.join(map(str, index))}]"

    @property
    def corners_word(self) -> str:
        return f"align_corners={self.align_corners}"
