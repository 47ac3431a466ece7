# SPDX-License-Identifier: Apache-2.0
"""ExecuTorch: its portable `grid_sampler_2d` for images, elementary operations elsewhere; run by its Python runtime.

    gs.export.executorch(model, example_inputs, path="model.pte")

Asked for a volume, ExecuTorch itself refuses, or writes a file that cannot be loaded; ours has no such call in it.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from gridsample.export.exported import Array, Exported, arrays, callable_module, exporter, needed
from gridsample.export.lower import Lowerer, exported, model_of
from gridsample.export.targets import TARGETS

WHERE = "gridsample.export.executorch"


class ExecuTorch(Exported):
    """``model`` is an ExecutorchProgramManager."""

    target, suffix = "executorch", ".pte"
    _method: Any = None

    def write(self, path: Path) -> None:
        path.write_bytes(self.model.buffer)

    @property
    def runner(self) -> str:
        return "ExecuTorch's portable runtime"

    def run(self, *inputs: Any) -> tuple[Array, ...]:
        if self._method is None:
            needed(WHERE, "executorch", "executorch")
            from executorch.runtime import Runtime

            self._program = Runtime.get().load_program(self.model.buffer)
            self._method = self._program.load_method("forward")
        answer = self._method.execute([torch.from_numpy(x) for x in arrays(inputs)])
        return tuple(x.numpy().copy() for x in answer)

    def operations(self) -> Counter[str]:
        plan = self.model.executorch_program.execution_plan[0]
        names = [op.name for op in plan.operators]
        calls = (i.instr_args for chain in plan.chains for i in chain.instructions)
        return Counter(names[c.op_index] if hasattr(c, "op_index") else type(c).__name__ for c in calls)

    def size(self) -> int:
        return len(self.model.buffer)


@exporter(ExecuTorch)
def convert(
    model: Any,
    example_inputs: Any = None,
    *,
    path: str | Path | None = None,
    dynamic_shapes: Any = None,
    lowering: str = "native",
    partitioners: Sequence[Any] = (),
) -> ExecuTorch:
    """Convert a model to an ExecuTorch program.

    model: a torch.nn.Module, an ExportedProgram, or a Plan (then the inputs are its image and coordinates).
    example_inputs: a tuple of tensors. dynamic_shapes: as `torch.export.export` takes them, with upper bounds.
    lowering: "native" (the best there is), "rewritten", or "decomposed" (no grid_sampler anywhere).
    partitioners: ExecuTorch's, e.g. XnnpackPartitioner(), for what a backend is to take.

    Returns:
        An `ExecuTorch`: ``.model`` is the ExecutorchProgramManager; ``.save(path)``, ``.run(*inputs)``, ``.calls``.

    Raises:
        ArgumentTypeError, OptionError, DtypeError, RankError: the model cannot be converted; nothing is written.

    >>> import torch, gridsample as gs
    >>> class Model(torch.nn.Module):
    ...     def forward(self, volume, grid):
    ...         return torch.nn.functional.grid_sample(volume, grid, align_corners=False)
    >>> inputs = torch.rand(1, 1, 4, 8, 8), torch.rand(1, 4, 4, 4, 3)
    >>> program = gs.export.executorch(Model(), inputs)  # doctest: +SKIP
    """
    needed(WHERE, "executorch", "executorch")
    model, example = model_of(WHERE, model, example_inputs)
    lowerer = Lowerer(TARGETS["executorch"], None, lowering)
    with warnings.catch_warnings(), torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        from executorch.exir import to_edge_transform_and_lower

        program = exported(model, example, lowerer, dynamic_shapes)
        edge = to_edge_transform_and_lower(program, partitioner=list(partitioners))
        converted = edge.to_executorch()
    return ExecuTorch(converted, lowerer.met, model, example)


callable_module(__name__)
