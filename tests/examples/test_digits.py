# SPDX-License-Identifier: Apache-2.0
"""The spatial transformer learns through our sampler: the short form of examples/digits_transformer.py."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the example trains with torch")
pytest.importorskip("sklearn", reason="the example's images come with scikit-learn")

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "digits_transformer.py"


def test_the_transformer_ends_with_the_higher_accuracy(capsys: pytest.CaptureFixture[str]) -> None:
    # Over seeds 0 to 9 the short form's gain was 0.22 to 0.29 over the plain classifier and 0.13 to 0.18 over the wider
    # one; the bounds ask for half of the least. (The long form: 0.16 to 0.23, and 0.07 to 0.10.)
    found = runpy.run_path(str(EXAMPLE))["main"](["--epochs", "15"])
    assert found.transformer > found.without + 0.10
    assert found.transformer > found.wider + 0.06
    assert "with transformer" in capsys.readouterr().out
