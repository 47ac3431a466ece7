# SPDX-License-Identifier: Apache-2.0
"""Names of torch-interpol, resampler and ONNX, translated, against these libraries and onnxruntime.

tests/spec/test_dialects.py does the same for SciPy, JAX, OpenCV and ITK, and test_onnx_nodes.py with ONNX's node tests.
Points lie inside, on pixels, half-way between them, on and beyond the edges, and several periods outside.
"""

from __future__ import annotations

import numpy as np
import pytest

import gridsample as gs
from gridsample import dialects
from gridsample.spec.dialects import lookup, names

SHAPES = ((9,), (7, 6), (5, 4, 6))


def points(shape, seed=0):
    """(400, D) pixel positions, ij: on eighths in and far around the image, on its edges and centres, anywhere."""
    rng = np.random.default_rng(seed)
    wide = [np.resize(rng.permutation(np.arange(-2.5 * n, 3.5 * n, 0.125)), 200) for n in shape]
    near = [np.resize(rng.permutation(np.arange(-0.5, n, 0.125)), 80) for n in shape]
    edges = [rng.choice([-0.5, 0.0, n - 1.0, n - 0.5, -1.0, float(n), n / 2], 60) for n in shape]
    anywhere = [rng.uniform(-1.5 * n, 2.5 * n, 60) for n in shape]
    return np.concatenate([np.stack(c, -1) for c in (wide, near, edges, anywhere)])


def image_of(shape, seed=1, empty_rim=False):
    image = np.random.default_rng(seed).normal(size=shape)
    return np.pad(image[(slice(1, -1),) * image.ndim], 1) if empty_rim else image


def usable(library, what):
    return [name for name in names(library, what) if lookup(library, what, name, False).ours]


# torch-interpol

ORDERS = [str(order) for order in range(8)]
BOUNDS = ["zero", "replicate", "dct1", "dct2", "dst1", "dst2", "dft"]
SAME = {"zeros": "zero", "nearest": "replicate", "mirror": "dct1", "reflect": "dct2", "antimirror": "dst1",
        "antireflect": "dst2", "wrap": "dft"}  # fmt: skip
FILTERED = ["dct1", "dct2", "dft"]  # where its prefilter and its sampling mean the same image


def interpols(image, at, kernel, bound, **options):
    interpol = pytest.importorskip("interpol", reason="torch-interpol is not installed")
    torch = pytest.importorskip("torch")
    given = torch.tensor(image)[None, None], torch.tensor(at).reshape(1, -1, *(1,) * (at.shape[-1] - 1), at.shape[-1])
    order = int(kernel) if kernel.isdigit() else kernel
    return interpol.grid_pull(*given, interpolation=order, bound=bound, extrapolate=True, **options).numpy().ravel()


def sampled(library, image, at, kernel, boundary, **options):
    words = dialects.translate(library, kernel=kernel, boundary=boundary)
    return gs.sample(image[None, None], at[None], **(words | options))[0, 0]


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("kernel", ORDERS)
def test_interpols_orders_and_bounds(kernel, bound):
    for shape in SHAPES:
        image, at = image_of(shape, empty_rim=bound == "dst1"), points(shape)  # see the test below
        got = sampled("interpol", image, at, kernel, bound)
        np.testing.assert_allclose(got, interpols(image, at, kernel, bound), atol=1e-12)


@pytest.mark.parametrize("bound", FILTERED)
@pytest.mark.parametrize("kernel", ORDERS[2:])
def test_interpols_prefilter(kernel, bound):
    for shape in SHAPES:  # short axes, where the ends of its recursion matter
        image, at = image_of(shape), points(shape)
        got = sampled("interpol", image, at, kernel, bound, prefilter=True)
        np.testing.assert_allclose(got, interpols(image, at, kernel, bound, prefilter=True), atol=1e-11)


def test_interpols_dst1_is_not_what_it_draws():
    """``-b -a 0 | a b c d | 0 -d -c``: theirs reads 0 for a and, further out, for d. Else the row's note is old."""
    image, at = np.array([1.0, 2.0, 3.0, 4.0]), np.arange(-10.0, 10.0)[:, None]
    drawn = np.array([1, 2, 3, 4, 0, -4, -3, -2, -1, 0, 1, 2, 3, 4, 0, -4, -3, -2, -1, 0])
    np.testing.assert_array_equal(sampled("interpol", image, at, "1", "dst1"), drawn)
    theirs = interpols(image, at, "1", "dst1")
    assert theirs[10] == 0
    assert set(at[theirs != drawn, 0]) == {-7.0, 0.0}


def test_every_name_of_interpol_is_here_and_means_what_its_synonym_means():
    interpol = pytest.importorskip("interpol", reason="torch-interpol is not installed")
    from interpol.bounds import BoundType

    assert set(names("interpol", "boundary")) == {*BOUNDS, *SAME} == set(BoundType.__members__)
    for other, name in SAME.items():
        assert BoundType[other] is BoundType[name]
        one, two = (lookup("interpol", "boundary", each).ours for each in (other, name))
        assert one == two
    image, at = image_of((7, 6)), points((7, 6))
    for name in set(names("interpol", "kernel")) - set(ORDERS):
        got = sampled("interpol", image, at, name, "dct2")
        np.testing.assert_allclose(got, interpols(image, at, name, "dct2"), atol=1e-12)
    assert interpol.grid_pull.__name__


