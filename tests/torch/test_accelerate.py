# SPDX-License-Identifier: Apache-2.0
"""gs.torch.accelerate: torch's own calls on our kernels, with torch's shapes, strides, errors; undone exactly."""

from __future__ import annotations

import importlib.metadata
import itertools
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradgradcheck

import gridsample as gs
from gridsample.frameworks.torch import aten

if not hasattr(torch.library, "get_kernel"):
    pytest.skip("a torch whose own kernels cannot be kept", allow_module_level=True)

NAMES = [f"grid_sampler_{axes}d{half}" for axes in (2, 3) for half in ("", "_backward")]


def tensors(axes: int = 2, dtype: torch.dtype = torch.float32, layout: str = "contiguous") -> list[torch.Tensor]:
    sizes = (4, 5, 6)[:axes]
    image, grid = torch.rand(2, 3, *sizes), torch.rand(2, *(7, 8, 9)[:axes], axes) * 2.8 - 1.4
    if layout == "channels last":
        image = image.to(memory_format=torch.channels_last if axes == 2 else torch.channels_last_3d)
    elif layout == "transposed":
        image, grid = image.transpose(-1, -2), grid.transpose(1, 2)
    elif layout == "one channel":  # contiguous and channels last at once
        image = image[:, :1]
    elif layout == "few points":
        grid = grid[:, :1, :1]
        image = image.to(memory_format=torch.channels_last if axes == 2 else torch.channels_last_3d)
    elif layout.startswith("heads"):  # as attention's values lie: channels beside each other, images between pixels
        image = torch.rand(*sizes, 2, 9).permute(axes, axes + 1, *range(axes))
        grid = grid[:, :1, :1] if layout.endswith("few points") else grid
    elif layout == "few points, transposed":
        image, grid = image.transpose(-1, -2), grid[:, :1, :1]
    return [image.to(dtype), grid.to(dtype)]


def results(image: torch.Tensor, grid: torch.Tensor, *choices: object) -> list[torch.Tensor]:
    with torch.no_grad():
        plain = F.grid_sample(image, grid, *choices)
    image, grid = image.detach().requires_grad_(), grid.detach().requires_grad_()
    recorded = F.grid_sample(image, grid, *choices)
    alone = [torch.autograd.grad(recorded.sum(), x, retain_graph=True)[0] for x in (grid, image)]
    return [plain, recorded, *alone, *torch.autograd.grad(recorded.square().sum(), (image, grid))]


def pristine() -> bool:
    """Whether torch's own are in place, and are what is called."""
    before = aten.done.copy()
    results(*tensors(), "bilinear", "zeros", False)
    return torch.grid_sampler is aten.torch_grid_sampler and aten.done == before


CHOICES = [
    (axes, mode, padding, corners)
    for axes, mode, padding, corners in itertools.product(
        (2, 3), ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (False, True)
    )
    if (axes, mode) != (3, "bicubic")
]


LAYOUTS = ["contiguous", "channels last", "transposed", "one channel", "few points", "few points, transposed"]


@pytest.mark.parametrize("layout", [*LAYOUTS, "heads", "heads, few points"])
@pytest.mark.parametrize(("axes", "mode", "padding", "corners"), CHOICES)
def test_the_same_numbers_shapes_and_strides(axes, mode, padding, corners, layout):
    for dtype, bound in ((torch.float32, 2e-5), (torch.float64, 1e-12)):
        inputs = tensors(axes, dtype, layout)
        want = results(*inputs, mode, padding, corners)
        with gs.torch.accelerate() as acceleration:
            got = results(*inputs, mode, padding, corners)
        assert f"3 x grid_sampler_{axes}d_backward" in acceleration.report()
        assert "left to torch" not in acceleration.report()
        for a, b in zip(got, want, strict=True):
            torch.testing.assert_close(a, b, rtol=bound, atol=bound)
            assert a.stride() == b.stride()


@pytest.mark.parametrize(
    "shapes", [((2, 3, 4, 5), (2, 0, 7, 2)), ((0, 3, 4, 5), (0, 6, 7, 2)), ((2, 0, 4, 5), (2, 6, 7, 2))]
)
def test_nothing_of_something(shapes, monkeypatch):
    image, grid = (torch.rand(shape) for shape in shapes)
    want = results(image, grid, "bilinear", "zeros", False)
    with gs.torch.accelerate() as acceleration:
        empty = torch.empty
        monkeypatch.setattr(
            torch, "empty", lambda *a, **k: empty(*a, **k).fill_(torch.nan)
        )  # what is not written shows
        got = results(image, grid, "bilinear", "zeros", False)
    for a, b in zip(got, want, strict=True):
        assert torch.equal(a, b)
        assert a.stride() == b.stride()
    assert "_backward" in acceleration.report()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_are_rounded_once(dtype):
    image, grid = tensors(dtype=dtype)
    with gs.torch.accelerate():
        got = F.grid_sample(image, grid, align_corners=False)
    assert torch.equal(got, gs.grid_sample(image, grid))


