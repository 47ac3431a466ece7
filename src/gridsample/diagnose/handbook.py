# SPDX-License-Identifier: Apache-2.0
"""docs/troubleshooting.md, written from the diagnostics themselves.

python -m gridsample.diagnose.handbook > docs/troubleshooting.md
"""

from __future__ import annotations

from gridsample.diagnose.finding import Diagnostic
from gridsample.diagnose.findings import diagnostics

# Headings, and the diagnostics under each; one that is not named here comes last.
CHAPTERS = {
    "The call is refused, or shapes surprise": (
        *("layout", "channels_last", "batch", "types", "refused", "output_size", "reshaped", "integers"),
    ),
    "Nothing but black, one colour, or a smear": (
        *("pixel_coordinates", "translation_px", "constant", "nonfinite", "flow_without_identity", "outside"),
    ),
    "The picture is there, but in the wrong place": (
        *("unit_coordinates", "xy_swapped", "ij_meshgrid", "y_up", "direction", "zoom", "translation_sign"),
        *("degrees", "rotation_shear", "flow_channels", "flow_scale"),
    ),
    "Half a pixel, the rim, other small differences": (
        *("align_corners", "normalised_by_n", "rim", "boundary", "kernel", "half", "ties", "one_pixel"),
    ),
    "The picture is rough, doubled or wrong in places": ("aliasing", "folds", "torn", "labels"),
    "It does not learn": ("gradients",),
}

_HEAD = """\
# Troubleshooting

What goes wrong with grid sampling, by what is seen. `gs.why(image, grid, ...)` looks for all of it, says what it saw
and gives the line with your numbers in it; this page is written from the same diagnostics, by
`gridsample.diagnose.handbook`.
"""


def text() -> str:
    """The page."""
    rows = dict(diagnostics())
    parts = [_HEAD]
    for heading, names in CHAPTERS.items():
        parts.append(f"## {heading}\n")
        parts += [_entry(rows.pop(name)) for name in names]
    if rows:
        parts += ["## More\n", *(_entry(row) for row in rows.values())]
    return "\n".join(parts)


def _entry(row: Diagnostic) -> str:
    return f"### {row.title}\n\n`{row.name}`. {row.because}\n\n```text\n{row.fix}\n```\n"


if __name__ == "__main__":
    print(text(), end="")
