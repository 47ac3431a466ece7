# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command line share: a way to call it, and small pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cli_pictures import load, save

from gridsample.cli import main


class Answer(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """``run("warp", path, "-o", ...)``: the exit code and what was printed."""

    def call(*arguments: object) -> Answer:
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Answer(code, printed.out, printed.err)

    return call


@pytest.fixture
def warp(run: Callable[..., Answer], tmp_path: Path) -> Callable[..., Any]:
    """``warp(pixels, *options)``: the pixels that come back when they go through files, TIFF unless told otherwise."""

    def call(pixels: Any, *options: object, ending: str = ".tif", alpha: str = "none") -> Any:
        source, target = tmp_path / f"in{ending}", tmp_path / f"out{ending}"
        save(source, pixels, alpha)
        answer = run("warp", source, "-o", target, *options)
        assert answer == (0, "", ""), answer
        return load(target)

    return call
