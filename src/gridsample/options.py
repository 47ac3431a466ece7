# SPDX-License-Identifier: Apache-2.0
"""Options: what to compute, apart from the arrays. Names are checked here against the tables, once for each choice.

An `Options` has a canonical text, and the torch operators take that one string: it is cheap to dispatch, readable in a
printed graph, and parses back to the same object.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache, wraps
from numbers import Real
from typing import Any, TypeVar

import numpy as np

from gridsample.errors import ArgumentTypeError, GridSampleError, OptionError, listed, unknown
from gridsample.spec import dialects
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.frames import FRAMES, ORDERS
from gridsample.spec.kernels import KERNELS, Kernel, find

TIES = ("even", "up")
FOLDS = ("tap", "coordinate")
NONFINITE = ("propagate", "outside", "error")
LIMITS = ("edges", "centres")

Function = TypeVar("Function", bound=Callable[..., Any])


def remembered(function: Function) -> Function:
    """Answers kept by arguments and their types, so that True is not taken for 1.

    Arguments that cannot be kept (lists, symbolic sizes) are answered all the same, or refused by name.
    """
    fast = lru_cache(maxsize=2048, typed=True)(function)

    @wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            return fast(*arguments)
        except TypeError as error:
            if isinstance(error, GridSampleError):
                raise
            return function(*arguments)

    return call  # type: ignore[return-value]


def or_none(function: Callable[..., Options]) -> Callable[..., Options | None]:
    """Its answers, remembered; None where it raises. A compiler may take these for constants, an error not."""

    @remembered
    def call(*arguments: Any) -> Options | None:
        try:
            return function(*arguments)
        except GridSampleError:
            return None

    return call


@dataclass(frozen=True)
class Options:
    """Every choice of a call, resolved to names of the tables.

    kernel, boundary: one name for all axes, or one for each spatial axis in memory order.
    ties: the pixel a one-tap kernel takes half-way between two. fold: "tap" applies the boundary to every tap,
    "coordinate" to the position before the taps are chosen (torch's rule for nearest and bilinear).
    nonfinite: "minus_one" (a NaN coordinate is read as -1), "propagate", "outside" or "error".
    limit: what counts as outside, beyond the image's outer "edges" or the "centres" of its last pixels.
    derivative: how often by the coordinate of each spatial axis, in memory order; empty for not at all.
    prefilter: the image is to be turned into coefficients first. Frameworks do that; operators and backends never.
    """

    kernel: tuple[str, ...] = ("linear",)
    boundary: tuple[str, ...] = ("zero",)
    fill: float = 0.0
    frame: str = "pixel"
    order: str = "xy"
    ties: str = "even"
    fold: str = "tap"
    nonfinite: str = "propagate"
    outside: float | None = None
    limit: str = "edges"
    derivative: tuple[int, ...] = ()
    prefilter: bool = False

    def __post_init__(self) -> None:
        values = {name: getattr(self, name) for name in NAMES}
        object.__setattr__(self, "_hash", hash(tuple(values.values())))
        said = {name: v for name, v in values.items() if name in PLAIN or v != getattr(type(self), name)}
        text = " ".join(f"{name}={','.join(map(str, v)) if isinstance(v, tuple) else v}" for name, v in said.items())
        object.__setattr__(self, "_text", text)

    def __hash__(self) -> int:  # every call looks its Plan up by this
        return self._hash  # type: ignore[attr-defined, no-any-return]

    @property
    def text(self) -> str:
        """``kernel=linear boundary=zero fill=0.0 ...``: canonical, and read back by `parse`."""
        return self._text  # type: ignore[attr-defined, no-any-return]

    @staticmethod
    def parse(text: str) -> Options:
        return _parse(text)

    def linear(self) -> Options:
        """The part that is linear in the image: what a tap or a point reads elsewhere is 0."""
        return _linear(self)

    def derived(self, axis: int, axes: int) -> Options:
        """Derived once more by the coordinate of spatial axis ``axis`` of ``axes``."""
        return _derived(self, axis, axes)

    @property
    def filtered(self) -> Options:
        """For an image that has been turned into coefficients, or needs not be."""
        return _changed(self, prefilter=False) if self.prefilter else self


NAMES = tuple(field.name for field in fields(Options))
PLAIN = NAMES[:-3]  # always written in the text; the others where they are not what they usually are


@lru_cache(maxsize=4096)
def _parse(text: str) -> Options:
    values: dict[str, Any] = dict(part.partition("=")[::2] for part in text.split(" "))
    if tuple(name for name in values if name in PLAIN) != PLAIN or not set(values) <= set(NAMES):
        do = "pass an Options' text"
        raise OptionError("gridsample operators", f"options of the form {'=... '.join(PLAIN)}=...", repr(text), do)
    values["kernel"] = tuple(values["kernel"].split(","))
    values["boundary"] = tuple(values["boundary"].split(","))
    values["fill"] = float(values["fill"])
    values["outside"] = None if values["outside"] == "None" else float(values["outside"])
    values["prefilter"] = values.get("prefilter") == "True"
    values["derivative"] = tuple(map(int, filter(None, values.get("derivative", "").split(","))))
    options = Options(**values)
    tables: dict[str, Iterable[str]] = {"frame": FRAMES, "order": ORDERS, "ties": TIES, "limit": LIMITS}
    for name, table in (tables | {"fold": FOLDS, "nonfinite": ("minus_one", *NONFINITE)}).items():
        named("gridsample operators", name, getattr(options, name), table)
    for name in options.kernel:
        kernel_named("gridsample operators", "kernel", name)
    for name in options.boundary:
        named("gridsample operators", "boundary", name, BOUNDARIES)
    return options


@lru_cache(maxsize=4096)
def _linear(options: Options) -> Options:
    return replace(options, fill=0.0, outside=None if options.outside is None else 0.0)


@lru_cache(maxsize=4096)
def _derived(options: Options, axis: int, axes: int) -> Options:
    orders = options.derivative or (0,) * axes
    return replace(options, derivative=tuple(m + (d == axis) for d, m in enumerate(orders)))


def sample_options(
    where: str,
    kernel: str | Sequence[str],
    boundary: str | Sequence[str],
    fill: float,
    frame: str,
    order: str,
    nonfinite: str,
    outside: float | None,
    ties: str | None = None,
    fold: str = "tap",
    limit: str = "edges",
    prefilter: bool = True,
) -> Options:
    """The options of `sample` and its kin, every name checked."""
    names = (where, kernel, boundary, frame, order, nonfinite, ties, fold, limit, prefilter)
    options = known_names(*names) or _named_options(*names)
    if outside is None and type(fill) in (float, int) and fill == 0:
        return options
    return _filled(where, options, fill, outside)


def _named_options(
    where: str,
    kernel: str | Sequence[str],
    boundary: str | Sequence[str],
    frame: str,
    order: str,
    nonfinite: str,
    ties: str | None,
    fold: str,
    limit: str,
    prefilter: bool,
) -> Options:
    """All of them but the numbers, which a traced program may not know yet."""
    for argument, value, table in (("frame", frame, FRAMES), ("order", order, ORDERS), ("limit", limit, LIMITS)):
        named(where, argument, value, table)
    kernels = kernel if isinstance(kernel, (tuple, list)) and kernel else (kernel,)
    rows = [kernel_named(where, "kernel", name) for name in kernels]
    names = boundary if isinstance(boundary, (tuple, list)) and boundary else (boundary,)
    for name in names:
        named(where, "boundary", name, BOUNDARIES)
    named(where, "nonfinite", nonfinite, NONFINITE)
    named(where, "fold", fold, FOLDS)
    if ties is not None:
        named(where, "ties", ties, TIES)
    if fold == "coordinate" and (odd := [name for name in names if BOUNDARIES[name].sign < 0]):
        do = "use fold='tap'"
        raise OptionError(where, "a boundary that positions can be folded by", repr(odd[0]), do)
    filters = flag(where, "prefilter", prefilter) and any(row.prefilter for row in rows)
    ties = ties or next((row.ties for row in rows if row.ties), None) or "even"
    chosen = tuple(row.name for row in rows)
    return Options(chosen, tuple(names), 0.0, frame, order, ties, fold, nonfinite, None, limit, prefilter=filters)


known_names = or_none(_named_options)


@remembered
def _filled(where: str, options: Options, fill: float, outside: float | None) -> Options:
    """With what is read outside the image: by its taps, and by points whose centre lies there."""
    names = options.boundary
    boundary = names[0] if len(names) == 1 else names
    fill = number(where, "fill", fill)
    if outside is not None:
        outside = number(where, "outside", outside)
    if fill != 0 and "constant" not in names:
        do = "use boundary='constant', or outside= for points whose centre lies outside"
        raise OptionError(where, "fill with boundary 'constant' only", f"fill={fill!r} and boundary={boundary!r}", do)
    if fill != 0 and "zero" in names:
        do = "use 'constant' on every axis that ends: a tap outside two axes can read only one value"
        raise OptionError(where, "one fill for all axes", f"boundary={boundary!r} and fill={fill!r}", do)
    return _changed(options, fill=fill, outside=outside)


def _changed(options: Options, **values: Any) -> Options:
    """What `replace` gives, which torch.compile cannot trace, nor methods of options that it took for constants."""
    return Options(**({name: getattr(options, name) for name in NAMES} | values))


def grid_sample_options(mode: str, padding_mode: str, align_corners: bool) -> Options:
    """The options of `grid_sample`: torch's names first, then ours."""
    names = mode, padding_mode, align_corners
    return known_torch_names(*names) or _grid_sample_options(*names)


def _grid_sample_options(mode: str, padding_mode: str, align_corners: bool) -> Options:
    where = "grid_sample"
    corners = flag(where, "align_corners", align_corners)
    kernel = dialects.lookup("torch", "kernel", mode) if isinstance(mode, str) else None
    name = kernel.ours if kernel and kernel.ours else mode
    found = find(name) if isinstance(name, str) else None
    if found is None:
        raise unknown(where, "mode", mode, dict.fromkeys([*dialects.names("torch", "kernel"), *KERNELS]))
    row = dialects.lookup("torch", "boundary", padding_mode, corners) if isinstance(padding_mode, str) else None
    boundary = row.ours if row and row.ours else padding_mode
    if not (isinstance(boundary, str) and boundary in BOUNDARIES):
        known = dict.fromkeys([*dialects.names("torch", "boundary"), *BOUNDARIES])
        raise unknown(where, "padding_mode", padding_mode, known)
    # torch folds the position for its one- and two-tap modes, where it has the boundary at all
    folds = found.taps <= 2 and row is not None and row.fold == "coordinate"
    return Options(
        kernel=(found.name,),
        boundary=(boundary,),
        frame="corners" if corners else "edges",
        ties=found.ties or "even",
        fold="coordinate" if folds else "tap",
        nonfinite="minus_one",
        prefilter=found.prefilter,
    )


known_torch_names = or_none(_grid_sample_options)


def kernel_named(where: str, argument: str, name: object) -> Kernel:
    """The row of a kernel's name, its canonical one in it."""
    found = find(name) if isinstance(name, str) else None
    if found is None:
        raise unknown(where, argument, name, KERNELS)
    return found


def named(where: str, argument: str, value: object, table: Iterable[str]) -> None:
    if not (isinstance(value, str) and value in table):
        raise unknown(where, argument, value, table)


def number(where: str, argument: str, value: object) -> float:
    """A real number. NaN and infinity are allowed: a fill may well be NaN."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise ArgumentTypeError(where, f"{argument} to be a number", repr(value), "pass a float")
    try:
        return float(value)
    except OverflowError:
        do = "pass float('inf') if that is meant"
        raise OptionError(where, f"{argument} to be a number that a float can hold", repr(value)[:40], do) from None


def flag(where: str, argument: str, value: object) -> bool:
    """A bool; torch's functions take nothing else either."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise ArgumentTypeError(where, f"{argument} to be {listed(['True', 'False'])}", repr(value), "pass a bool")


def whole_numbers(where: str, argument: str, value: Sequence[int]) -> tuple[int, ...]:
    """A tuple of integers from any sequence of them."""
    try:
        return tuple(n if isinstance(n, int) or _is_symbol(n) else operator.index(n) for n in value)
    except TypeError:
        do = "pass a tuple of whole numbers"
        raise ArgumentTypeError(where, f"{argument} to be a sequence of integers", repr(value), do) from None


def _is_symbol(size: object) -> bool:
    """Whether this is torch's symbol for a size, which becomes a fixed number when it is asked for its index."""
    return hasattr(size, "__sym_max__")