def test_second_derivatives_are_torchs():
    image, grid = (tensor[:1, :2].double().requires_grad_() for tensor in tensors())
    with gs.torch.accelerate() as acceleration:
        assert gradgradcheck(lambda i, g: F.grid_sample(i, g, align_corners=False), (image, grid))
    assert "grid_sampler_2d_backward" in acceleration.report()


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_what_we_do_not_do_is_torchs_and_said_on_request():
    image, grid = tensors()
    volume, points = tensors(3)
    wrong = [
        ((image, grid.double(), 0, 0, False), "input and grid of one type"),
        ((image.to(torch.int32), grid.to(torch.int32), 0, 0, False), "int32"),
    ]
    for arguments, why in wrong:
        with pytest.raises((RuntimeError, NotImplementedError)) as want:
            torch.grid_sampler(*arguments)
        with gs.torch.accelerate(warn=True) as acceleration, warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            for _ in range(2):
                with pytest.raises(type(want.value)) as got:
                    torch.grid_sampler(*arguments)
        assert str(got.value) == str(want.value)
        assert f"2 x grid_sampler_2d left to torch: grid_sample: expected {why}" in acceleration.report() or (
            f"got {why}" in acceleration.report()
        )
        assert len(said) == 1, "once for each reason"
    for bad in ((volume, points, 2, 0, False), (image, points, 0, 0, False), (image[..., :0], grid, 0, 0, False)):
        with pytest.raises(RuntimeError) as want:
            torch.grid_sampler(*bad)
        with gs.torch.accelerate(), pytest.raises(RuntimeError) as got:
            torch.grid_sampler(*bad)
        assert str(got.value) == str(want.value)
    with gs.torch.accelerate() as acceleration:
        quantized = torch.quantize_per_tensor(image, 0.1, 0, torch.quint8)
        F.grid_sample(quantized, grid, align_corners=False)
        F.grid_sample(image.to("meta"), grid.to("meta"), align_corners=False)
    assert acceleration.report() == "no calls"


def test_undone_exactly_in_any_order():
    assert pristine()
    first, second = gs.torch.accelerate(), gs.torch.accelerate()
    with first:  # on already: the block ends it
        assert not pristine()
    assert not first.on
    assert second.on
    assert not pristine()
    second.stop()
    second.stop()
    assert pristine()
    with pytest.raises(ZeroDivisionError), gs.torch.accelerate(), gs.torch.accelerate():
        raise ZeroDivisionError
    assert pristine()
    with first, first:
        assert not pristine()
    assert pristine()


def test_decorators_act_while_the_function_runs():
    for decorated in (gs.torch.accelerate(pristine), gs.torch.accelerate()(pristine)):
        assert pristine()
        assert decorated.__name__ == "pristine"
        assert not decorated()
    assert pristine()


def test_another_replacement_of_the_same_function_survives():
    with gs.torch.accelerate():
        ours, calls = torch.grid_sampler, []
        torch.grid_sampler = lambda *arguments: calls.append(1) or ours(*arguments)
    try:
        results(*tensors(), "bilinear", "zeros", False)
        assert len(calls) == 2
    finally:
        torch.grid_sampler = aten.torch_grid_sampler
    assert pristine()


