# SPDX-License-Identifier: Apache-2.0
"""Bad calls: torch's exception types, and messages that say what was expected, what came and what to do."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import gridsample as gs
from gridsample.errors import DerivativeError


def image(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.zeros(shape or (2, 3, 4, 5), dtype=dtype)


def grid(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.zeros(shape or (2, 6, 7, 2), dtype=dtype)


def numpy(*shape: int) -> np.ndarray:
    return np.zeros(shape, "float32")


# The call's arguments, then its options.
GRID_SAMPLE = {
    "image of rank 0": (lambda: (torch.zeros(()), grid()), {}),
    "image of rank 1": (lambda: (image(5), grid()), {}),
    "image of rank 2": (lambda: (image(4, 5), grid()), {}),
    "image of rank 6": (lambda: (image(2, 3, 4, 5, 6, 7), grid(2, 1, 1, 1, 1, 4)), {}),
    "image without batch": (lambda: (image(3, 4, 5), grid(6, 7, 2)), {}),
    "grid of rank 0": (lambda: (image(), torch.zeros(())), {}),
    "grid of rank 1": (lambda: (image(), grid(2)), {}),
    "list of points": (lambda: (image(), grid(2, 7, 2)), {}),
    "too many output axes": (lambda: (image(), grid(2, 1, 6, 7, 2)), {}),
    "3 components for 2D": (lambda: (image(), grid(2, 6, 7, 3)), {}),
    "2 components for 3D": (lambda: (image(2, 3, 4, 5, 6), grid(2, 4, 5, 6, 2)), {}),
    "1 component": (lambda: (image(), grid(2, 6, 7, 1)), {}),
    "no component": (lambda: (image(), grid(2, 6, 7, 0)), {}),
    "components on axis 1": (lambda: (image(), grid(2, 2, 6, 7)), {}),
    "batches that differ": (lambda: (image(), grid(4, 6, 7, 2)), {}),
    "batch of 1 against 2": (lambda: (image(1, 3, 4, 5), grid()), {}),
    "3D batches that differ": (lambda: (image(2, 1, 3, 4, 5), grid(3, 1, 1, 1, 3)), {}),
    "image without rows": (lambda: (image(2, 3, 0, 5), grid()), {}),
    "image without columns": (lambda: (image(2, 3, 4, 0), grid()), {}),
    "volume without planes": (lambda: (image(2, 3, 0, 4, 5), grid(2, 1, 1, 1, 3)), {}),
    "integer image": (lambda: (image(dtype=torch.int64), grid()), {}),
    "byte image": (lambda: (image(dtype=torch.uint8), grid()), {}),
    "integer grid": (lambda: (image(), grid(dtype=torch.int64)), {}),
    "both integer": (lambda: (image(dtype=torch.int32), grid(dtype=torch.int32)), {}),
    "bool image": (lambda: (image(dtype=torch.bool), grid()), {}),
    "complex image": (lambda: (image(dtype=torch.complex64), grid()), {}),
    "both complex": (lambda: (image(dtype=torch.complex64), grid(dtype=torch.complex64)), {}),
    "complex grid": (lambda: (image(), grid(dtype=torch.complex64)), {}),
    "half image, float grid": (lambda: (image(dtype=torch.float16), grid()), {}),
    "float image, double grid": (lambda: (image(), grid(dtype=torch.float64)), {}),
    "float16 and bfloat16": (lambda: (image(dtype=torch.float16), grid(dtype=torch.bfloat16)), {}),
    "unknown mode": (lambda: (image(), grid()), {"mode": "bilinaer"}),
    "mode in capitals": (lambda: (image(), grid()), {"mode": "Bilinear"}),
    "mode None": (lambda: (image(), grid()), {"mode": None}),
    "mode a number": (lambda: (image(), grid()), {"mode": 0}),
    "unknown padding": (lambda: (image(), grid()), {"padding_mode": "boarder"}),
    "padding None": (lambda: (image(), grid()), {"padding_mode": None}),
    "padding a number": (lambda: (image(), grid()), {"padding_mode": 1}),
    "mode a list": (lambda: (image(), grid()), {"mode": ["bilinear"]}),
    "padding a list": (lambda: (image(), grid()), {"padding_mode": ["zeros"]}),
    "align_corners 1": (lambda: (image(), grid()), {"align_corners": 1}),
    "align_corners 0.0": (lambda: (image(), grid()), {"align_corners": 0.0}),
    "align_corners an array": (lambda: (image(), grid()), {"align_corners": np.array([True, False])}),
    "align_corners a word": (lambda: (image(), grid()), {"align_corners": "no"}),
    "sparse image": (lambda: (image().to_sparse(), grid()), {}),
    "sparse grid": (lambda: (image(), grid().to_sparse()), {}),
    "meta image": (lambda: (image().to("meta"), grid()), {}),
    "meta grid": (lambda: (image(), grid().to("meta")), {}),
    "list for an image": (lambda: ([[1.0]], grid()), {}),
    "None for a grid": (lambda: (image(), None), {}),
    "number for a grid": (lambda: (image(), 0.5), {}),
    "NumPy image, torch grid": (lambda: (numpy(2, 3, 4, 5), grid()), {}),
    "torch image, NumPy grid": (lambda: (image(), numpy(2, 6, 7, 2)), {}),
}
AFFINE_GRID = {
    "integer theta": (lambda: (torch.zeros(2, 2, 3, dtype=torch.int64), (2, 1, 4, 5)), {}),
    "bool theta": (lambda: (torch.zeros(2, 2, 3, dtype=torch.bool), (2, 1, 4, 5)), {}),
    "theta without batch": (lambda: (torch.zeros(2, 3), (2, 1, 4, 5)), {}),
    "square theta": (lambda: (torch.zeros(2, 3, 3), (2, 1, 4, 5)), {}),
    "2D theta for a volume": (lambda: (torch.zeros(2, 2, 3), (2, 1, 4, 5, 6)), {}),
    "3D theta for an image": (lambda: (torch.zeros(2, 3, 4), (2, 1, 4, 5)), {}),
    "size of 2": (lambda: (torch.zeros(2, 2, 3), (4, 5)), {}),
    "size of 6": (lambda: (torch.zeros(2, 2, 3), (2, 1, 3, 4, 5, 6)), {}),
    "size with a zero": (lambda: (torch.zeros(2, 2, 3), (2, 1, 0, 5)), {}),
    "negative size": (lambda: (torch.zeros(2, 2, 3), (2, 1, 4, -5)), {}),
    "batch that differs": (lambda: (torch.zeros(3, 2, 3), (2, 1, 4, 5)), {}),
    "size of floats": (lambda: (torch.zeros(2, 2, 3), (2, 1, 4.0, 5.0)), {}),
    "size a number": (lambda: (torch.zeros(2, 2, 3), 4), {}),
    "size None": (lambda: (torch.zeros(2, 2, 3), None), {}),
    "list for theta": (lambda: ([[1.0, 0, 0], [0, 1.0, 0]], (1, 1, 4, 5)), {}),
}


def raised(function, make, options):
    try:
        function(*make(), **{"align_corners": False, **options})
    except Exception as error:
        return error
    return None


def same_mistake(ours, theirs) -> None:
    assert isinstance(ours, gs.GridSampleError), f"{ours!r} for torch's {theirs!r}"
    text = str(ours)
    assert re.fullmatch(r"\w+: expected .+, got .+; .{8,}", text, re.DOTALL), text
    accident = theirs is None or isinstance(theirs, AttributeError)  # torch stumbles over a list: no rule to keep
    assert accident or isinstance(ours, type(theirs)), f"{ours!r} for torch's {theirs!r}"


@pytest.mark.parametrize("case", GRID_SAMPLE)
def test_grid_sample_raises_what_torch_raises(case):
    make, options = GRID_SAMPLE[case]
    same_mistake(raised(gs.grid_sample, make, options), raised(F.grid_sample, make, options))


@pytest.mark.parametrize("case", AFFINE_GRID)
def test_affine_grid_raises_what_torch_raises(case):
    make, options = AFFINE_GRID[case]
    same_mistake(raised(gs.affine_grid, make, options), raised(F.affine_grid, make, options))


GOLDEN = {
    "components on axis 1": "grid_sample: expected grid (N, *out, 2) for input with 2 spatial axes, got input of "
    "shape (2, 3, 4, 5) and grid of shape (2, 2, 6, 7); the components lie on axis 1: permute (transpose) grid to "
    "(0, 2, 3, 1)",
    "image of rank 2": "grid_sample: expected input (N, C, *n) with 1 to 3 spatial axes, got input of shape (4, 5); "
    "add batch and channel axes, e.g. image[None, None]",
    "batch of 1 against 2": "grid_sample: expected input and grid of one batch size, got input of shape (1, 3, 4, 5) "
    "and grid of shape (2, 6, 7, 2); expand one of them, or use gridsample.sample, where a batch of 1 stands for all",
    "integer grid": "grid_sample: expected grid of one of the types float16, bfloat16, float32, float64, got int64; "
    "coordinates are real numbers: make them float32",
    "float image, double grid": "grid_sample: expected input and grid of one type, got float32 and float64; "
    "convert one, or use gridsample.sample, which takes any two types",
    "image without rows": "grid_sample: expected spatial axes of 1 to 2**30 pixels in input, got input of shape "
    "(2, 3, 0, 5); pass an image with pixels",
    "list for an image": "grid_sample: expected input to be a NumPy array, torch tensor or JAX array, got builtins.list; "
    "convert it first",
    "NumPy image, torch grid": "grid_sample: expected arrays of one library, got input from numpy and grid from torch; "
    "convert one of them",
}


@pytest.mark.parametrize("case", GOLDEN)
def test_the_message_to_the_letter(case):
    make, options = GRID_SAMPLE[case]
    assert str(raised(gs.grid_sample, make, options)) == GOLDEN[case]


@pytest.mark.parametrize(
    ("options", "near"),
    [
        ({"mode": "bilinaer"}, "bilinear"),
        ({"mode": "Nearest"}, "nearest"),
        ({"mode": "bicubik"}, "bicubic"),
        ({"padding_mode": "zero"}, None),  # ours, and allowed
        ({"padding_mode": "boarder"}, "border"),
        ({"padding_mode": "relfection"}, "reflection"),
    ],
)
def test_unknown_names_give_the_nearest_spelling(options, near):
    error = raised(gs.grid_sample, lambda: (image(), grid()), options)
    if near is None:
        assert error is None
    else:
        assert str(error).endswith(f"; did you mean {near!r}?")


@pytest.mark.parametrize("argument", ["kernel", "boundary", "frame", "order", "nonfinite"])
def test_unknown_names_of_sample(argument):
    right = {"kernel": "catmull_rom", "boundary": "reflect", "frame": "corners", "order": "ij", "nonfinite": "error"}
    wrong = right[argument] + "s"
    with pytest.raises(ValueError, match=rf"^sample: expected {argument} .*; did you mean '{right[argument]}'\?$"):
        gs.sample(image(), grid(), **{argument: wrong})


@pytest.mark.parametrize(
    ("options", "got"),
    [
        ({"kernel": [["linear"], "linear"]}, "['linear']"),
        ({"kernel": None}, "None"),
        ({"boundary": None}, "None"),
        ({"boundary": ()}, "()"),
        ({"boundary": [["zero"], "zero"]}, "['zero']"),
        ({"order": 3}, "3"),
        ({"boundary": "constant", "fill": np.ones(2)}, "array"),
        ({"boundary": "constant", "fill": 1j}, "1j"),
        ({"boundary": "constant", "fill": True}, "True"),
        ({"boundary": "constant", "fill": 10**400}, "1000"),
        ({"outside": "0"}, "'0'"),
    ],
)
def test_options_of_the_wrong_kind_are_named(options, got):
    gs.sample(image(), grid(), boundary="constant", fill=1.0)  # True is not taken for the 1.0 that was right
    with pytest.raises(gs.GridSampleError, match=r"^sample: expected .*, got " + re.escape(got) + ".*; "):
        gs.sample(image(), grid(), **options)


def test_more_axes_than_the_engine_has_are_refused():
    for verb in (gs.sample, gs.sample_grad):
        assert verb(image(), grid(*[1] * 14, 2)).dim() > 14
        with pytest.raises(gs.GridSampleError, match="coords with at most 15 axes"):
            verb(image(), grid(*[1] * 15, 2))


def test_masked_arrays_are_refused():
    with pytest.raises(TypeError, match=r"numpy.ma.MaskedArray; masks are not honoured: fill it first"):
        gs.sample(np.ma.masked_array(numpy(2, 3, 4, 5)), numpy(2, 7, 2))


@pytest.mark.parametrize(("module", "name"), [("cupy", "CuPy"), ("mlx.core", "MLX")])
def test_arrays_of_other_libraries_are_named(module, name):
    foreign = type("Array", (), {"__module__": module})()
    with pytest.raises(TypeError, match=f"got image from {name}; convert"):
        gs.sample(foreign, grid())


def test_align_corners_none_warns():
    with pytest.warns(UserWarning, match="align_corners=None counts as False"):
        gs.grid_sample(image(), grid(), align_corners=None)


def test_another_device_is_refused_by_name():
    with pytest.raises(
        NotImplementedError, match=r"expected tensors on one device, got image on cpu and coords on meta"
    ):
        gs.sample(image(), grid().to("meta"))


def test_out_with_gradients_is_refused():
    with pytest.raises(DerivativeError, match="out= without gradients"):
        gs.sample(image().requires_grad_(), grid(), out=image(2, 3, 6, 7))
