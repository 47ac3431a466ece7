# SPDX-License-Identifier: Apache-2.0
"""Imports run one way, heavy packages stay in their rooms, and importing gridsample loads NumPy and nothing heavier."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gridsample

PACKAGE = Path(gridsample.__file__).resolve().parent
CORE = Path(__file__).resolve().parents[1] / "core"

# Each room may import rooms of a lower rank, and itself. A new room is one line here.
RANK = {
    "errors": 0,
    "spec": 1,
    "_core": 1,
    "threads": 1,
    "affine": 1,
    "options": 2,
    "made": 2,
    "plan": 3,
    "backends": 4,
    "attention": 4,
    "frameworks": 5,
    "prepare": 5,
    "dialects": 3,  # options in other words
    "torch": 6,
    "autostart": 6,
    "mapped": 5,
    "api": 6,
    "masks": 6,
    "maps": 7,
    "warping": 8,
    "__init__": 9,
    "nn": 10,
    "bench": 10,
    "diagnose": 10,
    "export": 10,
    "cli": 11,
    "__main__": 12,
}

# Who may import what from outside; every other module has the standard library and NumPy. A new dependency is one line.
OUTSIDE: dict[str, set[str]] = {
    "frameworks.torch": {"torch"},
    "frameworks.torch.operators": {"torch"},
    "frameworks.torch.batching": {"torch"},
    "frameworks.torch.derivatives": {"torch"},
    "frameworks.torch.space": {"torch"},
    "frameworks.jax": {"jax"},
    "frameworks.jax.compiled": {"jax"},
    "frameworks.jax.handler": {"jax"},
    "frameworks.jax.mapped": {"jax"},
    "frameworks.jax.space": {"jax"},
    "frameworks.torch.quick": {"torch"},
    "frameworks.torch.compiled": {"torch"},
    "frameworks.torch.sharding": {"torch"},
    "frameworks.torch.aten": {"torch"},
    "frameworks.torch.deformable": {"torch"},
    "frameworks.torch.acceleration": {"torch"},
    "frameworks.torch.made": {"torch"},
    "frameworks.torch.second": {"torch"},
    "frameworks.torch.team": {"torch"},
    "diagnose.pictures": {"matplotlib"},
    "diagnose.watch": {"torch"},
    "diagnose.studio": {"PIL", "panel"},
    "cli": {"imagecodecs", "tifffile", "tqdm", "PIL"},
    "nn": {"torch"},
    "export.torch_ops": {"torch"},
    "export.lower": {"torch"},
    "export.comparing": {"torch"},
    "export.checking": {"torch"},
    "export.replay": {"coremltools", "torch"},
    "export.mil_ops": {"coremltools"},
    "export.mil_passes": {"coremltools"},
    "export.coreml_ops": {"coremltools"},
    "export.coreml": {"torch"},
    "export.onnx": {"onnxscript", "torch"},
    "export.openvino": {"torch"},
    "export.executorch": {"torch", "executorch"},
    "export.litert": {"torch", "ai_edge_litert"},
    "export.ncnn": {"torch"},
    "cli.convert": {"torch"},
    "cli.support": {"jax", "torch"},
    "bench": {"jsonschema", "matplotlib", "torch", "tqdm"},
    "bench.peers.interpol": {"interpol"},
    "bench.peers.jax": {"jax"},
    "bench.peers.onnxruntime": {"onnx", "onnxruntime"},
    "bench.peers.opencv": {"cv2"},
    "bench.peers.openvino": {"openvino"},
    "bench.peers.resampler": {"resampler"},
    "bench.peers.scipy": {"scipy"},
    "bench.peers.skimage": {"skimage"},
}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(name: str) -> Iterator[str]:
    """Absolute names of everything a module imports, at its top or inside functions, but not for types alone."""
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    for node in ast.walk(tree):  # a block for the type checker alone is no import
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    package = ["gridsample", *name.split(".")]
    if MODULES[name].name != "__init__.py" or name == "__init__":
        package = package[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def inside(name: str) -> Iterator[str]:
    """The modules of this package that a module imports, as names without `gridsample.`."""
    for target in imported(name):
        parts = target.split(".")
        if parts[0] == "gridsample":
            own = ".".join(parts[1:]) or "__init__"
            # `from gridsample import x` asks for the module x, or for a public name of __init__
            yield own if own.split(".")[0] in RANK else "__init__"


def room(name: str) -> str:
    return name.split(".")[0]


@pytest.mark.parametrize("name", MODULES)
def test_imports_run_one_way(name):
    assert room(name) in RANK, "a new room: give it its rank in this file and its line in ARCHITECTURE.md"
    uphill = [other for other in inside(name) if room(other) != room(name) and RANK[room(other)] >= RANK[room(name)]]
    assert uphill == []


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("frameworks.")])
def test_frameworks_do_not_know_each_other(name):
    own = name.split(".")[1]
    known = {other.split(".")[1] for other in inside(name) if other.startswith("frameworks.")}
    assert known <= {own}


@pytest.mark.parametrize("name", MODULES)
def test_packages_stay_in_their_rooms(name):
    allowed = {"gridsample", "numpy", *sys.stdlib_module_names}
    allowed |= OUTSIDE.get(name, set()) | OUTSIDE.get(room(name), set())
    assert sorted({target.split(".")[0] for target in imported(name)} - allowed) == []


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_importing_loads_numpy_and_nothing_heavier():
    added = loaded_by("import gridsample") - loaded_by("import numpy") - set(sys.stdlib_module_names)
    assert added == {"gridsample"}


@pytest.mark.skipif(not CORE.is_dir(), reason="not in a source tree")
def test_only_the_binding_knows_python():
    binding = set((CORE.parent / "src" / "gridsample" / "_core").glob("*.?pp"))
    files = [path for folder in (CORE, CORE.parent / "src") for path in folder.rglob("*.?pp")]
    knows = {p for p in files if re.search(r"#\s*include\s*[<\"](nanobind|Python\.h|pybind)", p.read_text())}
    assert knows
    assert knows <= binding


@pytest.mark.skipif(not CORE.is_dir(), reason="not in a source tree")
def test_loops_include_no_header_with_inline_functions():
    # An inline function compiled for a newer machine could replace the copy that an older one runs: see simd.hpp.
    harmless = {"cstddef", "cstdint", "immintrin.h", "arm_neon.h"}
    host_only = {
        "attention.cpp",
        "blocks.cpp",
        "choose.cpp",
        "clear.cpp",
        "control.cpp",
        "control.hpp",
        "dispatch.cpp",
        "matrix.cpp",
        "memory.cpp",
        "prefilter.cpp",
        "tables.cpp",
    }
    host_only |= {"threads.cpp", "threads.hpp", "views.hpp"}
    loops = [p for p in (CORE / "src").rglob("*.?pp") if p.name not in host_only]
    loops += [p for p in (CORE / "include").rglob("*.hpp") if p.name not in ("sample.hpp", "attention.hpp")]
    found = {p.name: set(re.findall(r"#\s*include\s*<(.+?)>", p.read_text())) - harmless for p in loops}
    assert {name: headers for name, headers in found.items() if headers} == {}
