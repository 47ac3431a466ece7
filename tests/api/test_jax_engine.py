# SPDX-License-Identifier: Apache-2.0
"""JAX programs that call the engine: the portable backend's derivatives and batching rules, to second order."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import gridsample as gs

jax = pytest.importorskip("jax")
jnp = jax.numpy

from gridsample.backends import portable  # noqa: E402
from gridsample.frameworks.jax import compiled, handler, space  # noqa: E402
from gridsample.options import sample_options  # noqa: E402

pytestmark = pytest.mark.skipif(bool(handler.REFUSAL), reason=handler.REFUSAL or "it is called")

RNG = np.random.default_rng(0)
IMAGE = jnp.asarray(RNG.normal(size=(2, 3, 6)), jnp.float32)  # one axis: XLA takes seconds to compile more
COORDS = jnp.asarray(RNG.uniform(-1.3, 6.3, (2, 9, 1)), jnp.float32)
VALUES = jnp.asarray(RNG.normal(size=(2, 3, 9)), jnp.float32)
OPTIONS = sample_options("sample", "catmull_rom", "reflect", 0.0, "pixel", "xy", "propagate", None).text


def close(a, b, bound=3e-5):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.shape == y.shape
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), atol=bound * max(1.0, float(np.abs(y).max())))


def by_portable(image, coords):
    return portable.pull(space, compiled.planned(image, coords, OPTIONS), image, coords)


def pushed_portably(values, coords):
    return portable.push(space, compiled.planned(values, coords, OPTIONS, IMAGE.shape), values, coords)


def ours(image, coords):
    return compiled.pull(image, coords, OPTIONS)


def pushed(values, coords):
    return compiled.push(values, coords, IMAGE.shape, OPTIONS)


PAIRS = {"pull": (ours, by_portable, (IMAGE, COORDS)), "push": (pushed, pushed_portably, (VALUES, COORDS))}


def test_the_engine_is_called_once_for_both_gradients():
    program = jax.jit(jax.grad(lambda image, coords: (ours(image, coords) ** 2).sum(), (0, 1)))
    text = program.lower(IMAGE, COORDS).as_text()
    assert text.count("custom_call @gridsample") == 2  # forward, and one backward
    assert 'verb = "backward"' in text


@pytest.mark.parametrize("verb", PAIRS)
def test_derivatives_are_the_portable_ones(verb):
    one, other, arguments = PAIRS[verb]
    tangents = tuple(jnp.cos(jnp.arange(a.size, dtype=a.dtype)).reshape(a.shape) for a in arguments)

    def program(function):
        def loss(*arrays):
            return jnp.sin(function(*arrays)).sum()

        first = jax.grad(loss, (0, 1))
        second = jax.grad(lambda *arrays: sum((g**2).sum() for g in first(*arrays)), (0, 1))

        def everything(*arrays):
            along = jax.jvp(function, arrays, tangents)
            forward_over_reverse = jax.jvp(first, arrays, tangents)[1]
            return along, first(*arrays), second(*arrays), forward_over_reverse

        return jax.jit(everything)

    close(program(one)(*arguments), program(other)(*arguments), 2e-4)


@pytest.mark.parametrize("dims", [(0, 0), (1, 0), (0, None), (None, 2)])
@pytest.mark.parametrize("verb", PAIRS)
def test_vmap_is_a_loop_also_of_gradients(verb, dims):
    one, _, arguments = PAIRS[verb]
    made = []
    for array, d in zip(arguments, dims, strict=True):
        made.append(array if d is None else jnp.stack([array, array[::-1] * 0.9, array * 0.5], d))

    def gradient(*arrays):
        return jax.grad(lambda *a: (one(*a) ** 2).sum(), (0, 1))(*arrays)

    def both(*arrays):
        along = jax.jvp(one, arrays, tuple(jnp.ones_like(a) for a in arrays))
        return along, gradient(*arrays)

    got = jax.jit(jax.vmap(both, dims))(*made)
    each = [both(*(a if d is None else jnp.take(a, k, d) for a, d in zip(made, dims, strict=True))) for k in range(3)]
    close(got, jax.tree.map(lambda *parts: jnp.stack(parts), *each), 1e-4)


def test_a_batch_of_one_stands_for_all_in_gradients_too():
    def loss(image, coords):
        return (gs.sample(image, coords, boundary="clamp") ** 2).sum()

    small, whole = IMAGE[:1], jnp.broadcast_to(IMAGE[:1], IMAGE.shape)
    got, want = jax.grad(loss, (0, 1))(small, COORDS), jax.grad(loss, (0, 1))(whole, COORDS)
    close(got, (want[0].sum(0, keepdims=True), want[1]))


def test_lost_points_have_no_tangent():
    coords = COORDS.at[0, 0, 0].set(jnp.nan)
    value, along = jax.jvp(lambda image: gs.sample(image, coords), (IMAGE,), (jnp.ones_like(IMAGE),))
    assert np.isnan(np.asarray(value[0, :, 0])).all()
    assert not np.asarray(along[0, :, 0]).any()


def test_bits_do_not_depend_on_threads():
    image, coords = jnp.tile(IMAGE, (1, 8, 9)), jnp.asarray(RNG.uniform(0, 50, (2, 3000, 1)), jnp.float32)
    program = jax.jit(jax.value_and_grad(lambda i, c: (gs.sample(i, c) ** 2).sum(), (0, 1)))
    before, found = gs.get_num_threads(), []
    try:
        for threads in (1, 4, 1, 4):
            gs.set_num_threads(threads)
            found.append([np.asarray(x) for x in jax.tree.leaves(program(image, coords))])
    finally:
        gs.set_num_threads(before)
    for other in found[1:]:
        for a, b in zip(found[0][1:], other[1:], strict=True):
            np.testing.assert_array_equal(a, b)


OLD = """
import jax, numpy as np, gridsample as gs
{change}
from gridsample.frameworks.jax import handler
image, coords = (jax.numpy.asarray(np.random.default_rng(0).random(s), "float32") for s in ((1, 2, 4), (1, 5, 1)))
for run in (gs.sample, jax.jit(gs.sample)):
    np.testing.assert_allclose(run(image, coords), gs.sample(*map(np.asarray, (image, coords))), atol=1e-6)
