# SPDX-License-Identifier: Apache-2.0
"""Digits turned upright
=====================

A spatial transformer learns to turn digits upright, and a small classifier profits.

Scikit-learn's 8 x 8 digits are drawn on a 20 x 20 canvas, turned by up to a quarter and moved a little. Three networks
see the same images in the same order and are told nothing but the label:

* the classifier alone (two layers);
* a wider classifier alone, with as many parameters as the next network;
* the classifier behind a spatial transformer (`gs.nn.SpatialTransformer`): a localisation network of two layers answers
  an affine map for each image, and the gradient reaches the map through the sampler.

Run it with `python examples/digits_transformer.py`; it needs torch and scikit-learn and takes a few seconds.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

import gridsample as gs

CLASSES = 10
TRAINED = 1297  # of the 1797 digits; the other 500 are the test set, each in several poses
TEST_POSES = 4
SHRINK = 1.5  # the digit fills 1 / SHRINK of the canvas, so that a turned one still fits


class Accuracies(NamedTuple):
    """Fractions of the test set, one for each network."""

    without: float
    wider: float
    transformer: float


class Digits(NamedTuple):
    images: Tensor  # (N, 1, 8, 8) in [0, 1]
    labels: Tensor  # (N,)


def warp(images: Tensor, theta: Tensor, size_px: int) -> Tensor:
    """Each image sampled along its own affine map, from the output's positions to the input's: theta is (N, 2, 3)."""
    grid = gs.affine_grid(theta, (len(images), 1, size_px, size_px), align_corners=False)
    return gs.grid_sample(images, grid, align_corners=False)


def transformer(size_px: int, hidden: int) -> gs.nn.SpatialTransformer:
    """Look at the image, answer an affine map (at first the one that changes nothing), sample the image along it."""
    localise = nn.Sequential(nn.Flatten(), nn.Linear(size_px**2, hidden), nn.ReLU())
    return gs.nn.SpatialTransformer(localise, head="affine", antialias=False)


def classifier(size_px: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(size_px**2, width), nn.ReLU(), nn.Linear(width, CLASSES))


def pose(images: Tensor, options: argparse.Namespace, generator: torch.Generator) -> Tensor:
    """Each image on the canvas, turned and moved by random amounts: drawn with the library itself."""
    number = len(images)
    angle = (2 * torch.rand(number, generator=generator) - 1) * math.radians(options.rotation_deg)
    move = (2 * torch.rand(number, 2, generator=generator) - 1) * options.shift
    cosine, sine = SHRINK * angle.cos(), SHRINK * angle.sin()
    rows = [torch.stack([cosine, -sine, move[:, 0]], 1), torch.stack([sine, cosine, move[:, 1]], 1)]
    return warp(images, torch.stack(rows, 1), options.size_px)


def load() -> tuple[Digits, Digits]:
    """Training and test digits, always the same split."""
    raw = load_digits()
    order = torch.randperm(len(raw.target), generator=torch.Generator().manual_seed(0))
    images = torch.as_tensor(raw.images, dtype=torch.float32)[order, None] / 16
    labels = torch.as_tensor(raw.target)[order]
    return Digits(images[:TRAINED], labels[:TRAINED]), Digits(images[TRAINED:], labels[TRAINED:])


def train(network: nn.Module, digits: Digits, options: argparse.Namespace, title: str) -> None:
    """Adam over one cycle of the learning rate; every image gets a new pose in every epoch."""
    generator = torch.Generator().manual_seed(options.seed)  # the same images and poses for every network
    steps_per_epoch = math.ceil(len(digits.labels) / options.batch)
    optimiser = torch.optim.Adam(network.parameters(), options.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.rate, options.epochs * steps_per_epoch)
    for _ in tqdm(range(options.epochs), title, unit="epoch", leave=False, disable=None):
        for chosen in torch.randperm(len(digits.labels), generator=generator).split(options.batch):
            images = pose(digits.images[chosen], options, generator)
            optimiser.zero_grad()
            cross_entropy(network(images), digits.labels[chosen]).backward()
            optimiser.step()
            schedule.step()


def test_set(digits: Digits, options: argparse.Namespace) -> Digits:
    """Every test digit in several fixed poses, the same whatever the seed."""
    images = digits.images.repeat(TEST_POSES, 1, 1, 1)
    return Digits(pose(images, options, torch.Generator().manual_seed(99)), digits.labels.repeat(TEST_POSES))


def accuracy(network: nn.Module, digits: Digits) -> float:
    with torch.no_grad():
        return (network(digits.images).argmax(1) == digits.labels).double().mean().item()


def draw(images: Tensor, turned: Tensor, path: Path) -> None:
    """A picture of what the classifier is given: the images above, what the transformer makes of them below."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    sheet = torch.cat([torch.cat(list(row[:, 0]), 1) for row in (images, turned)], 0)
    sheet = sheet.detach().repeat_interleave(4, 0).repeat_interleave(4, 1)
    pyplot.imsave(path, sheet.numpy(), cmap="gray")
    print(f"wrote {path}: above, the test images; below, what the transformer makes of them")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    summary, *details = (__doc__ or "").split("\n")
    more = "\n".join(details[2:])
    parser = argparse.ArgumentParser(description=summary, epilog=more, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0, help="initial weights, order and poses of the training images")
    parser.add_argument("--rotation-deg", type=float, default=90.0, help="largest angle, either way")
    parser.add_argument("--shift", type=float, default=0.2, help="largest shift, as a fraction of half the canvas")
    parser.add_argument("--size-px", type=int, default=20, help="side of the canvas")
    parser.add_argument("--width", type=int, default=32, help="hidden units of the classifier")
    parser.add_argument("--hidden", type=int, default=64, help="hidden units of the localisation network")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=3e-3, help="highest learning rate")
    parser.add_argument("--picture", type=Path, help="also draw test images before and after the transformer")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> Accuracies:
    options = parse(arguments)
    training, unposed = load()
    posed = test_set(unposed, options)
    per_unit = options.size_px**2 + 1 + CLASSES  # parameters that one hidden unit of the classifier brings

    def build(name: str) -> nn.Module:
        torch.manual_seed(options.seed)
        if name != "wider classifier":
            plain = classifier(options.size_px, options.width)
            front = transformer(options.size_px, options.hidden) if name == "with transformer" else nn.Identity()
            return nn.Sequential(front, plain)
        front = transformer(options.size_px, options.hidden)
        extra = sum(parameter.numel() for parameter in front.parameters())
        return classifier(options.size_px, options.width + round(extra / per_unit))

    print(f"digits turned by up to {options.rotation_deg:g} degrees, {options.epochs} epochs, seed {options.seed}")
    print(f"{'network':<20} {'parameters':>10} {'test accuracy':>14} {'seconds':>8}")
    results = []
    for name in ("without transformer", "wider classifier", "with transformer"):
        network = build(name)
        start = time.perf_counter()
        train(network, training, options, name)
        results.append(accuracy(network, posed))
        size = sum(parameter.numel() for parameter in network.parameters())
        print(f"{name:<20} {size:>10,} {results[-1]:>14.1%} {time.perf_counter() - start:>8.1f}")
    if options.picture:
        assert isinstance(network, nn.Sequential)
        draw(posed.images[:12], network[0](posed.images[:12]), options.picture)
    return Accuracies(*results)


if __name__ == "__main__":
    main()
