# SPDX-License-Identifier: Apache-2.0
"""The threads that torch computes with, lent to the engine: they are awake already, and none of ours compete with them.

torch's CPU build runs on an OpenMP library. Those of GNU, LLVM and Intel all have the function GOMP_parallel on Linux;
it is looked up through torch's own library, for a process may have loaded others. Where it is not found, or after a
fork (an OpenMP that the parent has used hangs in the child), the engine uses its own pool. docs/design/0008 says more.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import torch

from gridsample._core import engine


def lend() -> bool:
    """Whether the engine runs on torch's threads from now on."""
    if _forked() or "ATen parallel backend: OpenMP" not in torch.__config__.parallel_info():
        return False
    try:
        parallel = ctypes.CDLL(torch._C.__file__).GOMP_parallel
    except (AttributeError, OSError):
        return False
    engine.use_team(ctypes.cast(parallel, ctypes.c_void_p).value or 0)
    return True


def _forked() -> bool:
    """Whether this process was forked and has not become another program since. True where Linux does not say."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        return bool(int(fields[6]) & _FORKED_NOT_EXECUTED)
    except (OSError, IndexError, ValueError):
        return True


_FORKED_NOT_EXECUTED = 0x40  # PF_FORKNOEXEC of linux/sched.h
