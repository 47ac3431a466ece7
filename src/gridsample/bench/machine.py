# SPDX-License-Identifier: Apache-2.0
"""What the numbers were measured on: a result file must say enough for its reader to doubt it."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# Set, these change what is measured; unset ones are left out of the file.
VARIABLES = (
    "GRIDSAMPLE_TARGET",
    "GRIDSAMPLE_NUM_THREADS",
    "GRIDSAMPLE_KEEP_MIB",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "ATEN_CPU_CAPABILITY",
)
MEASURED = ("core", "src", "CMakeLists.txt", "pyproject.toml")


def describe(packages: Sequence[str]) -> dict[str, Any]:
    """The machine, the engine's instruction set, and the versions of ``packages``."""
    from gridsample._core import engine
    from gridsample.threads import usable_cores

    return {
        "cpu": _cpu(),
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "target": engine.target(),
        "targets": engine.targets(),
        "load": load(),
        "commit": _commit(),
        "versions": {package: _version(package) for package in packages} | _node(packages),
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def _node(packages: Sequence[str]) -> dict[str, str]:
    """Where torch is a peer: what records our calls' gradients."""
    if "torch" not in packages or _version("torch") == "not installed":
        return {}
    from gridsample.frameworks.torch import quick

    return {"recorded by": "gs.torch.compile_node" if quick.NODE is not None else "a node in Python"}


def load() -> float:
    """How many processes wanted a core in the last minute; -1 where the system does not count them."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else -1.0


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine() or "unknown"
    facts: dict[str, str] = {}
    for line in lines:  # of the first processor: later ones say the same
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    name = facts.get("model name") or platform.machine()  # Arm's file has no model name
    numbers = [f"{word} {facts[key]}" for word, key in (("family", "cpu family"), ("model", "model")) if key in facts]
    return f"{name} ({', '.join(numbers)})" if numbers else name


def _commit() -> str:
    """Of this project's source tree, when run in it; the current folder may well be another project's."""
    if not Path("core/include/gridsample").is_dir():
        return "not in a source tree"
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--", *MEASURED)  # results and documents change nothing that is timed
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{commit}{'-dirty' * bool(changed)}" if commit else "unknown"


def _git(*arguments: str) -> str:
    found = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10)
    return found.stdout.strip()
