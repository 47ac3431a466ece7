# SPDX-License-Identifier: Apache-2.0
"""Whether programs that JAX compiles for the CPU can call the engine, and if not, why not: asked once, when JAX is met.

GRIDSAMPLE_JAX=portable    never: everything by JAX's own operations
"""

from __future__ import annotations

import os
import struct
from functools import lru_cache

import jax

from gridsample import threads
from gridsample._core import engine
from gridsample.options import Options
from gridsample.plan import Plan

TARGET = "gridsample"  # the engine's name among XLA's custom calls
VARIABLE = "GRIDSAMPLE_JAX"
NEEDED = ("register_ffi_target", "ffi_lowering")


def _refusal() -> str:
    if os.environ.get(VARIABLE, "").strip() == "portable":
        return f"{VARIABLE}=portable"
    ffi = getattr(jax, "ffi", None)
    if not all(hasattr(ffi, name) for name in NEEDED):
        return f"jax {jax.__version__} has no jax.ffi (0.5 or newer has it)"
    try:
        jax.ffi.register_ffi_target(TARGET, engine.xla_handler(), platform="cpu")
    except Exception as error:  # whatever a later or earlier XLA says to a handler of our version
        return f"XLA of jax {jax.__version__} refuses the engine: {error}"
    engine.use_xla_threads(threads.get_num_threads())
    threads.LISTENERS.append(engine.use_xla_threads)
    return ""


REFUSAL = _refusal()  # why the portable path does everything; empty if the engine is called


@lru_cache(maxsize=2048)
def problem(plan: Plan) -> str:
    """A Plan as the line of text that the engine's handler reads: names and bits of numbers, no addresses."""
    options: Options = plan.options
    nonfinite = "propagate" if options.nonfinite == "error" else options.nonfinite
    outside = "none" if options.outside is None else _bits(options.outside)
    words = [plan.axes[0].kernel, options.ties, nonfinite, plan.given, _bits(options.fill), outside]
    for axis in plan.axes:
        numbers = (_bits(number) for number in (axis.offset, axis.scale, axis.shift))
        words += [axis.boundary, str(int(options.fold == "coordinate")), str(axis.component), *numbers]
    return " ".join(words)


def _bits(number: float) -> str:
    return struct.pack(">d", number).hex()
