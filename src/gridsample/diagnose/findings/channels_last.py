# SPDX-License-Identifier: Apache-2.0
"""An image whose channels are last, or that has no batch or no channels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Repair, Seen

COLOURS = (3, 4)


def _colours_last(case: Case) -> bool:
    """Three or four numbers last, and neither of the axes before like a number of channels."""
    shape = case.image.shape
    if len(shape) != 4 or shape[-1] not in COLOURS or min(shape[1:3]) < 8 or case.grid.shape[-1] != 2:
        return False
    picture = case.image[0].astype(np.float64)
    picture = picture[:: max(1, shape[1] // 64), :: max(1, shape[2] // 64)]
    if picture.std() == 0:
        return True
    ahead = np.mean([np.abs(np.diff(picture, axis=axis)).mean() for axis in (0, 1)])
    return bool(ahead < 1.3 * np.abs(picture - picture.mean()).mean())


def _forms(case: Case) -> Iterator[tuple[str, Repair]]:
    image, shape = case.image, case.image.shape
    axes = case.grid.shape[-1] if case.grid.shape[-1] in (1, 2, 3) else 2
    if _colours_last(case):
        yield (
            "(N, H, W, C): channels last",
            Repair(case.change(image=np.moveaxis(image, -1, 1)), "image = image.permute(0, 3, 1, 2)"),
        )
    elif len(shape) == axes + 1 and shape[-1] in (1, *COLOURS) and shape[0] > 4:
        order = f"{axes}, {', '.join(map(str, range(axes)))}"
        yield (
            "(H, W, C): channels last, no batch",
            Repair(case.change(image=np.moveaxis(image, -1, 0)[None]), f"image = image.permute({order})[None]"),
        )
    elif len(shape) == axes + 1:
        yield "(C, H, W): no batch", Repair(case.change(image=image[None]), "image = image[None]")
    elif len(shape) == axes:
        yield (
            "(H, W): no batch and no channels",
            Repair(case.change(image=image[None, None]), "image = image[None, None]"),
        )


def _look(case: Case) -> Seen | None:
    for name, repair in _forms(case):
        text = f"the image has shape {tuple(case.image.shape)}, which looks like {name}; it must be (N, C, H, W)"
        about = "" if "channels last" in name else f"The image has {name.partition(': ')[2]}"
        return Seen("error" if not case.valid else "warning", 0.98, text, fix=repair.fix, about=about)
    return None


DIAGNOSTIC = Diagnostic(
    name="channels_last",
    title="The image's axes are in the wrong places",
    because=(
        "An image is (N, C, H, W), and its axes are known by their place alone. One stored as (N, H, W, C), as files"
        " and OpenCV have it, is sampled along its width and its colours: rows are taken for channels, and the result"
        " is stripes three pixels wide."
    ),
    fix="image = image.permute(0, 3, 1, 2)",
    look=_look,
    repairs=lambda case: (repair for _, repair in _forms(case)),
    shapes=True,
    picture="compare",
    rare=1,
)
