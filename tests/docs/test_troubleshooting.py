# SPDX-License-Identifier: Apache-2.0
"""docs/troubleshooting.md is what the diagnostics say."""

from __future__ import annotations

from pathlib import Path

from gridsample.diagnose import handbook
from gridsample.diagnose.findings import diagnostics

PAGE = Path(__file__).resolve().parents[2] / "docs" / "troubleshooting.md"


def test_the_page_is_the_diagnostics():
    do = "python -m gridsample.diagnose.handbook > docs/troubleshooting.md"
    assert PAGE.read_text(encoding="utf-8") == handbook.text(), do


def test_every_diagnostic_has_its_place():
    named = [name for names in handbook.CHAPTERS.values() for name in names]
    assert len(named) == len(set(named))
    assert set(named) == set(diagnostics())
