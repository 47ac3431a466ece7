# SPDX-License-Identifier: Apache-2.0
# What `python -m nanobind.stubgen -m gridsample._core.engine -D` says; tests/engine/test_stub.py compares the two.
#
# An array of pull, push, pull_grad and backward: an object with the buffer protocol (float32 or float64, any strides),
# or (address, 'f' or 'd', shape, strides in elements) of memory that the caller keeps alive. Images of pull may also be
# of 'e' (float16), 'bf16' (bfloat16), 'B', 'b', 'H', 'h' (whole numbers of 8 and 16 bits) or '?' (bool).

from collections.abc import Callable, Sequence

class Problem:
    def __init__(
        self,
        kernel: str,
        axes: Sequence[tuple[str, bool, int, float, float, float]],
        fill: float,
        ties: str,
        nonfinite: str,
        outside: float | None,
        given: str = "points",
        control: tuple[int, Sequence[int]] | None = None,
    ) -> None: ...

class Calls:
    def __init__(self) -> None: ...
    def add(
        self,
        kind: object,
        resolve: object,
        empty: object,
        threads: object,
        exchange: object | None,
        maker: object | None,
        peeks: object | None,
        busy: object,
        recording: object | None,
        levels: object | None,
        unusual: object,
    ) -> None: ...
    def grid_sample(
        self,
        input: object | None,
        grid: object | None,
        mode: object | None,
        padding_mode: object | None,
        align_corners: object | None,
    ) -> object: ...
    def sample(
        self,
        image: object | None,
        coords: object | None,
        kernel: object | None,
        boundary: object | None,
        fill: object | None,
        frame: object | None,
        order: object | None,
        nonfinite: object | None,
        outside: object | None,
    ) -> object: ...
    def sample_grad(
        self,
        image: object | None,
        coords: object | None,
        kernel: object | None,
        boundary: object | None,
        fill: object | None,
        frame: object | None,
        order: object | None,
        nonfinite: object | None,
        outside: object | None,
    ) -> object: ...
    def pull(self, image: object, coords: object, options: object) -> object: ...
    def planned(self, image: object, numbers: object, plan: object) -> object: ...
    def backward(
        self, grad: object, image: object, coords: object, options: object, image_too: bool, coords_too: bool
    ) -> object: ...
    def derived(self, node: object, grad: object) -> object: ...
    def into_pixels(self, matrix: object, numbers: object) -> object: ...

def node_forward() -> Callable[..., object]: ...
def node_answer(nodes: object) -> object: ...
def dispatch_keys(library: int) -> tuple[int, int]: ...
def pull(problem: Problem, image: object, coords: object, out: object, threads: int) -> None: ...
def push(problem: Problem, values: object, coords: object, image_out: object, threads: int) -> None: ...
def pull_grad(problem: Problem, image: object, coords: object, out: object, threads: int) -> None: ...
def backward(
    problem: Problem,
    grad: object,
    image: object,
    coords: object,
    grad_image: object | None,
    grad_coords: object | None,
    threads: int,
) -> None: ...
def second_backward(
    problem: Problem,
    by_image: object | None,
    by_coords: object,
    grad: object,
    image: object,
    coords: object,
    to_grad: object | None,
    to_image: object | None,
    to_coords: object | None,
    threads: int,
) -> None: ...
def prefilter(
    image: object, out: object, axis: int, weights: Sequence[float], boundary: str, adjoint: bool, threads: int
) -> None: ...
def attention(
    value: object, locations: object, weights: object, sizes: Sequence[int], out: object, threads: int
) -> None: ...
def attention_backward(
    grad: object,
    value: object,
    locations: object,
    weights: object,
    sizes: Sequence[int],
    to_value: object | None,
    to_locations: object | None,
    to_weights: object | None,
    threads: int,
) -> None: ...
def targets() -> list[str]: ...
def target() -> str: ...
def set_target(name: str) -> None: ...
def hardware_threads() -> int: ...
def use_team(parallel: int) -> None: ...
def xla_handler() -> object: ...
def use_xla_threads(most: int) -> None: ...
def version() -> str: ...
