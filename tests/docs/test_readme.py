# SPDX-License-Identifier: Apache-2.0
"""Every Python block of the README and of docs/ runs as it stands, each by itself, as a reader would paste it."""

from __future__ import annotations

import doctest
import importlib.util
import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
OPTIONAL = ("torch", "matplotlib", "skimage", "scipy", "jax", "cv2", "kornia")


class Block(NamedTuple):
    document: Path
    line: int  # of the block's first line of code
    code: str

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT).as_posix()}:{self.line}"


def blocks(document: Path) -> list[Block]:
    text = document.read_text(encoding="utf-8")
    found = re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(document, text.count("\n", 0, match.start(1)) + 1, match[1]) for match in found]


DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = [block for document in DOCUMENTS if document.is_file() for block in blocks(document)]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_block_runs(block, tmp_path, monkeypatch):
    for name in OPTIONAL:
        if re.search(rf"^\s*(import|from) {name}\b", block.code, re.MULTILINE) and not importlib.util.find_spec(name):
            pytest.skip(f"needs {name}")
    monkeypatch.chdir(tmp_path)  # what a block writes does not land in the tree
    if ">>>" in block.code:
        test = doctest.DocTestParser().get_doctest(block.code, {}, str(block), str(block.document), block.line - 1)
        results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test)
        assert results.failed == 0, "the lines above say what was expected and what came"
    else:
        # as many empty lines before it as in the document, so that a traceback names the document's line
        exec(compile("\n" * (block.line - 1) + block.code, str(block.document), "exec"), {"__name__": "__main__"})


def test_the_readme_shows_numpy_and_torch():
    code = "".join(block.code for block in BLOCKS if block.document.name == "README.md")
    assert "import numpy" in code
    assert "import torch" in code
