# SPDX-License-Identifier: Apache-2.0
"""ncnn, through pnnx: `GridSample` at rewritten coordinates, or once for each tap of kernels it has not; run by ncnn.

    gs.export.ncnn(model, example_inputs, path="model.param")    writes model.param and model.bin

ncnn has no batch axis, no integers and no comparisons: inputs have batch 1, and NaN is not guarded against.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gridsample.errors import ShapeError
from gridsample.export.exported import Array, Exported, RefusedError, arrays, callable_module, exporter, fixed, needed
from gridsample.export.lower import Lowerer, model_of, program_module, recorded
from gridsample.export.targets import TARGETS

WHERE = "gridsample.export.ncnn"


class Ncnn(Exported):
    """``model`` is the pair (text of the .param file, bytes of the .bin file)."""

    target, suffix = "ncnn", ".param"
    _net: Any = None

    def write(self, path: Path) -> None:
        path.write_text(self.model[0])
        path.with_suffix(".bin").write_bytes(self.model[1])

    @property
    def runner(self) -> str:
        return "ncnn on the CPU"

    @property
    def net(self) -> Any:
        """An ncnn.Net that computes in float32."""
        if self._net is None:
            ncnn = needed(WHERE, "ncnn", "ncnn")
            net = ncnn.Net()
            for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
                setattr(net.opt, name, False)
            with tempfile.TemporaryDirectory() as folder:
                path = self.save(Path(folder) / "model.param")
                if net.load_param(str(path)) or net.load_model(str(path.with_suffix(".bin"))):
                    do = "see ncnn's message above: the model has an operator that ncnn lacks"
                    raise RefusedError(WHERE, "a file that ncnn can load", "one with unknown layers", do)
            self._net = net
        return self._net

    def run(self, *inputs: Any) -> tuple[Array, ...]:
        ncnn = needed(WHERE, "ncnn", "ncnn")
        extractor = self.net.create_extractor()
        for k, value in enumerate(arrays(inputs)):
            extractor.input(f"in{k}", ncnn.Mat(np.ascontiguousarray(value[0])).clone())
        found = []
        for name, shape in zip(self.net.output_names(), self._shapes(), strict=True):
            value = np.array(extractor.extract(name)[1]).copy()  # a view until then, of memory that dies
            found.append(value.reshape(shape))
        return tuple(found)

    def _shapes(self) -> list[tuple[int, ...]]:
        """Of the outputs: ncnn drops the batch, and axes of one pixel with it."""
        with torch.no_grad():
            outputs = program_module(self.source)(*self.example_inputs)
        outputs = (outputs,) if isinstance(outputs, torch.Tensor) else outputs
        return [tuple(x.shape) for x in outputs]

    def operations(self) -> Counter[str]:
        layers = [line.split()[0] for line in self.model[0].splitlines()[2:] if line.strip()]
        return Counter(layer for layer in layers if layer not in ("Input", "Split"))

    def size(self) -> int:
        return len(self.model[0]) + len(self.model[1])


@exporter(Ncnn)
def convert(
    model: Any,
    example_inputs: Any = None,
    *,
    path: str | Path | None = None,
    dynamic_shapes: Any = None,
    lowering: str = "native",
) -> Ncnn:
    """Convert a model to ncnn's two files.

    model: a torch.nn.Module, or a Plan (then the inputs are its image and coordinates).
    example_inputs: a tuple of tensors of batch 1; sizes are those of the example, dynamic_shapes are refused.
    lowering: "native" (the best there is), "rewritten", or "decomposed" (GridSample "nearest" once for each tap).

    Returns:
        An `Ncnn`: ``.model`` is the pair of the files' contents; ``.save(path)``, ``.run(*inputs)``, ``.calls``. It has
        been loaded once, as pnnx writes files that cannot be and says nothing.

    Raises:
        ArgumentTypeError, OptionError, DtypeError, RankError, ShapeError: the model cannot be converted. RefusedError:
        it was, and ncnn does not load it. Nothing is written.

    >>> import torch, gridsample as gs
    >>> class Model(torch.nn.Module):
    ...     def forward(self, image, grid):
    ...         return torch.nn.functional.grid_sample(image, grid, "nearest", align_corners=False)
    >>> ncnn = gs.export.ncnn(Model(), (torch.rand(1, 3, 8, 8), torch.rand(1, 4, 4, 2)))  # doctest: +SKIP
    """
    fixed(WHERE, dynamic_shapes)
    pnnx = needed(WHERE, "pnnx", "ncnn")
    needed(WHERE, "ncnn", "ncnn")
    model, example = model_of(WHERE, model, example_inputs)
    model = program_module(model)
    for x in example:
        if x.dim() > 2 and x.shape[0] != 1:
            do = "ncnn has no batch axis: export one sample, and loop over the batch"
            raise ShapeError(WHERE, "example inputs of batch 1", str(tuple(x.shape)), do)
    lowerer = Lowerer(TARGETS["ncnn"], None, lowering)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = recorded(model, example, lowerer)
    program = Path(str(pnnx.__file__)).with_name("pnnx.exe" if os.name == "nt" else "pnnx")
    folder = Path(tempfile.mkdtemp())
    try:
        traced.save(str(folder / "model.pt"))
        shapes = ",".join(f"[{','.join(map(str, x.shape))}]{_CODES[x.dtype]}" for x in example)
        command = [str(program), "model.pt", f"inputshape={shapes}", "fp16=0"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        files = folder / "model.ncnn.param", folder / "model.ncnn.bin"
        if done.returncode or not all(file.is_file() for file in files):
            got = (done.stderr or done.stdout).strip()[-300:]
            raise RefusedError(WHERE, "pnnx to convert the model", got, "see its message")
        made = Ncnn((files[0].read_text(), files[1].read_bytes()), lowerer.met, model, example)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _ = made.net
    return made


_CODES = {torch.float32: "f32", torch.float16: "f16", torch.float64: "f64", torch.int32: "i32", torch.int64: "i64"}

callable_module(__name__)
