# SPDX-License-Identifier: Apache-2.0
"""Watching a running torch program: every F.grid_sample and F.affine_grid in it, by the line that calls.

A `TorchFunctionMode` sees the calls wherever the functions were imported to, and passes them on unchanged. The first
call of a line is looked at, then the 2nd, 4th, 8th …: a training loop is slowed down for a moment, not for good. Grids
are remembered by the tensor that affine_grid returned, so that a different align_corners is known and not guessed.
"""

from __future__ import annotations

import linecache
import sys
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import FrameType
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gridsample import diagnose
from gridsample.diagnose.report import Site, Watched
from gridsample.errors import GridSampleError

_INSIDE = (torch.__name__, "gridsample")


class Watch:
    """``with gs.why() as seen:`` - what was seen is there afterwards, and grows while the block runs.

    Compiled functions run uncompiled meanwhile: inside a compiled graph there are no lines to see.
    """

    def __init__(self) -> None:
        self.seen = Watched()
        self._stack = ExitStack()

    def __enter__(self) -> Watched:
        if hasattr(torch.compiler, "set_stance"):  # torch 2.6
            self._stack.enter_context(torch.compiler.set_stance("force_eager"))
        self._stack.enter_context(_Mode(self.seen))
        return self.seen

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._stack.close()
        self.seen.raised = error


def watched(program: Callable[..., Any], arguments: Sequence[Any], named: dict[str, Any]) -> Watched:
    """Run ``program`` and look at what it samples. What it raises is kept in the answer and printed first."""
    watch = Watch()
    try:
        with watch:
            watch.seen.result = program(*arguments, **named)
    except Exception as error:
        watch.seen.raised = error
    return watch.seen


class _Built(NamedTuple):
    """What affine_grid was called with: align_corners, whether theta wants a gradient, and from where."""

    corners: bool
    wants: bool
    at: str


class _Mode(TorchFunctionMode):
    """Looks at the two functions on their way through."""

    def __init__(self, seen: Watched) -> None:
        super().__init__()
        self.seen = seen
        self.sites: dict[tuple[str, int, str], Site] = {}
        self.grids: dict[int, tuple[weakref.ref[Tensor], _Built]] = {}

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.affine_grid:
            grid = func(*args, **kwargs)
            theta, _, corners = _bound(("theta", "size", "align_corners"), args, kwargs)
            frame = _caller()
            at = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            wants = isinstance(theta, Tensor) and theta.requires_grad
            self._remember(grid, _Built(bool(corners), wants, at))
            return grid
        if func is not F.grid_sample:
            result = func(*args, **kwargs)
            self._follow(func, args, result)
            return result
        site = self._site("F.grid_sample")
        site.calls += 1
        if site.calls & (site.calls - 1) == 0:  # the 1st, 2nd, 4th, 8th …
            self._look(site, args, kwargs)
        try:
            return func(*args, **kwargs)
        except Exception as error:
            if site.calls & (site.calls - 1):
                self._look(site, args, kwargs)
            site.raised = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            raise

    def _remember(self, grid: Tensor, built: _Built) -> None:
        if len(self.grids) > 1000:  # those that are gone
            self.grids = {key: entry for key, entry in self.grids.items() if entry[0]() is not None}
        self.grids[id(grid)] = (weakref.ref(grid), built)

    def _known(self, grid: Any) -> _Built | None:
        """How affine_grid made it, if it did."""
        entry = self.grids.get(id(grid))
        return entry[1] if entry is not None and entry[0]() is grid else None

    def _follow(self, func: Any, args: tuple[Any, ...], result: Any) -> None:
        """A grid that was only moved, detached, expanded or converted is still that grid."""
        if args and isinstance(result, Tensor) and getattr(func, "__name__", "") in _SAME:
            known = self._known(args[0])
            if known is not None:
                self._remember(result, known)

    def _site(self, called: str) -> Site:
        frame = _caller()
        file, line, function = frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name
        site = self.sites.get((file, line, called))
        if site is None:
            source = linecache.getline(file, line, frame.f_globals).strip()
            site = self.sites[file, line, called] = Site(file, line, function, source, called)
            self.seen.sites.append(site)
        return site

    def _look(self, site: Site, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        names = ("input", "grid", "mode", "padding_mode", "align_corners")
        image, grid, mode, padding, corners = _bound(names, args, kwargs)
        known = self._known(grid)
        facts: dict[str, Any] = {}
        if known is not None:
            cut = known.wants and not grid.requires_grad and torch.is_grad_enabled()
            facts = {"built_with": known.corners, "built_at": known.at, "detached": cut}
        with torch._C.DisableTorchFunction():  # what is done here is not the program's
            try:
                case = diagnose.case_of(image, grid, mode or "bilinear", padding or "zeros", bool(corners), **facts)
                report = diagnose.report(case, f"F.grid_sample at {site.file}:{site.line}")
            except GridSampleError:  # nothing to look at; torch says what it makes of it
                return
        site.looked += 1
        for name in {finding.name for finding in report.findings}:
            site.times[name] = site.times.get(name, 0) + 1
        if site.report is None or _worse(report, site.report):
            site.report = report


# What leaves the numbers of a grid as they are.
_SAME = {
    "detach",
    "clone",
    "contiguous",
    "expand",
    "to",
    "float",
    "double",
    "cpu",
    "requires_grad_",
    "detach_",
    "expand_as",
}


def _worse(new: diagnose.Report, old: diagnose.Report) -> bool:
    def weight(report: diagnose.Report) -> tuple[int, int]:
        return sum(f.severity == "error" for f in report), sum(f.severity == "warning" for f in report)

    return weight(new) > weight(old)


def _bound(names: Sequence[str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    return [args[i] if i < len(args) else kwargs.get(name) for i, name in enumerate(names)]


def _caller() -> FrameType:
    """The innermost frame that belongs neither to torch nor to this library."""
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).split(".")[0] in _INSIDE:
        frame = frame.f_back
    return frame
