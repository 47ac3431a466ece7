# SPDX-License-Identifier: Apache-2.0
"""Calls that the engine does not take, under torch's mechanisms: compiled, fake and meta, opcheck, the same bits."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import gridsample as gs
from gridsample.options import sample_options

KERNELS = ["bspline5", ("lanczos3", "linear"), "cubic(-3/5)"]
IMAGE = torch.rand(1, 2, 5, 6, dtype=torch.float64)
COORDS = torch.rand(2, 7, 2, dtype=torch.float64) * 6 - 1


@pytest.mark.filterwarnings("ignore")  # of torch's own making
@pytest.mark.parametrize("kernel", KERNELS)
def test_compiled_in_one_graph(kernel):
    def function(image, coords):
        return gs.sample(image, coords, kernel=kernel, boundary="mirror").sin()

    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    found = []
    for call in (function, compiled):
        image, coords = IMAGE.clone().requires_grad_(), COORDS.clone().requires_grad_()
        out = call(image, coords)
        found.append((out, *torch.autograd.grad(out.sum(), (image, coords))))
    for eager, traced in zip(*found, strict=True):
        torch.testing.assert_close(traced, eager)


@pytest.mark.parametrize("device", ["meta", "fake"])
def test_shapes_without_numbers(device):
    with FakeTensorMode() if device == "fake" else torch.device("meta"):
        image = torch.empty(1, 2, 3, 4, 5, 6, requires_grad=True)
        coords = torch.empty(2, 7, 4, requires_grad=True)
        for kernel in ("bspline3", "linear"):
            out = gs.sample(image, coords, kernel=kernel)
            assert out.shape == (2, 2, 7)
            first = torch.autograd.grad(out.sum(), (image, coords), create_graph=True)
            assert [x.shape for x in first] == [image.shape, coords.shape]
            assert gs.splat(out, coords, (3, 4, 5, 6), kernel=kernel).shape == (2, 2, 3, 4, 5, 6)
        assert gs.sample(torch.empty(1, 1, 4, dtype=torch.uint8), torch.empty(1, 3, 1)).dtype == torch.uint8


@pytest.mark.filterwarnings("ignore")  # of torch's own making
def test_opcheck_of_the_prefilter_and_of_derivatives():
    image, coords = IMAGE.clone().requires_grad_(), COORDS.clone().requires_grad_()
    torch.library.opcheck(torch.ops.gridsample.prefilter.default, (image, "bspline3,mirror bspline2,zero", False))
    chosen = sample_options("sample", "bspline5", "mirror", 0.0, "pixel", "xy", "propagate", None)
    text = chosen.filtered.derived(0, 2).text
    torch.library.opcheck(torch.ops.gridsample.pull.default, (image, coords, text))


def test_the_same_bits_every_time():
    image, coords = torch.rand(2, 3, 40, 40, requires_grad=True), (torch.rand(2, 5000, 2) * 42 - 1).requires_grad_()
    before = torch.get_num_threads()
    seen = []
    try:
        for threads in (1, 2, 4) * 3:
            torch.set_num_threads(threads)
            out = gs.sample(image, coords, kernel="bspline2", boundary="reflect", prefilter=False)
            seen.append((out, *torch.autograd.grad(out.square().sum(), (image, coords))))
    finally:
        torch.set_num_threads(before)
    for one in seen[1:]:
        assert all(torch.equal(a, b) for a, b in zip(one, seen[0], strict=True))
