# SPDX-License-Identifier: Apache-2.0
"""What goes wrong, said in three parts: what was expected, what came, what to do.

Every class is a `GridSampleError` and also the built-in types that torch, and Python's own habits, raise for the same
mistake, so that code written for ``torch.nn.functional.grid_sample`` keeps catching what it caught.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GridSampleError(Exception):
    """The base of every error this library raises on purpose."""

    def __init__(self, where: str, expected: str, got: str, do: str) -> None:
        super().__init__(where, expected, got, do)
        self.where, self.expected, self.got, self.do = where, expected, got, do

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, got {self.got}; {self.do}"


class OptionError(GridSampleError, ValueError):
    """A name that no table has, or a value that an option cannot take."""


class ArgumentTypeError(GridSampleError, TypeError):
    """An argument of the wrong kind: not an array, arrays of two libraries, not a bool."""


class ShapeError(GridSampleError, RuntimeError, ValueError):
    """Shapes that do not fit each other (torch: RuntimeError)."""


class RankError(ShapeError, NotImplementedError, IndexError):
    """A number of axes that cannot be sampled (torch: RuntimeError, NotImplementedError or IndexError)."""


class DtypeError(GridSampleError, NotImplementedError, TypeError, ValueError):
    """A type of number that cannot be sampled (torch: NotImplementedError, RuntimeError or ValueError)."""


class DeviceError(GridSampleError, NotImplementedError):
    """An array that lies where no backend can read it, or two that do not lie together."""


class NonFiniteError(GridSampleError, ValueError):
    """NaN or infinity among coordinates, where ``nonfinite="error"`` was asked for."""


class DerivativeError(GridSampleError, NotImplementedError):
    """A derivative that does not exist yet: said at once, never answered with zeros."""


class MissingError(GridSampleError, ImportError):
    """A library that is not installed, or too old for what was asked of it."""


class CompileError(GridSampleError, RuntimeError):
    """A compiler that is not there, or does not take what it was given."""


class MapError(GridSampleError, ValueError):
    """A map that cannot be made from what was given, or cannot be inverted."""


class MapWarning(UserWarning):
    """A map that can be used, but is probably not what was meant; the message has the numbers."""


def listed(names: Iterable[str]) -> str:
    """'a', 'b' or 'c'"""
    quoted = [repr(name) for name in names]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def unknown(where: str, argument: str, got: object, names: Iterable[str]) -> OptionError:
    """The error for a name that is not among ``names``, with the nearest spelling that is."""
    names = list(names)
    near = difflib.get_close_matches(got.lower(), names, n=1, cutoff=0.5) if isinstance(got, str) else []
    do = f"did you mean {near[0]!r}?" if near else "choose one of these names"
    return OptionError(where, f"{argument} to be {listed(names)}", repr(got), do)
