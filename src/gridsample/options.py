# SPDX-License-Identifier: Apache-2.0
"""Options: what to compute, apart from the arrays. Names are checked here against the tables, once for each choice.

An `Options` has a canonical text, and the torch operators take that one string: it is cheap to dispatch, readable in a
printed graph, and parses back to the same object.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from gridsample.errors import ArgumentTypeError, OptionError, listed, unknown
from gridsample.spec import dialects
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.frames import FRAMES, ORDERS
from gridsample.spec.kernels import KERNELS

TIES = ("even", "up")
FOLDS = ("tap", "coordinate")
NONFINITE = ("propagate", "outside", "error")


@dataclass(frozen=True)
class Options:
    """Every choice of a call, resolved to names of the tables.

    boundary: one name for all axes, or one for each spatial axis in memory order.
    ties: the pixel a one-tap kernel takes half-way between two. fold: "tap" applies the boundary to every tap,
    "coordinate" to the position before the taps are chosen (torch's rule for nearest and bilinear).
    nonfinite: "minus_one" (a NaN coordinate is read as -1), "propagate", "outside" or "error".
    """

    kernel: str = "linear"
    boundary: tuple[str, ...] = ("zero",)
    fill: float = 0.0
    frame: str = "pixel"
    order: str = "xy"
    ties: str = "even"
    fold: str = "tap"
    nonfinite: str = "propagate"
    outside: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash(tuple(getattr(self, f.name) for f in fields(self))))

    def __hash__(self) -> int:  # every call looks its Plan up by this
        return self._hash  # type: ignore[attr-defined, no-any-return]

    def text(self) -> str:
        """``kernel=linear boundary=zero fill=0.0 ...``: canonical, and read back by `parse`."""
        return _text(self)

    @staticmethod
    def parse(text: str) -> Options:
        return _parse(text)


@lru_cache(maxsize=4096)
def _text(options: Options) -> str:
    values = {f.name: getattr(options, f.name) for f in fields(options)}
    return " ".join(f"{k}={','.join(v) if isinstance(v, tuple) else v}" for k, v in values.items())


@lru_cache(maxsize=4096)
def _parse(text: str) -> Options:
    values: dict[str, Any] = dict(part.split("=", 1) for part in text.split(" "))
    values["boundary"] = tuple(values["boundary"].split(","))
    values["fill"] = float(values["fill"])
    values["outside"] = None if values["outside"] == "None" else float(values["outside"])
    return Options(**values)


def sample_options(
    where: str,
    *,
    kernel: str,
    boundary: str | Sequence[str],
    fill: float = 0.0,
    frame: str,
    order: str,
    nonfinite: str,
    outside: float | None = None,
) -> Options:
    """The options of `sample` and its kin, every name checked."""
    names = boundary if isinstance(boundary, str) else tuple(boundary)
    return _sample_options(where, kernel, names, fill, frame, order, nonfinite, outside)


@lru_cache(maxsize=4096)
def _sample_options(
    where: str,
    kernel: str,
    boundary: str | tuple[str, ...],
    fill: float,
    frame: str,
    order: str,
    nonfinite: str,
    outside: float | None,
) -> Options:
    names = (boundary,) if isinstance(boundary, str) else boundary
    for argument, value, table in (("kernel", kernel, KERNELS), ("frame", frame, FRAMES), ("order", order, ORDERS)):
        if value not in table:
            raise unknown(where, argument, value, table)
    for name in names:
        if name not in BOUNDARIES:
            raise unknown(where, "boundary", name, BOUNDARIES)
    if nonfinite not in NONFINITE:
        raise unknown(where, "nonfinite", nonfinite, NONFINITE)
    number(where, "fill", fill)
    if outside is not None:
        number(where, "outside", outside)
    if fill != 0 and "constant" not in names:
        do = "use boundary='constant', or outside= for points whose centre lies outside"
        raise OptionError(where, "fill with boundary 'constant' only", f"fill={fill!r} and boundary={boundary!r}", do)
    if fill != 0 and "zero" in names:
        do = "use 'constant' on every axis that ends: a tap outside two axes can read only one value"
        raise OptionError(where, "one fill for all axes", f"boundary={boundary!r} and fill={fill!r}", do)
    ties = KERNELS[kernel].ties or "even"
    place = None if outside is None else float(outside)
    return Options(kernel, names, float(fill), frame, order, ties, "tap", nonfinite, place)


@lru_cache(maxsize=256)
def grid_sample_options(mode: str, padding_mode: str, align_corners: bool) -> Options:
    """The options of `grid_sample`: torch's names first, then ours."""
    where = "grid_sample"
    kernel = dialects.lookup("torch", "kernel", mode) if isinstance(mode, str) else None
    name = kernel.ours if kernel else mode
    if name not in KERNELS:
        raise unknown(where, "mode", mode, [*dialects.names("torch", "kernel"), *KERNELS])
    row = (
        dialects.lookup("torch", "boundary", padding_mode, align_corners=align_corners)
        if isinstance(padding_mode, str)
        else None
    )
    boundary = row.ours if row else padding_mode
    if boundary not in BOUNDARIES:
        raise unknown(where, "padding_mode", padding_mode, [*dialects.names("torch", "boundary"), *BOUNDARIES])
    # torch folds the position for its one- and two-tap modes, where it has the boundary at all
    folds = KERNELS[name].taps <= 2 and row is not None and row.fold == "coordinate"
    frame = "corners" if align_corners else "edges"
    ties = KERNELS[name].ties or "even"
    return Options(name, (boundary,), 0.0, frame, "xy", ties, "coordinate" if folds else "tap", "minus_one", None)


def number(where: str, argument: str, value: object) -> None:
    """Refuses what is not a real number. NaN and infinity are allowed: a fill may well be NaN."""
    if isinstance(value, bool) or (not isinstance(value, (int, float)) and not hasattr(value, "__float__")):
        raise ArgumentTypeError(where, f"{argument} to be a number", repr(value), "pass a float")


def flag(where: str, argument: str, value: object) -> bool:
    """A bool, or what stands for one; torch's functions take nothing else either."""
    if value in (True, False):
        return bool(value)
    raise ArgumentTypeError(where, f"{argument} to be {listed(['True', 'False'])}", repr(value), "pass a bool")


def whole_numbers(where: str, argument: str, value: Sequence[int]) -> tuple[int, ...]:
    """A tuple of integers from any sequence of them."""
    try:
        return tuple(operator.index(n) for n in value)
    except TypeError:
        do = "pass a tuple of whole numbers"
        raise ArgumentTypeError(where, f"{argument} to be a sequence of integers", repr(value), do) from None
