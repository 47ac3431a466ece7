# SPDX-License-Identifier: Apache-2.0
"""Existing programs on our kernels: turned on and off for the whole process, counted, undone exactly.

Any number of accelerations may be on at once, from any threads; what the first put in place is taken away with the
last. What is in place, and what is left to torch, is in `aten`.
"""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch

from gridsample.errors import MissingError
from gridsample.frameworks.torch import aten

_lock = threading.Lock()
_on: set[Acceleration] = set()
_kernels: aten.Kernels | None = None


class Acceleration:
    """What `accelerate` gives: on since it was made, until `stop` or the end of its ``with`` block."""

    def __init__(self, warn: bool = False) -> None:
        self.warn = warn
        self.start()

    @property
    def on(self) -> bool:
        """Whether this acceleration is on; another may be."""
        return self in _on

    def start(self) -> None:
        """Turns it on; nothing happens if it is."""
        with _lock:
            if self not in _on:
                self._since = aten.done.copy(), aten.left.copy()
                self._counted: tuple[Counter[str], Counter[tuple[str, str]]] | None = None
                if not _on:
                    _install()
                _on.add(self)
                aten.warners += self.warn

    def stop(self) -> None:
        """Turns it off; nothing happens if it is."""
        with _lock:
            if self in _on:
                self._counted = self._counts()
                _on.remove(self)
                aten.warners -= self.warn
                if not _on:
                    _remove()

    def __enter__(self) -> Acceleration:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """As a decorator: on while ``function`` runs, and only then."""
        self.stop()

        @functools.wraps(function)
        def wrapper(*arguments: Any, **options: Any) -> Any:
            with Acceleration(self.warn):
                return function(*arguments, **options)

        return wrapper

    def report(self) -> str:
        """How many calls of the process ran on our kernels while this was on, and which were left to torch, and why."""
        done, left = self._counted or self._counts()
        lines = [f"{count} x {_NAMES.get(name, name)}" for name, count in sorted(done.items())]
        lines += [f"{count} x {name} left to torch: {why}" for (name, why), count in sorted(left.items())]
        return "\n".join(lines or ["no calls"])

    def _counts(self) -> tuple[Counter[str], Counter[tuple[str, str]]]:
        return aten.done - self._since[0], aten.left - self._since[1]


_NAMES = {"grid_sampler": "grid_sampler (past the dispatcher)"}


def _install() -> None:
    global _kernels
    if not hasattr(torch.library, "get_kernel"):
        do = "call gridsample.grid_sample, or install a newer torch"
        raise MissingError("accelerate", "a torch whose own kernels can be kept (2.9 or newer)", torch.__version__, do)
    _kernels = aten.Kernels()
    if torch.grid_sampler is aten.torch_grid_sampler:
        torch.grid_sampler = aten.grid_sampler


def _remove() -> None:
    global _kernels
    if _kernels is not None:
        _kernels.remove()
        _kernels = None
    if torch.grid_sampler is aten.grid_sampler:
        torch.grid_sampler = aten.torch_grid_sampler
