# SPDX-License-Identifier: Apache-2.0
"""What the tests of the public calls share: torch's modes, adversarial coordinates, the oracle's gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gridsample.spec import reference
from gridsample.spec.frames import FRAMES

MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")
CORNERS = (False, True)
KERNEL = {"bilinear": "linear", "nearest": "nearest", "bicubic": "cubic"}
BOUNDARY = {
    ("zeros", False): "zero",
    ("zeros", True): "zero",
    ("border", False): "clamp",
    ("border", True): "clamp",
    ("reflection", False): "reflect",
    ("reflection", True): "mirror",
}
HALF = {torch.float16: 2.0**-10, torch.bfloat16: 2.0**-7}


def rules(mode: str, padding: str, corners: bool, precision: type = np.float64) -> dict[str, Any]:
    """The oracle's arguments for one of torch's choices."""
    return {
        "kernel": KERNEL[mode],
        "boundary": BOUNDARY[padding, corners],
        "frame": "corners" if corners else "edges",
        "fold": "coordinate" if mode != "bicubic" and padding != "zeros" else "tap",
        "nonfinite": "minus_one",
        "precision": precision,
    }


def specials(n: int, corners: bool) -> np.ndarray:
    """Exact borders, pixel centres, half-way ties and far outside, as normalised float32-exact coordinates."""
    offset, scale, shift = map(float, FRAMES["corners" if corners else "edges"].numbers(n))
    x = np.arange(-2, 2 * n + 4) / 2 - 0.5
    g = (x - shift) / scale - offset if scale else x
    return np.float32([*g, -1, 1, 0, -1.5, 1.5, 3, -3, 5, -1e3, 1e3])


def grid_for(sizes: tuple[int, ...], corners: bool, batch: int = 2, seed: int = 0, special: Any = None) -> np.ndarray:
    """(batch, 1, ..., P, D): random points, and every special value of every axis beside random ones."""
    rng = np.random.default_rng(seed)
    axes = len(sizes)
    per_axis = [specials(n, corners) if special is None else np.asarray(special, "f8") for n in reversed(sizes)]
    count = max(map(len, per_axis)) + 24
    g = rng.uniform(-1.6, 1.6, (batch, 3 * count, axes)).astype("f4").astype("f8")
    for j, values in enumerate(per_axis):
        spread = np.resize(values, count)
        g[:, j % 2 * count : j % 2 * count + count, j] = spread  # one axis special, the others random
        g[:, 2 * count :, j] = rng.permutation(spread)  # all axes special
    return g.reshape(batch, *(1,) * (axes - 1), 3 * count, axes)


def tensors(
    sizes: tuple[int, ...], corners: bool, dtype: torch.dtype, channels: int = 3, **kwargs: Any
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """An image, a grid, and what to weigh the result with, all of ``dtype``."""
    grid = torch.from_numpy(grid_for(sizes, corners, **kwargs)).to(dtype)
    rng = np.random.default_rng(7)
    image = torch.from_numpy(rng.uniform(-1, 1, (grid.shape[0], channels, *sizes))).to(dtype)
    weigh = torch.from_numpy(rng.uniform(-1, 1, (*image.shape[:2], *grid.shape[1:-1]))).to(dtype)
    return image, grid, weigh


def run(function: Any, image: torch.Tensor, grid: torch.Tensor, weigh: torch.Tensor, **options: Any) -> list[Any]:
    """[values, gradient to the image, gradient to the grid]"""
    image, grid = image.detach().requires_grad_(), grid.detach().requires_grad_()
    out = function(image, grid, **options)
    return [out.detach(), *torch.autograd.grad(out, (image, grid), weigh)]


def oracle(image: Any, grid: Any, weigh: Any, **options: Any) -> list[np.ndarray]:
    """The same three from the oracle, in float64 whatever the inputs' type."""
    i, g, w = (
        np.asarray(t.detach().double().numpy() if isinstance(t, torch.Tensor) else t) for t in (image, grid, weigh)
    )
    jacobian = reference.pull_grad(i, g, **options)
    grad_grid = (w[..., None] * jacobian).sum(1)
    return [reference.pull(i, g, **options), reference.push(w, g, i.shape[2:], **options), grad_grid]


def near(got: Any, want: Any, bound: float, what: str = "") -> None:
    got = np.asarray(got.detach().double().numpy() if isinstance(got, torch.Tensor) else got, "f8")
    want = np.asarray(want.detach().double().numpy() if isinstance(want, torch.Tensor) else want, "f8")
    assert got.shape == want.shape
    assert np.isfinite(got).all(), f"{what}: not finite"
    error = np.abs(got - want).max(initial=0.0)
    assert error <= bound, f"{what}: error {error:.3g} above {bound:.3g}"


def size_of(tensor: Any) -> float:
    """The largest magnitude: what errors are relative to."""
    return max(1.0, float(np.abs(np.asarray(tensor)).max(initial=0.0)))


class LongWay:
    """Stands for `engine.Calls` and takes no call: put in its place, every call goes the long way."""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


def close_the_short_way(monkeypatch: Any) -> None:
    for holder in ("gridsample.api.CALLS", "gridsample.frameworks.CALLS"):
        monkeypatch.setattr(holder, LongWay())


class Dispatched(TorchDispatchMode):
    """A mode that sees every operator."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.seen.append(str(function))
        return function(*args, **(kwargs or {}))
