# SPDX-License-Identifier: Apache-2.0
"""Result files: written whole, and checked against the schema when read and when written."""

from __future__ import annotations

import json
import os
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any


def schema() -> Any:
    return json.loads(files("gridsample.bench").joinpath("schema.json").read_text(encoding="utf-8"))


def read(path: Path) -> dict[str, Any]:
    """A result file; a ValueError says what is wrong with it."""
    import jsonschema

    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    try:
        jsonschema.validate(result, schema())
    except jsonschema.ValidationError as error:
        raise ValueError(f"not a result of gridsample bench: {error.message}") from None
    return result


def write(result: dict[str, Any], path: Path) -> None:
    """Validates, then replaces ``path`` in one step."""
    import jsonschema

    jsonschema.validate(result, schema())
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1, allow_nan=False)
            file.write("\n")
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
