# SPDX-License-Identifier: Apache-2.0
"""Export: torch models that sample, converted for other runtimes in one call, with the proof that they agree.

    import gridsample as gs
    gs.export.coreml(model, example_inputs, path="model.mlpackage")
    gs.export.onnx(...)  gs.export.openvino(...)  gs.export.litert(...)  gs.export.executorch(...)  gs.export.ncnn(...)
    gs.export.check(model, example_inputs, to="onnx")     what the target would refuse or compute differently
    gs.export.parity(exported)                            both run on adversarial inputs, compared

Each exporter is a module that can be called; it and its packages are loaded when first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gridsample.export.targets import TARGETS

__all__ = ["check", "coreml", "executorch", "litert", "ncnn", "onnx", "openvino", "parity"]

if TYPE_CHECKING:
    from gridsample.export.checking import check
    from gridsample.export.comparing import parity
    from gridsample.export.coreml import convert as coreml
    from gridsample.export.executorch import convert as executorch
    from gridsample.export.litert import convert as litert
    from gridsample.export.ncnn import convert as ncnn
    from gridsample.export.onnx import convert as onnx
    from gridsample.export.openvino import convert as openvino


def __getattr__(name: str) -> Any:
    if name in TARGETS:
        return import_module(f"gridsample.export.{name}")
    if name in ("check", "parity"):
        return getattr(import_module(f"gridsample.export.{'checking' if name == 'check' else 'comparing'}"), name)
    raise AttributeError(f"module 'gridsample.export' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
