# SPDX-License-Identifier: Apache-2.0
"""The verbs: what a user calls. Each resolves its options and hands the arrays to the framework they belong to."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from gridsample import frameworks, mapped, prepare
from gridsample.errors import OptionError
from gridsample.frameworks import CALLS
from gridsample.options import flag, grid_sample_options, sample_options, whole_numbers
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.dtypes import DTYPES
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
    elif (known := frameworks.traced(input, grid, mode, padding_mode, align_corners)) is not None:
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
    kernel: str | Sequence[str] = "linear",
    boundary: str | Sequence[str] = "zero",
    fill: float = 0.0,
    frame: str = "pixel",
    order: str = "xy",
    outside: float | None = None,
    nonfinite: str = "propagate",
    size: Sequence[int] | None = None,
    out: Any = None,
    relative: bool = False,
    antialias: bool | int = False,
    prefilter: bool | int = True,
    ties: str | None = None,
    fold: str = "tap",
    limit: str = "edges",
) -> Any:
    """Read ``image`` at real coordinates.

        out[n, c, o] = sum over taps, prod over axes  w_k(t) * s * image[n, c, fold(i + k)]

    Shapes:
        image: (N or 1, C, *n), any number of spatial axes D; of the types
        {dtypes}.
        coords: (N or 1, *out, D), any number of output axes, of one of the float types. A batch of 1 stands for all N.
        Or a map of `gridsample.maps`; ``size`` is then the output's, without it the map's own, else the image's.
        The image may have no batch axis, (C, *n), or no channels either, (*n), or several batch axes, (*batch, C, *n):
        coords has as many, (*batch, *out, D), each equal or 1, and the result is (*batch, C, *out), without what was
        left away.

    Convention:
        coords are positions in the image. order: "xy" has the last spatial axis first, "ij" the first.
        frame: what a coordinate means.
        {frames}.
        relative: coords are added to each output's own position, in the same frame.
        kernel: how the taps around a point are weighed, one name or one per spatial axis in memory order; ``ties`` of
        "nearest" go to the "even" pixel (or "up").
        {kernels}, "cubic(a)" with any number a.
        prefilter: B-splines go through the pixels: the image is turned into coefficients first. False: it is them.
        A number: first it is extended by so many pixels of its boundary, as SciPy does by 12.
        boundary: what a tap outside reads, one name or one per spatial axis in memory order; "constant" reads ``fill``
        (as any kernel weighs it, a fill of NaN also reaches points on the last pixel).
        {boundaries}.
        fold: "tap" applies it to each tap, "coordinate" to the position before (torch's rule, and SciPy's "wrap").
        outside: instead, points whose centre lies outside the image get this value; ``limit`` is what counts as
        outside, beyond the outer "edges" or beyond the "centres" of the last pixels.
        nonfinite: a NaN coordinate gives NaN ("propagate"; infinite ones are very far away), "outside" gives
        ``outside`` or the fill for NaN and infinity, "error" raises. Such points have no gradient.
        antialias: where the grid zooms out, the mean over each output pixel's footprint, D output axes; True takes
        as many samples as the grid asks for (at most 64 along an axis), a number that many.
        Types of 16 bits and fewer are computed in float32 and rounded once; whole numbers half to even, kept to their
        range, NaN becoming 0.

    Returns:
        (N, C, *out), of the image's type; ``out`` itself if given.

    Raises:
        OptionError, ShapeError, RankError, DtypeError, ArgumentTypeError, DeviceError, NonFiniteError.

    >>> import numpy as np, gridsample as gs
    >>> image = np.arange(6, dtype="float32").reshape(1, 1, 2, 3)
    >>> gs.sample(image, np.array([[[0.5, 0.0], [2.0, 1.0]]]))
    array([[[0.5, 5. ]]], dtype=float32)
    """
    usual = prefilter is True and ties is None and fold == "tap" and limit == "edges" and antialias is False
    plain = usual and relative is False
    if plain and out is None and size is None and not frameworks.tracing():
        known = CALLS.sample(image, coords, kernel, boundary, fill, frame, order, nonfinite, outside)
        if known is not None:
            return known
    extra = prefilter if type(prefilter) is int and prefilter > 0 else 0
    filters: Any = True if extra else prefilter  # whatever else it may be is refused by name
    options = sample_options(
        "sample", kernel, boundary, fill, frame, order, nonfinite, outside, ties, fold, limit, filters
    )
    if usual and out is None and not frameworks.tracing():
        source = mapped.made(coords, image, size, frame, order) if plain else None
        if relative is True and size is None and mapped.of(coords) is None:
            framework = frameworks.of("sample", image=image, coords=coords)
            source = prepare.displaced(framework, "sample", image, coords, frame, order)
        if source is not None:
            framework = frameworks.of("sample", image=image, coords=source.numbers)
            made = framework.pull_made("sample", image, source, options)
            if made is not None:
                return made
    coords = mapped.resolved("sample", coords, image, size, frame, order, relative)
    framework = frameworks.of("sample", image=image, coords=coords)
    if plain and out is not None:
        return framework.pull("sample", image, coords, options, out)
    moved = flag("sample", "relative", relative)
    if out is not None and (antialias is not False or extra):
        raise OptionError("sample", "out= without antialias or prefilter=pixels", "both", "leave out= away")

    def pull(image: Any, coords: Any) -> Any:
        if not (extra and options.prefilter):
            return framework.pull("sample", image, coords, options, out)
        padded, moved, these = prepare.extended(framework, "sample", image, coords, options, extra)
        return framework.narrowed(framework.pull("sample", padded, moved, these, out), image.dtype)

    def read(image: Any, coords: Any) -> Any:
        if moved:
            coords = prepare.absolute(framework, "sample", coords, frame, order)
        if antialias is False:
            return pull(image, coords)
        return prepare.antialiased(framework, "sample", image, coords, frame, order, antialias, pull)

    return read(image, coords) if out is not None else prepare.batched(framework, "sample", image, coords, read)


def splat(
    values: Any,
    coords: Any,
    shape: Sequence[int],
    *,
    kernel: str | Sequence[str] = "linear",
    boundary: str | Sequence[str] = "zero",
    frame: str = "pixel",
    order: str = "xy",
    nonfinite: str = "outside",
    relative: bool = False,
    prefilter: bool = True,
    ties: str | None = None,
    fold: str = "tap",
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
    chosen = (kernel, boundary, 0.0, frame, order, nonfinite, None, ties, fold, "edges", prefilter)
    options = sample_options("splat", *chosen)
    sizes = whole_numbers("splat", "shape", shape)
    if (map_ := mapped.of(coords)) is not None:
        coords = mapped.coordinates("splat", map_, values, tuple(values.shape[2:]), frame, order, relative)
    framework = frameworks.of("splat", values=values, coords=coords)
    if flag("splat", "relative", relative):
        coords = prepare.absolute(framework, "splat", coords, frame, order)
    return framework.push("splat", values, coords, sizes, options)


def sample_grad(
    image: Any,
    coords: Any,
    *,
    kernel: str | Sequence[str] = "linear",
    boundary: str | Sequence[str] = "zero",
    fill: float = 0.0,
    frame: str = "pixel",
    order: str = "xy",
    outside: float | None = None,
    nonfinite: str = "propagate",
    size: Sequence[int] | None = None,
    relative: bool = False,
    prefilter: bool = True,
    ties: str | None = None,
    fold: str = "tap",
    limit: str = "edges",
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
    plain = prefilter is True and ties is None and fold == "tap" and limit == "edges" and relative is False
    if plain and size is None and not frameworks.tracing():
        known = CALLS.sample_grad(image, coords, kernel, boundary, fill, frame, order, nonfinite, outside)
        if known is not None:
            return known
    coords = mapped.resolved("sample_grad", coords, image, size, frame, order, relative)
    chosen = (kernel, boundary, fill, frame, order, nonfinite, outside, ties, fold, limit, prefilter)
    options = sample_options("sample_grad", *chosen)
    framework = frameworks.of("sample_grad", image=image, coords=coords)
    moved = flag("sample_grad", "relative", relative)

    def read(image: Any, coords: Any) -> Any:
        if moved:
            coords = prepare.absolute(framework, "sample_grad", coords, frame, order)
        return framework.pull_grad("sample_grad", image, coords, options)

    return prepare.batched(framework, "sample_grad", image, coords, read)


def multiscale_deformable_attention(value: Any, shapes: Any, locations: Any, weights: Any) -> Any:
    """Multi-scale deformable attention: points of several feature maps read, weighed and added up, for each query.

        out[n, q, h] = sum over levels l, points p  weights[n, q, h, l, p] * sample(level l, locations[n, q, h, l, p])

    (Zhu et al., Deformable DETR, arXiv 2010.04159, equation 3, without its linear layers.) The samples are never held
    together: what is kept for the backward are the arguments.

    Shapes:
        value: (N, pixels, heads, C): all levels, each flattened row by row, one after another along axis 1.
        shapes: the (height, width) of each level, a sequence of them or a (levels, 2) array.
        locations: (N, queries, heads, levels, points, 2). weights: (N, queries, heads, levels, points).
        float16, bfloat16, float32 or float64, in any mixture. Sizes and components may be 1 to 3 instead of 2.

    Convention:
        locations are positions in the level, x first, 0 and 1 its outer edges (`sample` with frame="unit"); linear
        weights, and zero outside. weights are used as they are: a softmax is the caller's. Half types are computed in
        float32 and rounded once.

    Returns:
        (N, queries, heads * C), of value's type. First derivatives by value, locations and weights.

    Raises:
        ShapeError, RankError, DtypeError, ArgumentTypeError, DeviceError.

    >>> import numpy as np, gridsample as gs
    >>> value, shapes = np.arange(5.0).reshape(1, 5, 1, 1), [(2, 2), (1, 1)]
    >>> locations, weights = np.full((1, 1, 1, 2, 1, 2), 0.5), np.array([1.0, 0.25]).reshape(1, 1, 1, 2, 1)
    >>> gs.multiscale_deformable_attention(value, shapes, locations, weights)
    array([[[2.5]]])
    """
    framework = frameworks.of("multiscale_deformable_attention", value=value, locations=locations, weights=weights)
    return framework.multiscale_deformable_attention(value, shapes, locations, weights)


def _given(where: str) -> bool:
    """What ``align_corners=None`` counts as, said aloud: torch's functions warn too."""
    message = f"{where}: align_corners=None counts as False; say which you mean to silence this"
    warnings.warn(message, UserWarning, stacklevel=3)
    return False


_TABLES = {
    "{dtypes}": ", ".join(DTYPES),
    "{kernels}": ", ".join(f'"{name}"' for name in KERNELS),
    "{boundaries}": ", ".join(f'"{name}"' for name in BOUNDARIES),
    "{frames}": ",\n        ".join(f'"{name}": {frame.meaning}' for name, frame in FRAMES.items()),
}
for _verb in (grid_sample, sample, splat, sample_grad):
    for _mark, _names in _TABLES.items():
        _verb.__doc__ = (_verb.__doc__ or "").replace(_mark, _names)
