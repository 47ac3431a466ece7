# SPDX-License-Identifier: Apache-2.0
"""Which library an array comes from, found by its type's module: nothing is imported that is not loaded already.

A framework is a module with the functions pull, push, pull_grad and affine_grid. A new one is one row here.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any

from gridsample.errors import ArgumentTypeError

MODULES = {"numpy": "gridsample.frameworks.numpy", "torch": "gridsample.frameworks.torch"}
FOREIGN = {"jax": "JAX", "jaxlib": "JAX", "cupy": "CuPy", "tensorflow": "TensorFlow", "mlx": "MLX", "dask": "Dask"}


@lru_cache(maxsize=256)
def _library(kind: Any) -> str | None:
    roots = [base.__module__.split(".")[0] for base in kind.__mro__]
    return next((root for root in roots if root in MODULES or root in FOREIGN), None)


def of(where: str, **arrays: Any) -> Any:
    """The framework module that all ``arrays`` belong to; raises with their names if there is none."""
    found: dict[str, str] = {}
    for name, array in arrays.items():
        library = _library(type(array))  # type: ignore[arg-type]
        if library is None:
            got = f"{type(array).__module__}.{type(array).__qualname__}"
            raise ArgumentTypeError(where, f"{name} to be a NumPy array or torch tensor", got, "convert it first")
        if library in FOREIGN:
            got = f"{name} from {FOREIGN[library]}"
            raise ArgumentTypeError(where, "NumPy arrays or torch tensors", got, "convert with numpy.asarray for now")
        found[name] = library
    if len(set(found.values())) > 1:
        got = " and ".join(f"{name} from {library}" for name, library in found.items())
        raise ArgumentTypeError(where, "arrays of one library", got, "convert one of them")
    return import_module(MODULES[next(iter(found.values()))])
