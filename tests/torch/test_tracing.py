# SPDX-License-Identifier: Apache-2.0
"""torch's tracers: torch.compile in one graph, torch.export, opcheck; sizes that change without a new compilation."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

import gridsample as gs
from gridsample.frameworks.torch import operators
from gridsample.options import Options

pytestmark = pytest.mark.filterwarnings("ignore")  # of torch's own making


def arguments(axes: int, n: int, batch: int = 2, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, ...]:
    image = torch.rand(batch, 3, *range(n, n + axes), dtype=dtype)
    return image, torch.rand(batch, *range(n + 2, n + 2 + axes), axes, dtype=dtype) * 2.4 - 1.2


def results(function, *inputs, backward: bool = True) -> list[torch.Tensor]:
    """The result, and the gradients of its squares."""
    inputs = [tensor.clone().requires_grad_(backward) for tensor in inputs]
    result = function(*inputs)
    return [result, *(torch.autograd.grad(result.square().sum(), inputs) if backward else ())]


def same(got: list[torch.Tensor], want: list[torch.Tensor]) -> None:
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
        assert a.stride() == b.stride()


PROGRAMS = {
    "grid_sample": lambda i, g: gs.grid_sample(i * 2, g * 0.9, padding_mode="border") + 1,
    "bicubic": lambda i, g: gs.grid_sample(i, g, "bicubic", "reflection", True),
    "sample": lambda i, g: gs.sample(i, g.flatten(1, -2), kernel="cubic", frame="edges"),
    "splat": lambda i, g: gs.splat(i.flatten(2), g.flatten(1, -2)[:, : i[0, 0].numel()], i.shape[2:], frame="edges"),
    "affine": lambda i, g: gs.grid_sample(i, gs.affine_grid(g[:, :1].flatten(1)[:, :6].view(-1, 2, 3), i.shape)),
}


@pytest.mark.parametrize(
    ("name", "axes"),
    [*((name, 2) for name in PROGRAMS), *((name, 3) for name in PROGRAMS if name != "affine")],
)
def test_one_graph_serves_every_size(name, axes):
    program = PROGRAMS[name]
    torch.compiler.reset()
    compiled = torch.compile(program, fullgraph=True, dynamic=True, backend="aot_eager")
    sizes = iter(((5, 4), (6, 5), (9, 7)))  # a batch of 2 would be taken for the 2 components

    def agree() -> None:
        inputs = arguments(axes, *next(sizes))
        same(results(compiled, *inputs), results(program, *inputs))

    agree()
    with torch._dynamo.config.patch(error_on_recompile=True):
        agree()
        agree()


@pytest.mark.parametrize("axes", [2, 3])
def test_inductor_says_the_same(axes):
    torch.compiler.reset()
    program = PROGRAMS["grid_sample"]
    compiled = torch.compile(program, fullgraph=True)
    for n in (4, 6):  # the second time with sizes that torch now knows to change
        inputs = arguments(axes, n)
        same(results(compiled, *inputs), results(program, *inputs))
    with torch.inference_mode():
        same(results(compiled, *inputs, backward=False), results(program, *inputs, backward=False))


class Program(torch.nn.Module):
    def forward(self, image, grid):
        return PROGRAMS["grid_sample"](image, grid)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("axes", [2, 3])
def test_exported_programs_take_every_size(axes, strict):
    inputs = arguments(axes, 4)
    batch = torch.export.Dim("batch", min=2, max=64)
    changing = dict.fromkeys(range(2, axes + 2), torch.export.Dim.DYNAMIC)
    dims = ({0: batch, **changing}, {0: batch, **dict.fromkeys(range(1, axes + 1), torch.export.Dim.DYNAMIC)})
    exported = torch.export.export(Program(), inputs, dynamic_shapes=dims, strict=strict)
    assert "gridsample.pull" in exported.graph_module.code
    kept = io.BytesIO()
    torch.export.save(exported, kept)
    kept.seek(0)
    larger = arguments(axes, 7, batch=5)
    for program in (exported, torch.export.load(kept), exported.run_decompositions()):
        same([program.module()(*larger)], [Program()(*larger)])


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("axes", [2, 3])
def test_exported_programs_have_gradients(axes, dynamic):
    inputs = arguments(axes, 4)
    changing = dict.fromkeys(range(2, axes + 2), torch.export.Dim.DYNAMIC)
    dims = (changing, dict.fromkeys(range(1, axes + 1), torch.export.Dim.DYNAMIC)) if dynamic else None
    exported = torch.export.export(Program(), inputs, dynamic_shapes=dims)
    inputs = arguments(axes, 6) if dynamic else inputs
    same(results(exported.module(), *inputs), results(Program(), *inputs))


COLD = """
import torch, gridsample as gs
image, grid = torch.rand(1, 1, 4, 5), torch.rand(1, 2, 3, 2)
compiled = torch.compile(lambda i, g: gs.grid_sample(i, g), fullgraph=True, backend="aot_eager")
print(torch.equal(compiled(image, grid), gs.grid_sample(image, grid)))
"""


def test_the_first_call_of_a_program_may_be_a_compiled_one():  # which then loads our half for torch
    run = subprocess.run([sys.executable, "-c", COLD], capture_output=True, text=True, check=True)
    assert run.stdout == "True\n", run.stderr


def test_a_dispatched_call_is_worked_out_once():  # though torch hands the operator a new string in each
    image, grid = arguments(2, 4)
    text = " ".join(Options("cubic", ("mirror",)).text.split(" "))
    want = gs.sample(image, grid, kernel="cubic", boundary="mirror")
    found = []
    for recorded in (False, True, True):
        leaf = image.clone().requires_grad_(recorded)
        found.append(operators.pull(leaf, grid, "".join(text)))
        assert torch.equal(found[-1], want)
        assert found[-1].requires_grad == recorded
    assert torch.equal(*(torch.autograd.grad(x.sum(), x.grad_fn.next_functions[0][0].variable)[0] for x in found[1:]))


def test_symbolic_sizes_stay_symbols_in_make_fx():
    from torch.fx.experimental.proxy_tensor import make_fx

    traced = make_fx(PROGRAMS["sample"], tracing_mode="symbolic")(*arguments(2, 4))
    larger = arguments(2, 8)
    same([traced(*larger)], [PROGRAMS["sample"](*larger)])


def test_mistakes_are_named_while_tracing():
    compiled = torch.compile(gs.grid_sample, dynamic=True, backend="aot_eager")
    image, grid = arguments(2, 4)
    with pytest.raises(gs.GridSampleError, match=r"the components lie on axis 1: permute \(transpose\) grid"):
        compiled(image, grid.permute(0, 3, 1, 2))
    with pytest.raises(gs.GridSampleError, match="input and grid of one type"):
        compiled(image, grid.double())
    with pytest.raises(gs.GridSampleError, match="expected mode to be 'nearest', 'bilinear'"):
        compiled(image, grid, "bilinaer")
    with pytest.raises(gs.GridSampleError, match="expected boundary to be"):
        torch.compile(gs.sample, backend="aot_eager")(image, grid, boundary="zeroes")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_opcheck(axes, dtype):
    options = Options("cubic", ("mirror",)).text
    sizes = (4, 5, 6)[:axes]
    image, values = torch.rand(2, 3, *sizes, dtype=dtype), torch.rand(2, 3, 7, dtype=dtype)
    coords = torch.rand(2, 7, axes, dtype=dtype) * 3 + 0.3
    for records in (False, True):
        i, c, v = (tensor.clone().requires_grad_(records) for tensor in (image, coords, values))
        torch.library.opcheck(operators.pull, (i, c, options))
        torch.library.opcheck(operators.push, (v, c, (2, 3, *sizes), options))
    # second derivatives are refused, so these are checked where nothing is recorded
    torch.library.opcheck(operators.pull_grad, (image, coords, options))
    for mask in ([True, True], [True, False], [False, True]):
        torch.library.opcheck(operators.pull_backward, (values, image, coords, options, mask))
    torch.library.opcheck(operators.pull_out, (image, coords, options, torch.empty_like(values)))


class Straight(torch.nn.Module):
    def forward(self, image, theta):
        return gs.affine_grid(theta, image.shape)


def test_affine_grid_is_exported_with_symbols():
    dims = ({0: torch.export.Dim.DYNAMIC, 2: torch.export.Dim.DYNAMIC}, {0: torch.export.Dim.DYNAMIC})
    exported = torch.export.export(Straight(), (torch.rand(3, 1, 4, 5), torch.rand(3, 2, 3)), dynamic_shapes=dims)
    image, theta = torch.rand(6, 1, 7, 5), torch.rand(6, 2, 3)
    torch.testing.assert_close(exported.module()(image, theta), gs.affine_grid(theta, image.shape))


def test_a_compiled_call_looks_up_little_again():
    image, grid = arguments(2, 4)
    found = torch._dynamo.explain(lambda image, grid: gs.grid_sample(image, grid, align_corners=False))(image, grid)
    bare = torch._dynamo.explain(lambda image, grid: F.grid_sample(image, grid, align_corners=False))(image, grid)
    assert found.graph_break_count == bare.graph_break_count == 0
    assert len(found.out_guards) < len(bare.out_guards) + 40  # once 600: each is asked before every call


def test_a_fill_may_change_between_compiled_calls():
    def filled(image, grid, fill):
        return gs.sample(image, grid * 9, boundary="constant", fill=fill)

    compiled = torch.compile(filled, fullgraph=True, backend="aot_eager")
    given = arguments(2, 4)
    for fill in (0.0, 0.5, 0.7, 0.9, 2):
        same([compiled(*given, fill)], [filled(*given, fill)])
