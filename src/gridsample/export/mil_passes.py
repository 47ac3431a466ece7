# SPDX-License-Identifier: Apache-2.0
"""Coremltools' two passes that narrow a model to 16 bits, taught to leave coordinates and indices alone.

A float16 coordinate moves in steps of n/4096 pixels, and an index of an axis of unknown length overflows 16 bits. These
subclasses are registered, by `register_pass(override=True)`, in the place of coremltools' own, and differ from them by
nothing but which operations they pass over: those with the mark EXACT or OURS in their name and, for floats, what only
arranges and adds up the coordinates before they arrive there.
"""

from __future__ import annotations

from typing import Any

from coremltools.converters.mil.mil.passes.defs import quantization
from coremltools.converters.mil.mil.passes.pass_registry import register_pass

from gridsample.export.mil_ops import EXACT, OURS

# Operations that make coordinates of coordinates: what comes before them may be computed in float16.
ARRANGING = {
    *("add", "sub", "mul", "real_div", "maximum", "minimum", "clip", "abs", "floor", "round", "select", "matmul"),
    *("concat", "stack", "split", "reshape", "transpose", "expand_dims", "squeeze", "tile", "slice_by_index"),
    *("slice_by_size", "identity", "cast", "range_1d", "fill", "einsum", "reduce_sum"),
}


def feeds_coordinates(op: Any, seen: dict[int, bool] | None = None) -> bool:
    """Whether what ``op`` computes becomes coordinates by arranging alone."""
    if op.name.startswith(EXACT):
        return True
    if op.op_type not in ARRANGING or op.name.startswith(OURS):
        return False
    seen = {} if seen is None else seen
    if id(op) not in seen:
        seen[id(op)] = False
        seen[id(op)] = any(
            feeds_coordinates(child, seen)
            for output in op.outputs
            for child in output.child_ops
            if not (child.op_type == "resample" and child.inputs["x"] is output)
        )
    return seen[id(op)]


@register_pass(namespace="common", override=True)
class add_fp16_cast(quantization.add_fp16_cast):  # type: ignore[misc]
    def is_valid_op(self, op: Any) -> bool:
        return super().is_valid_op(op) and not feeds_coordinates(op)


@register_pass(namespace="common", override=True)
class add_int16_cast(quantization.add_int16_cast):  # type: ignore[misc]
    def is_valid_op(self, op: Any) -> bool:
        return super().is_valid_op(op) and not op.name.startswith(OURS)
