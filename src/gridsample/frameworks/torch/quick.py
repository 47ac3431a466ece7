# SPDX-License-Identifier: Apache-2.0
"""The short way of plain calls: straight from the public function into the engine, past torch's dispatcher.

It gives what the dispatcher would only where that has nothing to do but call our CPU kernel, and record a gradient: two
tensors of the class `torch.Tensor` itself, dense, on the CPU, and nobody who wants to see or change the call. All else
is refused by `engine.Calls`, by what is named here, and goes the long way. docs/design/0009 has the whole list.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from gridsample._core import engine
from gridsample.backends import cpu
from gridsample.frameworks.torch import compiled, derivatives

# Not in torch's documentation, but what its own Python half asks: who would see a call that is dispatched.
_WATCHERS = (
    "_is_torch_function_mode_enabled",  # also torch.set_default_device, and tracing before dispatch
    "_len_torch_dispatch_stack",  # fake tensors, make_fx, counters, ...
    "_are_functorch_transforms_active",  # vmap, grad, jvp, functionalize: their tensors are of the plain class, too
    "_is_tracing",  # torch.jit.trace
)


def unwatched(*tensors: Tensor) -> bool:
    """Whether these are plain dense CPU tensors, and nobody but autograd wants to see what is done with them."""
    plain = all(
        type(t) in (Tensor, torch.nn.Parameter) and t.is_cpu and not t.is_sparse and not t.is_neg() for t in tensors
    )
    asked = [getattr(torch._C, name, None) for name in _WATCHERS]
    return (
        plain and all(ask is not None and not ask() for ask in asked) and getattr(forward_ad, "_current_level", 0) < 0
    )


# Functions that make a tensor of the CPU, looked up in the loaded libraries: what torch.empty_strided ends at, one of
# torch's stable interface for compiled programs, and the conversion to Python. The compiler's names say what they take.
# Without them torch.empty does it.
_INT64 = "x" if sys.platform == "darwin" else "l"  # long long there, long elsewhere
_MAKER = (
    f"_ZN2at6detail17empty_strided_cpuEN3c108ArrayRefI{_INT64}EES3_NS1_10ScalarTypeEb",
    "aoti_torch_get_data_ptr",
    "_Z16THPVariable_WrapON2at10TensorBaseE",
)
_NUMBERS = ("aoti_torch_dtype_float32", "aoti_torch_dtype_float64")


def maker() -> tuple[int, ...] | None:
    """The numbers of the engine's Maker, or None if this torch lacks one of the functions."""
    try:
        library = ctypes.CDLL(torch._C.__file__)
        addresses = [ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in _MAKER]
        numbers = [getattr(library, name)() for name in _NUMBERS]
    except (AttributeError, OSError):
        return None
    return (*(address or 0 for address in addresses), *numbers)


# The same questions as _WATCHERS', the two about a tensor and that for gradients, put to the loaded libraries: a tenth
# of the cost. The compiler's names say what the functions take. tests/api/test_small_calls.py holds the two ways
# against each other.
_PEEKS = (
    "_ZN2at4impl27torch_function_mode_enabledEv",
    "_ZN2at12hasCallbacksEv",
    "_ZNK3c1010TensorImpl13requires_gradEv",
    "_ZN2at6native6is_negERKNS_6TensorE",
    "aoti_torch_grad_mode_is_enabled",
)


def peeks() -> tuple[int, ...] | None:
    """The numbers of the engine's Peeks, or None where they cannot be had or trusted."""
    try:
        library = ctypes.CDLL(torch._C.__file__)
        addresses = [ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in _PEEKS]
    except (AttributeError, OSError):
        return None
    at = _tensor_at()
    if at is None:
        return None
    states: list[tuple[int, int]] = []

    def look() -> None:
        states.append(engine.dispatch_keys(library._handle))
        with torch.inference_mode():
            states.append(engine.dispatch_keys(library._handle))

    thread = threading.Thread(target=look)  # where no mode is on, whatever this thread is in
    try:
        thread.start()
    except RuntimeError:  # no more threads to be had
        return None
    thread.join()
    if len(states) != 2 or states[0] != (0, 0) or states[1] == (0, 0):
        return None
    return (library._handle, *(address or 0 for address in addresses), at, *states[1])


def _tensor_at() -> int | None:
    """How many bytes into a tensor of the class itself its C++ half's address stands, which is also its ``_cdata``."""
    word = ctypes.sizeof(ctypes.c_void_p)
    places = list(range(object.__basicsize__, Tensor.__basicsize__, word))
    for tensor in (torch.empty(0), torch.ones(2, 3, requires_grad=True)):
        places = [at for at in places if ctypes.c_void_p.from_address(id(tensor) + at).value == tensor._cdata]
    return places[0] if len(places) == 1 else None


def recorders(node: Any) -> dict[bool, Any]:
    """What is called to have values recorded, by whether they are a jacobian; ``node``: `compiled.node`'s, or None."""
    pull = derivatives.recorder(derivatives.Pull) if node is None else compiled.recorder(node)
    return {False: pull, True: derivatives.recorder(derivatives.PullGrad)}


NODE = compiled.node()


def add(calls: engine.Calls, **instead: Any) -> None:
    """Lets ``calls`` take tensors; not if this torch lacks something that the short way must ask."""
    watchers = [getattr(torch._C, name, None) for name in _WATCHERS]
    watchers.append(getattr(torch._C._autograd, "_profiler_enabled", None))
    if not compiled.read_in_place() or None in watchers or not hasattr(forward_ad, "_current_level"):
        return
    answers: dict[str, Any] = {
        "kind": Tensor,
        "resolve": resolve,
        "empty": torch.empty,
        "threads": torch.get_num_threads,
        "exchange": Tensor.__dlpack_c_exchange_api__,
        "maker": maker(),
        "peeks": peeks(),
        "busy": tuple(watchers),
        "recording": torch.is_grad_enabled,
        "levels": forward_ad,  # a dual tensor is of the plain class
        "unusual": (Tensor.is_neg,),
    }
    with contextlib.suppress(ValueError):  # an exchange table that we cannot read
        calls.add(**(answers | instead))


def resolve(
    where: str,
    choices: tuple[Any, ...],
    shape: Any,
    dtype: str,
    coords_shape: Any,
    coords_dtype: str,
    channels_last: bool,
    recorded: Mapping[bool, Any] = recorders(NODE),
) -> Any:
    """What `engine.Calls` keeps of a call: its Problem, the result to make, and what records it."""
    known = cpu.resolved(where, choices, (shape, dtype), (coords_shape, coords_dtype))
    if known is None:
        return None
    if where == "backward":
        results = [_made(shape, dtype, channels_last), _made(coords_shape, coords_dtype)]
    else:
        last = channels_last and not known.jacobian and len(known.shape) == len(shape)
        results = [_made(known.shape, dtype, last)]
    recorder = None if where == "planned" else recorded[known.jacobian]
    return known.problem, known.jacobian, results, recorder, sys.intern(known.plan.options.text)


def _made(shape: Any, dtype: str, channels_last: bool = False) -> tuple[tuple[Any], dict[str, Any], Any]:
    """The arguments of torch.empty for a result, and the strides it will have."""
    keywords: dict[str, Any] = {"dtype": getattr(torch, dtype)}
    if channels_last:
        keywords["memory_format"] = torch.channels_last if len(shape) == 4 else torch.channels_last_3d
    return (shape,), keywords, torch.empty(shape, device="meta", **keywords).stride()
