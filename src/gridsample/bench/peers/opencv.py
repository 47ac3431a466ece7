# SPDX-License-Identifier: Apache-2.0
"""OpenCV's remap with float maps and warpAffine, once per image. Channels are interleaved in its memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gridsample.bench import ours
from gridsample.bench.ours import Calls
from gridsample.bench.peers.base import Can, Peer
from gridsample.bench.runs import Run

LONGEST = 32766  # px: no side of an image may be longer, of the result's neither
MOST = 4  # channels: with 8 it was found 0.01 off on numbers up to 1 (positions rounded to 1/32 px), with 256 it fails


def _but(run: Run) -> str | None:
    longest = max(*run.case.image[2:], *run.case.out)
    if longest > LONGEST:
        return f"no side above {LONGEST} px"
    return f"with more than {MOST} channels it is another function" if run.case.image[1] > MOST else None


def _prepare(run: Run) -> Calls:
    import cv2 as library

    cv2: Any = library  # its stubs know neither a map of two channels nor a missing second one

    cv2.setNumThreads(run.threads)
    kernel = {"nearest": cv2.INTER_NEAREST, "bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}[run.mode]
    rules = {"zeros": cv2.BORDER_CONSTANT, "border": cv2.BORDER_REPLICATE, "reflection": cv2.BORDER_REFLECT}
    rule, size = rules[run.padding], run.case.out[::-1]
    image, pixels = run.pixels()
    images = [np.ascontiguousarray(np.moveaxis(one, 0, -1)) for one in image]

    def each(call: Callable[[Any, Any], Any], what: Any) -> tuple[Any, ...]:
        made = [call(one, how) for one, how in zip(images, what, strict=True)]
        whole = made[0][None] if len(made) == 1 else np.stack(made)
        return (np.moveaxis(whole.reshape(len(images), *run.case.out, -1), -1, 1),)

    if run.verb == "affine":
        flags, matrices = kernel | cv2.WARP_INVERSE_MAP, run.matrices()[:, :2]
        return ours.by_matrix(
            run,
            image,
            run.theta(),
            lambda: each(lambda one, m: cv2.warpAffine(one, m, size, flags=flags, borderMode=rule), matrices),
        )
    return ours.by_pixels(
        run,
        image,
        pixels,
        lambda: each(lambda one, maps: cv2.remap(one, maps, None, kernel, borderMode=rule), pixels),
    )


def _note(run: Run) -> str:
    if run.case.channels_last or run.case.image[1] == 1:
        return ""
    return "OpenCV's own copy of the image has interleaved channels; ours has them first, unless the case says last"


PEER = Peer(
    name="opencv",
    call="remap with float maps; affine: warpAffine",
    packages={"cv2": "opencv-python-headless"},
    can=Can(
        verbs=("forward", "affine"),
        modes=("bilinear", "nearest", "bicubic"),
        dtypes=("float32", "uint8"),
        layouts=("channels first", "channels last"),
    ),
    prepare=_prepare,
    but=_but,
    note=_note,
)
