# SPDX-License-Identifier: Apache-2.0
"""Everything `why` can find: one file each, found by being here. To add one, add a file with a DIAGNOSTIC."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

from gridsample.diagnose.finding import Diagnostic


@cache
def diagnostics() -> dict[str, Diagnostic]:
    """name: Diagnostic, in order of file names."""
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    rows: list[Diagnostic] = [import_module(f"{__name__}.{name}").DIAGNOSTIC for name in modules]
    return {row.name: row for row in rows}
