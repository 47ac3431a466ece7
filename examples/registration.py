# SPDX-License-Identifier: Apache-2.0
"""Two photographs brought together
================================

Two photographs of one scene brought together by a smooth map without folds, learned through the sampler.

The photographs are the two views of a motorcycle (Middlebury 2014, inside scikit-image), which come with the true
disparity. The map is the flow of a velocity, a cubic B-spline over few control points (`BSplineField`, `Velocity`); its
coefficients are trained from coarse to fine on the difference of the pictures and the velocity's roughness. Shown are
the error of the pictures, the error in pixels against the true disparity, how much of the map folds, and its Jacobian.

Run it with `python examples/registration.py`; it needs torch, scikit-image and matplotlib.
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


class Pair(NamedTuple):
    """Left and right photograph (1, 1, H, W) in [0, 1], and the disparity (H, W) in pixels, NaN where unknown."""

    left: Tensor
    right: Tensor
    disparity: Tensor


class Result(NamedTuple):
    """Before and after: root mean square of the difference in grey levels (of 255), mean error of the map in pixels."""

    grey: tuple[float, float]
    pixels: tuple[float, float]
    folds: float


def load(width_px: int) -> Pair:
    """The photographs, made smaller without aliasing by the library itself."""
    pictures = data.stereo_motorcycle()
    left, right = (torch.from_numpy(p).float().mean(-1)[None, None] / 255 for p in pictures[:2])
    height, width = left.shape[2:]
    size = (round(height * width_px / width), width_px)
    smaller = maps.Affine.from_matrix(torch.eye(2, 3), frame="edges", input_size=(height, width), output_size=size)
    left, right = (gs.nn.supersampled(image, smaller, boundary="clamp") for image in (left, right))
    truth = torch.from_numpy(pictures[2]).float()
    truth[~truth.isfinite()] = torch.nan
    disparity = gs.sample(truth[None, None], smaller, kernel="nearest")[0, 0] * (width_px / width)
    return Pair(left, right, disparity)


def blurred(image: Tensor, sigma_px: float) -> Tensor:
    """Gaussian, along one axis after the other."""
    offsets = torch.arange(-round(3 * sigma_px), round(3 * sigma_px) + 1.0)
    bell = torch.exp(-0.5 * (offsets / sigma_px) ** 2)
    bell = (bell / bell.sum())[None, None, None]
    for kernel in (bell, bell.transpose(2, 3)):
        rim = (kernel.shape[3] // 2,) * 2 + (kernel.shape[2] // 2,) * 2
        image = torch.nn.functional.conv2d(torch.nn.functional.pad(image, rim, "replicate"), kernel)
    return image


def velocity_map(control: Tensor, size: Sequence[int]) -> maps.Velocity:
    """The flow of the velocity that control points (1, 2, h, w) span."""
    return maps.Velocity(maps.BSplineField(control, size).displacements(), steps=5)


def roughness(control: Tensor) -> Tensor:
    """Mean square of the differences of neighbouring control points."""
    return sum((control.diff(dim=d) ** 2).mean() for d in (2, 3))  # type: ignore[return-value]


def train(pair: Pair, options: argparse.Namespace) -> maps.Velocity:
    """Adam, on pictures from blurred to sharp, with the same control points throughout."""
    size = tuple(pair.left.shape[2:])
    points = [max(round(n / options.spacing_px), 1) + 3 for n in size]
    control = torch.zeros(1, 2, *points, requires_grad=True)
    sigmas = (6.0, 3.0, 1.5, 0.7)
    with tqdm(total=len(sigmas) * options.steps, desc="registration", leave=False, disable=None) as bar:
        for sigma in sigmas:
            optimiser = torch.optim.Adam([control], lr=options.rate)
            left, right = blurred(pair.left, sigma), blurred(pair.right, sigma)
            contrast = left.var()
            for _ in range(options.steps):
                optimiser.zero_grad()
                moved = gs.sample(right, velocity_map(control, size), boundary="clamp")
                loss = (moved - left).square().mean() / contrast + options.smooth * roughness(control)
                loss.backward()
                optimiser.step()
                bar.update()
                bar.set_postfix(loss=f"{loss.item():.4f}")
    return velocity_map(control.detach(), size)


def judge(pair: Pair, map_: maps.Map) -> tuple[float, float]:
    """Grey levels and pixels off, where the true disparity is known and points into the picture."""
    moved = gs.sample(pair.right, map_, boundary="clamp")
    x = torch.arange(pair.left.shape[3], dtype=torch.float32)
    known = pair.disparity.isfinite() & (x - pair.disparity > 0)
    off = map_.coords(tuple(pair.left.shape[2:]))[0]
    true_x = x - pair.disparity
    y = torch.arange(pair.left.shape[2], dtype=torch.float32)[:, None]
    distance = ((off[..., 0] - true_x) ** 2 + (off[..., 1] - y) ** 2).sqrt()
    grey = 255 * (moved - pair.left)[0, 0][known].square().mean().sqrt()
    return grey.item(), distance[known].mean().item()


def draw(pair: Pair, map_: maps.Velocity, folder: Path) -> Path:
    """Both pictures in two colours before and after, the learned grid on the input, and the Jacobian."""
    from matplotlib.figure import Figure

    size = tuple(pair.left.shape[2:])
    moved = gs.sample(pair.right, map_, boundary="clamp")
    figure = Figure(figsize=(13, 9), layout="constrained")
    axes = figure.subplots(2, 2).ravel()
    for place, right, title in ((axes[0], pair.right, "before"), (axes[1], moved, "after")):
        place.imshow(torch.cat([pair.left, right, right], 1)[0].permute(1, 2, 0).clamp(0, 1).numpy())
        place.set_title(f"{title}: left picture red, right picture cyan")
    coords = map_.coords(size)[0].numpy()
    axes[2].imshow(pair.right[0, 0].numpy(), cmap="gray")
    for i in range(0, size[0], 8):
        axes[2].plot(*coords[i].T, color="tab:orange", linewidth=0.7)
    for j in range(0, size[1], 8):
        axes[2].plot(*coords[:, j].T, color="tab:orange", linewidth=0.7)
    axes[2].set_title("the learned grid on the right picture")
    shown = axes[3].imshow(maps.determinant(map_)[0].numpy(), cmap="RdBu", vmin=0, vmax=2)
    axes[3].set_title("determinant of the Jacobian")
    figure.colorbar(shown, ax=axes[3])
    for place in axes:
        place.set_axis_off()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "registration.png"
    figure.savefig(path, dpi=90)
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--width-px", type=int, default=185, help="of the photographs while training")
    parser.add_argument("--spacing-px", type=float, default=10.0, help="of the control points")
    parser.add_argument("--steps", type=int, default=100, help="of each of four levels")
    parser.add_argument("--rate", type=float, default=0.15, help="of Adam, in pixels")
    parser.add_argument("--smooth", type=float, default=0.02, help="weight of the roughness")
    parser.add_argument("-o", "--output", type=Path, help="folder for the picture")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> Result:
    options = parse(arguments)
    pair = load(options.width_px)
    still = maps.Displacement(torch.zeros(1, 2, *pair.left.shape[2:]))
    before = judge(pair, still)
    map_ = train(pair, options)
    after = judge(pair, map_)
    folds = map_.fold_fraction().item()
    print(f"two photographs, {pair.left.shape[3]} x {pair.left.shape[2]} pixels")
    print(f"{'':<28} {'before':>8} {'after':>8}")
    print(f"{'grey levels off (rms)':<28} {before[0]:>8.1f} {after[0]:>8.1f}")
    print(f"{'pixels off the true map':<28} {before[1]:>8.2f} {after[1]:>8.2f}")
    print(f"{'part of the map that folds':<28} {0:>8.2%} {folds:>8.2%}")
    if options.output:
        print(f"wrote {draw(pair, map_, options.output)}")
    return Result((before[0], after[0]), (before[1], after[1]), folds)


if __name__ == "__main__":
    main()
