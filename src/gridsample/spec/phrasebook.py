# SPDX-License-Identifier: Apache-2.0
"""docs/names.md, written from the table of dialects.

python -m gridsample.spec.phrasebook > docs/names.md
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.dialects import DIALECTS, LIBRARIES, ORDER, Row
from gridsample.spec.frames import FRAMES
from gridsample.spec.kernels import KERNELS

TITLES = {
    "torch": "torch: `F.grid_sample`",
    "scipy": "SciPy: `ndimage.map_coordinates`",
    "jax": "JAX: `jax.scipy.ndimage.map_coordinates`",
    "opencv": "OpenCV: `remap`, `warpAffine`, `warpPerspective`",
    "itk": "ITK, SimpleITK: resampling",
    "interpol": "torch-interpol: `interpol.grid_pull`",
    "resampler": "resampler: `resampler.resample`",
    "onnx": "ONNX: `GridSample`",
    "coreml": "Core ML: `resample`",
}
OURS: dict[str, Iterable[str]] = {"kernel": KERNELS, "boundary": BOUNDARIES, "frame": FRAMES}

_HEAD = """\
# Names elsewhere

What other libraries call our kernels, boundaries and frames, and where the same name means something else. Written
from the table that `gs.dialects.translate` reads, by `gridsample.spec.phrasebook`; the tests compare each row with its
library: ONNX's with onnxruntime, and all but Core ML's, which runs on no machine that tests this.

```python
import gridsample as gs

print(gs.dialects.translate("scipy", kernel=3, boundary="constant"))  # keywords for gs.sample
```
"""


def text() -> str:
    """The page."""
    parts = [_HEAD, "## Ours, and who has them\n"]
    for what, rows in OURS.items():
        parts += [f"| {what} | {' | '.join(LIBRARIES)} |", "|---" * (len(LIBRARIES) + 1) + "|"]
        for name in rows:
            cells = [", ".join(_theirs(library, what, name)) for library in LIBRARIES]
            parts.append(f"| `{name}` | {' | '.join(cells)} |")
        parts.append("")
    for library in LIBRARIES:
        parts += [f"## {TITLES[library]}\n", f"Coordinates: {_order(ORDER[library])}.\n"]
        parts += ["| theirs | | ours | what to know |", "|---|---|---|---|"]
        parts += [_line(row) for row in DIALECTS if row.library == library]
        parts.append("")
    return "\n".join(parts)


def _order(order: str) -> str:
    return "x, of the last axis, first" if order == "xy" else "in the order of the axes, rows first"


def _theirs(library: str, what: str, ours: str) -> list[str]:
    same = (library, what, ours)
    rows = [row for row in DIALECTS if (row.library, row.what, row.ours) == same and not row.outside]
    return list(dict.fromkeys(f"`{row.theirs}`" for row in rows))


def _line(row: Row) -> str:
    said = []
    if row.align_corners is not None:
        said.append(f"with align_corners={row.align_corners}")
    if row.ties:
        said.append(f"half-way the {'even' if row.ties == 'even' else 'greater'} pixel")
    if row.fold == "coordinate":
        said.append("the position is folded, then taps are taken")
    if row.outside:
        beyond = "the centres of the last pixels" if row.limit == "centres" else "the outer edges"
        said.append(f"points beyond {beyond} get its fill")
    if not row.filtered:
        said.append("of coefficients: the image is not filtered unless asked (here and there)")
    if row.splines:
        said.append(f"splines are filtered with `{row.splines}`")
    if row.extend:
        said.append(f"splines are filtered on the image extended by {row.extend} pixels")
    if row.note:
        said.append(row.note)
    return f"| `{row.theirs}` | {row.what} | {f'`{row.ours}`' if row.ours else 'none'} | {'; '.join(said)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page."""
    print(text(), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
