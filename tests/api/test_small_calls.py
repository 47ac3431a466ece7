# SPDX-License-Identifier: Apache-2.0
"""The short way (`engine.Calls`): which calls it takes, that it gives what the long way gives, and what it costs."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import threading
import time

import pytest
import torch
from api_cases import Dispatched
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.func import functionalize, grad, jvp, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

import gridsample as gs
from gridsample import frameworks
from gridsample._core import engine
from gridsample.frameworks.torch import quick
from gridsample.options import grid_sample_options

HAS_SHORT_WAY = hasattr(torch.Tensor, "__dlpack_c_exchange_api__") and not hasattr(torch.Tensor, "names")
pytestmark = pytest.mark.skipif(not HAS_SHORT_WAY, reason="this torch is served the long way")

IMAGE, GRID = torch.rand(2, 3, 6, 7), torch.rand(2, 4, 5, 2) * 3 - 1.5


def calls_by_watchers():
    """The short way as it is where torch's libraries cannot be asked themselves."""
    calls = engine.Calls()
    quick.add(calls, maker=None, peeks=None)
    return calls


WATCHED = calls_by_watchers()
WAYS = {"peeks": frameworks.CALLS, "watchers": WATCHED}


@pytest.fixture(params=WAYS)
def takes(request):
    """Whether the short way takes a call."""
    calls = WAYS[request.param]
    return lambda image=IMAGE, grid=GRID: calls.grid_sample(image, grid, "bilinear", "zeros", False) is not None


def test_torch_can_be_asked_itself():
    # On the platforms we test; elsewhere the watchers serve.
    if sys.platform == "linux":
        assert quick.peeks() is not None
    assert quick.maker() is not None


def test_a_result_is_a_tensor_like_any_other():
    result = gs.grid_sample(IMAGE, GRID)
    assert result._version == 0
    assert result.is_leaf
    assert result._base is None
    assert result.resize_(9, 9, 9).shape == (9, 9, 9)
    with torch.inference_mode():
        assert gs.grid_sample(IMAGE, GRID).is_inference()
    gc.collect()


def test_plain_calls_are_taken(takes):
    assert takes()
    with torch.no_grad():
        assert takes(IMAGE.clone().requires_grad_())
    with torch.inference_mode():
        assert takes()
        inside = IMAGE * 1
    assert takes(inside)
    found = []
    thread = threading.Thread(target=lambda: found.append(takes()))
    thread.start()
    thread.join()
    assert found == [True]


@pytest.mark.filterwarnings("ignore")  # of torch's own making, about quantized, nested and sparse tensors
def test_unusual_tensors_go_the_long_way(takes):
    class Own(torch.Tensor):
        pass

    emptied = IMAGE.clone()
    emptied.untyped_storage().resize_(0)
    wrapped = []
    vmap(lambda t: (wrapped.append(t), t)[1])(IMAGE[None])
    grad(lambda t: (wrapped.append(t), t.sum())[1])(IMAGE)
    for unusual in (
        IMAGE.as_subclass(Own),
        torch.nn.Parameter(IMAGE, requires_grad=False),
        torch._neg_view(IMAGE),
        torch._efficientzerotensor(IMAGE.shape),
        emptied,
        IMAGE.to_sparse(),
        IMAGE.to("meta"),
        torch.quantize_per_tensor(IMAGE, 0.1, 0, torch.quint8),
        torch.nested.nested_tensor([IMAGE[0]]),
        torch._to_functional_tensor(IMAGE),
        IMAGE.half(),
        IMAGE.int(),
        IMAGE.to(torch.complex64),
        *wrapped,
        None,
        3,
    ):
        assert not takes(unusual)
    assert not takes(IMAGE, GRID.as_subclass(Own))
    assert not takes(IMAGE, torch._neg_view(GRID))
    assert not takes(IMAGE, GRID.numpy())


