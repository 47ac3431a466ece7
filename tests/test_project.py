# SPDX-License-Identifier: Apache-2.0
"""The tree keeps its own rules: one version, short files, licence lines, fresh constants, true documents."""

from __future__ import annotations

import importlib.metadata
import os
import re
from pathlib import Path

import pytest

import gridsample
from gridsample.spec import generate

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("core", "src", "tests", "bench", "examples", "docs")
CODE = {".py", ".cpp", ".hpp", ".cmake"}
LONGEST = 400  # lines; design.md calls more a smell

pytestmark = pytest.mark.skipif(not (ROOT / "core").is_dir(), reason="not in a source tree")


def sources(*suffixes: str) -> list[Path]:
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    return sorted(path for path in found if "__pycache__" not in path.parts)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def declared_version() -> str:
    match = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert match, "pyproject.toml must hold the version"
    return match[1]


@pytest.mark.skipif(not os.environ.get("GRIDSAMPLE_TEST_INSTALLED"), reason="only `make test` promises this")
def test_the_installed_package_is_what_is_tested():
    assert not Path(gridsample.__file__).resolve().is_relative_to(ROOT / "src")


def test_the_version_is_in_one_place():
    from gridsample._core import engine

    version = declared_version()
    assert gridsample.__version__ == importlib.metadata.version("gridsample") == engine.version() == version
    copies = [relative(p) for p in sources(*CODE) if re.search(rf'["\']{re.escape(version)}["\']', p.read_text())]
    assert copies == [], "the version stands in pyproject.toml; elsewhere it is received, not written"


def test_the_changelog_knows_the_version():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert declared_version() in headings


def test_the_extension_keeps_to_the_stable_interface_of_python():
    # From 3.12 on it is built against that alone (docs/design/0002-wheels.md); an older Python's headers offer more.
    abi = pytest.importorskip("abi3info")
    known = [found for part in (abi.FUNCTIONS, abi.DATAS, abi.TYPEDEFS, abi.STRUCTS) for found in part.values()]
    since = {getattr(x, "symbol", x).name: (x.added.major, x.added.minor) for x in known}
    code = "\n".join(path.read_text() for path in (ROOT / "src/gridsample/_core").glob("*.?pp"))
    macros = r"Py\w+_Check(Exact)?|Py_(TYPE|None|True|False|INCREF|XINCREF|DECREF|VISIT)|Py_tp_\w+|PyBUF_\w+"
    asked = {name for name in re.findall(r"\b_?Py[A-Z]?\w*_\w+", code) if not re.fullmatch(macros, name)}
    assert "PyTuple_GetItem" in asked
    assert {name for name in asked if since.get(name, (9, 9)) > (3, 12)} == set()


def test_no_file_is_too_long():
    lengths = {
        relative(path): len(path.read_text().splitlines()) for path in sources(*CODE) if ".gen." not in path.name
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


def test_sources_open_with_their_licence():
    assert (ROOT / "LICENSE").read_text().lstrip().startswith("Apache License\n")
    files = [*sources(*CODE), *(ROOT / "core").rglob("CMakeLists.txt")]
    files += [ROOT / name for name in ("CMakeLists.txt", "Makefile", ".ci/run")]
    opening = {path: "\n".join(path.read_text().splitlines()[:2]) for path in files}  # a #! line may stand before
    assert [relative(p) for p, text in opening.items() if "SPDX-License-Identifier: Apache-2.0" not in text] == []


def test_the_engines_constants_are_what_the_tables_say():
    # with --output, since the installed generator does not know where the source tree is
    header = ROOT / "core" / "src" / "table.gen.hpp"
    assert generate.main(["--check", "--output", str(header)]) == 0, "run `make generate`"


def paths_named_in(document: Path) -> set[str]:
    """Every `folder/...` or `name.ext` in backquotes, and the target of every relative link."""
    text = document.read_text()
    ticked = set(re.findall(r"`([\w./-]+)`", text))
    paths = {name for name in ticked if re.match(r"(core|src|tests|bench|docs|examples|\.\w+)/", name)}
    paths |= {name for name in ticked if re.fullmatch(r"\w+\.(md|toml|txt)", name)}
    links = {target.split("#")[0] for target in re.findall(r"\]\((?![a-z]+:)([^)]*)\)", text)}
    folder = document.parent.relative_to(ROOT).as_posix()
    return paths | {target if folder == "." else f"{folder}/{target}" for target in links if target}


DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_documents_name_files_that_exist(document):
    assert sorted(name for name in paths_named_in(document) if not (ROOT / name).exists()) == []


def test_the_drawn_tree_of_the_core_is_the_real_one():
    drawing = (ROOT / "ARCHITECTURE.md").read_text()
    missing = [p.name for p in (ROOT / "core" / "src").glob("*.*pp") if p.name not in drawing]
    missing += [p.name for p in (ROOT / "core" / "include" / "gridsample").glob("*.hpp") if p.name not in drawing]
    assert missing == [], "draw new files in ARCHITECTURE.md"


def test_decision_records_are_numbered_and_complete():
    records = sorted((ROOT / "docs" / "design").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        headings = re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"], path.name
        assert len(path.read_text().splitlines()) <= 60, f"{path.name}: one page"
