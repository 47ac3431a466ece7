# SPDX-License-Identifier: Apache-2.0
"""The pages on choosing run, and their asserts hold: docs/choosing, which `make docs` runs for the site."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

pytest.importorskip("skimage", reason="the pages' photograph comes with scikit-image")
matplotlib = pytest.importorskip("matplotlib", reason="the pages draw")

PAGES = sorted((Path(__file__).resolve().parents[2] / "docs" / "choosing").glob("*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_runs(page, monkeypatch):
    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown: list[int] = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.extend(pyplot.get_fignums()))
    runpy.run_path(str(page))
    pyplot.close("all")
    assert shown
