# SPDX-License-Identifier: Apache-2.0
"""Reading every third pixel of a picture that is to be three times smaller."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair, Seen
from gridsample.diagnose.intake import Array, floating
from gridsample.diagnose.words import percent


def _factors(case: Case) -> Array:
    """Input pixels per output, the larger of the axes', at every output."""
    return np.asarray(np.max([np.sqrt((step**2).sum(-1)) for step in case.steps], axis=0))


def _look(case: Case) -> Seen | None:
    if not case.dense or not case.steps:
        return None
    factor = _factors(case)
    high = float(np.quantile(factor.reshape(-1)[:: max(1, factor.size // 100_000)], 0.95))
    if high < 1.5:
        return None
    at = tuple(int(i) for i in np.unravel_index(int(factor.argmax()), factor.shape))
    text = (
        f"neighbouring outputs read up to {factor.max():.3g} px apart ({np.median(factor):.3g} in the median, largest"
        f" at output {at}); {percent(float((factor > 1.5).mean()))} of the outputs skip pixels"
    )
    return Seen("note", min(0.3 + 0.1 * high, 0.8), text, fix=_fix(high), place=at)


def _fix(factor: float) -> str:
    return (
        f"image = torchvision.transforms.functional.gaussian_blur(image, {2 * round(factor) + 1},"
        f" sigma={0.5 * factor:.2g})\n# or F.interpolate(image, scale_factor={1 / factor:.3g}, mode='area') first; the"
        " grid stays as it is"
    )


def _repairs(case: Case) -> Iterator[Repair]:
    if not case.dense or not case.steps:
        return
    factor = float(np.median(_factors(case)))
    if not 1.4 <= factor <= 64:
        return
    image = floating(case.image)
    for axis in range(2, image.ndim):
        image = _box(image, axis, factor)
    yield Repair(case.change(image=image), _fix(factor))


def _box(image: Array, axis: int, width: float) -> Array:
    """The mean over ``width`` pixels along an axis, the outermost ones in part."""
    reach = (width - 1) / 2
    n, far = image.shape[axis], int(np.ceil(reach))
    total, weight = np.zeros(image.shape, image.dtype), 0.0
    for shift in range(-far, far + 1):
        part = min(1.0, 1.0 + reach - abs(shift))
        total += part * np.take(image, np.clip(np.arange(n) + shift, 0, n - 1), axis)
        weight += part
    return np.asarray(total / image.dtype.type(weight))


DIAGNOSTIC = Diagnostic(
    name="aliasing",
    title="Aliasing: the output is smaller than what it shows",
    because=(
        "Linear and cubic kernels look at the nearest 2 or 4 pixels however far apart the samples lie. What falls"
        " between is skipped: fine patterns turn into moiré, thin lines break up, and gradients are noisy."
    ),
    fix="image = blur(image, sigma=0.5 * factor)  # before sampling",
    look=_look,
    repairs=_repairs,
    picture="jacobian",
    rare=4,
)
