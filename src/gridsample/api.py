# SPDX-License-Identifier: Apache-2.0
"""The verbs: what a user calls. Each resolves its options and hands the arrays to the framework they belong to."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from gridsample import frameworks, mapped
from gridsample.errors import OptionError
from gridsample.frameworks import CALLS
from gridsample.options import flag, grid_sample_options, sample_options, whole_numbers
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.frames import FRAMES
from gridsample.spec.kernels import KERNELS


def grid_sample(
    input: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = False
) -> Any:
    """Sample ``input`` at the normalised coordinates ``grid``, exactly as ``torch.nn.functional.grid_sample`` does.

        out[n, c, o] = sum over taps, prod over axes  w_k(t) * input[n, c, fold(i + k)]

    Shapes:
        input: (N, C, W), (N, C, H, W) or (N, C, D, H, W); float16, bfloat16, float32 or float64.
        grid: (N, *out, 1 to 3), as many output axes as input has spatial axes, of input's type.

    Convention:
        Coordinates are positions in the input, x (the last axis) first. With ``align_corners=False`` -1 and 1 are the
        outer edges of the image, with True the centres of its corner pixels. A NaN coordinate is read as -1 and has no
        gradient; positions beyond 2**30 pixels count as 2**30, so an infinite one is very far away. Half-way between
        two pixels "nearest" takes the even one. Half types are computed in float32 and rounded once.

        mode: "bilinear" (also for volumes), "nearest", "bicubic" (a = -0.75, also for volumes), or a kernel's name:
        {kernels}.
        padding_mode: "zeros", "border", "reflection", or a boundary's name:
        {boundaries}.

    Returns:
        (N, C, *out), of input's type.

    Raises:
        What torch raises for the same mistake: ValueError for unknown names, RuntimeError for shapes and types that do
        not fit, NotImplementedError for types that cannot be sampled; all of them `GridSampleError`.

    >>> import numpy as np, gridsample as gs
    >>> image = np.arange(4, dtype="float32").reshape(1, 1, 2, 2)
    >>> gs.grid_sample(image, np.zeros((1, 1, 1, 2), "float32"))
    array([[[[1.5]]]], dtype=float32)
    """
    if not frameworks.tracing():
        known = CALLS.grid_sample(input, grid, mode, padding_mode, align_corners)
        if known is not None:
            return known
    corners = _given("grid_sample") if align_corners is None else align_corners
    if (map_ := mapped.of(grid)) is not None:
        flag("grid_sample", "align_corners", corners)
        grid = map_.to(input).to_grid(tuple(input.shape[2:]), align_corners=corners)
    options = grid_sample_options(mode, padding_mode, corners)
    return frameworks.of("grid_sample", input=input, grid=grid).pull("grid_sample", input, grid, options)


def affine_grid(theta: Any, size: Sequence[int], align_corners: bool | None = False) -> Any:
    """The grid of an affine map, for `grid_sample`, as ``torch.nn.functional.affine_grid`` makes it.

        grid[n, *o, :] = theta[n] @ (g(o), 1)

    Shapes:
        theta: (N, D, D + 1) with D = 1 to 3. size: (N, C, *n) of the output, D spatial sizes.

    Convention:
        theta maps OUTPUT to INPUT positions, both normalised, x first. An axis of one pixel lies at 0. Half types are
        computed in float32 and rounded once.

    Returns:
        (N, *n, D), of theta's type.

    Raises:
        ShapeError, RankError, DtypeError: see their messages.

    >>> import numpy as np, gridsample as gs
    >>> gs.affine_grid(np.eye(2, 3, dtype="float32")[None], (1, 1, 1, 2))
    array([[[[-0.5,  0. ],
             [ 0.5,  0. ]]]], dtype=float32)
    """
    corners = _given("affine_grid") if align_corners is None else flag("affine_grid", "align_corners", align_corners)
    sizes = whole_numbers("affine_grid", "size", size)
    return frameworks.of("affine_grid", theta=theta).affine_grid(theta, sizes, corners)


def sample(
    image: Any,
    coords: Any,
    *,
    kernel: str = "linear",
    boundary: str | Sequence[str] = "zero",
    fill: float = 0.0,
    frame: str = "pixel",
    order: str = "xy",
    outside: float | None = None,
    nonfinite: str = "propagate",
    size: Sequence[int] | None = None,
    out: Any = None,
) -> Any:
    """Read ``image`` at real coordinates.

        out[n, c, o] = sum over taps, prod over axes  w_k(t) * s * image[n, c, fold(i + k)]

    Shapes:
        image: (N or 1, C, *n), 1 to 3 spatial axes; float16, bfloat16, float32 or float64.
        coords: (N or 1, *out, D), any number of output axes, any of those types. A batch of 1 stands for all N. Or a
        map of `gridsample.maps`, with ``size`` the output's spatial lengths (default: the map's own, else the image's).

    Convention:
        coords are positions in the image. order: "xy" has the last spatial axis first, "ij" the first.
        frame: what a coordinate means.
        {frames}.
        kernel: how the taps around a point are weighed; ties of "nearest" go to the even pixel.
        {kernels}.
        boundary: what a tap outside reads, one name or one per spatial axis in memory order; "constant" reads ``fill``
        (as any kernel weighs it, a fill of NaN also reaches points on the last pixel).
        {boundaries}.
        outside: instead, points whose centre lies outside the image get this value.
        nonfinite: a NaN coordinate gives NaN ("propagate"; infinite ones are very far away), "outside" gives
        ``outside`` or the fill for NaN and infinity, "error" raises. Such points have no gradient.

    Returns:
        (N, C, *out), of the image's type; ``out`` itself if given.

    Raises:
        OptionError, ShapeError, RankError, DtypeError, ArgumentTypeError, DeviceError, NonFiniteError.

    >>> import numpy as np, gridsample as gs
    >>> image = np.arange(6, dtype="float32").reshape(1, 1, 2, 3)
    >>> gs.sample(image, np.array([[[0.5, 0.0], [2.0, 1.0]]]))
    array([[[0.5, 5. ]]], dtype=float32)
    """
    if out is None and size is None and not frameworks.tracing():
        known = CALLS.sample(image, coords, kernel, boundary, fill, frame, order, nonfinite, outside)
        if known is not None:
            return known
    if (map_ := mapped.of(coords)) is not None:
        coords = mapped.coordinates("sample", map_, image, size, frame, order)
    else:
        mapped.no_size("sample", size)
    options = sample_options("sample", kernel, boundary, fill, frame, order, nonfinite, outside)
    return frameworks.of("sample", image=image, coords=coords).pull("sample", image, coords, options, out)


def splat(
    values: Any,
    coords: Any,
    shape: Sequence[int],
    *,
    kernel: str = "linear",
    boundary: str | Sequence[str] = "zero",
    frame: str = "pixel",
    order: str = "xy",
    nonfinite: str = "outside",
) -> Any:
    """Add values into an image at real coordinates: the adjoint of `sample`, forward warping, scattering.

        <sample(image, coords), values> = <image, splat(values, coords, shape)>

    Shapes:
        values: (N or 1, C, *out). coords: (N or 1, *out, D), or a map. shape: the D spatial sizes of the image to fill.

    Convention:
        As `sample`: each value is shared among the taps its point would read, with their weights. Points with a NaN or
        infinite coordinate are left out ("outside") or refused ("error"). Sums have one order: their bits do not
        depend on threads or batch.

    Returns:
        (N, C, *shape), of values' type.

    Raises:
        As `sample`.

    >>> import numpy as np, gridsample as gs
    >>> gs.splat(np.ones((1, 1, 1), "float32"), np.array([[[1.25]]], "float32"), (4,))
    array([[[0.  , 0.75, 0.25, 0.  ]]], dtype=float32)
    """
    if nonfinite == "propagate":
        do = "choose 'outside' to leave such points out, or 'error'"
        raise OptionError("splat", "nonfinite to be 'outside' or 'error'", repr(nonfinite), do)
    options = sample_options("splat", kernel, boundary, 0.0, frame, order, nonfinite, None)
    sizes = whole_numbers("splat", "shape", shape)
    if (map_ := mapped.of(coords)) is not None:
        coords = mapped.coordinates("splat", map_, values, tuple(values.shape[2:]), frame, order)
    return frameworks.of("splat", values=values, coords=coords).push("splat", values, coords, sizes, options)


def sample_grad(
    image: Any,
    coords: Any,
    *,
    kernel: str = "linear",
    boundary: str | Sequence[str] = "zero",
    fill: float = 0.0,
    frame: str = "pixel",
    order: str = "xy",
    outside: float | None = None,
    nonfinite: str = "propagate",
    size: Sequence[int] | None = None,
) -> Any:
    """The derivative of `sample` by each component of the coordinates, at the points.

        out[n, c, o, j] = d sample(image, coords)[n, c, o] / d coords[n, o, j]

    Shapes and Convention:
        As `sample`; the derivative is in the units and the order of the coordinates as given. It is 0 where a point is
        answered without sampling (outside, NaN) and for "nearest".

    Returns:
        (N, C, *out, D), of the image's type.

    Raises:
        As `sample`.

    >>> import numpy as np, gridsample as gs
    >>> image = np.arange(6, dtype="float32").reshape(1, 1, 2, 3)
    >>> gs.sample_grad(image, np.array([[[0.5, 0.5]]]))
    array([[[[1., 3.]]]], dtype=float32)
    """
    if size is None and not frameworks.tracing():
        known = CALLS.sample_grad(image, coords, kernel, boundary, fill, frame, order, nonfinite, outside)
        if known is not None:
            return known
    if (map_ := mapped.of(coords)) is not None:
        coords = mapped.coordinates("sample_grad", map_, image, size, frame, order)
    else:
        mapped.no_size("sample_grad", size)
    options = sample_options("sample_grad", kernel, boundary, fill, frame, order, nonfinite, outside)
    return frameworks.of("sample_grad", image=image, coords=coords).pull_grad("sample_grad", image, coords, options)


def _given(where: str) -> bool:
    """What ``align_corners=None`` counts as, said aloud: torch's functions warn too."""
    message = f"{where}: align_corners=None counts as False; say which you mean to silence this"
    warnings.warn(message, UserWarning, stacklevel=3)
    return False


_TABLES = {
    "{kernels}": ", ".join(f'"{name}"' for name in KERNELS),
    "{boundaries}": ", ".join(f'"{name}"' for name in BOUNDARIES),
    "{frames}": ",\n        ".join(f'"{name}": {frame.meaning}' for name, frame in FRAMES.items()),
}
for _verb in (grid_sample, sample, splat, sample_grad):
    for _mark, _names in _TABLES.items():
        _verb.__doc__ = (_verb.__doc__ or "").replace(_mark, _names)
