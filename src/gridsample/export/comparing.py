# SPDX-License-Identifier: Apache-2.0
"""Parity: a source model and what it was converted to, run on the same adversarial inputs and compared."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gridsample import plan
from gridsample.api import grid_sample
from gridsample.errors import ArgumentTypeError, ShapeError
from gridsample.export.adversarial import KINDS, coordinates
from gridsample.export.exported import Array, Exported
from gridsample.export.lower import MODES, PADDINGS, Met, evaluating, program_module
from gridsample.export.targets import TARGETS

WHERE = "gridsample.export.parity"


@dataclass(frozen=True)
class Row:
    """One set of inputs: the largest and mean difference, and the index of the largest in which output."""

    inputs: str
    largest: float
    mean: float
    output: int
    where: tuple[int, ...]
    source_ms: float
    exported_ms: float


@dataclass(frozen=True)
class Parity:
    """The table. ``runner`` says who computed the exported model's side."""

    target: str
    runner: str
    rows: tuple[Row, ...]
    calls: tuple[Met, ...]
    operations: Counter[str]
    bytes: int
    evaluated: str = ""

    @property
    def largest(self) -> float:
        return max((row.largest for row in self.rows), default=0.0)

    def raise_above(self, tolerance: float) -> None:
        """AssertionError with the table if any difference is above ``tolerance``, or no number."""
        if not self.largest <= tolerance:
            raise AssertionError(f"differences above {tolerance:g}\n{self}")

    def __str__(self) -> str:
        lines = [f"{self.target}, computed by {self.runner}{self.evaluated}; {self.bytes} bytes"]
        lines += [f"  {met.call}: {met.lowering.kind} ({met.lowering.reason})" for met in self.calls]
        lines.append("  operations: " + ", ".join(f"{n} {name}" for name, n in self.operations.most_common()))
        width = max([len(row.inputs) for row in self.rows] + [6])
        lines.append(f"  {'inputs':{width}}  {'largest':>9}  {'mean':>9}  source ms  exported ms  where")
        for row in self.rows:
            figures = f"{row.largest:9.2e}  {row.mean:9.2e}  {row.source_ms:9.2f}  {row.exported_ms:11.2f}"
            lines.append(f"  {row.inputs:{width}}  {figures}  output {row.output} at {row.where}")
        return "\n".join(lines)


def parity(exported: Exported, inputs: Sequence[Any] | None = None, *, seed: int = 0) -> Parity:
    """Run the source and the exported model on the same inputs, and compare.

    inputs: tuples of tensors or arrays to compare on. None: the example inputs; and, where the model is one sampling
    call of its two inputs, a set of each kind in `adversarial.KINDS`; for ncnn of finite ones.

    Convention:
        The source's ``F.grid_sample`` counts as `gridsample.grid_sample`: the same numbers, and a rule for NaN, which
        torch only documents. Equal infinities and NaN in the same place differ by 0.

    Returns:
        A `Parity`: ``print`` it, read ``.rows`` and ``.largest``, or call ``.raise_above(1e-5)``.

    Raises:
        ArgumentTypeError: not something an exporter returned. ShapeError: outputs of another number or shape.

    >>> import torch, gridsample as gs
    >>> class Model(torch.nn.Module):
    ...     def forward(self, image, grid):
    ...         return gs.grid_sample(image, grid, "nearest", "reflection")
    >>> onnx = gs.export.onnx(Model(), (torch.rand(1, 3, 8, 8), torch.rand(1, 4, 4, 2)))  # doctest: +SKIP
    >>> gs.export.parity(onnx).largest  # doctest: +SKIP
    0.0
    """
    if not isinstance(exported, Exported):
        do = "pass what gs.export.onnx and the others return"
        raise ArgumentTypeError(WHERE, "an exported model", type(exported).__name__, do)
    sets: list[tuple[str, Sequence[Any]]] = [(f"given {i}", given) for i, given in enumerate(inputs or ())]
    if inputs is None:
        sets = [("example", exported.example_inputs)]
        sets += _adversarial(exported, np.random.default_rng(seed)) if _is_one_call(exported) else []
    rows = tuple(_row(exported, name, arrays) for name, arrays in sets)
    return Parity(
        exported.target,
        exported.runner,
        rows,
        exported.calls,
        exported.operations(),
        exported.size(),
        _evaluated(exported),
    )


