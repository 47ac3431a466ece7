# SPDX-License-Identifier: Apache-2.0
"""Our docstrings as reStructuredText, for autodoc: they are written to be read in a terminal.

Indented formulas become literal blocks, "Shapes:", "Returns:" and the like terms with their text below, a line that
begins with a name and a colon a paragraph of its own, and signs that are markup to Sphinx plain signs.
"""

from __future__ import annotations

import re
from typing import Any

HEAD = re.compile(r"^[A-Z][A-Za-z ]+:$")
ITEM = re.compile(r"^\"?[\w*]+\"?(, \"?[\w*]+\"?)*: ")  # name: or name, name:
CODE = re.compile(r"(``.*?``)")


def process(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Sphinx's event ``autodoc-process-docstring``: ``lines`` are changed where they are."""
    lines[:] = converted(lines)


def skip(app: Any, what: str, name: str, thing: Any, skipped: bool, options: Any) -> bool | None:
    """Sphinx's event ``autodoc-skip-member``: what Python writes of a named tuple's fields says nothing."""
    return True if str(getattr(thing, "__doc__", "")).startswith("Alias for field number") else None


def converted(lines: list[str]) -> list[str]:
    """The lines of a docstring, as Sphinx wants them."""
    out: list[str] = []
    for block in _blocks(lines):
        if block[0].lstrip().startswith(">>>"):
            out += ["", *_dedent(block)]
        elif HEAD.match(block[0]) and len(block) > 1:
            out += ["", block[0].rstrip(":"), *_indent(_body(_dedent(block[1:])))]
        elif block[0].startswith("    "):
            inner = _dedent(block)
            # below a term's text it is more of it; elsewhere a formula or code
            if out and out[-1].startswith("    ") and not re.search(r"[=(]", inner[0]):
                out += ["", *_indent(_body(inner))]
            else:
                out += ["", "::", "", *_indent(inner)]
        else:
            out += ["", *_body(block)]
    return [*out, ""]


def _blocks(lines: list[str]) -> list[list[str]]:
    """Paragraphs: lines between empty ones."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(line.rstrip())
        elif found[-1]:
            found.append([])
    return [block for block in found if block]


def _body(lines: list[str]) -> list[str]:
    """Text: signs escaped, each ``name: ...`` in a paragraph of its own."""
    out: list[str] = []
    for line in lines:
        if out and (ITEM.match(line) or line.startswith(("* ", "    "))):
            out.append("")
        out.append(_escaped(line.strip()))
    return out


def _escaped(line: str) -> str:
    bullet, rest = (line[:2], line[2:]) if line.startswith("* ") else ("", line)
    parts = CODE.split(rest)
    parts[::2] = [re.sub(r"(\w)_(?=\W|$)", r"\1\\_", re.sub(r"([*|\\])", r"\\\1", part)) for part in parts[::2]]
    return bullet + "".join(parts)


def _dedent(lines: list[str]) -> list[str]:
    width = min(len(line) - len(line.lstrip()) for line in lines)
    return [line[width:] for line in lines]


def _indent(lines: list[str]) -> list[str]:
    return ["    " + line if line else "" for line in lines]
