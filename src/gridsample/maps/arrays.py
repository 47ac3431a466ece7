# SPDX-License-Identifier: Apache-2.0
"""Which array library a map computes in, and the few things the libraries spell differently.

A map's arithmetic is written once, with names that NumPy, torch and jax.numpy share; autograd, jit and vmap are theirs.
No library is imported here: an array that exists has its library loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from gridsample.errors import ArgumentTypeError, DtypeError
from gridsample.options import remembered

Array = Any  # of NumPy, torch or JAX


def library(value: Any) -> str:
    """'torch', 'jax', or 'numpy' for everything that is an array of neither."""
    return _library(type(value))


@remembered
def _library(kind: type) -> str:
    roots = {base.__module__.split(".")[0] for base in kind.__mro__}
    return "torch" if "torch" in roots else "jax" if roots & {"jax", "jaxlib"} else "numpy"


def namespace(value: Array) -> Any:
    """The module whose functions take ``value``."""
    kind = library(value)
    return np if kind == "numpy" else sys.modules["torch" if kind == "torch" else "jax.numpy"]


def together(where: str, **values: Any) -> tuple[Array, ...]:
    """All ``values`` as floating arrays of one library, type and place; None stays None.

    Numbers, lists and NumPy arrays follow a torch or JAX array among them. Types: the widest given, at least float32;
    numbers and lists alone are float64.
    """
    given = {name: value for name, value in values.items() if value is not None}
    leaders = {name: value for name, value in given.items() if library(value) != "numpy"}
    if len({library(value) for value in leaders.values()}) > 1:
        got = " and ".join(f"{name} from {library(value)}" for name, value in leaders.items())
        raise ArgumentTypeError(where, "arrays of one library", got, "convert one of them")
    if leaders:
        first = next(iter(leaders.values()))
        xp = namespace(first)
        dtype = _widest(xp, list(leaders.values()))
        made = {name: _beside(_numbers(where, name, value), first, xp, dtype) for name, value in given.items()}
    else:
        arrays = {name: _numbers(where, name, value) for name, value in given.items()}
        narrow = all(array.dtype in (np.float16, np.float32) for array in arrays.values())
        made = {name: array.astype(np.float32 if narrow else np.float64) for name, array in arrays.items()}
    return tuple(None if value is None else made[name] for name, value in values.items())


def _beside(value: Any, leader: Array, xp: Any, dtype: Any) -> Array:
    if library(leader) == "jax":
        return xp.asarray(value, dtype=dtype)
    return (value if library(value) == "torch" else xp.as_tensor(value)).to(dtype=dtype, device=leader.device)


def one(where: str, name: str, value: Any) -> Array:
    """A single value, as `together` makes it."""
    if library(value) == "torch" and value.dtype in (namespace(value).float32, namespace(value).float64):
        return value  # it is that already
    return together(where, **{name: value})[0]


def _widest(xp: Any, arrays: list[Array]) -> Any:
    dtypes = [array.dtype for array in arrays if getattr(array.dtype, "is_floating_point", None) or _floating(array)]
    if "float64" in {str(dtype).rpartition(".")[2] for dtype in dtypes}:
        return xp.float64
    return xp.float32


def _floating(array: Array) -> bool:
    return library(array) == "jax" and array.dtype.kind == "f"


def _numbers(where: str, name: str, value: Any) -> Any:
    if library(value) != "numpy":
        if "complex" in str(value.dtype):
            raise DtypeError(where, f"{name} to be real", str(value.dtype), "pass its real part")
        return value
    if _holds_arrays(value):
        do = "stack them into one array first, so that gradients reach them"
        raise ArgumentTypeError(where, f"{name} to be one array", "a list of arrays", do)
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.empty(0, object)
    if array.dtype.kind not in "fiu":
        do = "pass real numbers, in an array or nested lists of equal length"
        raise ArgumentTypeError(where, f"{name} to be numbers", f"{type(value).__name__} of {array.dtype}", do)
    return array


def _holds_arrays(value: Any) -> bool:
    """Whether torch or JAX arrays are somewhere in nested lists."""
    if isinstance(value, (list, tuple)):
        return any(_holds_arrays(item) for item in value)
    return library(value) != "numpy"


def like(value: Array, reference: Array) -> Array:
    """``value`` as an array of ``reference``'s library and place; its type and gradient stay."""
    if value is None or library(value) == library(reference) == "numpy":
        return value
    if library(value) != "numpy" and library(value) != library(reference):
        got = f"a map of {library(value)} and an array of {library(reference)}"
        raise ArgumentTypeError("map.to", "a map and arrays of one library", got, "convert one of them")
    if library(reference) == "torch":
        if library(value) == "numpy":  # a copy, which may be written to
            single = reference.device.type == "mps"  # has no float64
            value = namespace(reference).from_numpy(np.array(value, np.float32 if single else value.dtype))
        return value.to(reference.device)
    return namespace(reference).asarray(value)


