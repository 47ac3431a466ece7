# SPDX-License-Identifier: Apache-2.0
from typing import Any

# An object with the buffer protocol (float32 or float64, any strides), or (address, 'f' or 'd', shape, strides in
# elements) of memory that the caller keeps alive.

class Problem:
    def __init__(
        self,
        kernel: str,
        axes: list[tuple[str, bool, int, float, float, float]],
        fill: float,
        ties: str,
        nonfinite: str,
        outside: float | None,
    ) -> None: ...

def pull(problem: Problem, image: Any, coords: Any, out: Any, threads: int) -> None: ...
def push(problem: Problem, values: Any, coords: Any, image_out: Any, threads: int) -> None: ...
def pull_grad(problem: Problem, image: Any, coords: Any, out: Any, threads: int) -> None: ...
def backward(
    problem: Problem,
    grad: Any,
    image: Any,
    coords: Any,
    grad_image: Any | None,
    grad_coords: Any | None,
    threads: int,
) -> None: ...
def targets() -> list[str]: ...
def target() -> str: ...
def set_target(name: str) -> None: ...
def hardware_threads() -> int: ...
def version() -> str: ...
