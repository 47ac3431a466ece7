# SPDX-License-Identifier: Apache-2.0
"""Every example in a docstring prints what it says, and every public function has one."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import inspect
import pkgutil

import pytest

import gridsample

NAMES = sorted(["gridsample", *(module.name for module in pkgutil.walk_packages(gridsample.__path__, "gridsample."))])
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith("__main__")])
def test_examples_print_what_they_say(name):
    if (name.endswith(".torch") or ".nn" in name) and importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch")
    results = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert results.failed == 0, "the lines above say what was expected and what came"


@pytest.mark.parametrize(
    "name",
    [
        "grid_sample",
        "affine_grid",
        "sample",
        "splat",
        "sample_grad",
        "valid_mask",
        "multiscale_deformable_attention",
        "warp",
        "flow_warp",
        "pixels",
        "why",
    ],
)
def test_public_functions_show_an_example(name):
    assert ">>>" in (inspect.getdoc(getattr(gridsample, name)) or "")


def test_every_map_shows_an_example():
    for name in gridsample.maps.__all__:
        thing = getattr(gridsample.maps, name)
        if callable(thing) and name not in {
            "Camera",
            "Composed",
            "Cubemap",
            "Equirectangular",
            "Framed",
            "Map",
            "Perspective",
        }:
            assert ">>>" in (inspect.getdoc(thing) or ""), name
