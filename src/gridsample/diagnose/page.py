# SPDX-License-Identifier: Apache-2.0
"""A Report as HTML: one page with its pictures inside, nothing loaded from anywhere; or the part a notebook shows."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from gridsample.diagnose.finding import Finding
from gridsample.diagnose.report import Report, Site
from gridsample.errors import GridSampleError

_STYLE = """
.gs-why { font: 15px/1.45 system-ui, sans-serif; color: #1c1c1c; background: #fff; max-width: 62em; }
.gs-why h2 { font-size: 1.05em; margin: 0 0 .4em; } .gs-why p { margin: .3em 0; }
.gs-why section { border-left: 5px solid #999; padding: .6em 1em; margin: 1em 0; background: #fafafa; }
.gs-why .error { border-color: #c62828; } .gs-why .warning { border-color: #ef8f00; }
.gs-why .note { border-color: #5a8fbf; }
.gs-why .badge { font-size: .75em; text-transform: uppercase; letter-spacing: .05em; margin-right: .6em; color: #555; }
.gs-why pre { background: #eef1f4; padding: .6em .8em; overflow-x: auto; font-size: 13px; color: #1c1c1c; }
.gs-why img { max-width: 100%; display: block; margin: .5em 0; }
.gs-why .call { font-family: monospace; font-size: 13px; }
"""


def whole(body: str) -> str:
    """A page around a part."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>gridsample: why</title></head><body>{body}</body></html>\n"
    )


def parts(sites: Sequence[Site]) -> str:
    """All sites of a program."""
    if not sites:
        return "<p>No call of grid_sample was seen.</p>"
    shown = []
    for site in sites:
        head = f"{escape(site.file)}:{site.line} in {escape(site.function)}"
        counts = ", ".join(f"{escape(name)} in {count}" for name, count in site.times.items()) or "nothing"
        raised = f"<p>It raised {escape(site.raised)}</p>" if site.raised else ""
        report = part(site.report) if site.report is not None else ""
        shown.append(
            f"<h1 style='font-size:1.1em'>{head}</h1><pre>{escape(site.source)}</pre>"
            f"<p>{site.calls} calls, {site.looked} looked at: {counts}.</p>{raised}{report}"
        )
    return "".join(shown)


def part(report: Report) -> str:
    """One report."""
    drawn: dict[str, str] = {}
    findings = "".join(_finding(report, i, finding, drawn) for i, finding in enumerate(report.findings, 1))
    overview = _image(report, "compare" if report.case.expected is not None else "points", drawn)
    pixel = _image(report, "pixel", drawn) + _sum(report)
    said = "" if report.findings else "<p>Nothing found.</p>"
    return (
        f'<div class="gs-why"><style>{_STYLE}</style><p'
        f' class="call">{escape(report.summary)}</p>{said}{overview}{findings}<details><summary>One output pixel taken'
        f" apart</summary>{pixel}</details></div>"
    )


def findings_only(report: Report) -> str:
    """The words of a report without its pictures."""
    drawn = dict.fromkeys(("points", "compare", "arrows", "ruler", "jacobian", "pixel"), "")
    found = "".join(_finding(report, i, finding, drawn) for i, finding in enumerate(report.findings, 1))
    return f'<div class="gs-why"><style>{_STYLE}</style>{found or "<p>Nothing found.</p>"}</div>'


def _finding(report: Report, number: int, finding: Finding, drawn: dict[str, str]) -> str:
    pictures = _image(report, finding.picture, drawn)
    if finding.repaired is not None and finding.severity != "note":
        pictures += _image(report, "compare", drawn)
    return (
        f'<section class="{finding.severity}"><h2><span class="badge">{finding.severity}</span>{number}. '
        f"{escape(finding.title)}</h2><p><b>Seen:</b> {escape(finding.seen)}.</p><p><b>Because:</b> "
        f"{escape(finding.because)}</p><pre>{escape(finding.fix)}</pre>{pictures}</section>"
    )


def _image(report: Report, kind: str, drawn: dict[str, str]) -> str:
    """The drawing, once on a page; what is missing for it is said instead."""
    if kind in drawn or not report.case.valid:
        return ""
    try:
        data = base64.b64encode(report.picture(kind)).decode()
        drawn[kind] = f'<img alt="{kind}" src="data:image/png;base64,{data}">'
    except GridSampleError as error:
        drawn[kind] = "" if drawn else f"<p>No pictures: {escape(str(error))}</p>"
    return drawn[kind]


def _sum(report: Report) -> str:
    if not report.case.valid:
        return ""
    n, *at = report.telling
    return f"<pre>{escape(str(report.pixel(*at, n=n)))}</pre>"
