# SPDX-License-Identifier: Apache-2.0
"""The engine's stub says what the compiled engine has."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from gridsample._core import engine


def declared(path: Path) -> list[str]:
    """Every declaration, without comments, documentation and layout."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Expr(ast.Constant(...))]
    return [ast.unparse(node) for node in tree.body]


def test_the_stub_is_the_generated_one(tmp_path):
    pytest.importorskip("nanobind")
    made = tmp_path / "engine.pyi"
    command = [sys.executable, "-m", "nanobind.stubgen", "-q", "-D", "-m", engine.__name__, "-o", str(made)]
    subprocess.run(command, check=True)
    ours = Path(engine.__file__).with_name("engine.pyi")
    assert declared(ours) == declared(made), "write the stub anew: its first lines say how"