class _Function(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "mode",
    [
        _Function,
        Dispatched,
        lambda: torch.device("cpu"),
        lambda: FakeTensorMode(allow_non_fake_inputs=True),
        lambda: FlopCounterMode(display=False),
        forward_ad.dual_level,
        torch.profiler.profile,
    ],
)
def test_under_a_mode_calls_go_the_long_way(mode, takes):
    with mode():
        assert not takes()
    assert takes()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_under_a_transform_calls_go_the_long_way(takes):
    found = []

    def look(image):
        found.extend([takes(image), takes()])
        return image.sum()

    vmap(look)(IMAGE[None])
    grad(look)(IMAGE)
    jvp(look, (IMAGE,), (IMAGE,))
    functionalize(look)(IMAGE)
    torch.jit.trace(look, (IMAGE,), check_trace=False)
    make_fx(look)(IMAGE)
    make_fx(look, pre_dispatch=True)(IMAGE)
    assert len(found) >= 14
    assert not any(found)


def test_modes_and_tracers_see_the_operator():
    with Dispatched() as mode:
        gs.grid_sample(IMAGE, GRID)
    assert mode.seen == ["gridsample.pull.default"]
    for pre in (False, True):
        graph = make_fx(lambda i, g: gs.grid_sample(i, g), pre_dispatch=pre)(IMAGE, GRID)
        assert torch.ops.gridsample.pull.default in [node.target for node in graph.graph.nodes]
        other = torch.rand_like(IMAGE)
        assert torch.equal(graph(other, GRID), gs.grid_sample(other, GRID))
    with torch.profiler.profile() as profile:
        gs.grid_sample(IMAGE, GRID)
    assert "gridsample::pull" in [event.key for event in profile.key_averages()]
    with FakeTensorMode() as fake:
        assert gs.grid_sample(fake.from_tensor(IMAGE), fake.from_tensor(GRID)).shape == (2, 3, 4, 5)


def test_autocast_changes_nothing():
    want = gs.grid_sample(IMAGE, GRID)
    with torch.autocast("cpu"):
        result = gs.grid_sample(IMAGE, GRID)
    assert result.dtype == want.dtype
    assert torch.equal(result, want)


@pytest.mark.filterwarnings("ignore")  # of torch's own making
@pytest.mark.parametrize("verb", [gs.grid_sample, gs.sample, gs.sample_grad])
def test_a_compiler_sees_one_graph(verb):
    torch._dynamo.reset()
    compiled = torch.compile(lambda i, g: verb(i, g) * 2, backend="aot_eager", fullgraph=True)
    for _ in range(2):
        assert torch.equal(compiled(IMAGE, GRID), verb(IMAGE, GRID) * 2)


