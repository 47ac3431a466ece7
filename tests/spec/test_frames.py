# SPDX-License-Identifier: Apache-2.0
"""The frame table: landmarks, torch's formulas to the last bit, and the order of components."""

from fractions import Fraction

import numpy as np
import pytest

from gridsample.spec.frames import FRAMES, ORDERS, component


def position(name, n, g):
    offset, scale, shift = FRAMES[name].numbers(n)
    return (g + offset) * scale + shift


@pytest.mark.parametrize(
    ("name", "n", "first_centre", "last_edge"),
    [("pixel", 6, 0, 5.5), ("unit", 8, 1 / 16, 1), ("edges", 8, -1 + 1 / 8, 1), ("corners", 5, -1, 1.25)],
)
def test_landmarks(name, n, first_centre, last_edge):
    assert position(name, n, first_centre) == 0
    assert position(name, n, last_edge) == n - 0.5
    assert FRAMES[name].name == name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 3, 7, 10, 641, 2**20 + 1])
def test_rounds_as_torch_does(n, dtype):
    g = np.random.default_rng(n).uniform(-1.5, 1.5, 4000).astype(dtype)
    one, two, size = dtype(1), dtype(2), dtype(n)
    for name, torch_formula in (
        ("edges", ((g + one) * size - one) / two),
        ("corners", ((g + one) / two) * (size - one)),
    ):
        offset, scale, shift = map(dtype, FRAMES[name].numbers(n))
        ours = (g + offset) * scale + shift
        assert ours.dtype == dtype
        assert np.array_equal(ours, torch_formula)


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_is_a_g_plus_b(n):
    """design.md's a and b: a = scale, b = offset*scale + shift."""
    expected = {
        "pixel": (1, 0),
        "unit": (n, Fraction(-1, 2)),
        "edges": (Fraction(n, 2), Fraction(n - 1, 2)),
        "corners": (Fraction(max(n - 1, 0), 2), Fraction(max(n - 1, 0), 2)),
    }
    for name, frame in FRAMES.items():
        offset, scale, shift = map(Fraction, frame.numbers(n))
        assert (scale, offset * scale + shift) == expected[name]


def test_orders():
    assert [component("xy", d, 3) for d in range(3)] == [2, 1, 0]
    assert [component("ij", d, 3) for d in range(3)] == [0, 1, 2]
    assert ORDERS == ("xy", "ij")
