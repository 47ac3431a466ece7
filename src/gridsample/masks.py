# SPDX-License-Identifier: Apache-2.0
"""Masks: what can be said of points without sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gridsample import frameworks, mapped, prepare
from gridsample.options import kernel_named, named, whole_numbers
from gridsample.spec.frames import FRAMES, ORDERS

WITHIN = ("edges", "centres", "taps")


def valid_mask(
    coords: Any,
    shape: Sequence[int],
    *,
    frame: str = "pixel",
    order: str = "xy",
    within: str = "edges",
    kernel: str = "linear",
) -> Any:
    """Which points lie in the image.

        mask[o] = for every axis  -rim <= x <= n - 1 + rim

    Shapes:
        coords: (*out, D), any axes first; or a map of `gridsample.maps`, for its own output, else one of ``shape``:
        then the mask is (N, *out). shape: the D spatial sizes of the image.

    Convention:
        frame, order: as `sample`. within: "edges", between the image's outer edges (rim 1/2: what ``outside=`` goes
        by); "centres", between the centres of the outermost pixels (rim 0); "taps", where every tap of ``kernel``
        that weighs anything is a pixel (rim 1 - taps/2). A NaN coordinate lies nowhere.

    Returns:
        (*out), bool.

    Raises:
        OptionError, ShapeError, DtypeError, ArgumentTypeError.

    >>> import numpy as np, gridsample as gs
    >>> gs.valid_mask(np.array([[-0.4], [3.2], [3.6], [np.nan]]), (4,))
    array([ True,  True, False, False])
    """
    where = "valid_mask"
    for argument, value, table in (("frame", frame, FRAMES), ("order", order, ORDERS), ("within", within, WITHIN)):
        named(where, argument, value, table)
    rim = prepare.rim_of(within, kernel_named(where, "kernel", kernel))
    sizes = whole_numbers(where, "shape", shape)
    if (map_ := mapped.of(coords)) is not None:
        mapped.own_frame(where, frame, order)
        coords = map_.coords(map_.size or sizes)
    framework = frameworks.of(where, coords=coords)
    return prepare.valid(framework, where, coords, sizes, frame, order, rim)
