# SPDX-License-Identifier: Apache-2.0
"""OpenVINO's GridSample-9 on the CPU, computed in float32: a compiled model of one node."""

from __future__ import annotations

from typing import Any

from gridsample.bench import ours
from gridsample.bench.ours import Calls
from gridsample.bench.peers.base import Can, Peer
from gridsample.bench.runs import Run


def _prepare(run: Run) -> Calls:
    import openvino
    from openvino import opset9

    image, grid = run.arrays()
    inputs = [opset9.parameter(array.shape, array.dtype) for array in (image, grid)]
    how = {"mode": run.mode, "padding_mode": run.padding, "align_corners": False}
    settings = {"INFERENCE_NUM_THREADS": run.threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    model = openvino.Model([opset9.grid_sample(*inputs, how)], inputs)
    compiled = openvino.Core().compile_model(model, "CPU", settings)

    def theirs() -> tuple[Any, ...]:
        return (compiled([image, grid])[0],)

    return ours.by_grid(run, image, grid, theirs)


PEER = Peer(
    name="openvino",
    call="GridSample-9",
    packages={"openvino": "openvino"},
    can=Can(modes=("bilinear", "nearest", "bicubic")),
    prepare=_prepare,
)