def _is_one_call(exported: Exported) -> bool:
    """Whether the model's inputs are the image and the coordinates of its only sampling call."""
    if len(exported.calls) != 1 or len(exported.example_inputs) != 2:
        return False
    met = exported.calls[0]
    return all(
        tuple(x.shape) == tuple(shape)
        for x, shape in zip(exported.example_inputs, (met.image_shape, met.coords_shape), strict=True)
    )


def _adversarial(exported: Exported, rng: np.random.Generator) -> list[tuple[str, tuple[Any, ...]]]:
    met = exported.calls[0]
    image, coords = exported.example_inputs
    shapes = tuple(image.shape), met.image_dtype, tuple(coords.shape), met.coords_dtype
    call = plan.make("sample", *shapes, met.options)
    kinds = KINDS if TARGETS[exported.target].gathers else KINDS[:-1]
    pixels = torch.from_numpy(rng.standard_normal(image.shape)).to(image.dtype)
    return [(kind, (pixels, torch.from_numpy(coordinates(kind, call, rng)))) for kind in kinds]


class _Ours(torch.overrides.TorchFunctionMode):
    """`F.grid_sample` by our own operator."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.nn.functional.grid_sample:
            return _by_names(*args, **(kwargs or {}))
        if function in _SAMPLERS:
            return _by_numbers(*args)
        return function(*args, **(kwargs or {}))


_SAMPLERS = (torch.grid_sampler, torch.ops.aten.grid_sampler.default)


def _by_names(
    input: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", corners: Any = None, **more: Any
) -> Any:
    return grid_sample(input, grid, mode, padding_mode, bool(more.get("align_corners", corners)))


def _by_numbers(input: Any, grid: Any, mode: int, padding: int, corners: bool) -> Any:
    return grid_sample(input, grid, MODES[mode], PADDINGS[padding], corners)


def _row(exported: Exported, name: str, inputs: Sequence[Any]) -> Row:
    tensors = tuple(x if isinstance(x, torch.Tensor) else torch.from_numpy(np.asarray(x)) for x in inputs)
    source = program_module(exported.source)
    with torch.no_grad(), evaluating(source), _Ours():
        start = time.perf_counter()
        expected = source(*tensors)
        between = time.perf_counter()
    got = exported.run(*tensors)
    end = time.perf_counter()
    expected = (expected,) if isinstance(expected, torch.Tensor) else tuple(expected)
    if [tuple(x.shape) for x in expected] != [tuple(x.shape) for x in got]:
        shapes = f"{[tuple(x.shape) for x in got]}"
        do = "convert the model with these inputs as its example, or with dynamic_shapes"
        raise ShapeError(WHERE, f"outputs of shapes {[tuple(x.shape) for x in expected]}", shapes, do)
    worst, output, total, count = -1.0, 0, 0.0, 0
    where: tuple[int, ...] = ()
    for k, (want, have) in enumerate(zip(expected, got, strict=True)):
        difference = _difference(want.double().numpy(), have.astype(np.float64))
        total, count = total + float(difference.sum()), count + difference.size
        if difference.size and difference.max() > worst:
            worst, output = float(difference.max()), k
            where = tuple(int(i) for i in np.unravel_index(difference.argmax(), difference.shape))
    times = (between - start) * 1e3, (end - between) * 1e3
    return Row(name, max(worst, 0.0), total / max(count, 1), output, where, *times)


def _difference(want: Array, have: Array) -> Array:
    """Absolute; 0 where both are the same infinity or both NaN, infinite where only one is no number."""
    same = (want == have) | (np.isnan(want) & np.isnan(have))
    with np.errstate(invalid="ignore"):
        difference = np.where(same, 0.0, np.abs(want - have))
    return np.where(np.isnan(difference), np.inf, difference)


def _evaluated(exported: Exported) -> str:
    """What there is to say: on Linux a Core ML program is replayed, by whom, operation by operation."""
    last = getattr(exported, "last", None)
    if last is None:
        return (
            "" if TARGETS[exported.target].gathers else " (not at NaN and infinities: it has nothing to tell them by)"
        )
    ours = ", ".join(f"{n} {name}" for name, n in last.by_us.items()) or "none"
    return f" ({sum(last.by_coremltools.values())} operations; by our reading of their documentation: {ours})"
