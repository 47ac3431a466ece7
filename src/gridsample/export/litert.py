# SPDX-License-Identifier: Apache-2.0
"""LiteRT (TensorFlow Lite): elementary operations throughout, as it has no sampling operator; run by its interpreter.

    gs.export.litert(model, example_inputs, path="model.tflite")

litert-torch moves packages that others share: give it an environment of its own.
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

from gridsample.export.exported import Array, Exported, arrays, callable_module, exporter, fixed, needed
from gridsample.export.lower import Lowerer, exported, model_of
from gridsample.export.targets import TARGETS

WHERE = "gridsample.export.litert"


class LiteRT(Exported):
    """``model`` is the file's bytes."""

    target, suffix = "litert", ".tflite"
    _interpreter: Any = None

    def write(self, path: Path) -> None:
        path.write_bytes(self.model)

    @property
    def runner(self) -> str:
        return "LiteRT's interpreter"

    @property
    def interpreter(self) -> Any:
        if self._interpreter is None:
            needed(WHERE, "ai_edge_litert", "litert")
            from ai_edge_litert.interpreter import Interpreter

            self._interpreter = Interpreter(model_content=self.model)
            self._interpreter.allocate_tensors()
        return self._interpreter

    def run(self, *inputs: Any) -> tuple[Array, ...]:
        details = sorted(self.interpreter.get_input_details(), key=lambda detail: detail["name"])
        for detail, value in zip(details, arrays(inputs), strict=True):
            self.interpreter.set_tensor(detail["index"], value)
        self.interpreter.invoke()
        found = self.interpreter.get_output_details()
        return tuple(np.array(self.interpreter.get_tensor(detail["index"])) for detail in found)

    def operations(self) -> Counter[str]:
        return Counter(op["op_name"] for op in self.interpreter._get_ops_details() if op["op_name"] != "DELEGATE")

    def size(self) -> int:
        return len(self.model)


@exporter(LiteRT)
def convert(
    model: Any,
    example_inputs: Any = None,
    *,
    path: str | Path | None = None,
    dynamic_shapes: Any = None,
    lowering: str = "native",
) -> LiteRT:
    """Convert a model to a .tflite file for LiteRT.

    model: a torch.nn.Module, an ExportedProgram, or a Plan (then the inputs are its image and coordinates).
    example_inputs: a tuple of tensors; sizes are those of the example, dynamic_shapes are refused.
    lowering: all three names give the decomposition, as LiteRT has no sampling operator.

    Returns:
        A `LiteRT`: ``.model`` is the file's bytes; ``.save(path)``, ``.run(*inputs)``, ``.calls``.

    Raises:
        ArgumentTypeError, OptionError, DtypeError, RankError: the model cannot be converted; nothing is written.

    >>> import torch, gridsample as gs
    >>> class Model(torch.nn.Module):
    ...     def forward(self, image, grid):
    ...         return torch.nn.functional.grid_sample(image, grid, "bilinear", "reflection", align_corners=False)
    >>> tflite = gs.export.litert(Model(), (torch.rand(1, 3, 8, 8), torch.rand(1, 4, 4, 2)))  # doctest: +SKIP
    """
    fixed(WHERE, dynamic_shapes)
    litert_torch = needed(WHERE, "litert_torch", "litert")
    model, example = model_of(WHERE, model, example_inputs)
    lowerer = Lowerer(TARGETS["litert"], None, lowering)
    with warnings.catch_warnings(), torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        module = exported(model, example, lowerer).module()
        converted = litert_torch.convert(module, example)
    content = (
        converted.model_content() if callable(getattr(converted, "model_content", None)) else converted.tflite_model()
    )
    return LiteRT(bytes(content), lowerer.met, model, example)


callable_module(__name__)
