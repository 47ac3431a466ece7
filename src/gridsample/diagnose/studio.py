# SPDX-License-Identifier: Apache-2.0
"""`gridsample studio`: a page in the browser to try a warp, see what why says of it, and copy the code.

The page is Panel's, its widgets and its server; here is only which widgets there are and what they call.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from gridsample import diagnose
from gridsample.diagnose.intake import Array
from gridsample.diagnose.page import findings_only
from gridsample.diagnose.recipes import FRAMES, Recipe
from gridsample.errors import GridSampleError
from gridsample.spec.boundaries import BOUNDARIES
from gridsample.spec.kernels import KERNELS

MORE = [
    "arrows",
    "ruler",
    "jacobian",
    "compare",
    "pixel",
]  # drawings to choose from; source and output are always there
LARGEST = 512  # pixels along a side; larger pictures are made smaller, to stay lively

# name: (label, lowest, highest, step); the defaults are the Recipe's
SLIDERS = {
    "rotate_deg": ("rotate, degrees", -180.0, 180.0, 1.0),
    "zoom": ("zoom", 0.2, 5.0, 0.05),
    "right_px": ("move right, px", -100.0, 100.0, 0.5),
    "down_px": ("move down, px", -100.0, 100.0, 0.5),
    "lens": ("lens", -0.5, 0.5, 0.01),
    "wave_px": ("wave, px", 0.0, 40.0, 0.5),
}
CHOICES = {
    "frame": ("the grid is written in the frame", list(FRAMES)),
    "mode": (
        "mode: kernel",
        ["bilinear", "nearest", "bicubic", *(k for k in KERNELS if k not in ("nearest", "linear"))],
    ),
    "padding_mode": (
        "padding_mode: boundary",
        ["zeros", "border", "reflection", *(b for b in BOUNDARIES if b != "constant")],
    ),
}


def sample_picture() -> Array:
    """A picture to begin with, (1, 3, 160, 240): a chart whose rows, columns and corners can be told apart."""
    y, x = np.mgrid[:160, :240].astype(np.float32)
    board = ((x // 20 + y // 20) % 2) * 0.25
    picture = np.stack([0.2 + 0.6 * x / 240, 0.2 + 0.6 * y / 160, 0.8 - 0.6 * x / 240]) * (0.75 + board)
    disc = np.hypot(x - 60, y - 45) < 25
    picture[:, disc] = np.array([[0.95], [0.9], [0.3]], np.float32)
    picture[:, 110:140, 150:225] = np.array([0.1, 0.1, 0.35], np.float32)[:, None, None]
    return np.ascontiguousarray(picture[None], np.float32)


def read_picture(data: bytes) -> Array:
    """(1, 3, H, W) in [0, 1] from the bytes of a picture file."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as opened:
            picture = opened.convert("RGB")
            picture.thumbnail((LARGEST, LARGEST))
            pixels = np.asarray(picture, np.float32) / 255
    except (UnidentifiedImageError, OSError) as error:
        raise GridSampleError("studio", "a picture file", str(error), "load a PNG, JPEG or TIFF") from error
    return np.ascontiguousarray(np.moveaxis(pixels, -1, 0)[None])


class Studio:
    """One visitor's page."""

    def __init__(self, image: Array | None = None) -> None:
        import panel as pn

        plain = Recipe()
        self.image = sample_picture() if image is None else image
        self.widgets: dict[str, Any] = {
            name: pn.widgets.FloatSlider(
                label=label, start=low, end=high, step=step, value=getattr(plain, name), width=300
            )
            for name, (label, low, high, step) in SLIDERS.items()
        }
        for name, (label, options) in CHOICES.items():
            self.widgets[name] = pn.widgets.Select(label=label, options=options, value=getattr(plain, name), width=300)
        self.widgets["align_corners"] = pn.widgets.Checkbox(label="align_corners", value=plain.align_corners)
        self.file = pn.widgets.FileInput(accept="image/*")
        self.library = pn.widgets.RadioButtonGroup(
            label="code for", options=["torch", "numpy", "gridsample"], value="torch"
        )
        self.copy = pn.widgets.Button(label="copy the code", color="primary")
        self.picture = pn.widgets.RadioButtonGroup(label="shown below", options=MORE, value=MORE[0])
        self.source, self.more = pn.pane.PNG(width=760), pn.pane.PNG(width=760)
        self.findings = pn.pane.HTML(width=760)
        self.code = pn.widgets.TextAreaInput(label="code", width=760, height=260, disabled=True)
        self.copy.js_on_click(args={"code": self.code}, code="navigator.clipboard.writeText(code.value)")
        for widget in (*self.widgets.values(), self.library, self.picture):
            widget.param.watch(self._changed, "value_throttled" if hasattr(widget, "value_throttled") else "value")
        self.file.param.watch(self._loaded, "value")
        self.show()
        left = pn.Column(self.file, *self.widgets.values(), width=330)
        right = pn.Column(self.source, self.findings, self.picture, self.more, self.library, self.code, self.copy)
        self.page = pn.Row(left, right)

    @property
    def recipe(self) -> Recipe:
        """What the widgets say."""
        return Recipe(**{name: widget.value for name, widget in self.widgets.items()})

    def show(self) -> None:
        """Source with grid and output, findings, one more drawing, and the code, for the recipe as it stands."""
        recipe = self.recipe
        grid = recipe.grid(self.image)
        report = diagnose.why(self.image, grid, recipe.mode, recipe.padding_mode, recipe.align_corners)
        self.source.object = report.picture("points")
        self.more.object = report.picture(self.picture.value)
        self.findings.object = findings_only(report)
        self.code.value = recipe.code(self.library.value)

    def _changed(self, event: Any) -> None:
        self.show()

    def _loaded(self, event: Any) -> None:
        try:
            self.image = read_picture(event.new)
        except GridSampleError as error:
            self.findings.object = f"<p>{error}</p>"
            return
        self.show()


def serve(port: int, open_browser: bool, image: Array | None = None) -> Any:
    """Serve the page to this machine alone; returns the server, which has begun."""
    import panel as pn

    pages = {"/": lambda: Studio(image).page}
    return pn.serve(pages, port=port, address="127.0.0.1", show=open_browser, start=False, title="gridsample studio")
