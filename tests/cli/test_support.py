# SPDX-License-Identifier: Apache-2.0
"""docs/support.md is what the code says, and what it does not support it refuses with an alternative."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gridsample.backends import cpu
from gridsample.cli import support
from gridsample.errors import GridSampleError, OptionError

ROWS = list(support.features())
NAMES = [f"{row.group} {row.name}" for row in ROWS]


@pytest.mark.filterwarnings("ignore")  # of JAX: float64 is not on
def test_the_page_is_what_the_code_says():
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    written = Path(__file__).parents[2] / support.PAGE
    assert written.read_text(encoding="utf-8") == support.page(), "write it anew: python -m gridsample.cli.support"


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_a_cell_without_support_names_the_alternative(row):
    refusal = row.refusal("NumPy")
    if refusal is not None:
        assert len(refusal.do) > 10
        assert refusal.expected != refusal.got
        return
    assert np.all(np.isfinite(np.asarray(row.call("NumPy"), "complex128")))
    if row.cell("cpu") == "-":
        with pytest.raises(OptionError, match="the portable backend takes it"):
            cpu.problem(row.plan())
    else:
        cpu.problem(row.plan())


@pytest.mark.parametrize("framework", ["torch", "JAX"])
@pytest.mark.filterwarnings("ignore")
def test_what_is_refused_says_what_to_do(framework):
    pytest.importorskip({"torch": "torch", "JAX": "jax"}[framework])
    refusals = [error for row in ROWS if (error := row.refusal(framework)) is not None]
    assert refusals
    assert all(isinstance(error, GridSampleError) and len(error.do) > 10 for error in refusals)