def is_like(value: Array, reference: Array) -> bool:
    """Whether `like` would give ``value`` back."""
    if library(value) != library(reference):
        return False
    return library(value) == "numpy" or (library(value) == "torch" and value.device == reference.device)


def constant(values: np.ndarray[Any, Any], leader: Array) -> Array:
    """Constants, in the library, type and place of ``leader``."""
    if library(leader) == "torch":
        return namespace(leader).as_tensor(values, dtype=leader.dtype, device=leader.device)
    return values.astype(leader.dtype)


def detached(value: Array) -> Array:
    """``value`` without its history of gradients."""
    if library(value) == "torch":
        return value.detach()
    return sys.modules["jax"].lax.stop_gradient(value) if library(value) == "jax" else value


def concrete(value: Array) -> np.ndarray[Any, Any] | None:
    """The numbers of ``value`` for checks and printing; None where they are not known yet or not at hand.

    Not known: traced by jit, vmap, compile or export. Not at hand: on an accelerator, where looking would wait for it.
    """
    kind = library(value)
    if kind == "numpy":
        return np.asarray(value)
    try:
        if kind == "torch":
            torch = namespace(value)
            plain = type(value) in (torch.Tensor, torch.nn.Parameter) and value.is_cpu
            if not plain or torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
                return None
            return value.detach().numpy()  # type: ignore[no-any-return]
        if isinstance(value, sys.modules["jax"].core.Tracer):
            return None
        return np.asarray(value)
    except (RuntimeError, TypeError):  # fake tensors and their kin
        return None


def ramp(reference: Array, n: int, start: float = 0.0) -> Array:
    """start, start + 1, … : ``n`` numbers of ``reference``'s library, type and place."""
    xp = namespace(reference)
    place = {"device": reference.device} if library(reference) == "torch" else {}
    return xp.arange(n, dtype=reference.dtype, **place) + start


def stacked(components: Sequence[Array]) -> Array:
    """Components, broadcast against each other, as the entries of a new last axis."""
    xp = namespace(components[0])
    together_ = (xp.broadcast_tensors if library(components[0]) == "torch" else xp.broadcast_arrays)(*components)
    return xp.stack(list(together_), axis=-1)


def raised(parameter: Array, to: Array) -> Array:
    """A parameter of shape (N, …) with axes appended, so that it broadcasts against positions ``to``."""
    missing = max(to.ndim - parameter.ndim, 0)
    return parameter.reshape(tuple(parameter.shape) + (1,) * missing)


def matched(value: Array, reference: Array) -> Array:
    """``value`` in the type of ``reference``."""
    return value.to(reference.dtype) if library(value) == "torch" else value.astype(reference.dtype)


def doubled(value: Array) -> Array:
    """``value`` in float64 where its library and place have that for certain: not JAX, nor Apple's GPUs."""
    if library(value) == "torch":
        return value if value.device.type == "mps" else value.double()
    return value if library(value) == "jax" else value.astype(np.float64)


def dtype_name(value: Array) -> str:
    return str(value.dtype).rpartition(".")[2]
