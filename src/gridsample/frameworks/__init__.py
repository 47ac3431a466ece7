# SPDX-License-Identifier: Apache-2.0
"""Which library an array comes from, found by its type's module: nothing is imported that is not loaded already.

A framework is a module with the functions pull, push, pull_grad and affine_grid, the class ARRAY of its arrays, and
REFUSED, subclasses that mean something else. A new one is one row here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from gridsample._core import engine
from gridsample.errors import ArgumentTypeError
from gridsample.options import remembered


def _numpy() -> Any:
    from gridsample.frameworks import numpy

    return numpy


def _torch() -> Any:
    from gridsample.frameworks import torch

    return torch


def _jax() -> Any:
    from gridsample.frameworks import jax

    return jax


# Import statements, since torch.compile follows those, and no other way of importing.
MODULES: dict[str, Callable[[], Any]] = {"numpy": _numpy, "torch": _torch, "jax": _jax, "jaxlib": _jax}
FOREIGN = {"cupy": "CuPy", "tensorflow": "TensorFlow", "mlx": "MLX", "dask": "Dask"}


# The short way of calls that were made before; each framework adds the class of its arrays when it is loaded.
CALLS = engine.Calls()


def _by_torch() -> bool:
    compiler = getattr(sys.modules.get("torch"), "compiler", None)
    return compiler is not None and bool(compiler.is_dynamo_compiling()) and bool(_torch())  # it says how to trace us


# Whether a compiler of Python is tracing this call: it cannot follow the short way. torch's room puts its own here.
tracing: Callable[[], bool] = _by_torch


# `grid_sample` for such a compiler, None where its arguments are not plain: from torch's room, which `tracing` loads.
traced: Callable[..., Any]


def of(where: str, **arrays: Any) -> Any:
    """The framework module that all ``arrays`` belong to; raises with their names if there is none."""
    if tracing() and all(type(array) is _torch().ARRAY for array in arrays.values()):
        return _torch()  # at once: what tracing looks up is looked up again before each compiled call
    found = None
    for array in arrays.values():
        framework = _framework(type(array))
        if framework is None or (framework is not found and found is not None):
            raise _refusal(where, arrays)
        found = framework
    return found


@remembered
def _framework(kind: type) -> Any:
    library = _library(kind)
    if library not in MODULES:
        return None
    framework = MODULES[library]()
    return framework if issubclass(kind, framework.ARRAY) and not _refused(kind, framework) else None


def _library(kind: type) -> str:
    roots = [base.__module__.split(".")[0] for base in kind.__mro__]
    return next((root for root in roots if root in MODULES or root in FOREIGN), "")


def _refused(kind: type, framework: Any) -> str:
    """What to do instead of passing this kind of array, or nothing."""
    names = {f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__}
    return next((do for name, do in framework.REFUSED.items() if name in names), "")


def _refusal(where: str, arrays: dict[str, Any]) -> ArgumentTypeError:
    libraries = {}
    for name, array in arrays.items():
        kind = type(array)
        libraries[name] = library = _library(kind)
        got = f"{kind.__module__}.{kind.__qualname__}"
        if library in FOREIGN:
            do = "convert with numpy.asarray for now"
            return ArgumentTypeError(
                where, "NumPy arrays, torch tensors or JAX arrays", f"{name} from {FOREIGN[library]}", do
            )
        if _framework(kind) is None:
            do = _refused(kind, MODULES[library]()) if library in MODULES else ""
            return ArgumentTypeError(
                where, f"{name} to be a NumPy array, torch tensor or JAX array", got, do or "convert it first"
            )
    got = " and ".join(f"{name} from {library}" for name, library in libraries.items())
    return ArgumentTypeError(where, "arrays of one library", got, "convert one of them")
