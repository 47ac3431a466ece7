# SPDX-License-Identifier: Apache-2.0
"""Arrays of any library as NumPy arrays to look at. Nothing is changed, and no library is imported for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gridsample.errors import ArgumentTypeError, DeviceError

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Taken:
    """An array, and what its library knew of it."""

    array: Array
    dtype: str
    library: str
    requires_grad: bool = False


def take(where: str, name: str, value: Any) -> Taken:
    """``value`` as real numbers; an array of NumPy is looked at where it lies."""
    library = next((base.__module__.split(".")[0] for base in type(value).__mro__[:-1]), "builtins")
    requires_grad = False
    if library == "torch" or hasattr(value, "detach"):
        library, requires_grad = "torch", bool(value.requires_grad)
        dtype = str(value.dtype).removeprefix("torch.")
        if value.device.type == "meta":
            do = "make real arrays: their numbers are what is looked at"
            raise DeviceError(where, f"{name} with numbers in it", "a tensor on the meta device", do)
        value = value.detach().cpu()
        array = (value.float() if dtype == "bfloat16" else value.resolve_conj().resolve_neg()).numpy()
    else:
        try:
            array = np.asarray(value)
        except (TypeError, ValueError) as error:
            raise _refused(where, name, f"{type(value).__name__} ({error})") from error
        dtype = array.dtype.name
        if dtype == "bfloat16":  # JAX's, which NumPy can hold and not reckon with
            array = array.astype(np.float32)
    if array.dtype.kind not in "fiub":
        raise _refused(where, name, f"{dtype} ({type(value).__name__})")
    return Taken(array, dtype, "jax" if library in ("jax", "jaxlib") else library, requires_grad)


def _refused(where: str, name: str, got: str) -> ArgumentTypeError:
    return ArgumentTypeError(where, f"{name} to be an array of real numbers", got, "pass a NumPy, torch or JAX array")


def floating(array: Array) -> Array:
    """float64 as it is, everything else as float32."""
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)
