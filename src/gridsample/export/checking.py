# SPDX-License-Identifier: Apache-2.0
"""Check: before converting, what a target would refuse or silently compute differently, and what we write instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from gridsample.errors import OptionError
from gridsample.export.lower import Lowerer, Met, calls, model_of, program_of
from gridsample.export.targets import Target, opset_of, target

WHERE = "gridsample.export.check"


@dataclass(frozen=True)
class Finding:
    """``what`` plain conversion does to ``call``: "refused", "differs" or "agrees"; and what we write instead."""

    call: str
    what: str
    why: str
    instead: str


@dataclass(frozen=True)
class Check:
    """``print`` it; ``ok`` is True where plain conversion would do."""

    target: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return all(finding.what == "agrees" for finding in self.findings)

    def __str__(self) -> str:
        if not self.findings:
            return f"{self.target}: no sampling calls"
        lines = [f"{f.call}: plain conversion {f.what}: {f.why}; here: {f.instead}" for f in self.findings]
        return "\n".join([f"{self.target}:", *(f"  {line}" for line in lines)])


def check(
    model: Any, example_inputs: Any = None, *, to: str, opset: int | None = None, dynamic_shapes: Any = None
) -> Check:
    """What ``to``'s own converter would refuse or compute differently, call by call, and what ours writes.

    model, example_inputs, dynamic_shapes: as the exporters take them. to: one of `gs.export`'s targets.
    opset: of an ONNX file; None: 20. What is said was measured with the versions in docs/deploying.md.

    Returns:
        A `Check` of one `Finding` or more for each call.

    Raises:
        OptionError: an unknown target, or a call that no exported model can do. Else as the exporters.

    >>> import torch, gridsample as gs
    >>> class Model(torch.nn.Module):
    ...     def forward(self, volume, grid):
    ...         return torch.nn.functional.grid_sample(volume, grid, align_corners=False)
    >>> inputs = torch.rand(1, 1, 4, 4, 4), torch.rand(1, 2, 2, 2, 3)
    >>> print(gs.export.check(Model(), inputs, to="executorch"))
    ExecuTorch:
      3D grid_sample bilinear zeros align_corners=False: plain conversion refused: grid_sampler_3d has no kernel: the \
file is refused, or written and cannot be loaded; here: decomposed into elementary operations
    """
    chosen = target(WHERE, to)
    if opset is not None and to != "onnx":
        raise OptionError(WHERE, "opset with to='onnx' only", f"opset={opset} and to={to!r}", "leave it away")
    if opset is not None:
        opset_of(WHERE, opset)
    model, example = model_of(WHERE, model, example_inputs)
    program = program_of(model, example, dynamic_shapes)
    lowerer = Lowerer(chosen, (opset or 20) if to == "onnx" else None)
    findings = [finding for met in calls(program, lowerer) for finding in _of_call(met, chosen, lowerer.opset)]
    if any("affine_grid" in str(node.target) for node in program.graph.nodes):
        findings += _of_affine(chosen)
    return Check(chosen.title, tuple(findings))


def _of_call(met: Met, to: Target, opset: int | None) -> list[Finding]:
    where = "elementary operations" if met.lowering.kind == "decomposed" else met.lowering.operator
    instead = {"native": f"{where}, {met.lowering.reason}", "rewritten": f"{where} at rewritten coordinates"}
    said = instead.get(met.lowering.kind, f"decomposed into {where}")
    found = [(what, why) for what, why in _PLAIN[to.name](met, opset)]
    if not any(what == "refused" for what, _ in found):
        if torch.float16 in (getattr(torch, met.image_dtype), getattr(torch, met.coords_dtype)):
            found.append(("differs", "float16 coordinates move in steps of n/4096 pixels"))
        found.append(("differs", "at NaN and infinite coordinates, where no two runtimes agree"))
    return [Finding(met.call, what, why, said) for what, why in found]


Said = list[tuple[str, str]]
_OWN = ("refused", "gridsample::pull is unknown to it")


def _is_own(met: Met) -> bool:
    return " sample " in met.call


def _coreml(met: Met, opset: int | None) -> Said:
    if _is_own(met):
        return [_OWN]
    if met.options.kernel == ("cubic",):
        return [("refused", "resample has no bicubic: KeyError: 2")]
    if len(met.image_shape) != 4:
        return [("refused", "resample takes images of rank 4 alone")]
    found = [("differs", "from iOS16 on its default precision makes coordinates float16")]
    if met.options.kernel == ("nearest",):
        found.append(("differs", "half-way between two pixels: its documentation does not say which it takes"))
    return found


def _onnx(met: Met, opset: int | None) -> Said:
    opset = opset or 20
    if _is_own(met):
        return [_OWN]
    found = []
    if opset < 16:
        found.append(("refused", f"GridSample begins at opset 16; torch's newer exporter writes 18 instead of {opset}"))
    elif len(met.image_shape) == 5 and opset < 20:
        found.append(
            ("differs", f"a GridSample of rank 5 at opset {opset}, where it has rank 4: not every runtime takes it")
        )
    return found + _ties_of_reflection(met)


def _ties_of_reflection(met: Met) -> Said:
    if met.options.kernel == ("nearest",) and "reflect" in met.options.boundary:
        return [("differs", "nearest with reflection rounds before it reflects: ties outside take the other pixel")]
    return []


def _openvino(met: Met, opset: int | None) -> Said:
    if _is_own(met):
        return [_OWN]
    if len(met.image_shape) != 4:
        return [("refused", "GridSample takes images of rank 4 alone")]
    return _ties_of_reflection(met)


def _litert(met: Met, opset: int | None) -> Said:
    if _is_own(met):
        return [_OWN]
    if len(met.image_shape) != 4:
        return [("refused", "no lowering of grid_sampler_3d")]
    if {"reflect", "mirror"} & set(met.options.boundary):
        return [("refused", "reflection: failed to legalize operation 'tfl.equal'")]
    return []


def _executorch(met: Met, opset: int | None) -> Said:
    if _is_own(met):
        return [_OWN]
    if len(met.image_shape) != 4:
        return [("refused", "grid_sampler_3d has no kernel: the file is refused, or written and cannot be loaded")]
    return []


def _ncnn(met: Met, opset: int | None) -> Said:
    if _is_own(met):
        return [_OWN]
    found = []
    if met.image_shape[0] != 1:
        found.append(("refused", f"it has no batch axis, and this one is of {met.image_shape[0]}"))
    if met.options.kernel == ("nearest",):
        found.append(("differs", "ties go up"))
    if {"reflect", "mirror"} & set(met.options.boundary):
        found.append(("differs", "it reflects once only: far coordinates read other pixels"))
    return found


_PLAIN: dict[str, Callable[[Met, int | None], Said]] = {
    "coreml": _coreml,
    "onnx": _onnx,
    "openvino": _openvino,
    "litert": _litert,
    "executorch": _executorch,
    "ncnn": _ncnn,
}

_AFFINE = {
    "coreml": (
        "refused",
        "from torch.export, and traced but for bilinear zeros; there, with align_corners=False, it "
        "writes the affine operator, whose documentation calls that unsupported",
    ),
    "ncnn": ("refused", "an unknown layer F.affine_grid is written, and the file cannot be loaded"),
    "openvino": ("refused", "when traced"),
    "litert": ("refused", "in 3D"),
    "executorch": ("refused", "in 3D"),
}


def _of_affine(to: Target) -> list[Finding]:
    if to.name not in _AFFINE:
        return []
    return [Finding("affine_grid", *_AFFINE[to.name], "products and sums")]
