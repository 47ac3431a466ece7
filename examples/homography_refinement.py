# SPDX-License-Identifier: Apache-2.0
"""A pose recovered through pixels
===============================

The pose of a plane recovered through its pixels: a homography refined until the rendered picture looks right.

A photograph (scikit-image's *astronaut*) is seen by a camera in a known pose, noise included. From a guess whose
corners are some ten pixels off, the homography is refined by gradients through the sampler, from blurred to sharp, each
level by L-BFGS; what is learned are the four corners. The error is that of the corners, in pixels.

Run it with `python examples/homography_refinement.py`; it needs torch, scikit-image and matplotlib.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from skimage import data
from torch import Tensor
from tqdm import tqdm

import gridsample as gs
from gridsample import maps

SIZE = (160, 200)  # of the camera's picture


class Result(NamedTuple):
    """Mean error of the corners in pixels: of the guess, and after refinement, for every trial."""

    before: list[float]
    after: list[float]


def load() -> Tensor:
    """The plane's own picture (1, 1, H, W) in [0, 1]."""
    return torch.from_numpy(data.astronaut()[:240, 100:400]).float().mean(-1)[None, None] / 255


def corners(size: Sequence[int]) -> Tensor:
    bottom, right = size[0] - 1.0, size[1] - 1.0
    return torch.tensor([[0.0, 0.0], [right, 0.0], [right, bottom], [0.0, bottom]])


def pose(plane: Tensor, generator: torch.Generator) -> Tensor:
    """Where the camera's corners lie on the plane: all of it in view, from a random side."""
    size = tuple(plane.shape[2:])
    inwards = corners(size) + (torch.tensor([size[1], size[0]]) / 2 - corners(size)) * 0.25
    return inwards + 12 * torch.randn(4, 2, generator=generator)


def render(plane: Tensor, at: Tensor) -> Tensor:
    """What the camera sees when its corners lie at ``at`` (4, 2) on the plane."""
    return gs.sample(plane, maps.Homography.from_points(corners(SIZE), at), size=SIZE, boundary="clamp")  # type: ignore[no-any-return]


def blurred(image: Tensor, sigma_px: float) -> Tensor:
    offsets = torch.arange(-round(3 * sigma_px), round(3 * sigma_px) + 1.0)
    bell = torch.exp(-0.5 * (offsets / max(sigma_px, 1e-3)) ** 2)
    bell = (bell / bell.sum())[None, None, None]
    for kernel in (bell, bell.transpose(2, 3)):
        rim = (kernel.shape[3] // 2,) * 2 + (kernel.shape[2] // 2,) * 2
        image = torch.nn.functional.conv2d(torch.nn.functional.pad(image, rim, "replicate"), kernel)
    return image


def refine(plane: Tensor, seen: Tensor, guess: Tensor, bar: tqdm) -> Tensor:  # type: ignore[type-arg]
    """The corners (4, 2) that make the rendered picture look like the one seen."""
    at = guess.clone().requires_grad_()
    for sigma in (8.0, 4.0, 2.0, 1.0):
        target = blurred(seen, sigma)
        source = blurred(plane, sigma)  # blurred on the plane: near enough, and once per level
        optimiser = torch.optim.LBFGS([at], max_iter=30, line_search_fn="strong_wolfe")

        def loss(source: Tensor = source, target: Tensor = target, optimiser: torch.optim.LBFGS = optimiser) -> Tensor:
            optimiser.zero_grad()
            value = (render(source, at) - target).square().mean()
            value.backward()
            return value

        optimiser.step(loss)
        bar.update()
    return at.detach()


def off(found: Tensor, truth: Tensor) -> float:
    return (found - truth).norm(dim=-1).mean().item()


def draw(plane: Tensor, seen: Tensor, guess: Tensor, found: Tensor, truth: Tensor, folder: Path) -> Path:
    """The plane with the frames of guess, result and truth; the difference of pictures before and after."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 4.5), layout="constrained")
    axes = figure.subplots(1, 3)
    axes[0].imshow(plane[0, 0].numpy(), cmap="gray")
    for at, name, style in ((truth, "true", "w-"), (guess, "guess", "r--"), (found, "refined", "c:")):
        closed = torch.cat([at, at[:1]]).numpy()
        axes[0].plot(*closed.T, style, label=name, linewidth=2)
    axes[0].legend(loc="lower right")
    axes[0].set_title("where the camera's picture lies on the plane")
    for place, at, name in ((axes[1], guess, "before"), (axes[2], found, "after")):
        difference = (render(plane, at) - seen)[0, 0]
        shown = place.imshow(difference.numpy(), cmap="RdBu", vmin=-0.5, vmax=0.5)
        place.set_title(f"rendered less seen, {name}: {off(at, truth):.2f} px off")
    figure.colorbar(shown, ax=axes[2])
    for place in axes:
        place.set_axis_off()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "homography.png"
    figure.savefig(path, dpi=90)
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=int, default=8, help="poses")
    parser.add_argument("--guess-px", type=float, default=8.0, help="deviation of each guessed corner, on each axis")
    parser.add_argument("--noise", type=float, default=0.02, help="deviation of the noise of the picture seen, of 1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, help="folder for the picture")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> Result:
    options = parse(arguments)
    generator = torch.Generator().manual_seed(options.seed)
    plane = load()
    result = Result([], [])
    print(f"{'pose':>4} {'corners off before':>20} {'after, in pixels':>18}")
    with tqdm(total=4 * options.trials, desc="refinement", leave=False, disable=None) as bar:
        for trial in range(options.trials):
            truth = pose(plane, generator)
            seen = render(plane, truth) + options.noise * torch.randn(1, 1, *SIZE, generator=generator)
            guess = truth + options.guess_px * torch.randn(4, 2, generator=generator)
            found = refine(plane, seen, guess, bar)
            result.before.append(off(guess, truth))
            result.after.append(off(found, truth))
            bar.write(f"{trial:>4} {result.before[-1]:>20.2f} {result.after[-1]:>18.3f}")
    if options.output:
        print(f"wrote {draw(plane, seen, guess, found, truth, options.output)}")
    return result


if __name__ == "__main__":
    main()
