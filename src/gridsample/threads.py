# SPDX-License-Identifier: Apache-2.0
"""How many threads a call on NumPy arrays may use.

In order: what `set_num_threads` said, the environment variable GRIDSAMPLE_NUM_THREADS, the cores this process may run
on. Calls on torch tensors use ``torch.get_num_threads()`` instead. Results do not depend on the number, to the bit.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from functools import lru_cache

from gridsample.errors import ArgumentTypeError, OptionError

VARIABLE = "GRIDSAMPLE_NUM_THREADS"
_chosen = 0  # 0: nothing was chosen
LISTENERS: list[Callable[[int], None]] = []  # told of every new choice: calls that cannot ask


def set_num_threads(number: int) -> None:
    """Let calls on NumPy arrays use up to ``number`` threads, in the whole process.

    Raises:
        OptionError: ``number`` is below 1.
        ArgumentTypeError: ``number`` is not an integer.

    >>> import gridsample as gs
    >>> gs.set_num_threads(2)
    >>> gs.get_num_threads()
    2
    """
    global _chosen
    try:
        count = operator.index(number)
    except TypeError:
        do = "pass a whole number of threads"
        raise ArgumentTypeError("set_num_threads", "number to be an integer", repr(number), do) from None
    if count < 1:
        raise OptionError("set_num_threads", "number to be at least 1", repr(number), "use 1 for no extra threads")
    _chosen = count
    for tell in LISTENERS:
        tell(count)


def get_num_threads() -> int:
    """The number of threads that calls on NumPy arrays may use."""
    return _chosen or _default()


@lru_cache(maxsize=1)
def _default() -> int:
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return usable_cores()
    if not text.isdecimal() or int(text) < 1:
        do = "set it to a whole number of threads, or unset it"
        raise OptionError(VARIABLE, "an integer of at least 1", repr(text), do)
    return int(text)


def usable_cores() -> int:
    """Cores this process may run on: a container's or a scheduler's share, not the machine's total."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1
