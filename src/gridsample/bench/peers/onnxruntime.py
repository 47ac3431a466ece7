# SPDX-License-Identifier: Apache-2.0
"""onnxruntime's GridSample (opset 20): a session of one node, fed NumPy arrays."""

from __future__ import annotations

from typing import Any

from gridsample.bench import ours
from gridsample.bench.ours import Calls
from gridsample.bench.peers.base import Can, Peer
from gridsample.bench.runs import Run

OPSET, IR = 20, 10  # opset 20 has volumes; its models were written with format 10, so that older runtimes read them
MODES = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}


def _but(run: Run) -> str | None:
    return "cubic in 2D only" if run.case.axes == 3 and run.mode == "bicubic" else None


def _prepare(run: Run) -> Calls:
    import onnxruntime
    from onnx import TensorProto, helper

    rank = [None] * (run.case.axes + 2)
    image, grid, out = (helper.make_tensor_value_info(name, TensorProto.FLOAT, rank) for name in ("x", "g", "y"))
    how: dict[str, Any] = {"mode": MODES[run.mode], "padding_mode": run.padding, "align_corners": 0}
    graph = helper.make_graph([helper.make_node("GridSample", ["x", "g"], ["y"], **how)], "run", [image, grid], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = run.threads, 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    pixels, points = run.arrays()

    def theirs() -> tuple[Any, ...]:
        return tuple(session.run(None, {"x": pixels, "g": points}))

    return ours.by_grid(run, pixels, points, theirs)


PEER = Peer(
    name="onnxruntime",
    call="GridSample, opset 20",
    packages={"onnxruntime": "onnxruntime", "onnx": "onnx"},
    can=Can(axes=(2, 3), modes=("bilinear", "nearest", "bicubic")),
    prepare=_prepare,
    but=_but,
)
