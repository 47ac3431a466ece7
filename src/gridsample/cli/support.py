# SPDX-License-Identifier: Apache-2.0
"""What each backend does for each framework's arrays: a table that is asked of the code, never written by hand.

    python -m gridsample.cli.support            docs/support.md anew
    python -m gridsample.cli.support --check    fails if it is not what the code says

A row is a call on small arrays. The engine's cell is what the registry of backends answers for the call's Plan; a call
that the public function refuses has the refusal's advice instead.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import gridsample as gs
from gridsample import backends, plan
from gridsample.errors import GridSampleError
from gridsample.options import sample_options
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.dtypes import DTYPES
from gridsample.spec.kernels import KERNELS

FRAMEWORKS = ("NumPy", "torch", "JAX")
PAGE = Path("docs/support.md")  # of the working folder, a source tree


@dataclass(frozen=True)
class Feature:
    """A row: a public call with these keywords, on an image with this many axes."""

    group: str
    name: str
    verb: str = "sample"
    options: dict[str, Any] = field(default_factory=dict)
    axes: int = 2
    dtype: str = "float32"

    def arrays(self, framework: str) -> tuple[Any, Any]:
        """A small image and coordinates inside and outside it."""
        values = np.arange(2 * 5**self.axes).reshape(1, 2, *(5,) * self.axes) % 7
        coords = (np.arange(3**self.axes * self.axes).reshape(1, *(3,) * self.axes, self.axes) % 11) * 0.55 - 0.8
        image = values.astype("float32" if self.dtype == "bfloat16" else self.dtype)
        return _of(framework, image, self.dtype), _of(framework, coords.astype("float32"), "float32")

    def call(self, framework: str) -> Any:
        """The public call's result."""
        image, coords = self.arrays(framework)
        options = dict(self.options)
        if options.pop("out", False):
            options["out"] = image[..., :3, :3] * 1
        if self.verb == "grid_sample":
            return gs.grid_sample(image, coords, **options)
        if self.verb == "splat":
            return gs.splat(image[..., :3, :3], coords, (5,) * self.axes, **options)
        return getattr(gs, self.verb)(image, coords, **options)

    def plan(self) -> plan.Plan:
        """Of the call, as the verb's backends get it."""
        o = self.options
        kernel, boundary = o.get("kernel", "linear"), o.get("boundary", "zero")
        nonfinite = o.get("nonfinite", "propagate")
        chosen = sample_options(
            "sample", kernel, boundary, o.get("fill", 0.0), "pixel", "xy", nonfinite, o.get("outside"), None,
            o.get("fold", "tap"), o.get("limit", "edges"), True,
        )  # fmt: skip
        shape, points = (1, 2, *(5,) * self.axes), (1, *(3,) * self.axes, self.axes)
        return plan.make("sample", shape, self.dtype, points, "float32", chosen)

    def refusal(self, framework: str) -> GridSampleError | None:
        """The public call's error, if it has one."""
        try:
            self.call(framework)
        except GridSampleError as error:
            return error
        return None

    def cell(self, backend: str) -> str:
        """Of a call that is not refused: "yes", or "-" where the next backend takes it."""
        row = next(row for row in backends.BACKENDS if row.name == backend)
        return "-" if row.refuses(self.plan(), "cpu") else "yes"


def _of(framework: str, array: Any, dtype: str) -> Any:
    if framework == "torch":
        import torch

        return torch.from_numpy(array).to(getattr(torch, dtype))
    if framework == "JAX":
        import jax.numpy as jnp

        return jnp.asarray(array).astype(dtype)
    return array


def features() -> Iterator[Feature]:
    """Every row, from the tables and the choices of a call."""
    for kernel in (*KERNELS, "cubic(-3/5)"):
        yield Feature("kernel", kernel, options={"kernel": kernel})
    yield Feature("kernel", "one for each axis", options={"kernel": ("linear", "cubic")})
    yield Feature("kernel", "B-spline without prefilter", options={"kernel": "bspline3", "prefilter": False})
    for boundary in BOUNDARIES:
        yield Feature("boundary", boundary, options={"boundary": boundary})
    yield Feature("boundary", "one for each axis", options={"boundary": ("wrap", "clamp")})
    yield Feature("boundary", "folded position", options={"boundary": "reflect", "fold": "coordinate"})
    yield Feature(
        "boundary", "folded position, 4 taps", options={"boundary": "clamp", "fold": "coordinate", "kernel": "cubic"}
    )
    yield Feature("boundary", "outside=value", options={"outside": 2.0})
    yield Feature("boundary", "outside beyond the centres", options={"outside": 2.0, "limit": "centres"})
    for axes in range(1, 6):
        yield Feature("axes", str(axes), axes=axes)
    for dtype in DTYPES:
        yield Feature("image type", dtype, dtype=dtype)
    for nonfinite in ("propagate", "outside", "error"):
        yield Feature("not finite", nonfinite, options={"nonfinite": nonfinite})
    yield Feature("call", "splat", "splat")
    yield Feature("call", "sample_grad", "sample_grad")
    yield Feature("call", "antialias", options={"antialias": True})
    yield Feature("call", "out=", options={"out": True})
    yield Feature("call", "relative coordinates", options={"relative": True})
    yield Feature("call", "grid_sample", "grid_sample")
    yield Feature("call", "grid_sample, 3D bicubic", "grid_sample", {"mode": "bicubic"}, axes=3)
    yield Feature("call", "grid_sample of whole numbers", "grid_sample", dtype="int32")
    yield Feature("call", "grid_sample, 4 axes", "grid_sample", axes=4)


def page() -> str:
    """The text of docs/support.md."""
    lines = [
        "# What is supported",
        "",
        "Written by `python -m gridsample.cli.support`, which asks the code; `tests/cli/test_support.py` compares.",
        "Two backends do the work, and the first that takes a call gets it: **engine** (`cpu`), the compiled loops,",
        "and **portable**, array operations of the arrays' own library. `-`: the engine has no loops for it, and the",
        "portable backend does it; asked for it all the same, the engine says so. *refused*: the public call raises",
        "an error, whose advice stands below.",
        "",
    ]
    head = [f"{framework}: {name}" for framework in FRAMEWORKS for name in ("engine", "portable")]
    group, advice = "", []
    for feature in features():
        if feature.group != group:
            group = feature.group
            lines += ["", f"| {group} | {' | '.join(head)} |", "|---|" + "---|" * len(head)]
        cells = []
        for framework in FRAMEWORKS:
            error = feature.refusal(framework)
            if error is not None:
                advice.append(f"* {group} {feature.name}, {framework}: {' '.join(str(error).split())}")
            for backend in backends.names():
                cells.append("*refused*" if error is not None else feature.cell(backend))
        lines.append(f"| {feature.name} | {' | '.join(cells)} |")
    lines += ["", "## Refused, and what to do", "", *advice]
    lines += [
        "",
        "Derivatives by `autograd` (torch) and `jax.grad` are had of every row whose image is real or complex",
    ]
    lines += ["floating point; NumPy has no autograd: `sample_grad` and `splat` are the two derivatives."]
    return "\n".join(line for line in lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(prog="python -m gridsample.cli.support", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args(arguments)
    if not given.check:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    return 0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page() else 1


if __name__ == "__main__":
    raise SystemExit(main())
