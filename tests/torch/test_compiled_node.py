# SPDX-License-Identifier: Apache-2.0
"""The node in C++ (gs.torch.compile_node) does what the one in Python does, and goes wrong as it does."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import torch
from torch._dynamo import compiled_autograd

import gridsample as gs
from gridsample import frameworks
from gridsample._core import engine
from gridsample.errors import CompileError, MissingError
from gridsample.frameworks.torch import compiled, quick

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="compiled on Linux only")
double = partial(torch.rand, dtype=torch.float64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache") / "made by it"
    file = gs.torch.compile_node(folder)
    assert list(folder.iterdir()) == [file]
    return folder


@pytest.fixture(scope="module")
def node(folder):
    return compiled.node(folder)


@pytest.fixture
def with_node(monkeypatch):
    """Lets all calls be recorded by a node: that of C++, or with None that in Python."""

    def use(node):
        calls = engine.Calls()
        quick.add(calls, resolve=partial(quick.resolve, recorded=quick.recorders(node)))
        for holder in ("gridsample.api.CALLS", "gridsample.frameworks.CALLS"):
            monkeypatch.setattr(holder, calls)

    return use


@pytest.fixture
def sample(node, with_node):
    with_node(node)
    return gs.grid_sample


def same(a, b):
    assert (a is None) == (b is None)
    if a is not None:
        assert a.stride() == b.stride()
        assert a.detach().numpy().tobytes() == b.detach().numpy().tobytes()


@linux
@pytest.mark.parametrize("which", [(True, True), (True, False), (False, True)])
def test_values_and_gradients_are_those_of_the_other_node(which, node, with_node):
    for axes, dtype, mode in itertools.product((1, 2, 3), (torch.float32, torch.float64), ("bilinear", "nearest")):
        image, grid = (
            torch.rand(2, 3, *(5, 6, 7)[:axes], dtype=dtype),
            torch.rand(2, *(3, 4, 2)[:axes], axes, dtype=dtype),
        )
        found = []
        for recorder in (None, node):
            with_node(recorder)
            leaves = [t.clone().requires_grad_(w) for t, w in zip((image, grid), which, strict=True)]
            values = gs.grid_sample(*leaves, mode=mode)
            assert type(values.grad_fn).__name__ == ("SampledBackward" if recorder is None else "CppFunction")
            assert values.grad_fn.name() == "SampledBackward"
            (values * values).sum().backward()
            found.append([values, *(leaf.grad for leaf in leaves)])
        for a, b in zip(*found, strict=True):
            same(a, b)


@linux
def test_what_the_engine_does_not_take_goes_by_the_rule(sample, monkeypatch):
    image, grid = double(1, 2, 6, 7).requires_grad_(), (double(1, 3, 4, 2) * 2 - 1).requires_grad_()
    expected = torch.autograd.grad(sample(image, grid).sum(), (image, grid))
    for wanted in ((image, grid), (image,), (grid,)):
        values = sample(image, grid)

        asked = []

        class Refusing:
            def backward(self, *arguments):
                asked.append(arguments[-2:])  # noqa: B023

        with monkeypatch.context() as patch:
            patch.setattr(frameworks, "CALLS", Refusing())
            found = torch.autograd.grad(values.sum(), wanted)
        assert asked[0] == tuple(any(leaf is w for w in wanted) for leaf in (image, grid))
        for leaf, a in zip(wanted, found, strict=True):
            torch.testing.assert_close(a, expected[0 if leaf is image else 1])


@linux
def test_derivatives_of_any_order(sample):
    image, grid = double(1, 2, 5, 6).requires_grad_(), (double(1, 3, 3, 2) * 1.8 - 0.9).requires_grad_()
    assert torch.autograd.gradcheck(sample, (image, grid))
    assert torch.autograd.gradgradcheck(sample, (image, grid))
    assert torch.autograd.gradgradcheck(sample, (image, grid.detach()))
    (first,) = torch.autograd.grad(sample(image, grid, mode="bicubic").pow(2).sum(), grid, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), grid, create_graph=True)
    assert second.requires_grad


@linux
def test_only_what_is_asked_for_is_computed_and_kept(sample):
    image, grid = torch.rand(1, 2, 6, 7), torch.rand(1, 3, 4, 2)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (kept.append(t.shape), t)[1], lambda t: t):
        sample(image.clone().requires_grad_(), grid).sum().backward()
        assert kept == [grid.shape]
        sample(image, grid.clone().requires_grad_()).sum().backward()
        assert kept[1:] == [grid.shape, image.shape]
    once = image.clone().requires_grad_()
    lives = weakref.ref(once)
    values = sample(once * 1, grid)
    del once
    values.sum().backward()
    del values
    gc.collect()
    assert lives() is None


@linux
def test_a_gradient_that_nobody_sends_is_zero(sample):
    class Silent(torch.autograd.Function):
        @staticmethod
        def forward(ctx, values):
            return values.clone()

        @staticmethod
        def backward(ctx, grad):
            return None

    image, grid = torch.rand(1, 2, 6, 7, requires_grad=True), torch.rand(1, 3, 4, 2)
    Silent.apply(sample(image, grid)).sum().backward()
    assert image.grad is not None
    assert not image.grad.any()


@linux
def test_mistakes_are_said_as_torch_says_them(sample):
    image, grid = torch.rand(1, 2, 6, 7, requires_grad=True), torch.rand(1, 3, 4, 2, requires_grad=True)
    values = sample(image, grid)
    values.sum().backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        values.sum().backward()
    changed = image * 1
    values = sample(changed, grid)
    changed.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        values.sum().backward()

    def fails(tensor):
        raise ZeroDivisionError("of the hook")

    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, fails):
        values = sample(image, grid)
    with pytest.raises(ZeroDivisionError, match="of the hook"):
        values.sum().backward()
    with torch.inference_mode():
        unknown = torch.rand(1, 2, 6, 7)
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved"):
        sample(unknown, grid)


@linux
def test_errors_of_the_engine_come_through(sample, monkeypatch):
    values = sample(torch.rand(1, 2, 6, 7, requires_grad=True), torch.rand(1, 3, 4, 2))

    class Failing:
        def backward(self, *arguments):
            raise LookupError("of the engine")

    monkeypatch.setattr(frameworks, "CALLS", Failing())
    with pytest.raises(LookupError, match="of the engine"):
        values.sum().backward(retain_graph=True)
    monkeypatch.setattr(Failing, "backward", lambda *arguments: (1, 2))
    with pytest.raises(TypeError, match="expected gradients to be tensors, got int"):
        values.sum().backward()


@linux
def test_hooks_graphs_and_threads(sample):
    image, grid = torch.rand(1, 2, 6, 7, requires_grad=True), torch.rand(1, 3, 4, 2, requires_grad=True)
    values = sample(image * 1, grid)
    assert [type(f).__name__ for f, _ in values.grad_fn.next_functions] == ["MulBackward0", "AccumulateGrad"]
    seen = []
    values.grad_fn.register_hook(lambda found, given: seen.append((len(found), len(given))))
    expected = torch.autograd.grad(values.sum(), (image, grid), retain_graph=True)
    assert seen == [(2, 1)]
    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(torch.autograd.grad, values.sum(), (image, grid), retain_graph=True) for _ in range(40)]
        for done in work:
            for a, b in zip(done.result(), expected, strict=True):
                same(a, b)


@linux
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # by torch, of its own copies
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiled_autograd_has_the_same_gradients(backend, sample):
    image, grid = torch.rand(1, 2, 6, 7, requires_grad=True), torch.rand(1, 3, 4, 2, requires_grad=True)
    other = torch.rand(1, 2, 5, 9, requires_grad=True)
    for wanted in ((image, grid), (image,), (grid,), (other,), (other, grid), (image,)):
        points = grid if wanted[-1] is grid else grid.detach()
        pixels = image.detach() if wanted[0] is grid else wanted[0]
        expected = torch.autograd.grad(sample(pixels, points).sin().sum(), wanted)
        for leaf in wanted:
            leaf.grad = None
        with compiled_autograd._enable(torch.compile(backend=backend)):
            sample(pixels, points).sin().sum().backward()
        for leaf, b in zip(wanted, expected, strict=True):
            torch.testing.assert_close(leaf.grad, b)
    expected = torch.autograd.grad(sample(image, grid).sum(), (image, grid))
    for which in ([image], [image, grid], [grid], [image]):  # of nodes that are alike
        image.grad = grid.grad = None
        with compiled_autograd._enable(torch.compile(backend=backend)):
            sample(image, grid).sum().backward(inputs=which)
        for leaf, b in zip((image, grid), expected, strict=True):
            assert (leaf.grad is not None) == any(leaf is w for w in which)
            assert leaf.grad is None or torch.allclose(leaf.grad, b)
    torch._dynamo.reset()


@linux
def test_jacobians_keep_the_node_in_python(sample):
    image, grid = torch.rand(1, 2, 6, 7, requires_grad=True), torch.rand(1, 3, 4, 2)
    for _ in range(2):
        assert type(gs.sample_grad(image, grid).grad_fn).__name__ == "SampledBackward"


@linux
def test_wrong_arguments_are_refused(node):
    tensor = torch.rand(2)
    for arguments in ((), (tensor,), (tensor, tensor, 3, (tensor,)), (tensor, tensor, "", (3,)), (1, 2, "", (tensor,))):
        with pytest.raises(TypeError, match="expected"):
            node.record(*arguments)
    with pytest.raises(TypeError, match="got 1"):
        node.attach(frameworks)


@linux
def test_it_must_know_whom_to_ask(folder, tmp_path):
    tensor = torch.rand(2)
    alone = compiled.node(Path(shutil.copytree(folder, tmp_path / "copy")))
    with pytest.raises(RuntimeError, match="attach"):
        alone.record(tensor, tensor, "", (tensor,))


PROGRAM = """
import torch, gridsample as gs
image, grid = torch.rand(1, 1, 4, 4, requires_grad=True), torch.zeros(1, 2, 2, 2)
for _ in range(2):
    values = gs.grid_sample(image, grid)
