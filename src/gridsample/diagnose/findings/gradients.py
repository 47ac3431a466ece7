# SPDX-License-Identifier: Apache-2.0
"""No gradient for the grid, and why."""

from __future__ import annotations

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Diagnostic, Seen
from gridsample.diagnose.words import percent


def _look(case: Case) -> Seen | None:
    if case.detached:
        text = (
            "the numbers the grid was made from require a gradient, the grid itself does not (detached, no_grad, .data"
            " or NumPy)"
        )
        return Seen(
            "warning",
            0.92,
            text,
            fix="# leave out .detach(), .data, torch.no_grad() and .numpy() between theta and the grid",
        )
    if not case.grid_grad:
        return None
    if case.options.kernel == "nearest":
        text = "the grid requires a gradient and mode='nearest' has none: it is 0 everywhere"
        return Seen("warning", 0.93, text, fix="F.grid_sample(image, grid, mode='bilinear')")
    if case.contrast == 0:
        return Seen(
            "warning",
            0.8,
            "the image is one colour, so moving the samples changes nothing: the gradient is 0 everywhere",
        )
    t = case.thin
    dead = np.zeros(t.x.shape[:-1], bool)
    for k, n in enumerate(t.sizes_in):
        x = t.x[..., k]
        if case.options.boundary == ("clamp",):
            dead |= (x <= 0) | (x >= n - 1)
        elif case.options.boundary == ("zero",):
            dead |= (x <= -1) | (x >= n)
    share = float(dead.mean())
    if share < 0.05:
        return None
    kind = "one component or both have" if case.options.boundary == ("clamp",) else "both components have"
    text = (
        f"at {percent(share)} of the outputs, beyond the edge with padding_mode={case.padding_mode!r}, {kind} no"
        " gradient"
    )
    return Seen("warning" if share > 0.9 else "note", 0.8 if share > 0.9 else 0.35, text)


DIAGNOSTIC = Diagnostic(
    name="gradients",
    title="The grid gets no gradient",
    because=(
        "nearest is constant between jumps; zeros and border padding are constant outside the image, and a map that"
        " has wandered out never comes back; a detached grid is a constant to autograd. The loss falls for other"
        " reasons or not at all."
    ),
    fix="F.grid_sample(image, grid, mode='bilinear', padding_mode='reflection')  # and start near the identity",
    look=_look,
    explains=("outside",),
)
