# SPDX-License-Identifier: Apache-2.0
"""Sampling in the words of those who have pictures, a flow, or coordinates as separate arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gridsample import api, mapped
from gridsample.errors import ArgumentTypeError, DtypeError, OptionError, RankError, ShapeError, unknown
from gridsample.maps import Displacement, arrays
from gridsample.maps.arrays import Array

LAYOUTS = ("HW", "HWC", "CHW", "NHWC", "NCHW")
CHANNELS = (1, 2, 3, 4)  # lengths that a channel axis of a picture usually has
EXACT = {"bool": "float32", "uint8": "float32", "int8": "float32", "uint16": "float32", "int16": "float32"}
EXACT |= {"int32": "float64", "uint32": "float64"}  # the float type that holds every number of an integer type


class FlowWarped(NamedTuple):
    """What `flow_warp` gives."""

    image: Array  # (N, C, *out)
    valid: Array  # (N, 1, *out), bool: where the flow points into the image


def warp(
    picture: Any,
    map: Any,
    *,
    size: Sequence[int] | None = None,
    kernel: str = "linear",
    boundary: str | Sequence[str] | None = None,
    fill: float | Sequence[float] = 0.0,
    layout: str | None = None,
) -> Any:
    """Warp a picture by any map: one call, one sampling.

        out[…, y, x, …] = picture[…, map(x, y), …]

    Shapes:
        picture: (H, W), (H, W, C), (C, H, W), (N, H, W, C) or (N, C, H, W); NumPy, torch. layout: its axes, such as
        "HWC"; without it, the axis of three that is 1 to 4 long is C, and where both ends are, the last for NumPy
        and the first for torch.
        map: a map of `gridsample.maps`, or coordinates (N or 1, H', W', 2) in pixels, x first. size: (H', W').

    Convention:
        boundary: None takes what the map asks for (panoramas wrap), else "constant" with ``fill``, a number or one
        per channel, in the picture's own numbers. Positions that lie nowhere read the fill. Integers are computed in
        floating point, rounded half to even and kept within their type; bool is True from one half on.

    Returns:
        The warped picture in the layout and type of the given one; with several maps a batch of them comes first.

    Raises:
        ShapeError, RankError, OptionError, DtypeError: see their messages.

    >>> import numpy as np, gridsample as gs
    >>> photo = np.arange(12, dtype="uint8").reshape(2, 2, 3)
    >>> gs.warp(photo, gs.maps.Affine([[-1, 0, 1], [0, 1, 0]]))[0]  # mirrored
    array([[3, 4, 5],
           [0, 1, 2]], dtype=uint8)
    """
    _check_picture(picture)
    layout = _layout(picture, layout)
    planes, batched = _planes(picture, layout), "N" in layout
    map_ = mapped.of(map)
    rule = boundary or getattr(map_, "boundary", None) or "constant"
    if map_ is not None:
        map = mapped.placed("warp", map_, planes, size)
    else:
        mapped.no_size("warp", size)
    result = _unplaned(resampled(planes, map, kernel=kernel, boundary=rule, fill=fill), layout)
    return result if batched or result.shape[0] != 1 else result[0]


def resampled(image: Array, coords: Any, *, kernel: str, boundary: Any, fill: float | Sequence[float]) -> Array:
    """`sample` of an image (N, C, *n) of any real type, with one fill or one per channel; nowhere reads the fill.

    coords: positions, or what `mapped.placed` gives.
    """
    name = arrays.dtype_name(image)
    options = {"kernel": kernel, "boundary": boundary, "nonfinite": "outside"}
    result = _filled(_as_type(image, EXACT[name]) if name in EXACT else image, coords, fill, options)
    return _whole(result, name) if name in EXACT else result


def flow_warp(
    image: Any,
    flow: Any,
    *,
    kernel: str = "linear",
    boundary: str | Sequence[str] = "zero",
    fill: float = 0.0,
    order: str = "xy",
) -> FlowWarped:
    """Read an image where a flow points, and say where it pointed inside.

        out[n, c, o] = image[n, c, o + flow[n, :, o]]

    Shapes:
        image: (N or 1, C, *n). flow: (N or 1, D, *out), component 0 along x (order "xy", RAFT) or along the first
        spatial axis ("ij", VoxelMorph). *out is usually *n.

    Convention:
        In pixels. With the flow from frame 1 to frame 2, ``flow_warp(frame2, flow)`` looks like frame 1. valid is
        False where the position lies beyond the image's outer edges or is not a number; those read the boundary.

    Returns:
        (image, valid): (N, C, *out) and bool (N, 1, *out).

    Raises:
        RankError: the components are not in axis 1. ShapeError, DtypeError, ArgumentTypeError.

    >>> import numpy as np, gridsample as gs
    >>> frame = np.arange(4.0).reshape(1, 1, 1, 4)
    >>> image, valid = gs.flow_warp(frame, np.full((1, 2, 1, 4), [[[1.0]], [[0.0]]]))
    >>> image[0, 0, 0], valid[0, 0, 0]
    (array([1., 2., 3., 0.]), array([ True,  True,  True, False]))
    """
    map_ = Displacement(flow, order=order).to(image)
    places = mapped.placed("flow_warp", map_, image, None)
    warped = api.sample(image, places, kernel=kernel, boundary=boundary, fill=fill, nonfinite="outside")
    return FlowWarped(warped, map_.inside(tuple(image.shape[2:]))[:, None])


def pixels(
    image: Any,
    x: Any,
    y: Any = None,
    z: Any = None,
    *,
    kernel: str = "linear",
    boundary: str | Sequence[str] = "zero",
    fill: float = 0.0,
    outside: float | None = None,
    nonfinite: str = "propagate",
) -> Any:
    """Read an image at coordinates that are separate arrays, in pixels.

        out[n, c, o] = image[n, c, y[n, o], x[n, o]]

    Shapes:
        x, y, z: as many as the image has spatial axes; they broadcast against each other.
        image (H, W): coordinates (*out) give (*out). image (C, H, W): they give (C, *out). image (N or 1, C, H, W):
        coordinates (N or 1, *out) give (N, C, *out). Alike in 1D and 3D.

    Convention:
        0 is the centre of the first pixel; x goes along the last axis, y along the one before, z before that. Gradients
        reach image, x, y and z. Options as in `sample`.

    Returns:
        Values, of the image's type.

    Raises:
        RankError: the image's rank fits no number of coordinates. ShapeError: coordinates that do not broadcast.

    >>> import numpy as np, gridsample as gs
    >>> gs.pixels(np.array([[0.0, 1.0], [2.0, 3.0]]), x=np.array([0.5, 1.0]), y=np.array([0.0, 0.5]))
    array([0.5, 2. ])
    """
    given = {"x": x, "y": y, "z": z}
    parts = {name: value for name, value in given.items() if value is not None}
    if list(parts) != list(given)[: len(parts)]:
        raise ArgumentTypeError("pixels", "x, x and y, or x, y and z", " and ".join(parts), "leave none out between")
    _check_picture(image)
    rank, axes = len(image.shape), len(parts)
    if not axes <= rank <= axes + 2:
        got = f"image of shape {tuple(image.shape)} and {' and '.join(parts)}"
        do = "give one coordinate array per spatial axis"
        raise RankError("pixels", f"an image with {axes} spatial axes for {axes} coordinates", got, do)
    components = [_coordinate(name, value, image) for name, value in parts.items()]
    try:
        coords = arrays.stacked(components)
    except (ValueError, RuntimeError):
        shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in zip(parts, components, strict=True))
        raise ShapeError("pixels", "coordinates that broadcast", shapes, "give them one shape") from None
    batched = rank == axes + 2
    planes = image if batched else image[(None,) * (axes + 2 - rank)]
    if batched and coords.ndim < 2:
        got = f"shape {tuple(coords.shape[:-1])}"
        raise RankError("pixels", "coordinates (N or 1, *out) for an image with a batch", got, "put the batch first")
    values = api.sample(
        planes,
        coords if batched else coords[None],
        kernel=kernel,
        boundary=boundary,
        fill=fill,
        outside=outside,
        nonfinite=nonfinite,
    )
    return values if batched else values[0] if rank == axes + 1 else values[0, 0]


def _coordinate(name: str, value: Any, image: Any) -> Array:
    if arrays.library(value) == "numpy":
        return arrays.like(arrays.one("pixels", name, value), image)
    return value


def _check_picture(picture: Any) -> None:
    if not hasattr(picture, "shape") or not hasattr(picture, "dtype"):
        got = f"{type(picture).__module__}.{type(picture).__qualname__}"
        raise ArgumentTypeError("warp", "a picture as an array", got, "convert it, for example with numpy.asarray")


def _layout(picture: Any, layout: str | None) -> str:
    shape = tuple(picture.shape)
    if layout is not None:
        if layout not in LAYOUTS:
            raise unknown("warp", "layout", layout, LAYOUTS)
        if len(layout) != len(shape):
            raise RankError("warp", f"{len(layout)} axes for layout {layout!r}", f"shape {shape}", "see layout")
        return layout
    if len(shape) == 2:
        return "HW"
    if len(shape) not in (3, 4):
        raise RankError("warp", "a picture of 2 to 4 axes", f"shape {shape}", "use gs.sample for volumes")
    torch = arrays.library(picture) == "torch"
    first, last = shape[-3] in CHANNELS, shape[-1] in CHANNELS
    if not first and not last:
        do = "say which with layout='HWC' or layout='CHW'"
        raise ShapeError("warp", "an axis of 1 to 4 channels, first or last", f"shape {shape}", do)
    found = "CHW" if first and (torch or not last) else "HWC"
    return found if len(shape) == 3 else "N" + found


def _planes(picture: Array, layout: str) -> Array:
    """(N, C, H, W), a view."""
    if layout == "HW":
        return picture[None, None]
    planes = picture if "N" in layout else picture[None]
    return arrays.namespace(planes).moveaxis(planes, -1, 1) if layout.endswith("C") else planes


def _unplaned(result: Array, layout: str) -> Array:
    if layout == "HW":
        return result[:, 0]
    if not layout.endswith("C"):
        return result
    moved = arrays.namespace(result).moveaxis(result, 1, -1)
    return np.ascontiguousarray(moved) if isinstance(moved, np.ndarray) else moved


def _filled(image: Array, coords: Any, fill: Any, options: dict[str, Any]) -> Array:
    """Sampled with one fill, or one per channel."""
    if np.ndim(fill) == 0:
        return api.sample(image, coords, fill=fill, **options)
    fills = [float(value) for value in fill]
    if len(fills) != image.shape[1]:
        got = f"{len(fills)}"
        raise OptionError("warp", f"fill: one number or {image.shape[1]}, one per channel", got, "see the layout")
    parts = [api.sample(image[:, c : c + 1], coords, fill=value, **options) for c, value in enumerate(fills)]
    return arrays.namespace(image).concatenate(parts, axis=1)


def _whole(values: Array, name: str) -> Array:
    """Numbers of an integer type: rounded half to even, kept within it."""
    if name == "bool":
        return values >= 0.5
    limits = np.iinfo(np.dtype(name))
    xp = arrays.namespace(values)
    return _as_type(xp.clip(xp.round(values), float(limits.min), float(limits.max)), name)


def _as_type(values: Array, name: str) -> Array:
    if arrays.library(values) == "torch":
        return values.to(getattr(arrays.namespace(values), name))
    if not hasattr(values, "astype"):
        raise DtypeError("warp", "an array that can be converted", type(values).__name__, "convert it to float first")
    return values.astype(name)
