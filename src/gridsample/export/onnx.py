# SPDX-License-Identifier: Apache-2.0
"""ONNX, any opset from 11: `GridSample` where all runtimes agree, elementary operations elsewhere; run by ONNX Runtime.

    gs.export.onnx(model, example_inputs, path="model.onnx")

Opsets from 18 are written by torch's exporter from `torch.export`; older ones, which it silently replaces by 18, by the
one that traces.
"""

from __future__ import annotations

import io
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from gridsample.errors import OptionError, unknown
from gridsample.export.exported import Array, Exported, RefusedError, arrays, callable_module, exporter, needed
from gridsample.export.lower import MODES, PADDINGS, Lowerer, exported, model_of, program_module, recorded
from gridsample.export.targets import TARGETS, opset_of

WHERE = "gridsample.export.onnx"
_torch: Any = torch  # its types leave out what is used here
EXPORTS_FROM, TRACES_TO = 18, 23


class ONNX(Exported):
    """``model`` is an onnx.ModelProto."""

    target, suffix = "onnx", ".onnx"
    _session: Any = None

    def write(self, path: Path) -> None:
        path.write_bytes(self.model.SerializeToString())

    @property
    def runner(self) -> str:
        return "ONNX Runtime on the CPU"

    @property
    def session(self) -> Any:
        """An onnxruntime.InferenceSession."""
        if self._session is None:
            runtime = needed(WHERE, "onnxruntime", "onnx")
            data = self.model.SerializeToString()
            self._session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
        return self._session

    def run(self, *inputs: Any) -> tuple[Array, ...]:
        names = [value.name for value in self.session.get_inputs()]
        return tuple(self.session.run(None, dict(zip(names, arrays(inputs), strict=True))))

    def operations(self) -> Counter[str]:
        return Counter(node.op_type for node in self.model.graph.node if node.op_type != "Constant")

    def size(self) -> int:
        return int(self.model.ByteSize())


@exporter(ONNX)
def convert(
    model: Any,
    example_inputs: Any = None,
    *,
    path: str | Path | None = None,
    dynamic_shapes: Any = None,
    lowering: str = "native",
    via: str | None = None,
    opset: int = 20,
) -> ONNX:
    """Convert a model to ONNX.

    model: a torch.nn.Module, an ExportedProgram, or a Plan (then the inputs are its image and coordinates).
    example_inputs: a tuple of tensors. dynamic_shapes: as `torch.export.export` takes them; from opset 18 on.
    lowering: "native" (the best there is), "rewritten", or "decomposed" (no GridSample anywhere).
    via: "export" or "trace"; None: export from opset 18 on. A trace has the sizes of its example.
    opset: 11 to 26. GridSample has images from 16 on and volumes from 20 on.

    Returns:
        An `ONNX`: ``.model`` is the onnx.ModelProto; ``.save(path)``, ``.run(*inputs)``, ``.calls``.

    Raises:
        ArgumentTypeError, OptionError, DtypeError, RankError: the model cannot be converted; nothing is written.

    >>> import torch, gridsample as gs
    >>> class Model(torch.nn.Module):
    ...     def forward(self, image, grid):
    ...         return torch.nn.functional.grid_sample(image, grid, align_corners=False)
    >>> onnx = gs.export.onnx(Model(), (torch.rand(1, 3, 8, 8), torch.rand(1, 4, 4, 2)), opset=16)  # doctest: +SKIP
    """
    opset_of(WHERE, opset)
    via = via or ("export" if opset >= EXPORTS_FROM else "trace")
    if via not in ("export", "trace"):
        raise unknown(WHERE, "via", via, ("export", "trace"))
    if via == "export" and opset < EXPORTS_FROM:
        do = f"use via='trace' for older opsets, or opset={EXPORTS_FROM}"
        raise OptionError(WHERE, f"opset {EXPORTS_FROM} or newer with via='export'", str(opset), do)
    if via == "trace" and opset > TRACES_TO:
        do = f"use via='export', or opset={TRACES_TO}"
        raise OptionError(WHERE, f"opset {TRACES_TO} or older with via='trace'", str(opset), do)
    if via == "trace" and dynamic_shapes is not None:
        do = f"use via='export' and opset {EXPORTS_FROM} or newer"
        raise OptionError(WHERE, "fixed sizes with via='trace'", "dynamic_shapes", do)
    onnx = needed(WHERE, "onnx", "onnx")
    model, example = model_of(WHERE, model, example_inputs)
    lowerer = Lowerer(TARGETS["onnx"], opset, lowering)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        if via == "export":
            needed(WHERE, "onnxscript", "onnx")
            program = exported(model, example, lowerer, dynamic_shapes)
            how = {"dynamo": True, "opset_version": opset, "verbose": False, "custom_translation_table": _volumes()}
            proto = _torch.onnx.export(program, (), **how).model_proto
        else:
            module = program_module(model)
            file = io.BytesIO()
            traced = recorded(module, example, lowerer)
            _torch.onnx.export(traced, example, file, dynamo=False, opset_version=opset)
            proto = onnx.load_from_string(file.getvalue())
    got = next(entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx"))
    if got != opset:
        do = "another operator of the model needs it: ask for that opset"
        raise RefusedError(WHERE, f"a file of opset {opset}", f"opset {got}", do)
    return ONNX(proto, lowerer.met, model, example)


def _volumes() -> dict[Any, Any]:
    """What onnxscript 0.7.2 lacks: ``grid_sampler_3d``. Its graphs are of opset 18, and are then made newer."""
    from onnxscript import opset18

    def grid_sampler_3d(input: Any, grid: Any, mode: int, padding: int, align_corners: bool) -> Any:
        names = {"mode": MODES[mode], "padding_mode": PADDINGS[padding]}
        return opset18.GridSample(input, grid, align_corners=int(align_corners), **names)

    return {torch.ops.aten.grid_sampler_3d.default: grid_sampler_3d}


callable_module(__name__)
