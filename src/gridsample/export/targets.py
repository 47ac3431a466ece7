# SPDX-License-Identifier: Apache-2.0
"""What every target's own operator can do, and the one place that decides how a call is lowered to it.

Best first: *native*, the operator as it is, behind a guard for NaN and far coordinates; *rewritten*, the coordinates
folded and rounded in elementary operations, then the operator where all runtimes agree; *decomposed*, all of it in
elementary operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gridsample.errors import OptionError, RankError, unknown
from gridsample.export.positions import boundaries, fill_of, kernels
from gridsample.options import Options
from gridsample.spec.boundaries import BOUNDARIES

MOST_AXES = 3  # with which every target was tried
OPSETS = range(11, 27)  # of ONNX: what torch 2.13's two exporters write between them and ONNX Runtime 1.31 runs
LOWERINGS = ("native", "rewritten", "decomposed")  # and "tapped", where there is no gather


@dataclass(frozen=True)
class Target:
    """One row. ``kernels``: those of its own operator for each number of axes, that all its runtimes compute alike.

    even: half-way between two pixels its "nearest" takes the even one, by measurement; else we round before it.
    fill: it has a constant boundary. truncates: its remainder of integers has the dividend's sign.
    narrow: its remainder of integers is computed in float32, so wrong for large ones.
    gathers: it can read a table at computed indices; else every tap is a call of the operator, *tapped*.
    since: the first opset of the operator, by number of axes (ONNX alone).
    """

    name: str
    title: str
    operator: str
    kernels: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    even: bool = False
    fill: bool = False
    since: Mapping[int, int] = field(default_factory=dict)
    truncates: bool = False
    narrow: bool = False
    gathers: bool = True


_ROWS = (
    Target("coreml", "Core ML", "resample", {2: ("nearest", "linear")}, fill=True),  # MIL: rank 5
    Target(
        "onnx",
        "ONNX",
        "GridSample",
        {2: ("nearest", "linear", "cubic"), 3: ("nearest", "linear")},
        since={2: 16, 3: 20},
    ),
    Target("openvino", "OpenVINO", "GridSample", {2: ("nearest", "linear", "cubic")}, narrow=True),  # 2026.4.1
    Target("litert", "LiteRT", "none"),
    Target(
        "executorch",
        "ExecuTorch",
        "aten::grid_sampler_2d",
        {2: ("nearest", "linear", "cubic")},
        even=True,
        truncates=True,  # 1.5.1: its aten::remainder of -1 by 8 is -1
    ),
    Target("ncnn", "ncnn", "GridSample", {2: ("nearest", "linear", "cubic"), 3: ("nearest", "linear")}, gathers=False),
)

TARGETS: dict[str, Target] = {row.name: row for row in _ROWS}


def opset_of(where: str, opset: object) -> int:
    """An opset of ONNX that can be written."""
    if isinstance(opset, bool) or not isinstance(opset, int) or opset not in OPSETS:
        do = "20 has GridSample for volumes, too"
        raise OptionError(where, f"opset {OPSETS[0]} to {OPSETS[-1]}", repr(opset), do)
    return opset


@dataclass(frozen=True)
class Lowering:
    """How a call is lowered, and why not better."""

    kind: str
    operator: str
    reason: str


def target(where: str, name: object) -> Target:
    if isinstance(name, str) and name in TARGETS:
        return TARGETS[name]
    raise unknown(where, "to", name, TARGETS)


def choose(to: Target, axes: int, options: Options, opset: int | None = None, prefer: str = "native") -> Lowering:
    """The best lowering of a call with ``axes`` spatial axes that is at most as good as ``prefer``.

    opset: of the ONNX file. Raises OptionError for what no exported model can do.
    """
    where = f"gridsample.export.{to.name}"
    if options.nonfinite == "error":
        do = "an exported model cannot raise: choose nonfinite='propagate' or 'outside'"
        raise OptionError(where, "nonfinite other than 'error'", "nonfinite='error'", do)
    if axes > MOST_AXES:
        do = "sample over fewer axes at a time"
        raise RankError(where, f"at most {MOST_AXES} spatial axes with {to.title}", str(axes), do)
    if options.derivative:
        raise OptionError(where, "a call of sampling alone", options.text, "export the call itself")
    folds = options.fold == "coordinate" and any(row.taps > 2 for row in kernels(options, axes))
    if folds or (options.fold == "coordinate" and "wrap" in options.boundary):
        raise OptionError(where, "fold='tap' with this kernel and boundary", options.text, "leave fold away")
    if not to.gathers and (options.nonfinite == "outside" or options.outside is not None or options.ties != "even"):
        do = "leave outside and nonfinite as they are by default"
        raise OptionError(where, f"a call that {to.title} can do without comparisons", options.text, do)
    if not to.gathers and fill_of(options):
        do = "subtract the fill from the image before, and add it after"
        raise OptionError(where, f"boundaries that {to.title} has", f"'constant' with fill={options.fill:g}", do)
    if prefer not in LOWERINGS:
        raise unknown(where, "lowering", prefer, LOWERINGS)
    against = "as asked for" if prefer == "decomposed" else _not_native(to, axes, options, opset)
    if against is not None:
        if to.gathers:
            return Lowering("decomposed", "elementary operations", against)
        if axes not in to.kernels:
            do = "add an axis of one pixel to the image, and a component to the coordinates"
            raise RankError(where, f"{' or '.join(map(str, to.kernels))} spatial axes", str(axes), do)
        return Lowering("tapped", f"{to.operator}, once for each tap,", against)
    against = _not_as_it_is(to, axes, options)
    if prefer == "native" and against is None:
        return Lowering("native", to.operator, "behind a guard for NaN and far coordinates")
    return Lowering("rewritten", to.operator, against or "as asked for")


def _not_native(to: Target, axes: int, options: Options, opset: int | None) -> str | None:
    """Why the operator cannot do it, whatever its coordinates; or None."""
    name = f"{to.title}'s {to.operator}"
    if axes not in to.kernels:
        return f"{name} has no {axes}D" if to.kernels else f"{to.title} has no such operator"
    if opset is not None and opset < to.since.get(axes, 0):
        return f"{name} has {axes}D from opset {to.since[axes]} on, and this is {opset}"
    if len(set(options.kernel)) > 1:
        return f"{name} has one kernel for all axes"
    kernel = "linear" if options.kernel[0] == "smoothstep" else options.kernel[0]
    if kernel not in to.kernels[axes]:
        return f"{name} has no {options.kernel[0]} in {axes}D"
    names = set(boundaries(options, axes))
    if any(BOUNDARIES[name].sign < 0 for name in names):
        return f"{name} has no {' or '.join(sorted(names))}"
    if "wrap" in names and kernel != "nearest":
        return f"{name} has no wrap"
    if "constant" in names and options.fill != 0 and not to.fill:
        return f"{name} has no constant other than 0"
    holes = {name for name in names if BOUNDARIES[name].family == "hole"}
    if holes and holes != names:
        return f"{name} has one boundary for all axes"
    if kernel == "cubic" and len(names) > 1:
        return f"{name} has one boundary for all axes"
    return None


def _not_as_it_is(to: Target, axes: int, options: Options) -> str | None:
    """Why the coordinates are rewritten first; or None."""
    names = set(boundaries(options, axes))
    if options.frame not in ("edges", "corners") or options.order != "xy":
        return f"its coordinates have no frame {options.frame!r} in order {options.order!r}"
    if options.nonfinite == "outside" or options.outside is not None:
        return "points are answered without sampling"
    if options.kernel[0] == "smoothstep":
        return "smoothstep is linear at other fractions"
    if names - {"zero", "constant", "clamp"}:
        return "runtimes fold far positions, and ties of folded ones, in different ways"
    if len(names) > 1:
        return "boundaries differ"
    if options.kernel[0] == "nearest" and (not to.even or (options.fold == "tap" and options.ties != "even")):
        return "half-way between two pixels runtimes take different ones"
    return None
