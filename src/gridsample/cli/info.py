# SPDX-License-Identifier: Apache-2.0
"""Versions, instruction sets, threads and backends: what a bug report should start with."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version

import gridsample as gs
from gridsample.cli.parsing import Parser

# Read from their metadata: none of them is imported, which takes seconds for torch.
PACKAGES = ("numpy", "torch", "jax", "scipy", "imagecodecs", "pillow", "tifffile", "tqdm", "matplotlib", "scikit-image")


def main(arguments: Sequence[str]) -> int:
    """Print one line per fact."""
    Parser("gridsample info", description=__doc__).parse(arguments)
    rows = list(_rows())
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:{width}}  {value}")
    return 0


def _rows() -> Iterator[tuple[str, str]]:
    from gridsample import backends
    from gridsample._core import engine
    from gridsample.threads import VARIABLE, usable_cores

    yield "gridsample", f"{version('gridsample')} (engine {engine.version()})"
    yield "python", f"{platform.python_version()} ({platform.python_implementation()}) on {platform.platform()}"
    for package in PACKAGES:
        yield package, _version(package)
    forced = os.environ.get("GRIDSAMPLE_TARGET")
    yield "instruction sets", f"usable here: {', '.join(engine.targets())}"
    yield "", f"chosen: {engine.target()}{' (GRIDSAMPLE_TARGET)' if forced else ''}"
    said = f" ({VARIABLE})" if os.environ.get(VARIABLE) else ""
    yield "threads", f"{gs.get_num_threads()}{said} of {usable_cores()} usable cores; torch tensors: torch's own number"
    yield "backends", ", ".join(backends.names())
    if (found := _version("jax")) != "not installed":
        yield "jax on the CPU", _jax(found)


def _jax(found: str) -> str:
    """How JAX arrays are computed: asked of JAX if it is loaded, else what its version promises."""
    if "jax" in sys.modules:
        from gridsample.frameworks.jax import handler

        return f"portable backend: {handler.REFUSAL}" if handler.REFUSAL else "the engine, by jax.ffi"
    if os.environ.get("GRIDSAMPLE_JAX", "").strip() == "portable":
        return "portable backend: GRIDSAMPLE_JAX=portable"
    old = tuple(int(part) for part in found.split(".")[:2] if part.isdecimal()) < (0, 5)
    return f"portable backend: jax {found} has no jax.ffi (0.5 or newer has it)" if old else "the engine, by jax.ffi"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
