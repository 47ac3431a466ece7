# SPDX-License-Identifier: Apache-2.0
"""`make demo` in small: the contact sheet is there, and so are the numbers."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

pytest.importorskip("skimage", reason="the demo's photograph comes with scikit-image")
Image = pytest.importorskip("PIL.Image", reason="reads the contact sheet")

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.py"


def test_the_demo_draws_its_sheet_and_agrees_with_scipy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo = runpy.run_path(str(DEMO))
    small = ["--width", "120", "--dpi", "40", "--rounds", "2"]
    path = demo["main"](["-o", str(tmp_path / "out"), *small])
    with Image.open(path) as sheet:
        assert sheet.width == 640
        assert len(sheet.convert("RGB").getcolors(1 << 20)) > 10_000  # pictures, not blank panels
    printed = capsys.readouterr().out
    assert str(path.resolve()) in printed
    assert re.search(r"SciPy's time is \d+\.\d times gridsample's", printed)
    assert float(re.search(r"difference (\S+) of", printed)[1]) < 2e-6
