# SPDX-License-Identifier: Apache-2.0
"""One rule for NaN, infinite and huge coordinates: the oracle's, in every library, by the engine and portably.

Values, both gradients, the derivative and the splat; each policy of `sample`, and `grid_sample`'s own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from api_cases import close_the_short_way

import gridsample as gs
from gridsample import backends
from gridsample.backends import portable
from gridsample.spec import reference

SIZES = (5, 6)
ODD = (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e10, -1e10, 2.0**31, -(2.0**33), 0.3, 4.75, -0.4)  # and three usual ones
COORDS = np.array([*itertools.product(ODD, ODD)], "f4")[None]
IMAGE = np.random.default_rng(0).normal(size=(1, 2, *SIZES)).astype("f4")
WEIGH = np.random.default_rng(1).normal(size=(1, 2, COORDS.shape[1])).astype("f4")
RULES = [
    {"kernel": kernel, "boundary": boundary, "nonfinite": policy, "outside": outside}
    | ({"fill": 0.5} if boundary == "constant" else {})
    for kernel, boundary, policy, outside in (
        ("linear", "zero", "propagate", None),
        ("linear", "constant", "outside", None),
        ("linear", "clamp", "outside", 7.0),
        ("nearest", "reflect", "propagate", 7.0),
        ("nearest", "wrap", "outside", None),
        ("catmull_rom", "mirror", "propagate", None),
        ("catmull_rom", "antimirror", "outside", 7.0),
        ("smoothstep", "antireflect", "propagate", None),
    )
]


@dataclass(frozen=True)
class Library:
    """How its arrays are made and read, and a function's two gradients, weighed with WEIGH."""

    put: Callable[[Any], Any]
    get: Callable[[Any], Any]
    gradients: Callable[..., Any] | None


def numpys() -> Library:
    return Library(lambda x: x, np.asarray, None)


def torchs() -> Library:
    torch = pytest.importorskip("torch")

    def gradients(function: Any, image: Any, coords: Any) -> Any:
        leaves = [torch.from_numpy(a).requires_grad_() for a in (image, coords)]
        return [g.numpy() for g in torch.autograd.grad(function(*leaves), leaves, torch.from_numpy(WEIGH))]

    return Library(torch.from_numpy, lambda x: x.numpy(), gradients)


def jaxs() -> Library:
    jax = pytest.importorskip("jax")

    def gradients(function: Any, image: Any, coords: Any) -> Any:
        back = jax.vjp(function, *map(jax.numpy.asarray, (image, coords)))[1]
        return [np.asarray(g) for g in back(jax.numpy.asarray(WEIGH))]

    return Library(jax.numpy.asarray, np.asarray, gradients)


@pytest.fixture(params=["numpy", "torch", "jax"])
def library(request: pytest.FixtureRequest) -> Library:
    return {"numpy": numpys, "torch": torchs, "jax": jaxs}[request.param]()


@pytest.fixture(params=["engine", "portable"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, library: Library) -> Any:
    """The name; with "portable" every call goes there, and it is seen that it does."""
    called, jax = [], str(library.put.__module__).startswith("jax")
    real = portable.pull
    monkeypatch.setattr(portable, "pull", lambda *given: called.append(1) or real(*given))
    if request.param == "portable":
        close_the_short_way(monkeypatch)
        monkeypatch.setattr(backends, "BACKENDS", backends.BACKENDS[1:])
        if jax:
            from gridsample.frameworks.jax import handler

            monkeypatch.setattr(handler, "REFUSAL", "this test")
    forget()
    yield request.param
    if request.param == "portable":
        assert called
    elif not jax:  # a program of JAX has both, and runs the one of its platform
        assert not called
    forget()


def forget() -> None:
    """What is remembered of earlier calls' backends."""
    backends.chosen.cache_clear()
    from gridsample.frameworks import numpy

    for value in vars(numpy).values():
        getattr(value, "cache_clear", lambda: None)()


def same(got: Any, want: Any, bound: float, what: str) -> None:
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want), err_msg=what)
    assert np.isfinite(got[~np.isnan(want)]).all(), what
    np.testing.assert_allclose(got, want, rtol=0, atol=bound * max(1.0, float(np.nanmax(np.abs(want)))), err_msg=what)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_every_policy_everywhere(library: Library, backend: str) -> None:
    for rules in RULES[1::2] if library.put.__name__ == "asarray" else RULES:  # JAX compiles each of them
        exact = rules | {"precision": np.float32}
        what = f"{rules}"
        image, coords = library.put(IMAGE), library.put(COORDS)
        same(library.get(gs.sample(image, coords, **rules)), reference.pull(IMAGE, COORDS, **exact), 4e-6, what)
        slope = reference.pull_grad(IMAGE, COORDS, **exact)
        same(library.get(gs.sample_grad(image, coords, **rules)), slope, 2e-5, what)
        spread = {name: rules[name] for name in ("kernel", "boundary", "nonfinite")}
        pushed = reference.push(WEIGH, COORDS, SIZES, **spread, precision=np.float32)
        if rules["outside"] is None and rules["nonfinite"] == "outside":  # it has no value to propagate NaN to
            same(library.get(gs.splat(library.put(WEIGH), coords, SIZES, **spread)), pushed, 2e-5, what)
        if library.gradients is None:
            continue
        found = library.gradients(lambda i, c, rules=rules: gs.sample(i, c, **rules), IMAGE, COORDS)
        same(found[0], reference.push(WEIGH, COORDS, SIZES, **exact), 2e-5, what)
        same(found[1], np.einsum("nc...,nc...d->n...d", WEIGH, np.nan_to_num(slope)), 4e-5, what)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_grid_sample_reads_nan_as_minus_one(library: Library, backend: str) -> None:
    grid = COORDS.reshape(1, len(ODD), len(ODD), 2) / 4
    names = {"zeros": "zero", "border": "clamp", "reflection": "mirror"}
    for mode, padding in (
        ("bilinear", "zeros"),
        ("bilinear", "reflection"),
        ("nearest", "border"),
        ("bicubic", "border"),
    ):
        rules = {"kernel": {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode), "boundary": names[padding]}
        rules |= {"fold": "tap" if mode == "bicubic" or padding == "zeros" else "coordinate", "frame": "corners"}
        want = reference.pull(IMAGE, grid, nonfinite="minus_one", precision=np.float32, **rules)
        got = gs.grid_sample(library.put(IMAGE), library.put(grid), mode, padding, align_corners=True)
        same(library.get(got), want, 4e-6, f"{mode}, {padding}")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_errors_are_raised_before_any_work(library: Library, value: float) -> None:
    coords = np.array([[[1.0, 2.0], [value, 0.5]]], "f4")
    for verb in (gs.sample, gs.sample_grad):
        with pytest.raises(gs.GridSampleError, match="expected finite coords, got 1"):
            verb(library.put(IMAGE), library.put(coords), nonfinite="error")
