# SPDX-License-Identifier: Apache-2.0
"""Core ML: a torch model that samples, converted in one call. Importing this also teaches plain coremltools.

    gs.export.coreml(model, example_inputs, path="model.mlpackage")

2D nearest and linear become MIL's `resample` behind coordinates made tame; all else becomes elementary operations.
Coordinates stay in float32 and indices in int32 whatever the model's precision.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gridsample.errors import unknown
from gridsample.export.exported import Array, Exported, RefusedError, arrays, callable_module, exporter, needed
from gridsample.export.lower import Lowerer, calls, evaluating, model_of, program_module, program_of
from gridsample.export.targets import LOWERINGS, TARGETS

WHERE = "gridsample.export.coreml"
_torch: Any = torch  # much of it has no types
ct = needed(WHERE, "coremltools", "coreml")

from gridsample.export import coreml_ops, mil_passes  # noqa: E402, F401  (registers both)

PRECISIONS = ("float16", "float32")
SYSTEMS = ("iOS15", "iOS16", "iOS17", "iOS18")


class CoreML(Exported):
    """``model`` is a coremltools MLModel."""

    target, suffix = "coreml", ".mlpackage"
    last: Any = None  # what the last run away from a Mac evaluated, a `replay.Replay`

    def write(self, path: Path) -> None:
        self.model.save(str(path))

    @property
    def program(self) -> Any:
        return self.model._mil_program.functions["main"]

    @property
    def runner(self) -> str:
        return "Core ML" if _on_a_mac() else "coremltools' value inference"

    def run(self, *inputs: Any) -> tuple[Array, ...]:
        named = dict(zip(self.program.inputs, arrays(inputs), strict=True))
        if _on_a_mac():
            answer = self.model.predict(named)
            return tuple(np.asarray(answer[var.name]) for var in self.program.outputs)
        from gridsample.export.replay import replay

        self.last = replay(self.program, named, self.program.opset_version)
        return self.last.outputs  # type: ignore[no-any-return]

    def operations(self) -> Counter[str]:
        return Counter(op.op_type for op in self.program.operations if op.op_type != "const")

    def size(self) -> int:
        package = Path(self.model.package_path)
        return sum(os.path.getsize(file) for file in package.rglob("*") if file.is_file())


@exporter(CoreML)
def convert(
    model: Any,
    example_inputs: Any = None,
    *,
    path: str | Path | None = None,
    dynamic_shapes: Any = None,
    lowering: str = "native",
    via: str = "export",
    precision: str = "float16",
    system: str = "iOS16",
    **options: Any,
) -> CoreML:
    """Convert a model to a Core ML program.

    model: a torch.nn.Module, an ExportedProgram, or a Plan (then the inputs are its image and coordinates).
    example_inputs: a tuple of tensors. dynamic_shapes: as `torch.export.export` takes them.
    lowering: "native" (the best there is), "rewritten", or "decomposed" (no `resample` anywhere).
    via: "export", or "trace" for models that `torch.export` does not take; a trace has the sizes of its example.
    precision: of all but coordinates and indices. system: the oldest to run on, iOS15 … iOS18 or as macOS12 … macOS15.
    options: passed to coremltools.convert.

    Returns:
        A `CoreML`: ``.model`` is coremltools' MLModel; ``.save(path)``, ``.run(*inputs)``, ``.calls``.

    Raises:
        ArgumentTypeError, OptionError, DtypeError, RankError: the model cannot be converted; nothing is written.

    >>> import torch, gridsample as gs
    >>> image, grid = torch.rand(1, 3, 8, 8), torch.rand(1, 4, 4, 2)
    >>> class Model(torch.nn.Module):
    ...     def forward(self, image, grid):
    ...         return gs.grid_sample(image, grid, "bicubic", "reflection")
    >>> gs.export.coreml(Model(), (image, grid)).calls[0].lowering.kind  # doctest: +SKIP
    'decomposed'
    """
    for value, name, known in (
        (lowering, "lowering", LOWERINGS),
        (via, "via", ("export", "trace")),
        (precision, "precision", PRECISIONS),
    ):
        if value not in known:
            raise unknown(WHERE, name, value, known)
    systems = [name for name in dir(ct.target) if name.startswith(("iOS", "macOS", "watchOS", "tvOS", "visionOS"))]
    if system not in systems or system in ("iOS13", "iOS14"):
        raise unknown(WHERE, "system", system, SYSTEMS)
    model, example = model_of(WHERE, model, example_inputs)
    program = program_of(model, example, dynamic_shapes)
    met = calls(program, Lowerer(TARGETS["coreml"], prefer=lowering))
    settings = {
        "convert_to": "mlprogram",
        "minimum_deployment_target": getattr(ct.target, system),
        "compute_precision": getattr(ct.precision, precision.upper()),
        "skip_model_load": not _on_a_mac(),
    } | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, coreml_ops.Settings.prefer = coreml_ops.Settings.prefer, lowering
        try:
            if via == "trace":
                model = program_module(model)
                if dynamic_shapes is not None:
                    raise RefusedError(WHERE, "fixed sizes with via='trace'", "dynamic_shapes", "use via='export'")
                with torch.no_grad(), evaluating(model):
                    source = _torch.jit.trace(model, example, check_trace=False)
                kinds = {"inputs": [ct.TensorType(shape=x.shape, dtype=_numpy_type(x)) for x in example]}
            else:
                source, kinds = program.run_decompositions({}), {}
            converted = ct.convert(source, **(kinds | settings))
        finally:
            coreml_ops.Settings.prefer = before
    return CoreML(converted, met, model, example)


def _numpy_type(x: Any) -> Any:
    return np.int32 if not x.is_floating_point() else np.float32


def _on_a_mac() -> bool:
    import platform

    return platform.system() == "Darwin"


callable_module(__name__)