jax.grad(lambda i, c: gs.sample(i, c).sum(), (0, 1))(image, coords)
print(handler.REFUSAL)
"""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("del jax.ffi", "jax {} has no jax.ffi (0.5 or newer has it)"),
        ("del jax.ffi.ffi_lowering", "jax {} has no jax.ffi (0.5 or newer has it)"),
        (
            "jax.ffi.register_ffi_target = lambda *a, **k: exec('raise RuntimeError(\"no\")')",
            "XLA of jax {} refuses the engine: no",
        ),
        (
            "import sys; sys.modules['jax.extend.core'] = None",
            "jax {} has other primitives than ours are made of: import of jax.extend.core halted; None in sys.modules",
        ),
    ],
)
def test_a_jax_that_cannot_call_the_engine_does_without(change, why):
    code = OLD.format(change=change)
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == why.format(jax.__version__)


def test_a_jax_that_is_too_old_is_named_in_one_sentence():
    code = "import jax, numpy as np, gridsample as gs\nx = jax.numpy.ones((1, 1, 4))\n"
    code += "jax.__version__, jax.__version_info__ = '0.4.29', (0, 4, 29)\n"
    code += "for _ in range(2):\n try: gs.sample(x, x.reshape(1, 4, 1))\n except ImportError as e: print(e)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said = "gridsample with JAX arrays: expected jax 0.4.30 or newer, got jax 0.4.29; "
    assert answer.stdout == (said + "install a newer one, or pass NumPy arrays\n") * 2


def test_it_can_be_turned_off():
    text = (
        "import jax, gridsample as gs, jax.numpy as jnp; from gridsample.frameworks.jax import handler; "
        "program = jax.jit(gs.sample).lower(jnp.ones((1, 1, 4, 4)), jnp.ones((1, 2, 2))); "
        "print(handler.REFUSAL, program.as_text().count('@gridsample'))"
    )
    environment = os.environ | {"GRIDSAMPLE_JAX": "portable"}
    answer = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["GRIDSAMPLE_JAX=portable", "0"]
