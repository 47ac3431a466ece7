# SPDX-License-Identifier: Apache-2.0
"""Pages that are written by commands say what their sources say; every page and every program is on the site."""

from __future__ import annotations

import ast
import importlib
import json
import re
import runpy
from pathlib import Path

import pytest

from gridsample.spec import phrasebook

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_names_are_the_table():
    assert read("names.md") == phrasebook.text(), "run `make generate`"


def test_the_gallery_shows_its_results():
    gallery = runpy.run_path(str(ROOT / "bench" / "gallery.py"))
    assert read("gallery.md") == gallery["page"](read("gallery.md")), "python bench/gallery.py --page"
    assert re.findall(r"<!-- result: (\w+) -->", read("gallery.md")) == list(gallery["PROGRAMS"])
    for name in gallery["PROGRAMS"]:
        found = json.loads((gallery["RESULTS"] / f"{name}.json").read_text(encoding="utf-8"))
        assert found["printed"]
        assert found["machine"]["versions"]["gridsample"]
        assert found["command"].split()[1] in read("gallery.md")


def test_the_times_of_why_are_measured():
    diagnosis = runpy.run_path(str(ROOT / "bench" / "diagnosis.py"))
    found = json.loads(diagnosis["RESULTS"].read_text(encoding="utf-8"))
    assert diagnosis["table"](found["rows"]) in read("why.md"), "python bench/diagnosis.py prints the table"
    assert found["rows"][0]["processor_s"]["least"] < 1  # a call on 1080 lines


def listed(page: str) -> list[str]:
    blocks = re.findall(r"^```\{toctree\}\n(.*?)^```", read(page), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line and not line.startswith(":")]
    return [re.sub(r".*<(.*)>", r"\1", line) for line in lines]


def test_every_page_is_in_a_list():
    entries = {entry for page in ("index.md", "reference.md", "decisions.md") for entry in listed(page)}
    pages = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")}
    pages -= {path for path in pages if path.startswith("executed/")} | {"index"}
    assert {p for p in pages if not any(re.fullmatch(e.replace("*", ".*"), p) for e in entries)} == set()
    written = {entry for entry in entries if not entry.startswith("executed/") and "*" not in entry}
    assert written <= pages


def rows_of(name: str) -> list[str]:
    """A table of docs/programs.py, without importing Sphinx: its keys or items."""
    for node in ast.parse(read("programs.py")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == name:
            value = node.value
            parts = value.keys if isinstance(value, ast.Dict) else value.elts
            return [ast.literal_eval(part) for part in parts]
    raise AssertionError(name)


def test_every_program_has_its_short_form():
    assert set(rows_of("SHORT")) == {path.name for path in (ROOT / "examples").glob("*.py")}
    assert set(rows_of("CHOOSING")) == {path.name for path in (DOCS / "choosing").glob("*.py")}


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_programs_open_with_a_title(path):
    lines = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines()
    assert lines[1] == "=" * len(lines[0]), "the gallery's title"
    assert lines[2] == ""


def test_every_public_name_is_in_the_reference():
    import gridsample

    said = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md"))
    functions = [name for name in gridsample.__all__ if name not in ("__version__", "GridSampleError")]
    assert [name for name in functions if not re.search(rf"autofunction:: {name}$", said, re.MULTILINE)] == []
    for room in ("errors", "maps", "nn", "torch"):
        assert f"automodule:: gridsample.{room}\n   :members:" in said
    assert {f"gridsample.dialects.{name}" for name in ("names", "translate")} <= set(
        re.findall(r":: (\S+)$", said, re.M)
    )
    export = importlib.import_module("gridsample.export")
    assert [
        name for name in export.__all__ if not re.search(rf":: gridsample\.export\.{name}(\.convert)?$", said, re.M)
    ] == []
