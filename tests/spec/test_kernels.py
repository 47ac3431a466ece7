# SPDX-License-Identifier: Apache-2.0
"""The kernel table, checked exactly: every number is a fraction."""

from fractions import Fraction
from math import comb, factorial

import numpy as np
import pytest

from gridsample.spec import lanczos
from gridsample.spec.kernels import KERNELS, Kernel, bspline, find, keys, mitchell

ROWS = list(KERNELS.values())
POINTS = [Fraction(k, 7) for k in range(8)]
each_kernel = pytest.mark.parametrize("kernel", ROWS, ids=lambda row: row.name)


def value(coefficients, t):
    return sum(c * t**p for p, c in enumerate(coefficients))


def weight(kernel: Kernel, distance: Fraction) -> Fraction:
    """The kernel as one function of the distance from tap to point, read from the table."""
    for k, row in enumerate(kernel.weights):
        t = distance + kernel.first_tap + k + (Fraction(1, 2) if kernel.taps % 2 else 0)
        if 0 <= t < 1:
            return value(row, t)
    return Fraction(0)


def test_rows_are_named_by_their_keys():
    assert [row.name for row in ROWS] == list(KERNELS)
    plain = ["nearest", "linear", "smoothstep", "cubic", "catmull_rom", "mitchell"]
    assert list(KERNELS) == [*plain, *(f"bspline{n}" for n in range(2, 8)), "lanczos2", "lanczos3"]


@each_kernel
def test_weights_sum_to_one_as_polynomials(kernel):
    total = [sum(row[p] for row in kernel.weights) for p in range(kernel.degree + 1)]
    assert total == [1] + [0] * kernel.degree


@each_kernel
def test_every_coefficient_is_a_fraction_and_rows_are_equally_long(kernel):
    assert all(isinstance(c, Fraction) for row in kernel.weights for c in row)
    assert {len(row) for row in kernel.weights} == {kernel.degree + 1}
    assert kernel.prefilter == kernel.name.startswith("bspline")
    assert (kernel.ties is not None) == (kernel.taps == 1)


@each_kernel
def test_first_tap_centres_the_taps(kernel):
    assert kernel.first_tap == {1: 0, 2: 0, 3: -1, 4: -1, 5: -2, 6: -2, 7: -3, 8: -3}[kernel.taps]


@pytest.mark.parametrize("name", [row.name for row in ROWS if row.taps > 1])
def test_kernels_are_symmetric_and_continuous(name):
    kernel = KERNELS[name]
    for row, mirrored in zip(kernel.weights, reversed(kernel.weights), strict=True):
        assert all(value(row, t) == value(mirrored, 1 - t) for t in POINTS)
    # what tap k weighs at t = 1 is what tap k-1 weighs at t = 0: the point has moved on by one pixel
    assert [value(row, 1) for row in kernel.weights][1:] == [value(row, 0) for row in kernel.weights][:-1]


@pytest.mark.parametrize("name", ["nearest", "linear", "smoothstep", "cubic", "catmull_rom", "lanczos2", "lanczos3"])
def test_interpolators_return_the_pixel_on_its_centre(name):
    kernel = KERNELS[name]
    assert [value(row, 0) for row in kernel.weights] == [int(k == -kernel.first_tap) for k in range(kernel.taps)]


@pytest.mark.parametrize("name", ["linear", "catmull_rom", "mitchell"])
def test_straight_lines_are_reproduced(name):
    kernel = KERNELS[name]
    for t in POINTS:
        assert sum(value(row, t) * (kernel.first_tap + k) for k, row in enumerate(kernel.weights)) == t


def test_catmull_rom_reproduces_parabolas_and_cubic_does_not():
    def error(name):
        kernel = KERNELS[name]
        t = Fraction(1, 3)
        return sum(value(row, t) * (kernel.first_tap + k) ** 2 for k, row in enumerate(kernel.weights)) - t**2

    assert error("catmull_rom") == 0
    assert error("cubic") != 0


@pytest.mark.parametrize("name", [row.name for row in ROWS if row.taps > 2 or row.name == "smoothstep"])
def test_first_derivatives_are_continuous(name):
    rows = KERNELS[name].derivative()
    starts, ends = [value(row, 0) for row in rows], [value(row, 1) for row in rows]
    assert ends[1:] == starts[:-1]
    assert (ends[0], starts[-1]) == (0, 0)


