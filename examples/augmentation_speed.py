# SPDX-License-Identifier: Apache-2.0
"""Six transforms for the price of one
===================================

Six random transforms of a batch: in one sampling, one by one, and as kornia applies them.

Flip, rotate, scale, shear, translate, perspective, each drawn for every image. `gs.nn.Augment` composes them to one
map and samples once. The three are timed in turns, so that whatever else the machine does strikes all alike.

Run it with `python examples/augmentation_speed.py`; it needs torch and, for the peer, kornia. The figures of the
documents are written by `python bench/augmentation.py`, which times the same.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor
from tqdm import tqdm

import gridsample as gs
from gridsample import nn


def transforms() -> list[nn.Transform]:
    return [
        nn.Flip(p=0.5),
        nn.Rotate(30.0),
        nn.Scale((0.8, 1.2)),
        nn.Shear(0.2),
        nn.Translate(0.1),
        nn.Perspective(0.3),
    ]


def kornias() -> Callable[[Tensor], Tensor] | None:
    """The same six of kornia, or None where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what importing it says is not about us
        try:
            import kornia.augmentation as k
        except ImportError:
            return None
        six = [
            k.RandomHorizontalFlip(p=0.5),
            k.RandomRotation(30.0, p=1.0),
            k.RandomAffine(0.0, scale=(0.8, 1.2), p=1.0),
            k.RandomAffine(0.0, shear=(-11.3, 11.3, -11.3, 11.3), p=1.0),
            k.RandomAffine(0.0, translate=(0.1, 0.1), p=1.0),
            k.RandomPerspective(0.3, p=1.0),
        ]
        return k.AugmentationSequential(*six, data_keys=["input"])  # type: ignore[no-any-return]


def ways() -> dict[str, Callable[[Tensor], Tensor]]:
    """The ways to augment a batch, ours first."""
    whole, apart, peer = nn.Augment(transforms()), [nn.Augment([t]) for t in transforms()], kornias()

    def one_by_one(images: Tensor) -> Tensor:
        for augment in apart:
            images = augment(images)
        return images

    found: dict[str, Callable[[Tensor], Tensor]] = {"gridsample": whole, "one by one": one_by_one}
    return found if peer is None else found | {"kornia": peer}


def timed(
    images: Tensor, rounds: int, clock: Callable[[], float] = time.perf_counter, left_out: Collection[str] = ()
) -> dict[str, list[float]]:
    """Seconds of every round of each way; a round more, for warming up, is not counted."""
    todo = {name: way for name, way in ways().items() if name not in left_out}
    seconds: dict[str, list[float]] = {name: [] for name in todo}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for round_ in tqdm(range(rounds + 1), "rounds", leave=False, disable=None):
            for name, way in todo.items():
                start = clock()
                way(images)
                if round_:
                    seconds[name].append(clock() - start)
    return seconds


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size-px", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=9)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> dict[str, list[float]]:
    """Seconds of every round of each way."""
    options = parse(arguments)
    seconds = timed(torch.rand(options.batch, 3, options.size_px, options.size_px), options.rounds)
    ours = statistics.median(seconds["gridsample"])
    print(f"{options.batch} x 3 x {options.size_px} x {options.size_px}, {torch.get_num_threads()} threads")
    print(f"gridsample {gs.__version__}, torch {torch.__version__}")
    print(f"{'six transforms':<16} {'median ms':>10} {'fastest':>8} {'slowest':>8} {'times ours':>11}")
    for name, found in seconds.items():
        middle = statistics.median(found)
        row = f"{name:<16} {1e3 * middle:>10.0f} {1e3 * min(found):>8.0f} {1e3 * max(found):>8.0f}"
        print(f"{row} {middle / ours:>11.1f}")
    return seconds


if __name__ == "__main__":
    main()
