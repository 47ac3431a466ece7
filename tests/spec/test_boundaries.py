# SPDX-License-Identifier: Apache-2.0
"""The boundary table against brute-force definitions, its own pictures, NumPy's padding and SciPy."""

import numpy as np
import pytest

from gridsample.spec.boundaries import BOUNDARIES, FAMILIES

RANGE = range(-30, 31)
LETTERS = "abcd"


def by_walking(n: int, repeat_edge: bool):
    """Index and number of reflections of a walker who starts at 0 and turns round at the ends of an axis of n."""
    if n == 1 and not repeat_edge:
        return dict.fromkeys(RANGE, (0, 0))
    found = {}
    for step in (1, -1):
        at, heading, turns = 0, step, 0
        for i in range(0, step * 31, step):
            found[i] = (at, turns)
            beyond = at + heading
            if 0 <= beyond < n:
                at = beyond
            else:
                heading, turns = -heading, turns + 1
                at = at if repeat_edge else at + heading
    return found


def by_unrolling_antimirror(n: int):
    """The odd extension about -1 and n, where it is zero: 0 a … d 0 -d … -a, repeated."""
    period = [(None, 1), *((j, 1) for j in range(n)), (None, 1), *((j, -1) for j in reversed(range(n)))]
    return {i: period[(i + 1) % len(period)] for i in RANGE}


def expected(name: str, n: int):
    walk, mirror = by_walking(n, True), by_walking(n, False)
    return {
        "zero": lambda i: (i if 0 <= i < n else None, 1),
        "constant": lambda i: (i if 0 <= i < n else None, 1),
        "clamp": lambda i: (min(max(i, 0), n - 1), 1),
        "wrap": lambda i: (i - n * (i // n), 1),
        "reflect": lambda i: (walk[i][0], 1),
        "mirror": lambda i: (mirror[i][0], 1),
        "antireflect": lambda i: (walk[i][0], (-1) ** walk[i][1]),
        "antimirror": lambda i: by_unrolling_antimirror(n)[i],
    }[name]


@pytest.mark.parametrize("n", range(1, 7))
@pytest.mark.parametrize("name", BOUNDARIES)
def test_fold_is_the_definition(name, n):
    definition = expected(name, n)
    assert {i: BOUNDARIES[name].fold(i, n) for i in RANGE} == {i: definition(i) for i in RANGE}


@pytest.mark.parametrize("name", BOUNDARIES)
def test_picture_shows_the_rule(name):
    row = BOUNDARIES[name]
    assert row.name == name
    assert row.family in FAMILIES
    left, middle, right = (part.split() for part in row.picture.split("|"))
    assert middle == list(LETTERS)
    hole = "v" if name == "constant" else "0"

    def letter(i):
        pixel, sign = row.fold(i, 4)
        return hole if pixel is None else "-" * (sign < 0) + LETTERS[pixel]

    assert left == [letter(i) for i in range(-4, 0)]
    assert right == [letter(i) for i in range(4, 8)]


@pytest.mark.parametrize(
    ("name", "mode"), [("clamp", "edge"), ("reflect", "symmetric"), ("mirror", "reflect"), ("wrap", "wrap")]
)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_numpy_pads_the_same(name, mode, n):
    padded = np.pad(np.arange(n), 12, mode=mode)
    assert padded.tolist() == [BOUNDARIES[name].fold(i, n)[0] for i in range(-12, n + 12)]


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("constant", "grid-constant"),
        ("clamp", "nearest"),
        ("reflect", "reflect"),
        ("reflect", "grid-mirror"),
        ("mirror", "mirror"),
        ("wrap", "grid-wrap"),
    ],
)
@pytest.mark.parametrize("n", [2, 3, 6])
def test_scipy_extends_the_same(name, mode, n):
    ndimage = pytest.importorskip("scipy.ndimage")
    image = np.random.default_rng(n).normal(size=n)
    x = np.arange(-15, 16, 0.25)
    ours = np.zeros_like(x)
    for k, weight in ((0, 1 - x % 1), (1, x % 1)):
        for p, i in enumerate(np.floor(x).astype(int) + k):
            pixel, sign = BOUNDARIES[name].fold(int(i), n)
            ours[p] += weight[p] * (7.0 if pixel is None else sign * image[pixel])
    theirs = ndimage.map_coordinates(image, [x], order=1, mode=mode, cval=7.0)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
