# SPDX-License-Identifier: Apache-2.0
"""A Case to a ranked list of findings: shapes first, then everything that looks, then what ``expected`` tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import SEVERITIES, Diagnostic, Finding, Repair, Seen
from gridsample.diagnose.findings import diagnostics
from gridsample.diagnose.trial import Trial, floor, then, trials


def examine(case: Case) -> tuple[Case, list[Finding]]:
    """(the Case once it could be sampled, what was found, the gravest first)."""
    found: list[Finding] = []
    for row in diagnostics().values():
        if row.shapes and (seen := row.look(case)):
            found.append(_finding(row, seen, _first(row, case) if not case.valid else None))
    case = _callable(case, found)
    if not case.valid:
        return case, ranked(found)
    named = {finding.name for finding in found}
    for row in diagnostics().values():
        if row.name not in named and (seen := row.look(case)):
            found.append(_finding(row, seen, _first(row, case)))
    if case.expected is not None:
        found = _tried(case, found)
    return case, ranked(found)


def _callable(case: Case, found: list[Finding]) -> Case:
    """The Case with its shapes put right as far as they can be: what else is wrong can then be seen."""
    for _ in range(3):
        repairs = [(row, repair) for row in diagnostics().values() if row.shapes for repair in row.repairs(case)]
        seen = {finding.name for finding in found}
        wanted = [repair for row, repair in repairs if row.name in seen]
        if not wanted:
            return case
        case = next((repair.case for repair in wanted if repair.case.valid), wanted[0].case)
        if case.valid:
            return case
    return case


def _first(row: Diagnostic, case: Case) -> Repair | None:
    for repair in row.repairs(case.thin if case.valid and row.name not in ("reshaped", "output_size") else case):
        if repair.case.valid:
            return repair
    return None


def _finding(row: Diagnostic, seen: Seen, repair: Repair | None) -> Finding:
    return Finding(
        name=row.name,
        severity=seen.severity,
        score=seen.score,
        title=seen.about or row.title,
        seen=seen.text,
        because=row.because + seen.because,
        fix=seen.fix or row.fix,
        picture=row.picture,
        repaired=None if repair is None else repair.case,
        place=seen.place,
    )


def _tried(case: Case, found: list[Finding]) -> list[Finding]:
    """What ``expected`` adds: the repair that gives it is certain, and what does not help towards it is doubted."""
    before, explain = trials(case)
    wanted = case.expected
    if wanted is not None and not np.isfinite(before) and not explain:
        text = f"the output has shape {tuple(case.output.shape)}, expected {tuple(wanted.shape)}"
        row = diagnostics()["output_size"]
        return [*(f for f in found if f.name != row.name), _finding(row, Seen("error", 1.0, text), None)]
    if not explain and before <= floor(case.thin):  # what looked like a mistake gives the picture wanted
        return [_doubted(finding) for finding in found]
    if not explain:
        return [*found, _unexplained(before)]
    best = explain[0]
    others = [trial.diagnostic for trial in explain[1:4] if trial.left <= max(1.5 * best.left, 0.05 * before)]
    told = _told(best, before, others)
    by_name = {finding.name: finding for finding in found}
    old = by_name.pop(best.diagnostic.name, None)
    if old is not None:
        told = replace(told, seen=f"{old.seen}. {told.seen}", place=old.place)
    second = then(case, best)
    answer = [told]
    if second is not None:
        extra = _told(second, best.left, [])
        answer.append(replace(extra, score=0.98, seen=f"on top of the first: {extra.seen}"))
        by_name.pop(second.diagnostic.name, None)
    return answer + [_doubted(finding) for finding in by_name.values()]


def _told(trial: Trial, before: float, others: list[Diagnostic]) -> Finding:
    was = f"{before:.3g}" if np.isfinite(before) else "another shape"
    text = f"with it put right the output differs from `expected` by {trial.left:.3g} (rms), before by {was}"
    if np.isfinite(before):
        text += f": it explains {100 * trial.explained:.1f} % of the difference"
    if others:
        text += f"; as well would {', '.join(repr(row.name) for row in others)}"
    row = trial.diagnostic
    severity = "error" if trial.explained > 0.95 else "warning"
    seen = Seen(severity, 1.0, text, fix=trial.repair.fix)
    return _finding(row, seen, trial.repair)


def _unexplained(before: float) -> Finding:
    text = f"the output differs from `expected` by {before:.3g} (rms), and none of the known mistakes explains it"
    return Finding(
        name="unexplained",
        severity="note",
        score=1.0,
        title="Different from the picture wanted, and no known mistake makes it equal",
        seen=text,
        because=(
            "Every correction this library knows was tried alone, and none took away most of the difference. There may"
            " be several mistakes at once, or the picture wanted was made from other numbers."
        ),
        fix="print(report.pixel(y, x))  # the sum that made one pixel: compare it with what you expect",
        picture="compare",
    )


def _doubted(finding: Finding) -> Finding:
    """A suspicion that is not what makes the difference stays worth knowing."""
    if finding.severity == "note" or finding.name in ("nonfinite", "integers", "types", "batch", "layout"):
        return finding
    return replace(finding, severity="note")


def _explains(cause: Finding, finding: Finding) -> bool:
    row = diagnostics().get(cause.name)
    return row is not None and finding.name in row.explains


def ranked(found: list[Finding]) -> list[Finding]:
    """By severity and score; what another finding explains comes after it, as a note."""
    order = sorted(found, key=lambda f: (SEVERITIES.index(f.severity), -f.score))
    result: list[Finding] = []
    for finding in order:
        causes = [f for f in result if f.severity != "note" and _explains(f, finding)]
        if causes:
            because = f"{finding.because} Here it follows from: {causes[0].title}."
            finding = replace(finding, severity="note", score=0.5 * finding.score, because=because)
        result.append(finding)
    return sorted(result, key=lambda f: (SEVERITIES.index(f.severity), -f.score))
