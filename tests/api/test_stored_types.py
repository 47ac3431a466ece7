# SPDX-License-Identifier: Apache-2.0
"""Images of half types and whole numbers, which the engine reads where they lie: what the same call gives for the same
image in float32, rounded here, is what they must give, bit for bit, in any layout and by any way into the engine."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from api_cases import near

import gridsample as gs
from gridsample import frameworks
from gridsample.options import sample_options
from gridsample.spec import reference
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.dtypes import DTYPES

RNG = np.random.default_rng(5)
STORED = [name for name, row in DTYPES.items() if row.computed == "float32" and row.kind != "complex"]
STORED.remove("float32")
IN_NUMPY = [name for name in STORED if name != "bfloat16"]
KERNELS = ("nearest", "linear", "smoothstep", "cubic", "catmull_rom")


def rounded(values, name):
    """By the book, one type at a time."""
    if name == "bfloat16":
        return torch.from_numpy(values).to(torch.bfloat16)
    if name == "float16":
        with np.errstate(over="ignore"):
            return values.astype("f2")
    row = DTYPES[name]
    return np.clip(np.round(np.where(np.isnan(values), 0, values)), row.low, row.high).astype(name)


def pixels(name, shape):
    """Numbers of the type, in float32, that hold them all: of half types some that both have."""
    row = DTYPES[name]
    if row.kind == "whole":
        return RNG.integers(row.low, row.high, shape, endpoint=True).astype("f4")
    return (RNG.integers(-127, 128, shape) / 32).astype("f4")


def tensor(values, name):
    values = values if isinstance(values, torch.Tensor) else torch.from_numpy(np.array(values))
    return values.to(getattr(torch, name))


def bits(array):
    if isinstance(array, torch.Tensor):
        return array.detach().contiguous().view(torch.uint8).numpy().tobytes() if array.numel() else b""
    return np.ascontiguousarray(array).tobytes()


def turned(sizes, zoom=1.0):
    """Coordinates of a turned picture, beyond its rim at the corners, and some of no order."""
    axes = len(sizes)
    places = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij")[::-1], -1).astype("f4")
    turn = np.eye(axes, dtype="f4") * np.float32(zoom)
    if axes > 1:
        turn[:2, :2] = zoom * np.array([[0.96, -0.28], [0.28, 0.96]])
    middle = (np.array(sizes[::-1], "f4") - 1) / 2
    return ((places - middle) @ turn.T + middle).astype("f4")[None]


LAYOUTS = {
    "contiguous": np.ascontiguousarray,
    "channels last": lambda a: np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1),
    "reversed": lambda a: np.ascontiguousarray(a[..., ::-1])[..., ::-1],
    "every other": lambda a: np.repeat(a, 2, -1)[..., ::2],
    "one of four": lambda a: np.moveaxis(np.stack([np.moveaxis(a, 1, -1)] * 2, -1), -2, 1)[..., 0],
    "expanded": lambda a: np.broadcast_to(a[:1], a.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", IN_NUMPY)
def test_numpy_gives_float32_rounded(name, layout):
    for sizes, channels in (((500,), 2), ((40, 70), 1), ((40, 70), 3), ((33, 41), 9), ((12, 13, 80), 2)):
        wide = LAYOUTS[layout](pixels(name, (2, channels, *sizes)))
        image = LAYOUTS[layout](wide.astype(name))
        coords = turned(sizes)
        for kernel in KERNELS:
            want = rounded(gs.sample(wide, coords, kernel=kernel, boundary="mirror"), name)
            got = gs.sample(image, coords, kernel=kernel, boundary="mirror")
            assert got.dtype == image.dtype
            assert got.shape == want.shape
            assert bits(got) == bits(want), (sizes, kernel)


@pytest.mark.parametrize("memory", ["contiguous_format", "channels_last"])
@pytest.mark.parametrize("name", STORED)
def test_torch_gives_float32_rounded_and_keeps_the_layout(name, memory):
    memory = getattr(torch, memory)
    for channels in (1, 3, 4, 24):
        wide = torch.from_numpy(pixels(name, (2, channels, 37, 66))).contiguous(memory_format=memory)
        image = tensor(wide, name).contiguous(memory_format=memory)
        coords = torch.from_numpy(turned((37, 66), 1.3))
        for kernel in KERNELS:
            plain = gs.sample(image.float(), coords, kernel=kernel, boundary="reflect")
            got = gs.sample(image, coords, kernel=kernel, boundary="reflect")
            assert got.dtype == image.dtype
            assert got.stride() == plain.stride()
            assert bits(got) == bits(tensor(rounded(plain.numpy(), name), name)), (channels, kernel)


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_every_boundary_and_what_is_not_finite(boundary, name):
    wide = pixels(name, (1, 3, 9, 70))
    coords = np.concatenate([turned((9, 70), 4.0), RNG.uniform(-30, 90, (1, 9, 70, 2)).astype("f4")], 1)
    coords[0, 3, 4:40:9] = np.array([[np.nan, 1], [np.inf, 2], [3, -np.inf], [1e30, -1e30]], "f4")
    options = {"boundary": boundary} | ({"fill": 300.5} if boundary == "constant" else {})
    for kernel, more in itertools.product(
        ("nearest", "linear", "cubic"),
        ({}, {"nonfinite": "outside", "outside": -7.25}, {"nonfinite": "propagate"}),
    ):
        plain = gs.sample(torch.from_numpy(wide), torch.from_numpy(coords), kernel=kernel, **options, **more)
        want = tensor(rounded(plain.numpy(), name), name)
        got = gs.sample(tensor(wide, name), torch.from_numpy(coords), kernel=kernel, **options, **more)
        same = got.isnan() & want.isnan() if got.dtype.is_floating_point else torch.zeros_like(got, dtype=torch.bool)
        assert bool((same | (got == want)).all()), (kernel, more)


@pytest.mark.parametrize("kernel", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("name", ["uint8", "int16", "float16"])
def test_against_the_oracle(name, kernel):
    wide = pixels(name, (1, 2, 6, 7)).astype("f8")
    coords = RNG.uniform(-2, 9, (1, 400, 2))
    exact = reference.pull(wide, coords, kernel=kernel, boundary="wrap")
    got = gs.sample(wide.astype(name), coords, kernel=kernel, boundary="wrap").astype("f8")
    row = DTYPES[name]
    if row.kind == "whole":
        exact, apart = np.clip(exact, row.low, row.high), 0.5
    else:
        apart = np.abs(exact) * 2.0**-11 + 2.0**-25
    span = np.abs(wide).max()
    assert (np.abs(got - exact) <= apart + 2e-6 * span).all()


def test_results_do_not_depend_on_threads_or_on_the_batch():
    image = RNG.integers(0, 256, (3, 3, 211, 190), dtype=np.uint8)
    coords = np.concatenate([turned((211, 190)), turned((211, 190), 3.5), RNG.uniform(0, 189, (1, 211, 190, 2))])
    coords = coords.astype("f4")
    before = gs.get_num_threads()
    try:
        gs.set_num_threads(1)
        one = gs.sample(image, coords)
        gs.set_num_threads(3)
        assert bits(gs.sample(image, coords)) == bits(one)
    finally:
        gs.set_num_threads(before)
    for n in range(3):
        assert bits(gs.sample(image[n : n + 1], coords[n : n + 1])) == bits(one[n : n + 1])
        assert bits(gs.sample(image[n : n + 1], coords[n : n + 1, 100:150, 7:91])) == bits(
            one[n : n + 1, :, 100:150, 7:91]
        )


@pytest.mark.parametrize("name", IN_NUMPY)
def test_out_in_any_layout(name):
    image = pixels(name, (1, 3, 20, 90)).astype(name)
    coords = turned((20, 90))
    want = gs.sample(image, coords)
    for like in (np.empty((20, 90, 3), name).transpose(2, 0, 1)[None], np.empty((1, 3, 40, 180), name)[..., ::2, ::2]):
        assert gs.sample(image, coords, out=like) is like
        assert bits(like) == bits(want)
    given = torch.empty(1, 3, 20, 90, dtype=getattr(torch, name)).contiguous(memory_format=torch.channels_last)
    version = given._version
    assert gs.sample(torch.from_numpy(image), torch.from_numpy(coords), out=given) is given
    assert given._version > version
    assert bits(given) == bits(want)


@pytest.mark.parametrize("name", STORED)
def test_maps_are_computed_in_the_engine_as_for_float32(name):
    wide = pixels(name, (2, 3, 30, 75))
    for made in (gs.maps.Affine([[0.9, 0.2, 1.5], [-0.2, 1.1, 2.0]]), gs.maps.Homography(np.eye(3) + 1e-3)):
        plain = gs.sample(torch.from_numpy(wide), made)
        got = gs.sample(tensor(wide, name), made)
        assert bits(got) == bits(tensor(rounded(plain.numpy(), name), name))
        if name in IN_NUMPY:
            assert bits(gs.sample(wide.astype(name), made)) == bits(rounded(gs.sample(wide, made), name))


@pytest.mark.parametrize("name", STORED)
def test_the_short_way_and_the_long_way(name, long_way):
    wide = pixels(name, (1, 2, 8, 8))
    image, coords = tensor(wide, name), torch.from_numpy(turned((8, 8)))
    calls = frameworks.CALLS
    choices = ("linear", "zero", 0.0, "pixel", "xy", "propagate", None)
    for image_ in (image, image.contiguous(memory_format=torch.channels_last)):
        short = calls.sample(image_, coords, *choices)
        long = long_way(gs.sample, image_, coords)
        if hasattr(torch.Tensor, "__dlpack_c_exchange_api__") and not hasattr(torch.Tensor, "names"):
            assert (short.dtype, short.stride()) == (long.dtype, long.stride())
            assert bits(short) == bits(long)
        assert calls.sample_grad(image_, coords, *choices) is None
        assert calls.sample(image_, coords.to(torch.float16), *choices) is None
    if name in IN_NUMPY:
        array = wide.astype(name)
        assert bits(calls.sample(array, coords.numpy(), *choices)) == bits(long_way(gs.sample, array, coords.numpy()))


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_half_types_have_gradients_as_before(name):
    image = tensor(pixels(name, (1, 2, 9, 12)), name).requires_grad_()
    coords = torch.from_numpy(turned((9, 12))).requires_grad_()
    wide = image.detach().float().requires_grad_()
    at = coords.detach().clone().requires_grad_()
    out, plain = gs.sample(image, coords), gs.sample(wide, at)
    out.float().sum().backward()
    plain.sum().backward()
    assert image.grad.dtype == image.dtype
    near(image.grad.float().numpy(), wide.grad.numpy(), 2.0**-7 * 4)
    near(coords.grad.numpy(), at.grad.numpy(), 1e-6)


def test_whole_numbers_ask_no_gradient_and_modes_still_see_the_call():
    image = torch.randint(0, 256, (1, 1, 6, 6), dtype=torch.uint8)
    coords = torch.from_numpy(turned((6, 6))).requires_grad_()
    got = gs.sample(image, coords)
    assert not got.requires_grad
    many = torch.vmap(lambda i, c: gs.sample(i[None], c[None])[0])(image.expand(3, 1, 6, 6), coords.expand(3, 6, 6, 2))
    assert bits(many[1:2]) == bits(got)
    assert gs.sample(image.to("meta"), coords.to("meta")).shape == got.shape
    text = sample_options("sample", "linear", "zero", 0.0, "pixel", "xy", "propagate", None).text
    op = torch.ops.gridsample.pull(image, coords.detach(), text)
    assert bits(op) == bits(gs.sample(image, coords.detach()))


def test_no_points_at_all():
    """Once a division by zero: a volume's box of tiles without rows."""
    coords = np.zeros((1, 2, 0, 64, 3), "f4")
    assert gs.splat(np.zeros((1, 1, 2, 0, 64), "f4"), coords, (4, 4, 4)).tolist() == np.zeros((1, 1, 4, 4, 4)).tolist()
    for name in IN_NUMPY:
        assert gs.sample(np.zeros((1, 1, 4, 4, 4), name), coords).shape == (1, 1, 2, 0, 64)


def test_other_byte_orders_are_read_as_before():
    image = pixels("int16", (1, 1, 5, 6)).astype(">i2")
    got = gs.sample(image, turned((5, 6)))
    assert got.dtype == np.dtype("i2")
    assert bits(got) == bits(gs.sample(image.astype("i2"), turned((5, 6))))


@pytest.mark.parametrize("dtype", [torch.int32, torch.complex64])
def test_the_operators_convert_what_the_engine_does_not_read(dtype):
    draw = torch.Generator().manual_seed(7)
    image = torch.randint(0, 16, (1, 2, 6, 7), generator=draw).to(dtype)  # 16 * 4 eps lies within assert_close's 1e-5
    coords = torch.from_numpy(turned((6, 7)))
    text = sample_options("sample", "linear", "zero", 0.0, "pixel", "xy", "propagate", None).text
    want = gs.sample(image, coords)
    out = torch.empty_like(want)
    torch.ops.gridsample.pull_out(image, coords, text, out)
    for got in (torch.ops.gridsample.pull(image, coords, text), out):
        assert got.dtype == dtype
        torch.testing.assert_close(got, want)
    torch.testing.assert_close(torch.ops.gridsample.pull_grad(image, coords, text), gs.sample_grad(image, coords))
