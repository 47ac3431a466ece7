# SPDX-License-Identifier: Apache-2.0
"""A bent page made flat
=====================

A bent checkerboard flattened by a thin-plate spline that is learned through its pixels, then a bent page by it.

The board (scikit-image's) is bent as a curled page is, by a map that the training does not know, and lit unevenly.
Learned are the places of the spline's control points, so that the picture read through it looks like a flat board;
from blurred to sharp. The error is how far the spline reads from where it should, in pixels of the photograph. At the
end the same spline flattens a printed page (scikit-image's *page*) that was bent in the same way.

Run it with `python examples/rectification.py`; it needs torch, scikit-image and matplotlib.
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

SIZE = (200, 200)  # of the board, eight squares of 25 pixels a side


class Result(NamedTuple):
    """Mean and greatest error in pixels, over the board."""

    before: tuple[float, float]
    after: tuple[float, float]


def bent() -> maps.Map:
    """From the photograph's pixels to the flat board's: a curl along x, a sag along y, and some perspective."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, SIZE[0]), torch.linspace(-1, 1, SIZE[1]), indexing="ij")
    curl = 7 * (x + 0.3) ** 2 * y + 5 * (1 - y * y) * (x - 0.2) - 3
    sag = 8 * (1 - x * x) * (1 - 0.4 * y) - 4
    out = [[0.0, 0.0], [199.0, 0.0], [199.0, 199.0], [0.0, 199.0]]
    seen = [[-8.0, -6.0], [204.0, -3.0], [207.0, 206.0], [-5.0, 203.0]]
    return maps.Homography.from_points(torch.tensor(out), torch.tensor(seen)) @ maps.Displacement(
        torch.stack([curl, sag])
    )


def lit(picture: Tensor) -> Tensor:
    """The light falls off to one side."""
    return picture * torch.linspace(1.0, 0.65, picture.shape[-1])


def blurred(image: Tensor, sigma_px: float) -> Tensor:
    offsets = torch.arange(-round(3 * sigma_px), round(3 * sigma_px) + 1.0)
    bell = torch.exp(-0.5 * (offsets / sigma_px) ** 2)
    bell = (bell / bell.sum())[None, None, None]
    for kernel in (bell, bell.transpose(2, 3)):
        rim = (kernel.shape[3] // 2,) * 2 + (kernel.shape[2] // 2,) * 2
        image = torch.nn.functional.conv2d(torch.nn.functional.pad(image, rim, "replicate"), kernel)
    return image


def local_mean(image: Tensor) -> Tensor:
    """Over two squares each way, which are half black wherever they lie."""
    coarse = torch.nn.functional.avg_pool2d(image, 50, 25)
    return torch.nn.functional.interpolate(coarse, SIZE, mode="bilinear", align_corners=False)


def board() -> Tensor:
    return torch.from_numpy(data.checkerboard()).float()[None, None] / 255


def lattice(points: int) -> Tensor:
    """Control points over the flat board, (1, K, 2)."""
    y, x = torch.meshgrid(*(torch.linspace(0, n - 1, points) for n in SIZE), indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], -1)[None]


def train(photo: Tensor, options: argparse.Namespace) -> maps.ThinPlateSpline:
    """Adam on where each control point reads the photograph; light is evened out by matching local means."""
    flat = lattice(options.points)
    move = torch.zeros_like(flat, requires_grad=True)
    sigmas = (9.0, 6.0, 4.0, 2.0)
    with tqdm(total=len(sigmas) * options.steps, desc="rectification", leave=False, disable=None) as bar:
        for sigma in sigmas:
            target, source = blurred(board(), sigma), blurred(photo, sigma)
            optimiser = torch.optim.Adam([move], lr=options.rate)
            for _ in range(options.steps):
                optimiser.zero_grad()
                read = gs.sample(source, maps.ThinPlateSpline(flat, flat + move), size=SIZE, boundary="clamp")
                light = local_mean(read) / local_mean(target)
                loss = (read / light.clamp(min=0.05) - target).square().mean()
                loss.backward()
                optimiser.step()
                bar.update()
                bar.set_postfix(loss=f"{loss.item():.4f}")
    return maps.ThinPlateSpline(flat, flat + move.detach())


def off(map_: maps.Map, truth: maps.Map) -> tuple[float, float]:
    """How far the map reads from where it should: mean, greatest. Both go from the flat board to the photograph."""
    inner = tuple(slice(5, -5) for _ in range(2))
    distance = (map_.coords(SIZE) - truth.coords(SIZE)).norm(dim=-1)[0][inner]
    return distance.mean().item(), distance.max().item()


def page() -> Tensor:
    picture = torch.from_numpy(data.page()).float()[None, None] / 255
    height, width = picture.shape[2:]
    return gs.sample(  # type: ignore[no-any-return]
        picture,
        maps.Affine.from_matrix(torch.eye(2, 3), frame="edges", input_size=(height, width), output_size=SIZE),
        boundary="clamp",
    )


def draw(photo: Tensor, map_: maps.Map, folder: Path) -> Path:
    """Board and page, bent and flattened, with the learned grid on the photograph."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 4.4), layout="constrained")
    axes = figure.subplots(1, 4)
    bent_page = gs.sample(page(), bent(), size=SIZE, boundary="clamp")
    pictures = [photo, gs.sample(photo, map_, size=SIZE, boundary="clamp")]
    pictures += [bent_page, gs.sample(bent_page, map_, size=SIZE, boundary="clamp")]
    titles = ["photograph, and the learned grid", "flattened", "a page bent alike", "flattened by the same spline"]
    for place, picture, title in zip(axes, pictures, titles, strict=True):
        place.imshow(picture[0, 0].numpy(), cmap="gray", vmin=0, vmax=1)
        place.set_title(title)
        place.set_axis_off()
    coords = map_.coords(SIZE)[0].numpy()
    for i in range(0, 200, 25):
        axes[0].plot(*coords[i].T, color="tab:orange", linewidth=1)
        axes[0].plot(*coords[:, i].T, color="tab:orange", linewidth=1)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rectification.png"
    figure.savefig(path, dpi=80)
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--points", type=int, default=5, help="control points per side")
    parser.add_argument("--steps", type=int, default=50, help="of each of four levels")
    parser.add_argument("--rate", type=float, default=0.4, help="of Adam, in pixels")
    parser.add_argument("-o", "--output", type=Path, help="folder for the picture")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> Result:
    options = parse(arguments)
    photo = lit(gs.sample(board(), bent(), size=SIZE, boundary="clamp"))
    truth = bent().inverse()
    before = off(maps.Affine(torch.eye(2, 3)), truth)
    found = train(photo, options)
    after = off(found, truth)
    print(f"{'pixels off':<12} {'before':>8} {'after':>8}")
    for k, name in enumerate(("mean", "greatest")):
        print(f"{name:<12} {before[k]:>8.2f} {after[k]:>8.2f}")
    if options.output:
        print(f"wrote {draw(photo, found, options.output)}")
    return Result(before, after)


if __name__ == "__main__":
    main()
