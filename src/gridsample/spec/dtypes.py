# SPDX-License-Identifier: Apache-2.0
"""The types of number an image may have, what each is computed in, and the range a result of it is kept to.

Whole numbers are rounded half to even and kept to their type's range; NaN becomes 0. The type computed in holds every
one of them exactly. Of complex images the real and the imaginary part are sampled, each as a real image. Coordinates
and what is derived by them are real: of the kind "float".
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dtype:
    """One row. ``low`` and ``high`` are the range of whole numbers; ``code`` is what the engine calls a type that it
    reads where it lies: NumPy's character, but for bfloat16."""

    name: str
    computed: str
    kind: str = "float"  # "float", "whole" or "complex"
    low: int = 0
    high: int = 0
    code: str = ""


_ROWS = (
    Dtype("float16", "float32", code="e"),
    Dtype("bfloat16", "float32", code="bf16"),
    Dtype("float32", "float32", code="f"),
    Dtype("float64", "float64", code="d"),
    Dtype("complex64", "float32", "complex"),
    Dtype("complex128", "float64", "complex"),
    Dtype("bool", "float32", "whole", 0, 1, "?"),
    Dtype("uint8", "float32", "whole", 0, 2**8 - 1, "B"),
    Dtype("int8", "float32", "whole", -(2**7), 2**7 - 1, "b"),
    Dtype("uint16", "float32", "whole", 0, 2**16 - 1, "H"),
    Dtype("int16", "float32", "whole", -(2**15), 2**15 - 1, "h"),
    Dtype("int32", "float64", "whole", -(2**31), 2**31 - 1),
)

DTYPES: dict[str, Dtype] = {row.name: row for row in _ROWS}
FLOATS: dict[str, str] = {row.name: row.computed for row in _ROWS if row.kind == "float"}
