# SPDX-License-Identifier: Apache-2.0
"""The public names, what importing costs, the examples in docstrings, and the number of threads."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys

import numpy as np
import pytest

import gridsample as gs
from gridsample import api, threads
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.frames import FRAMES
from gridsample.spec.kernels import KERNELS


def test_threads_are_chosen():
    before = gs.get_num_threads()
    try:
        gs.set_num_threads(3)
        assert gs.get_num_threads() == 3
        gs.set_num_threads(np.int64(1))
        assert gs.get_num_threads() == 1
        for wrong, kind in ((0, ValueError), (-2, ValueError), (1.5, TypeError), ("2", TypeError), (None, TypeError)):
            with pytest.raises(kind, match=r"^set_num_threads: expected number to be .*, got .*; ") as caught:
                gs.set_num_threads(wrong)
            assert isinstance(caught.value, gs.GridSampleError)
        assert gs.get_num_threads() == 1
    finally:
        gs.set_num_threads(before)


@pytest.mark.parametrize(("text", "printed"), [("3", "3"), (" 2 ", "2"), ("", None), ("0", "error"), ("two", "error")])
def test_threads_from_the_environment(text, printed):
    script = "import gridsample as gs\ntry: print(gs.get_num_threads())\nexcept ValueError as e: print('error', e)"
    env = {**os.environ, "GRIDSAMPLE_NUM_THREADS": text}
    out = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True).stdout
    assert out.split()[0] == (printed or str(threads.usable_cores()))


@pytest.mark.parametrize("module", [api, threads])
def test_doctests(module):
    before = gs.get_num_threads()
    result = doctest.testmod(module)
    gs.set_num_threads(before)
    assert result.attempted > 1
    assert not result.failed


def test_public_names():
    functions = {
        "affine_grid",
        "flow_warp",
        "get_num_threads",
        "grid_sample",
        "multiscale_deformable_attention",
        "pixels",
        "sample",
        "sample_grad",
        "set_num_threads",
        "splat",
        "valid_mask",
        "warp",
        "why",
    }
    assert set(gs.__all__) == functions | {"GridSampleError", "__version__"}
    assert all(getattr(gs, name).__doc__ for name in functions)


def test_importing_loads_numpy_and_nothing_heavier():
    script = "import sys, gridsample; print([m for m in ('torch', 'scipy', 'matplotlib', 'PIL') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_docstrings_name_every_row_of_the_tables():
    for verb, tables in ((gs.grid_sample, (KERNELS, BOUNDARIES)), (gs.sample, (KERNELS, BOUNDARIES, FRAMES))):
        assert "{" not in verb.__doc__.partition(">>>")[0]
        assert all(f'"{name}"' in verb.__doc__ for table in tables for name in table)
