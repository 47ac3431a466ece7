# SPDX-License-Identifier: Apache-2.0
"""The figures of docs/maps.md are those of the committed result file, which `python bench/augmentation.py` writes."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench" / "results" / "programs" / "augmentation.json"

pytestmark = pytest.mark.skipif(not RESULTS.is_file(), reason="not in a source tree")


def test_the_table_is_the_files_and_the_goal_is_met(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    bench = runpy.run_path(str(ROOT / "bench" / "augmentation.py"))
    rows = json.loads(RESULTS.read_text())["rows"]
    assert bench["table"](rows) in (ROOT / "docs" / "maps.md").read_text()
    batch = next(row for row in rows if row["shape"] == [32, 3, 224, 224] and "kornia" in row)
    assert batch["kornia"]["low"] >= 3  # three times kornia's speed, by the lower quartile