@pytest.mark.parametrize("bound", ["zero", "dct1", "dct2", "dst1", "dft"])
@pytest.mark.parametrize("kernel", ["1", "3"])
def test_interpols_gradients(kernel, bound):
    interpol = pytest.importorskip("interpol", reason="torch-interpol is not installed")
    torch = pytest.importorskip("torch")
    image = torch.tensor(image_of((7, 6), empty_rim=bound == "dst1"))[None, None].requires_grad_()
    spread = np.random.default_rng(4).uniform(-6, 12, (1, 40, 1, 2))  # off the kinks
    at = torch.tensor(spread).requires_grad_()
    weigh = torch.tensor(np.random.default_rng(5).normal(size=(1, 1, 40, 1)))
    theirs = interpol.grid_pull(image, at, interpolation=int(kernel), bound=bound, extrapolate=True)
    ours = gs.sample(image, at, **dialects.translate("interpol", kernel=kernel, boundary=bound))
    got, want = (torch.autograd.grad(values, (image, at), weigh) for values in (ours, theirs))
    torch.testing.assert_close(got[1], want[1], atol=1e-11, rtol=0)
    inner = (..., slice(1, -1), slice(1, -1)) if bound == "dst1" else ...  # it reads its rim with signs of its own
    torch.testing.assert_close(got[0][inner], want[0][inner], atol=1e-11, rtol=0)


# resampler

TABLED = ("lanczos3", "cardinal3", "cardinal5")  # it reads these from tables that it fills once


def resamplers(image, at, kernel, boundary):
    resampler = pytest.importorskip("resampler", reason="resampler is not installed")
    unit = (at + 0.5) / image.shape
    return resampler.resample(image, unit, filter=kernel, boundary=boundary, cval=4.0)


@pytest.mark.parametrize("boundary", usable("resampler", "boundary"))
@pytest.mark.parametrize("kernel", usable("resampler", "kernel"))
def test_resamplers_filters_and_boundaries(kernel, boundary):
    cardinal = kernel.startswith("cardinal")
    for shape in ((60,), (40, 50)) if cardinal else SHAPES:  # SciPy filters for it, exactly only along long axes
        image, at = image_of(shape), points(shape)
        at = at + 2.0**-30 if lookup("resampler", "kernel", kernel).ours == "nearest" else at  # unit coordinates round
        words = dialects.translate("resampler", kernel=kernel, boundary=boundary, fill=4.0)
        unit = (at + 0.5) / shape
        got = gs.sample(image[None, None], unit[None], **words)[0, 0]
        bound = 2e-5 if kernel in TABLED else 1e-11
        np.testing.assert_allclose(got, resamplers(image, at, kernel, boundary), atol=bound)


@pytest.mark.parametrize("kernel", ["box", "impulse"])
def test_resamplers_ties(kernel):
    image = image_of((8,))  # eight pixels: unit coordinates of halves are exact
    ties = np.arange(-20.5, 30)[:, None]
    words = dialects.translate("resampler", kernel=kernel, boundary="wrap")
    got = gs.sample(image[None, None], (ties[None] + 0.5) / 8, **words)[0, 0]
    np.testing.assert_array_equal(got, resamplers(image, ties, kernel, "wrap"))


def test_every_name_of_resampler_is_here():
    resampler = pytest.importorskip("resampler", reason="resampler is not installed")
    assert set(resampler.FILTERS) == set(names("resampler", "kernel"))
    assert {*resampler.BOUNDARIES, "auto"} == set(names("resampler", "boundary"))
    assert set(resampler.GRIDTYPES) == set(names("resampler", "frame"))


# ONNX, by onnxruntime

PADDINGS = ("zeros", "border", "reflection")


def runtimes(image, grid, mode, padding, corners, opset):
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    rank = [None] * image.ndim
    given = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, rank) for name in "xgy"]
    how = {"mode": mode, "padding_mode": padding, "align_corners": int(corners)}
    node = onnx.helper.make_node("GridSample", ["x", "g"], ["y"], **how)
    graph = onnx.helper.make_graph([node], "one", given[:2], given[2:])
    sets = [onnx.helper.make_opsetid("", opset)]
    model = onnx.helper.make_model(graph, opset_imports=sets, ir_version=10).SerializeToString()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": image, "g": grid})[0]


def normalized(at, shape, corners):
    n = np.array(shape[::-1], float)
    x = at[:, ::-1]
    return (2 * x / np.maximum(n - 1, 1) - 1 if corners else (2 * x + 1) / n - 1).astype("f4")


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(
    ("mode", "opset", "shape"),
    [
        *[(mode, 20, (8, 16)) for mode in ("nearest", "linear", "cubic")],
        *[(mode, 20, (4, 8, 16)) for mode in ("nearest", "linear")],
        *[(mode, 16, (8, 16)) for mode in ("nearest", "bilinear", "bicubic")],
    ],
)
def test_onnxruntime(mode, opset, shape, padding, corners):
    """Axes are powers of two (or n - 1 is), so that positions are the same numbers there and here, ties included."""
    shape = tuple(n + corners for n in shape)  # n - 1 a power of two
    image = image_of(shape).astype("f4")[None, None].repeat(2, 1)
    at = points(shape)
    grid = normalized(at, shape, corners).reshape(1, -1, *(1,) * (len(shape) - 1), len(shape))
    want = runtimes(image, grid, mode, padding, corners, opset)
    words = dialects.translate("onnx", kernel=mode, boundary=padding, align_corners=corners)
    np.testing.assert_allclose(gs.sample(image, grid, **words), want, atol=2e-5)
    got = gs.grid_sample(image, grid, {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode), padding, corners)
    if (mode, padding) == ("nearest", "reflection"):  # torch folds the position, then rounds it
        outside = (at < -0.5) | (at > np.array(shape) - 0.5)
        same = ~np.any(outside & (at % 1 == 0.5), axis=-1)
        got, want = (values.reshape(2, -1)[:, same] for values in (got, want))
    np.testing.assert_allclose(got, want, atol=2e-5)
