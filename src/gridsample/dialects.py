# SPDX-License-Identifier: Apache-2.0
"""Other libraries' settings in our words: what to give `gridsample.sample` so that it does what they do.

The table is ``gridsample.spec.dialects``; the tests compare every row with its library where that is installed.
"""

from __future__ import annotations

from typing import Any

from gridsample.errors import OptionError, listed, unknown
from gridsample.options import flag, number
from gridsample.spec.dialects import LIBRARIES, ORDER, Row, lookup, rows
from gridsample.spec.dialects import names as names_of
from gridsample.spec.kernels import KERNELS

__all__ = ["LIBRARIES", "names", "translate"]


def names(library: str, what: str) -> tuple[str, ...]:
    """Every name that ``library`` has for a "kernel", a "boundary" or a "frame".

    >>> import gridsample as gs
    >>> gs.dialects.names("onnx", "boundary")
    ('zeros', 'border', 'reflection')
    """
    _known("dialects.names", library)
    if what not in ("kernel", "boundary", "frame"):
        raise unknown("dialects.names", "what", what, ("kernel", "boundary", "frame"))
    return names_of(library, what)


def translate(
    library: str,
    *,
    kernel: str | int,
    boundary: str,
    frame: str | None = None,
    align_corners: bool | None = None,
    fill: float = 0.0,
) -> dict[str, Any]:
    """The keywords that make `gridsample.sample` do what another library does by these names.

    Convention:
        library: {libraries}. kernel, boundary: as spelled there (an order of splines as a number or its digits).
        frame: only where a library has several. align_corners: where the library has it. fill: its cval, borderValue,
        ... The image is prefiltered where the library does so unless told otherwise.

    Returns:
        A dict for ``sample(image, coords, **keywords)``; the order of the coordinates' components is among them.

    Raises:
        OptionError: a name that the library does not have, or that no setting of ours equals; it says why.

    >>> import gridsample as gs
    >>> gs.dialects.translate("scipy", kernel=3, boundary="constant", fill=7.0)
    {'kernel': 'bspline3', 'boundary': 'mirror', 'frame': 'pixel', 'order': 'ij', 'outside': 7.0, 'limit': 'centres'}
    """
    where = "dialects.translate"
    _known(where, library)
    fill = number(where, "fill", fill)
    if align_corners is not None:
        align_corners = flag(where, "align_corners", align_corners)
    taps = _row(where, library, "kernel", str(kernel) if isinstance(kernel, int) else kernel, align_corners)
    edge = _row(where, library, "boundary", boundary, align_corners)
    frames = names_of(library, "frame")
    if frame is None:
        ours = [name for name in frames if any(row.ours for row in rows(library, "frame", name))]
        if len(ours) > 1:
            raise unknown(where, "frame", frame, frames)
        frame = ours[0]
    place = _row(where, library, "frame", frame, align_corners)
    row = KERNELS[str(taps.ours)]
    found: dict[str, Any] = {"kernel": taps.ours, "boundary": edge.ours, "frame": place.ours, "order": ORDER[library]}
    if row.prefilter and edge.splines and edge.fold == "tap":
        found["boundary"] = edge.splines
    if row.prefilter and not taps.filtered:
        found["prefilter"] = False
    elif row.prefilter and edge.extend:
        found["prefilter"] = edge.extend
    if taps.ties and taps.ties != row.ties:
        found["ties"] = taps.ties
    if edge.fold == "coordinate" and (row.taps <= 2 or library != "torch"):
        found["fold"] = edge.fold
    if edge.outside:
        found["outside"] = fill
        if edge.limit != "edges":
            found["limit"] = edge.limit
    elif edge.ours == "constant":
        found["fill"] = fill
    return found


def _known(where: str, library: object) -> None:
    if library not in LIBRARIES:
        raise unknown(where, "library", library, LIBRARIES)


def _row(where: str, library: str, what: str, name: Any, align_corners: bool | None) -> Row:
    known = names_of(library, what)
    if name not in known:
        raise unknown(where, f"{what} of {library}", name, known)
    row = lookup(library, what, name, align_corners)
    if row is None:
        raise OptionError(where, f"align_corners to be {listed(['True', 'False'])} for {name!r}", "None", "name it")
    if row.ours is None:
        do = f"choose one of ours; theirs: {row.note}"
        raise OptionError(where, f"a {what} of {library} that equals one of ours", repr(name), do)
    return row


translate.__doc__ = (translate.__doc__ or "").replace("{libraries}", listed(LIBRARIES))
