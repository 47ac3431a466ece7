# SPDX-License-Identifier: Apache-2.0
"""What a peer is: whom we are timed against, what it can do, and how its call is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

from gridsample.bench.ours import Calls
from gridsample.bench.runs import Run


@dataclass(frozen=True)
class Can:
    """The runs a peer can do; whatever is not listed it is not asked for."""

    verbs: tuple[str, ...] = ("forward",)
    axes: tuple[int, ...] = (2,)
    modes: tuple[str, ...] = ("bilinear", "nearest")
    paddings: tuple[str, ...] = ("zeros", "border", "reflection")
    dtypes: tuple[str, ...] = ("float32",)
    threads: tuple[int, ...] = ()  # any number
    layouts: tuple[str, ...] = ("channels first",)

    def refuse(self, run: Run) -> str | None:
        layout = "channels last" if run.case.channels_last else "channels first"
        asked = {
            "verbs": run.verb,
            "axes": run.case.axes,
            "modes": run.mode,
            "paddings": run.padding,
            "dtypes": run.dtype,
            "threads": run.threads,
            "layouts": layout,
        }
        for what, value in asked.items():
            known = getattr(self, what)
            if known and value not in known:
                return f"{what}: {', '.join(map(str, known))} only"
        return None

    def __str__(self) -> str:
        axes = "".join(f"{axes}D/" for axes in self.axes).rstrip("/")
        parts = [self.verbs, (axes,), self.modes, self.paddings, self.dtypes, self.layouts]
        text = "; ".join(", ".join(part) for part in parts)
        return text + (f"; threads: {', '.join(map(str, self.threads))}" if self.threads else "")


@dataclass(frozen=True)
class Peer:
    """One row of PEERS. ``prepare(run)`` makes the calls that are compared; its packages are imported there only."""

    name: str
    call: str  # what of it is called, for the reader of a table
    packages: Mapping[str, str]  # module: distribution on PyPI; all are needed
    can: Can
    prepare: Callable[[Run], Calls]
    but: Callable[[Run], str | None] = field(default=lambda run: None)  # further runs it cannot do, and why
    note: Callable[[Run], str] = field(default=lambda run: "")  # what a reader of the numbers must know

    def refuse(self, run: Run) -> str | None:
        """The reason why this run cannot be compared with it, or None."""
        reason = self.can.refuse(run) or self.but(run)
        return reason and f"{self.name}: {reason}"

    @property
    def missing(self) -> list[str]:
        """What pip has to install before it can be measured."""
        return [name for module, name in self.packages.items() if find_spec(module) is None]
