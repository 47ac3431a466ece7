# SPDX-License-Identifier: Apache-2.0
"""What every exporter returns: the target's own model, what was lowered how, and how to save, run and measure it."""

from __future__ import annotations

import sys
import warnings
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from functools import wraps
from importlib import import_module, util
from pathlib import Path
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

import numpy as np

from gridsample.errors import GridSampleError
from gridsample.export.lower import Met

Array = np.ndarray[Any, np.dtype[Any]]


class MissingError(GridSampleError, ImportError):
    """A package that an exporter needs and that is not installed."""


class RefusedError(GridSampleError, RuntimeError):
    """A model that a target cannot take."""


class Exported(ABC):
    """A converted model. ``model`` is the target's own object, ``calls`` are the sampling calls that were met."""

    target: str
    suffix: str  # of its file

    def __init__(self, model: Any, calls: Sequence[Met], source: Any, example_inputs: tuple[Any, ...]) -> None:
        self.model, self.calls = model, tuple(calls)
        self.source, self.example_inputs = source, example_inputs

    @abstractmethod
    def write(self, path: Path) -> None:
        """Write the model's file or files to a path that has been checked."""

    def save(self, path: str | Path) -> Path:
        """Write the model's file or files; the path of what was written."""
        checked = self.path(path)
        self.write(checked)
        return checked

    @classmethod
    def path(cls, path: str | Path) -> Path:
        """The path to write to, with its ending checked and its folder there."""
        path, where = Path(path), f"gridsample.export.{cls.target}"
        if path.suffix != cls.suffix:
            raise RefusedError(where, f"a path ending in {cls.suffix}", repr(str(path)), "change its ending")
        if not path.parent.is_dir():
            raise RefusedError(where, "a folder that is there", repr(str(path.parent)), "make it first")
        return path

    @abstractmethod
    def run(self, *inputs: Any) -> tuple[Array, ...]:
        """The outputs for NumPy arrays or tensors, by the target's own runtime where it runs here."""

    @abstractmethod
    def operations(self) -> Counter[str]:
        """How many operations of each type the converted model has."""

    @abstractmethod
    def size(self) -> int:
        """Bytes of the model's file."""

    @property
    def runner(self) -> str:
        """Who computes what `run` returns."""
        return self.target

    def __repr__(self) -> str:
        kinds = ", ".join(f"{met.call}: {met.lowering.kind}" for met in self.calls) or "no sampling calls"
        return f"<{type(self).__name__} {sum(self.operations().values())} operations, {self.size()} bytes; {kinds}>"


P = ParamSpec("P")
Made = TypeVar("Made", bound=Exported)


def arrays(inputs: Sequence[Any]) -> list[Array]:
    """NumPy arrays, contiguous, from tensors or arrays."""
    return [np.ascontiguousarray(x.detach().cpu().numpy() if hasattr(x, "detach") else x) for x in inputs]


def needed(where: str, package: str, extra: str) -> ModuleType:
    """An optional package, or an error that says how to get it."""
    if util.find_spec(package.partition(".")[0]) is None:
        do = f"pip install 'gridsample[{extra}]'"
        raise MissingError(where, f"the package {package!r}", "none", do)
    with warnings.catch_warnings():  # of a package's own future, which is nobody's mistake here
        warnings.simplefilter("ignore")
        return import_module(package)


def fixed(where: str, dynamic_shapes: Any) -> None:
    """For targets whose files have the sizes of their example."""
    if dynamic_shapes is not None:
        do = "export once for each size, or to 'onnx', 'executorch' or 'coreml'"
        raise RefusedError(where, "fixed sizes", "dynamic_shapes", do)


def exporter(kind: type[Made]) -> Callable[[Callable[P, Made]], Callable[P, Made]]:
    """Of a `convert`: its ``path`` is checked before anything is done, and what it returns is written there."""

    def of(convert: Callable[P, Made]) -> Callable[P, Made]:
        @wraps(convert)
        def converting(*arguments: P.args, **options: P.kwargs) -> Made:
            path: Any = options.get("path")
            if path is not None:
                kind.path(path)
            made = convert(*arguments, **options)
            if path is not None:
                made.save(path)
            return made

        return converting

    return of


class _Callable(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.convert(*arguments, **options)


def callable_module(name: str) -> None:
    """``gs.export.onnx`` is a module and, called, its `convert`: importing it must not hide the function."""
    sys.modules[name].__class__ = _Callable