@each_kernel
def test_derivative_tables(kernel):
    for order in (1, 2, 3):
        rows = kernel.derivative(order)
        assert [sum(row[p] for row in rows) for p in range(len(rows[0]))] == [0] * max(kernel.degree + 1 - order, 1)
    assert kernel.derivative(0) == kernel.weights
    assert all(c == 0 for row in kernel.derivative(kernel.degree + 1) for c in row)
    # exact central differences: (f(t+h) - f(t-h))/2h = f'(t) + h^2 f'''(t)/3! + h^4 f'''''(t)/5! + ...
    h, t = Fraction(1, 10), Fraction(2, 5)
    odd = [(order, kernel.derivative(order)) for order in range(1, kernel.degree + 1, 2)]
    for k, row in enumerate(kernel.weights):
        difference = (value(row, t + h) - value(row, t - h)) / (2 * h)
        assert difference == sum(h ** (m - 1) * value(rows[k], t) / factorial(m) for m, rows in odd)


def test_keys_as_published():
    a, d = Fraction(-3, 4), Fraction(1, 3)
    kernel = KERNELS["cubic"]
    assert kernel.weights == keys(a)
    assert weight(kernel, d) == (a + 2) * d**3 - (a + 3) * d**2 + 1
    assert weight(kernel, d + 1) == a * ((d + 1) ** 3 - 5 * (d + 1) ** 2 + 8 * (d + 1) - 4)
    assert value(KERNELS["catmull_rom"].derivative()[2], 0) == Fraction(1, 2)  # the slope is (b - a)/2


def test_mitchell_contains_keys_and_the_b_spline():
    assert mitchell(Fraction(0), Fraction(1, 2)) == keys(Fraction(-1, 2))
    assert mitchell(Fraction(0), Fraction(3, 4)) == keys(Fraction(-3, 4))
    assert [row[0] for row in mitchell(Fraction(1), Fraction(0))] == [Fraction(v, 6) for v in (1, 4, 1, 0)]
    assert [row[0] for row in KERNELS["mitchell"].weights] == [Fraction(v, 18) for v in (1, 16, 1, 0)]


@pytest.mark.parametrize("degree", range(1, 8))
def test_b_splines_as_published(degree):
    # Schoenberg 1946: the sum of (-1)^k C(n+1, k) max(x + (n+1)/2 - k, 0)^n / n!
    rows = bspline(degree)
    kernel = Kernel("b", rows)
    for x in (Fraction(0), Fraction(1, 3), Fraction(7, 5), Fraction(5, 2)):
        terms = (
            (-1) ** k * comb(degree + 1, k) * max(x + Fraction(degree + 1, 2) - k, Fraction(0)) ** degree
            for k in range(degree + 2)
        )
        assert weight(kernel, x) == sum(terms) / factorial(degree)
    assert rows == KERNELS[f"bspline{degree}" if degree > 1 else "linear"].weights
    # smooth to one order below the degree: every derivative but the last is continuous
    for order in range(degree):
        derived = kernel.derivative(order)
        assert [value(row, 1) for row in derived][1:] == [value(row, 0) for row in derived][:-1]


@pytest.mark.parametrize("lobes", [2, 3])
def test_lanczos_is_the_normalised_windowed_sinc_within_its_bound(lobes):
    t = np.linspace(0, 1, 2001)
    distance = np.array([t - (1 - lobes + k) for k in range(2 * lobes)])
    exact = np.where(abs(distance) < lobes, np.sinc(distance) * np.sinc(distance / lobes), 0)
    exact /= exact.sum(0)
    fitted = [np.polyval([float(c) for c in reversed(row)], t) for row in KERNELS[f"lanczos{lobes}"].weights]
    error = abs(fitted - exact).max()
    assert 0 < error <= lanczos.ERROR[lobes]


def test_cubic_of_any_slope():
    assert find("cubic(-3/4)").weights == find("cubic(a=-0.75)").weights == KERNELS["cubic"].weights
    assert find("cubic(-0.6)").name == "cubic(-3/5)"
    assert find("cubic(-3/5)").weights == keys(Fraction(-3, 5))
    assert find("linear") is KERNELS["linear"]
    for wrong in ("cubic()", "cubic(x)", "cubic(1/0)", "cubic(nan)", "cubic(1e99)", "cubic(-0.5", "", "Linear"):
        assert find(wrong) is None