values.sum().backward()
print(type(values.grad_fn).__name__, float(image.grad.sum()))
"""


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"GRIDSAMPLE_CACHE": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=120, check=True
    )


@linux
def test_other_processes_find_it(folder, tmp_path):
    found = run(folder)
    assert (found.stdout, found.stderr) == ("CppFunction 4.0\n", "")
    assert run(tmp_path).stdout == "SampledBackward 4.0\n"


@linux
def test_a_broken_file_is_named_and_not_used(folder, tmp_path):
    file = compiled.path(tmp_path)
    file.write_bytes(b"not a library")
    found = run(tmp_path)
    assert found.stdout == "SampledBackward 4.0\n"
    assert f"RuntimeWarning: {file} could not be loaded" in found.stderr
    with pytest.warns(RuntimeWarning, match="compile_node"):
        assert compiled.node(tmp_path) is None


@linux
@pytest.mark.parametrize(("compiler", "said"), [("false", "to compile"), ("/no/such/compiler", "a C\\+\\+ compiler")])
def test_a_compiler_that_fails_leaves_nothing(compiler, said, monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", compiler)
    with pytest.raises(CompileError, match=said):
        gs.torch.compile_node(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_where_it_is_looked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("GRIDSAMPLE_CACHE", str(tmp_path))
    assert compiled.folder() == tmp_path
    monkeypatch.delenv("GRIDSAMPLE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compiled.folder() == tmp_path / "gridsample"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert compiled.folder() == Path.home() / ".cache" / "gridsample"
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert compiled.node() is None


def test_elsewhere_it_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(MissingError, match="Linux"):
        gs.torch.compile_node(tmp_path)
    assert list(tmp_path.iterdir()) == []
