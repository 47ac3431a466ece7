# SPDX-License-Identifier: Apache-2.0
"""GRIDSAMPLE_ACCELERATE=1: `gs.torch.accelerate()` as soon as torch is imported, by a program that does not know us.

Python reads ``gridsample-autostart.pth`` when it starts, which asks for the variable and, if it is set, for this.
``import gridsample`` asks as well, for installations that have no such file.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import sys
import warnings
from typing import Any

from gridsample.errors import GridSampleError, OptionError

VARIABLE = "GRIDSAMPLE_ACCELERATE"
_CHOICES = {"": None, "0": None, "1": False, "warn": True}  # to accelerate's `warn`; None: not at all

_seen = False


def watch() -> None:
    """Does what the variable says, once: now if torch is loaded, or when it is."""
    global _seen
    choice = os.environ.get(VARIABLE, "")
    if choice not in _CHOICES:
        do = f"set {VARIABLE}=1, or unset it"
        raise OptionError(VARIABLE, "'0', '1' or 'warn'", repr(choice), do)
    if _seen or _CHOICES[choice] is None:
        return
    _seen = True
    if "torch" in sys.modules:
        _start()
    else:
        sys.meta_path.insert(0, _Torch())


def _start() -> None:
    try:
        room = importlib.import_module("gridsample.torch")
        room.accelerate(warn=_CHOICES[os.environ[VARIABLE]])
    except GridSampleError as error:  # the program shall run all the same
        warnings.warn(f"{VARIABLE} has no effect: {error}", UserWarning, stacklevel=2)


class _Torch(importlib.abc.MetaPathFinder):
    """Waits for torch to be imported; finds nothing itself."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                load(module)
                _start()

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
