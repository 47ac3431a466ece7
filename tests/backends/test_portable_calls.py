# SPDX-License-Identifier: Apache-2.0
"""Public calls with every option, done by the portable backend: the engine's numbers, in every array library.

What the verbs give is held against the oracle in test_portable; here is what a public call adds to them, and that each
of its options reaches this backend. The engine refuses everything meanwhile.
"""

from __future__ import annotations

import importlib.util
import itertools

import numpy as np
import pytest

import gridsample as gs
from gridsample import api, backends, frameworks
from gridsample.backends import cpu

RNG = np.random.default_rng(0)
IMAGE = RNG.uniform(-1, 1, (2, 3, 5, 6))
COORDS = RNG.uniform(-1.3, 6.3, (2, 4, 3, 2))
VALUES = RNG.uniform(-1, 1, (2, 3, 4, 3))
LOST = COORDS.copy()
LOST[0, 0, 0, 1], LOST[1, 2, 1] = np.nan, np.inf
MATRIX = np.array([[0.9, 0.2, 0.3], [-0.1, 1.1, -0.4]])

# options of all three verbs, of those that read, and of sample alone
SHARED = {
    "kernels": {"kernel": ("catmull_rom", "linear"), "boundary": ("reflect", "wrap")},
    "prefilter": {"kernel": "bspline3", "boundary": "mirror"},
    "coefficients": {"kernel": "bspline3", "boundary": "mirror", "prefilter": False},
    "frame": {"frame": "edges", "order": "ij", "boundary": "clamp"},
    "relative": {"relative": True},
    "ties": {"kernel": "nearest", "ties": "up"},
    "fold": {"boundary": "reflect", "fold": "coordinate"},
}
READ = {
    "fill": {"boundary": "constant", "fill": 0.75},
    "outside": {"outside": -2.5, "boundary": "mirror"},
    "limit": {"outside": -2.5, "limit": "centres"},
}
ALONE = {"antialias": {"antialias": True}, "samples": {"antialias": 3, "boundary": "clamp"}}


class Numpy:
    single = False

    def array(self, x):
        return x


class Torch:
    single = False

    def __init__(self):
        self.torch = pytest.importorskip("torch")

    def array(self, x):
        return self.torch.from_numpy(np.array(x))


class Jax:
    single = True  # whatever it is given

    def __init__(self):
        self.array = pytest.importorskip("jax").numpy.asarray


def calls(array):
    """Every call by its name; each gives one array."""
    image, coords, lost, values = map(array, (IMAGE, COORDS, LOST, VALUES))
    for name, options in {**SHARED, **READ, **ALONE}.items():
        yield f"sample, {name}", lambda o=options: gs.sample(image, coords, **o)
    for name, options in {**SHARED, **READ}.items():
        yield f"sample_grad, {name}", lambda o=options: gs.sample_grad(image, coords, **o)
    for name, options in SHARED.items():
        yield f"splat, {name}", lambda o=options: gs.splat(values, coords, (5, 6), **o)
    for nonfinite, verb in itertools.product(("propagate", "outside"), (gs.sample, gs.sample_grad)):
        yield f"{verb.__name__}, lost, {nonfinite}", lambda v=verb, n=nonfinite: v(image, lost, nonfinite=n)
    yield "splat, lost", lambda: gs.splat(values, lost, (5, 6))
    yield "grid_sample", lambda: gs.grid_sample(image, coords * 0.4 - 1, "bicubic", "reflection", True)
    one = array(IMAGE[:1])
    yield "one image for all", lambda: gs.sample(one, coords)
    yield "a map", lambda: gs.sample(image, gs.maps.Affine(array(MATRIX)), size=(4, 7), kernel="cubic")
    for dtype in ("uint8", "int16", "complex64", "float16"):
        typed = array((IMAGE * 90 + (100 if dtype == "uint8" else 0)).astype(dtype))
        yield f"sample, {dtype}", lambda t=typed: gs.sample(t, coords, kernel="bspline2", boundary="mirror")


@pytest.fixture
def portable_only(monkeypatch):
    """As if no call had loops in the engine; nothing that is kept from call to call is made under this."""

    def chosen(*_):
        return backends.BACKENDS[1]

    nothing = type("Calls", (), {"__getattr__": lambda self, name: lambda *a, **k: None})()
    monkeypatch.setattr(frameworks, "CALLS", nothing)
    monkeypatch.setattr(api, "CALLS", nothing)
    numpys = importlib.import_module("gridsample.frameworks.numpy")
    monkeypatch.setattr(numpys, "chosen", chosen)
    monkeypatch.setattr(numpys, "_call", numpys._call.__wrapped__)
    if importlib.util.find_spec("torch"):
        for room in ("", ".operators", ".second"):
            monkeypatch.setattr(importlib.import_module(f"gridsample.frameworks.torch{room}"), "chosen", chosen)
    if importlib.util.find_spec("jax"):
        monkeypatch.setattr(importlib.import_module("gridsample.frameworks.jax.handler"), "REFUSAL", "a test")
    for name in ("pull", "push", "pull_grad", "backward"):
        monkeypatch.setattr(cpu, name, None)


@pytest.fixture(scope="module")
def engines():
    return {name: np.asarray(call()) for name, call in calls(np.asarray)}


@pytest.mark.parametrize("library", [Numpy, Torch, Jax])
def test_every_option_of_a_call(library, engines, portable_only):
    library, seen = library(), []
    for name, call in calls(library.array):
        got, want = np.asarray(call()), engines[name]
        assert got.shape == want.shape, name
        assert library.single or got.dtype == want.dtype, name
        scale = max(1.0, float(np.nanmax(np.abs(want.astype(complex)))))
        # rounding once to a whole or half number may fall on the other side
        bound = {"f2": 1e-3, "u1": 1 / scale, "i2": 1 / scale, "f8": 1e-12}.get(want.dtype.str[1:], 5e-6)
        bound = max(bound, 5e-6) if library.single else bound
        np.testing.assert_allclose(got, want, atol=bound * scale, rtol=0, err_msg=name)
        seen.append(name)
    assert seen == list(engines)
