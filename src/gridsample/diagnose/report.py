# SPDX-License-Identifier: Apache-2.0
"""What `why` returns: findings in order, the pictures that show them, one pixel taken apart, a page to keep."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gridsample.diagnose.case import Case
from gridsample.diagnose.finding import Finding
from gridsample.diagnose.pixel import Pixel, pixel
from gridsample.errors import OptionError


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """The findings about one call, the gravest first.

    Printed it is text; in a notebook it shows itself with pictures; `save` writes one page.
    """

    case: Case  # after its shapes were put right, if they had to be
    findings: list[Finding]
    call: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing but notes was found."""
        return all(finding.severity == "note" for finding in self.findings)

    @property
    def first(self) -> str:
        """The name of the gravest finding, or ''."""
        return self.findings[0].name if self.findings else ""

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __contains__(self, name: object) -> bool:
        return any(finding.name == name for finding in self.findings)

    def __getitem__(self, name: str) -> Finding:
        for finding in self.findings:
            if finding.name == name:
                return finding
        got = ", ".join(finding.name for finding in self.findings) or "none"
        raise KeyError(f"no finding {name!r}; found: {got}")

    def __str__(self) -> str:
        if not self.findings:
            return f"{self.summary}\nNothing found."
        return "\n\n".join([self.summary, *(f"{i}. {finding}" for i, finding in enumerate(self.findings, 1))])

    __repr__ = __str__

    @property
    def summary(self) -> str:
        """The call, in one line."""
        c = self.case
        said = (
            f"{self.call or 'grid_sample'}: image {tuple(c.image.shape)} {c.image_dtype}, grid {tuple(c.grid.shape)}"
            f" {c.grid_dtype}"
        )
        return f"{said}, mode={c.mode!r}, padding_mode={c.padding_mode!r}, align_corners={c.align_corners}"

    def pixel(self, *output: int, n: int = 0) -> Pixel:
        """The sum that made one output pixel: ``print(report.pixel(y, x))``; ``n`` is the element of the batch."""
        if not self.case.valid:
            do = "put the shapes right first: see the findings"
            raise OptionError("Report.pixel", "a call that can be sampled", f"grid {self.case.grid.shape}", do)
        return pixel(self.case, output, n)

    @property
    def telling(self) -> tuple[int, ...]:
        """An output worth taking apart, (n, *out): the first that a finding points at and that reads a pixel."""
        shape = self.case.grid.shape[1:-1]
        middle = (0, *(n // 2 for n in shape))
        places = [f.place for f in self.findings if f.place is not None and len(f.place) == len(middle)]
        for place in places[:4]:
            at = (place[0], *(min(i, n - 1) for i, n in zip(place[1:], shape, strict=True)))
            if self.pixel(*at[1:], n=at[0]).taps:
                return at
        return middle

    def picture(self, kind: str, at: tuple[int, ...] | None = None) -> bytes:
        """A drawing as PNG: points, compare, arrows, ruler, jacobian, pixel (of output ``at``: (n, *out)).

        Needs matplotlib (gridsample[viz]).
        """
        from gridsample.diagnose import pictures

        return pictures.png(self, kind, at)

    def html(self) -> str:
        """The whole report as one page without links to anything outside."""
        from gridsample.diagnose import page

        return page.whole(page.part(self))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page; the folder must be there."""
        return _write(path, self.html())

    def _repr_html_(self) -> str:
        from gridsample.diagnose import page

        return page.part(self)


@dataclass(eq=False, repr=False)
class Site:
    """One line of a program that calls grid_sample: how often, and what was found over all its calls."""

    file: str
    line: int
    function: str
    source: str
    called: str
    calls: int = 0
    looked: int = 0
    times: dict[str, int] = field(default_factory=dict)  # of the calls looked at, how many showed a finding
    report: Report | None = None
    raised: str = ""

    def __str__(self) -> str:
        head = (
            f"{self.file}:{self.line} in {self.function}: {self.source}\n{self.calls} calls of {self.called},"
            f" {self.looked} looked at"
        )
        if self.raised:
            head += f"; it raised {self.raised}"
        if self.report is None:
            return head
        shown = [f"  {name}: in {count} of {self.looked}" for name, count in self.times.items()]
        return "\n".join([head, *shown, "", str(self.report)])


@dataclass(eq=False, repr=False)
class Watched:
    """What `why` saw of a running program: one Site per line that samples, in the order of their first calls."""

    sites: list[Site] = field(default_factory=list)
    result: object = None  # what the callable returned, if one was watched
    raised: BaseException | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing but notes was found anywhere, and nothing was raised."""
        return self.raised is None and all(site.report is None or site.report.ok for site in self.sites)

    def __iter__(self) -> Iterator[Site]:
        return iter(self.sites)

    def __len__(self) -> int:
        return len(self.sites)

    def __str__(self) -> str:
        if not self.sites:
            return "No call of grid_sample was seen."
        parts = [f"[site {i}] {site}" for i, site in enumerate(self.sites, 1)]
        if self.raised is not None:
            parts.insert(0, f"The program raised {type(self.raised).__name__}: {self.raised}")
        return "\n\n\n".join(parts)

    __repr__ = __str__

    def html(self) -> str:
        """All sites as one page without links to anything outside."""
        from gridsample.diagnose import page

        return page.whole(page.parts(self.sites))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page; the folder must be there."""
        return _write(path, self.html())

    def _repr_html_(self) -> str:
        from gridsample.diagnose import page

        return page.parts(self.sites)


def _write(path: str | os.PathLike[str], text: str) -> Path:
    target = Path(path)
    if target.suffix.lower() not in (".html", ".htm"):
        raise OptionError("save", "a name ending in .html", repr(str(path)), "name the file report.html")
    if not target.absolute().parent.is_dir():
        raise OptionError("save", "a folder that is there", repr(str(target.parent)), "make it first")
    target.write_text(text, encoding="utf-8")
    return target