def test_threads_share_it_and_may_come_and_go():
    inputs, wrong = tensors(), []
    want = results(*inputs, "bilinear", "border", False)

    def work() -> None:
        for _ in range(30):
            with gs.torch.accelerate():
                got = results(*inputs, "bilinear", "border", False)
            wrong.extend(1 for a, b in zip(got, want, strict=True) if not torch.allclose(a, b, atol=1e-5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert pristine()


@pytest.mark.filterwarnings("ignore")  # of torch's own making
def test_under_torchs_mechanisms():
    image, grid = tensors()

    def call(i, g):
        return F.grid_sample(i, g, align_corners=False)

    want = call(image, grid)
    with gs.torch.accelerate() as acceleration:
        torch.testing.assert_close(torch.func.vmap(call)(image[None], grid[None])[0], want)
        torch.testing.assert_close(torch.jit.trace(call, (image, grid))(image, grid), want)
        torch.testing.assert_close(torch.jit.script(F.grid_sample)(image, grid, "bilinear", "zeros", False), want)
        exported = torch.export.export(Sampler(), (image, grid))
        with torch.inference_mode():
            assert call(image, grid).is_inference()
        with torch.autocast("cpu", torch.bfloat16):
            assert call(image.bfloat16(), grid).dtype == torch.float32
        torch.compiler.reset()
        compiled = torch.compile(call, fullgraph=True, backend="aot_eager")
        for _ in range(2):
            torch.testing.assert_close(compiled(image, grid), want)
            leaf = grid.clone().requires_grad_()
            torch.autograd.grad(compiled(image, leaf).sum(), leaf)
    assert "left to torch" not in acceleration.report()
    assert "gridsample" not in exported.graph_module.code, "an exported program is torch's"
    torch.testing.assert_close(compiled(image, grid), want)
    assert pristine()


class Sampler(torch.nn.Module):
    def forward(self, image, grid):
        return F.grid_sample(image, grid, align_corners=False)


PROGRAM = """
import sys
{first}
import torch
image, grid = torch.rand(1, 1, 4, 4), torch.rand(1, 2, 2, 2)
torch.nn.functional.grid_sample(image, grid, align_corners=False)
room = sys.modules.get("gridsample.frameworks.torch.aten")
print(sum(room.done.values()) if room else "not there")
"""


START = (
    """import os; os.environ.get("GRIDSAMPLE_ACCELERATE") and __import__("gridsample.autostart").autostart.watch()"""
)


HOOKS = """
import sys
import gridsample
assert "torch" not in sys.modules
print(sum(type(finder).__module__.startswith("gridsample") for finder in sys.meta_path))
"""


@pytest.mark.parametrize(("value", "hooks"), [("1", "1"), ("warn", "1"), ("0", "0"), ("", "0")])
def test_whether_the_environment_variable_waits_for_torch(value, hooks):  # without torch: a tenth of the time
    run = subprocess.run(
        [sys.executable, "-c", HOOKS],
        env={**os.environ, "GRIDSAMPLE_ACCELERATE": value},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == f"{hooks}\n"


@pytest.mark.parametrize(
    ("value", "first", "calls"),
    [
        ("1", "import gridsample", "1"),
        ("warn", "import torch, gridsample", "1"),
        ("0", "import gridsample", "not there"),
        ("", "import gridsample", "not there"),
        # what the .pth file of an installation does, for a program that never names us
        (
            "1",
            START,
            "1",
        ),
    ],
)
def test_the_environment_variable(value, first, calls):
    run = subprocess.run(
        [sys.executable, "-W", "error::UserWarning:gridsample", "-c", PROGRAM.format(first=first)],
        env={**os.environ, "GRIDSAMPLE_ACCELERATE": value},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split("\n")[0] == calls


def test_the_file_that_python_reads_at_its_start():
    source = Path(__file__).resolve().parents[2] / "src" / "gridsample-autostart.pth"
    if source.is_file():
        assert source.read_text() == START + "\n"
    installed = [file.name for file in importlib.metadata.files("gridsample") or ()]
    if source.name not in installed:
        pytest.skip("not an installation of a wheel")
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(first="")],
        env={**os.environ, "GRIDSAMPLE_ACCELERATE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split("\n")[0] == "1"


def test_an_unknown_value_of_the_variable_is_refused():
    run = subprocess.run(
        [sys.executable, "-c", "import gridsample"],
        env={**os.environ, "GRIDSAMPLE_ACCELERATE": "yes"},
        capture_output=True,
        text=True,
    )
    assert run.returncode
    assert "GRIDSAMPLE_ACCELERATE: expected '0', '1' or 'warn', got 'yes'; set GRIDSAMPLE_ACCELERATE=1" in run.stderr


def test_a_missing_or_old_torch_gives_one_sentence(monkeypatch):
    code = "import sys; sys.modules['torch'] = None\n"
    code += "import gridsample as gs\ntry: gs.torch\nexcept ImportError as e: print(e)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.startswith(
        "gridsample.torch: expected torch to be installed, got no module named 'torch'; install"
    )
    monkeypatch.delattr(torch.library, "get_kernel")
    with pytest.raises(gs.GridSampleError, match=r"accelerate: expected a torch whose own kernels can be kept"):
        gs.torch.accelerate()
    assert pristine()
