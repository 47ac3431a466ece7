# SPDX-License-Identifier: Apache-2.0
"""What a diagnostic is, what it says when it sees something, and how what it says is ranked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gridsample.diagnose.case import Case

SEVERITIES = ("error", "warning", "note")  # certain, or refused; very likely a mistake; worth knowing


@dataclass(frozen=True)
class Seen:
    """What was seen: numbers and where. ``score`` orders findings of one severity, 0 to 1."""

    severity: str
    score: float
    text: str
    fix: str = ""  # in place of the diagnostic's
    because: str = ""  # added to the diagnostic's
    about: str = ""  # in place of the diagnostic's title
    place: tuple[int, ...] | None = None  # an output to show: (n, *out)


@dataclass(frozen=True)
class Repair:
    """The same call with the mistake taken out, and the line of code that does it."""

    case: Case
    fix: str
    how: str = ""


def _nothing(case: Case) -> Iterable[Repair]:
    return ()


@dataclass(frozen=True)
class Diagnostic:
    """One thing that goes wrong. A file in ``findings/`` holds one, as DIAGNOSTIC.

    look: what is seen of it in a Case, or None.
    repairs: the Case without it, in as many ways as it may have come about; tried against `expected`.
    shapes: it looks at shapes and types alone, so also where grid_sample would refuse the call.
    explains: the names of diagnostics whose findings are its consequences.
    rare: of two repairs that explain a difference equally well the less rare is believed.
    """

    name: str
    title: str
    because: str
    fix: str
    look: Callable[[Case], Seen | None] = lambda case: None
    repairs: Callable[[Case], Iterable[Repair]] = _nothing
    shapes: bool = False
    explains: tuple[str, ...] = ()
    picture: str = "points"
    rare: int = 5


@dataclass(frozen=True)
class Finding:
    """What `why` says: what was seen, why it gives that result, the corrected line of code."""

    name: str
    severity: str
    score: float
    title: str
    seen: str
    because: str
    fix: str
    picture: str = "points"
    repaired: Case | None = None
    place: tuple[int, ...] | None = None

    def __str__(self) -> str:
        code = "\n".join(f"        {line}" for line in self.fix.splitlines())
        return f"{self.severity}: {self.title}\n    seen:    {self.seen}\n    because: {self.because}\n    fix:\n{code}"
