# SPDX-License-Identifier: Apache-2.0
"""OpenVINO: `GridSample` for images where all runtimes agree, elementary operations elsewhere; run on the CPU.

gs.export.openvino(model, example_inputs, path="model.xml")
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gridsample.errors import unknown
from gridsample.export.exported import Array, Exported, RefusedError, arrays, callable_module, exporter, needed
from gridsample.export.lower import Lowerer, exported, model_of, program_module, recorded
from gridsample.export.targets import TARGETS

WHERE = "gridsample.export.openvino"


class OpenVINO(Exported):
    """``model`` is an openvino.Model."""

    target, suffix = "openvino", ".xml"
    _compiled: Any = None

    def write(self, path: Path) -> None:
        needed(WHERE, "openvino", "openvino").save_model(self.model, str(path), compress_to_fp16=False)

    @property
    def runner(self) -> str:
        return "OpenVINO on the CPU"

    def run(self, *inputs: Any) -> tuple[Array, ...]:
        if self._compiled is None:  # in float32: by default a machine that has bfloat16 uses it
            settings = {"INFERENCE_PRECISION_HINT": "f32"}
            self._compiled = needed(WHERE, "openvino", "openvino").Core().compile_model(self.model, "CPU", settings)
        answer = self._compiled(arrays(inputs))
        return tuple(np.array(answer[output]) for output in self._compiled.outputs)

    def operations(self) -> Counter[str]:
        plumbing = ("Constant", "Parameter", "Result")
        return Counter(op.get_type_name() for op in self.model.get_ops() if op.get_type_name() not in plumbing)

    def size(self) -> int:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            self.save(Path(folder) / "model.xml")
            return sum(file.stat().st_size for file in Path(folder).iterdir())


@exporter(OpenVINO)
def convert(
    model: Any,
    example_inputs: Any = None,
    *,
    path: str | Path | None = None,
    dynamic_shapes: Any = None,
    lowering: str = "native",
    via: str = "export",
) -> OpenVINO:
    """Convert a model to OpenVINO's IR.

    model: a torch.nn.Module, an ExportedProgram, or a Plan (then the inputs are its image and coordinates).
    example_inputs: a tuple of tensors. dynamic_shapes: as `torch.export.export` takes them.
    lowering: "native" (the best there is), "rewritten", or "decomposed" (no GridSample anywhere).
    via: "export", or "trace" for models that `torch.export` does not take; a trace has the sizes of its example.

    Returns:
        An `OpenVINO`: ``.model`` is the openvino.Model; ``.save(path)``, ``.run(*inputs)``, ``.calls``.

    Raises:
        ArgumentTypeError, OptionError, DtypeError, RankError: the model cannot be converted; nothing is written.

    >>> import torch, gridsample as gs
    >>> class Model(torch.nn.Module):
    ...     def forward(self, volume, grid):
    ...         return torch.nn.functional.grid_sample(volume, grid, align_corners=False)
    >>> inputs = torch.rand(1, 1, 4, 8, 8), torch.rand(1, 4, 4, 4, 3)
    >>> gs.export.openvino(Model(), inputs).calls[0].lowering.reason  # doctest: +SKIP
    "OpenVINO's GridSample has no 3D"
    """
    if via not in ("export", "trace"):
        raise unknown(WHERE, "via", via, ("export", "trace"))
    if via == "trace" and dynamic_shapes is not None:
        raise RefusedError(WHERE, "fixed sizes with via='trace'", "dynamic_shapes", "use via='export'")
    openvino = needed(WHERE, "openvino", "openvino")
    model, example = model_of(WHERE, model, example_inputs)
    lowerer = Lowerer(TARGETS["openvino"], None, lowering)
    with warnings.catch_warnings(), torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        if via == "export":
            converted = openvino.convert_model(exported(model, example, lowerer, dynamic_shapes))
        else:
            traced = recorded(program_module(model), example, lowerer)
            converted = openvino.convert_model(traced, example_input=example, input=[tuple(x.shape) for x in example])
    return OpenVINO(converted, lowerer.met, model, example)


callable_module(__name__)