@pytest.mark.filterwarnings("ignore")
def test_a_compiler_sees_one_graph_at_the_first_call():
    code = """if True:
        import gridsample, torch, warnings
        warnings.simplefilter("ignore")
        compiled = torch.compile(lambda i, g: gridsample.grid_sample(i, g), backend="aot_eager", fullgraph=True)
        image, grid = torch.rand(1, 1, 4, 4), torch.rand(1, 2, 2, 2)
        assert torch.equal(compiled(image, grid), gridsample.grid_sample(image, grid))
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def test_torch_checks_the_operators():
    for which in ((False, False), (True, True)):
        leaves = [t.clone().requires_grad_(w) for t, w in zip((IMAGE, GRID), which, strict=True)]
        text = grid_sample_options("bilinear", "zeros", False).text
        torch.library.opcheck(torch.ops.gridsample.pull.default, (*leaves, text))


def test_options_are_known_by_identity_and_still_right():
    want = {mode: gs.grid_sample(IMAGE, GRID, mode) for mode in ("bilinear", "nearest", "bicubic")}
    for _ in range(300):  # strings made anew, whose addresses come again
        for mode in want:
            assert torch.equal(gs.grid_sample(IMAGE, GRID, "".join(list(mode))), want[mode])
    boundary = ["clamp"]
    clamped = gs.sample(IMAGE, GRID, boundary=boundary)
    boundary[0] = "wrap"
    assert torch.equal(gs.sample(IMAGE, GRID, boundary=boundary), gs.sample(IMAGE, GRID, boundary="wrap"))
    assert torch.equal(clamped, gs.sample(IMAGE, GRID, boundary="clamp"))
    for fill in (1.0, True, 2.0, 1):
        if fill is True:
            with pytest.raises(TypeError):
                gs.sample(IMAGE, GRID - 9, boundary="constant", fill=fill)
        else:
            assert (gs.sample(IMAGE, GRID - 9, boundary="constant", fill=fill) == fill).all()


def test_threads_share_what_is_known():
    want = {
        (n, mode): gs.grid_sample(IMAGE[:, :, :n], GRID, mode) for n in range(1, 7) for mode in ("bilinear", "nearest")
    }
    wrong = []

    def work():
        for _ in range(100):
            for (n, mode), value in want.items():
                if not torch.equal(gs.grid_sample(IMAGE[:, :, :n], GRID, mode), value):
                    wrong.append((n, mode))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:os.fork.*JAX:RuntimeWarning")
def test_a_forked_child_goes_on():
    want = gs.grid_sample(IMAGE, GRID)
    child = os.fork()
    if child == 0:
        os._exit(0 if torch.equal(gs.grid_sample(IMAGE, GRID), want) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_set_num_threads_is_asked(monkeypatch):
    asked = []
    calls = engine.Calls()
    quick.add(calls, threads=lambda: (asked.append(1), 2)[1])
    large = torch.rand(1, 3, 99, 99), torch.rand(1, 99, 99, 2)
    assert calls.grid_sample(*large, "bilinear", "zeros", False) is not None
    assert asked == [1]
    calls.grid_sample(IMAGE, GRID, "bilinear", "zeros", False)
    assert asked == [1]  # too small for a second thread whatever the number


def test_nothing_is_left_at_exit():
    code = """if True:
        import gridsample, torch, numpy
        image, grid = torch.rand(1, 1, 4, 4, requires_grad=True), torch.rand(1, 2, 2, 2)
        for calls in range(3):
            gridsample.grid_sample(image, grid).sum().backward()
            gridsample.grid_sample(image.detach().numpy(), grid.numpy())
    """
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr == ""


def test_memory_does_not_grow():
    def count():
        gc.collect()
        return len(gc.get_objects())

    image, grid = torch.rand(1, 1, 8, 8, requires_grad=True), torch.rand(1, 8, 8, 2)
    for measured in (False, True):
        before = count()
        for _ in range(200):
            gs.grid_sample(image.detach(), grid)
            gs.grid_sample(image, grid).sum().backward()
            gs.grid_sample(image.detach().numpy(), grid.numpy())
        if measured:
            assert count() - before < 50


def test_a_small_call_costs_about_as_much_as_torchs():
    # A guard against losing the short way (eight times the cost), not a measurement: docs/benchmarks.md has those.
    image, grid = torch.rand(1, 1, 8, 8), torch.rand(1, 8, 8, 2)
    arrays = image.numpy(), grid.numpy()
    calls = {
        "torch": lambda: torch.nn.functional.grid_sample(image, grid, align_corners=False),
        "tensors": lambda: gs.grid_sample(image, grid, align_corners=False),
        "arrays": lambda: gs.grid_sample(*arrays, align_corners=False),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(40):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(50):
                call()
            times[name].append(time.perf_counter() - start)
    cost = {name: statistics.median(values) for name, values in times.items()}
    assert cost["tensors"] < 3 * cost["torch"]
    assert cost["arrays"] < 3 * cost["torch"]


def test_who_counts_the_levels_must_be_a_module_that_does():
    with pytest.raises(TypeError, match="levels to be a module"):
        quick.add(engine.Calls(), levels=3)
    calls = engine.Calls()
    quick.add(calls, levels=statistics)
    with pytest.raises(ValueError, match="_current_level"):
        calls.grid_sample(IMAGE, GRID, "bilinear", "zeros", False)
