# SPDX-License-Identifier: Apache-2.0
"""What docs/deploying.md says was measured: every cell on every target, kept in docs/deploying/TARGET.json.

python tests/export/matrix.py onnx web coreml …   # measure those that are installed here, and write the page
python tests/export/matrix.py --speed onnx        # only time again
python tests/export/matrix.py --opsets            # only some cells at every opset of ONNX again
python tests/export/matrix.py                     # write the page from what is kept; --check: only say if it is in step

A cell is converted by the exporter, run by the target, and compared with `gridsample.grid_sample` on quarter-pixel
points with ties, points 100 images away, NaN, infinities and 3e9 (ncnn: finite ones, and no batch).
"""

from __future__ import annotations

import json
import platform
import sys
import time
import traceback
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

import matrix_page
import numpy as np
import torch
import web
from export_models import CELLS, FlowWarp, Sampler, SpatialTransformer, expected, inputs

import gridsample as gs
from gridsample.export.targets import OPSETS

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "deploying"
# The rows of the page: which exporter, with which arguments, and the packages whose versions matter.
ROWS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "onnx": ("onnx", {"opset": 20, "via": "trace"}, ("onnx", "onnxruntime")),
    "onnx-opset-11": ("onnx", {"opset": 11}, ("onnx", "onnxruntime")),
    "web": ("onnx", {"opset": 20, "via": "trace"}, ("onnx",)),
    "openvino": ("openvino", {"via": "trace"}, ("openvino",)),
    "coreml": ("coreml", {"precision": "float32", "system": "iOS16"}, ("coremltools", "numpy")),
    "coreml-trace-iOS18": (
        "coreml",
        {"precision": "float32", "system": "iOS18", "via": "trace"},
        ("coremltools", "numpy"),
    ),
    "litert": ("litert", {}, ("litert-torch", "ai-edge-litert")),
    "executorch": ("executorch", {}, ("executorch",)),
    "ncnn": ("ncnn", {}, ("ncnn", "pnnx")),
}
NETWORKS = ("spatial transformer", "flow warping")
# Native against decomposed: (title, mode, image, how many points), torch's shapes.
SPEED = [
    ("2D bilinear, 3 channels, 256²", "bilinear", (1, 3, 256, 256), (256, 256)),
    ("2D bilinear, 64 channels, 128²", "bilinear", (1, 64, 128, 128), (128, 128)),
    ("2D bicubic, 3 channels, 256²", "bicubic", (1, 3, 256, 256), (256, 256)),
    ("2D bicubic, 64 channels, 128²", "bicubic", (1, 64, 128, 128), (128, 128)),
    ("3D bilinear, 1 channel, 48³", "bilinear", (1, 1, 48, 48, 48), (48, 48, 48)),
    ("3D bilinear, 16 channels, 24 × 32²", "bilinear", (1, 16, 24, 32, 32), (24, 32, 32)),
    ("3D nearest, 1 channel, 48³", "nearest", (1, 1, 48, 48, 48), (48, 48, 48)),
]
TIMED = ("onnx", "openvino", "executorch", "ncnn")
# What every opset is asked: each lowering, kernel and number of axes once.
AT_EVERY_OPSET = [
    (2, "bilinear", "border", True),
    (2, "nearest", "reflection", False),
    (2, "bicubic", "zeros", False),
    (3, "bilinear", "reflection", True),
]
ROUNDS = 15


def difference(got: Any, want: Any) -> float:
    """The largest; infinite where only one of the two is NaN."""
    from gridsample.export.comparing import _difference

    return float(_difference(np.float64(want), np.float64(got)).max())


def measure(row: str) -> dict[str, Any]:
    """Everything about one row of the page."""
    to, how, packages = ROWS[row]
    result: dict[str, Any] = {
        "target": to,
        "options": how,
        "versions": {name: metadata.version(name) for name in ("torch", *packages)},
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        models = {title(cell): (Sampler(*cell[1:]), arguments(to, cell)) for cell in CELLS}
        frames = torch.rand(1, 1, 16, 20), torch.rand(1, 1, 16, 20)
        models |= dict(
            zip(
                NETWORKS,
                ((SpatialTransformer("border"), (torch.rand(1, 1, 24, 24),)), (FlowWarp(), frames)),
                strict=True,
            )
        )
        found = {name: converted(to, model, args, how) for name, (model, args) in models.items()}
        if row == "web":
            result |= _in_browser(found, models)
        result["cells"] = {name: entry for name, (entry, _) in found.items() if name not in NETWORKS}
        result["networks"] = {name: found[name][0] for name in NETWORKS}
        if row in TIMED:
            result["speed"] = speed(row)
        if row == "onnx":
            result["opsets"] = opsets()
    return result


def title(cell: tuple[int, str, str, bool]) -> str:
    axes, mode, padding, corners = cell
    return f"{axes}D {mode} {padding} {corners}"


def arguments(to: str, cell: tuple[int, str, str, bool]) -> tuple[Any, ...]:
    alone = to == "ncnn"  # no batch, and NaN is not guarded against
    return inputs(cell[0], cell[3], 1 if alone else 2, finite=alone)


def converted(to: str, model: Any, args: tuple[Any, ...], how: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """The best lowering, and the decomposed one beside it: difference, bytes, operations."""
    entry: dict[str, Any] = {}
    try:
        best = getattr(gs.export, to)(model, args, **how)
        entry |= {"lowering": best.calls[0].lowering.kind} | _figures(best, model, args)
        if entry["lowering"] in ("native", "rewritten") and isinstance(model, Sampler):
            entry["decomposed"] = _figures(
                getattr(gs.export, to)(model, args, lowering="decomposed", **how), model, args
            )
    except Exception as error:  # whatever a converter raises is what the page is to say
        traceback.print_exc()
        return entry | {"lowering": "unsupported", "why": str(error).splitlines()[0][:200]}, None
    print(f"{to} {entry}", flush=True)
    return entry, best


def _figures(exported: Any, model: Any, args: tuple[Any, ...]) -> dict[str, Any]:
    (got,) = exported.run(*args)
    figures = {"difference": difference(got, expected(model, *args)), "bytes": exported.size()}
    figures["operations"] = sum(exported.operations().values())
    last = getattr(exported, "last", None)
    if last is not None:  # who evaluated a Core ML program away from a Mac
        figures["by coremltools"], figures["by us"] = sum(last.by_coremltools.values()), dict(last.by_us)
    return figures


def _in_browser(found: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    """ONNX Runtime's differences replaced by those of ONNX Runtime Web, of the same files."""
    files = {name: (best.model.SerializeToString(), models[name][1]) for name, (_, best) in found.items() if best}
    answers, about = web.run(files)
    for name in files:
        entry, (model, args) = found[name][0], models[name]
        entry.pop("decomposed", None)
        if isinstance(answers[name], str):
            entry |= {"lowering": "unsupported", "why": answers[name].splitlines()[0][:200], "difference": None}
        else:
            entry["difference"] = difference(answers[name], expected(model, *args))
    return {"browser": about["agent"], "onnxruntime-web": about["version"]}


def speed(to: str) -> list[dict[str, Any]]:
    """The fastest of some calls of the native and of the decomposed model, in turns, where the target has the operator.

    In one thread where we can say so (ONNX Runtime): the fastest call is what other programs disturb least.
    """
    rows = []
    for name, mode, shape, out in SPEED:
        model = Sampler(mode, "border")
        args = torch.rand(shape), torch.rand(1, *out, len(out)) * 2 - 1
        how = {"opset": 20, "via": "trace"} if to == "onnx" else {"via": "trace"} if to == "openvino" else {}
        native = getattr(gs.export, to)(model, args, **how)
        if native.calls[0].lowering.kind not in ("native", "rewritten"):
            continue
        two = native, getattr(gs.export, to)(model, args, lowering="decomposed", **how)
        times: tuple[list[float], list[float]] = ([], [])
        for exported in two:
            _one_thread(exported)
            exported.run(*args)
        for _ in range(ROUNDS):
            for exported, taken in zip(two, times, strict=True):
                start = time.perf_counter()
                exported.run(*args)
                taken.append(1e3 * (time.perf_counter() - start))
        kinds = [exported.calls[0].lowering.kind for exported in two]
        ms = [round(min(taken), 3) for taken in times]
        sizes = [exported.size() for exported in two]
        rows.append({"case": name, "lowerings": kinds, "ms": ms, "ratio": round(ms[1] / ms[0], 3), "bytes": sizes})
        print(f"{to} {rows[-1]}", flush=True)
    return rows


def opsets() -> dict[str, Any]:
    """Some cells at every opset, by the exporter that each is written with by default."""
    found: dict[str, Any] = {}
    for opset in OPSETS:
        cells = {}
        for cell in AT_EVERY_OPSET:
            model, args = Sampler(*cell[1:]), inputs(cell[0], cell[3])
            exported = gs.export.onnx(model, args, opset=opset)
            written = next(entry.version for entry in exported.model.opset_import if entry.domain in ("", "ai.onnx"))
            (got,) = exported.run(*args)
            figures = {"difference": difference(got, expected(model, *args)), "opset": written}
            cells[title(cell)] = {"lowering": exported.calls[0].lowering.kind} | figures
        found[str(opset)] = cells
        print(f"opset {opset} {cells}", flush=True)
    return found


def _one_thread(exported: Any) -> None:
    if exported.target == "onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        data = exported.model.SerializeToString()
        exported._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def main(arguments: list[str]) -> int:
    names = [name for name in arguments if name not in ("--check", "--speed", "--opsets")]
    known = TIMED if "--speed" in arguments else ROWS
    if unknown := set(names) - set(known):
        print(f"expected some of {', '.join(known)}, got {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    FOLDER.mkdir(exist_ok=True)
    if "--opsets" in arguments:
        path = FOLDER / "onnx.json"
        result = json.loads(path.read_text(encoding="utf-8")) | {"opsets": opsets()}
        path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name in names:
        path = FOLDER / f"{name}.json"
        if "--speed" in arguments:
            result = json.loads(path.read_text(encoding="utf-8")) | {"speed": speed(name)}
        else:
            result = measure(name)
        path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return matrix_page.write(FOLDER, check="--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
