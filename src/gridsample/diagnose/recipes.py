# SPDX-License-Identifier: Apache-2.0
"""A warp chosen by hand: the code that makes it for torch, for NumPy and for this library, and the grid it gives.

The grid is made by running the code's own lines, so what the studio shows is what its code does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gridsample.diagnose.intake import Array

# How the coordinates of pixel positions px, py are written in each frame; the wrong one is what people try out.
FRAMES = {
    "edges": ("(2 * px + 1) / w - 1", "(2 * py + 1) / h - 1"),
    "corners": ("2 * px / (w - 1) - 1", "2 * py / (h - 1) - 1"),
    "pixel": ("px", "py"),
    "unit": ("(px + 0.5) / w", "(py + 0.5) / h"),
}
TORCH_MODES = ("bilinear", "nearest", "bicubic")
TORCH_PADDINGS = ("zeros", "border", "reflection")


@dataclass(frozen=True)
class Recipe:
    """The picture is turned counter-clockwise, enlarged and moved; ``lens`` bends it, ``wave_px`` shakes it."""

    rotate_deg: float = 0.0
    zoom: float = 1.0
    right_px: float = 0.0
    down_px: float = 0.0
    lens: float = 0.0
    wave_px: float = 0.0
    frame: str = "edges"
    mode: str = "bilinear"
    padding_mode: str = "zeros"
    align_corners: bool = False

    def _positions(self, xp: str) -> list[str]:
        """Output pixel to input position, as code."""
        lines = [
            f"u, v = x - (w - 1) / 2 - {self.right_px:g}, y - (h - 1) / 2 - {self.down_px:g}  # from the middle",
            f"c, s = math.cos(math.radians({self.rotate_deg:g})) / {self.zoom:g}, "
            f"math.sin(math.radians({self.rotate_deg:g})) / {self.zoom:g}",
            "px, py = c * u - s * v, s * u + c * v  # where in the input to read",
        ]
        if self.lens:
            lines += [f"k = 1 + {self.lens:g} * 4 * (px**2 + py**2) / (w**2 + h**2)", "px, py = k * px, k * py"]
        if self.wave_px:
            lines += [f"px = px + {self.wave_px:g} * {xp}.sin(py / 8)"]
        return [*lines, "px, py = px + (w - 1) / 2, py + (h - 1) / 2"]

    def code(self, library: str) -> str:
        """``torch``, ``numpy`` or ``gridsample``: from ``image``, (1, C, H, W) of float32, to ``out``."""
        first, second = FRAMES[self.frame]
        corners = f"align_corners={self.align_corners}"
        if library == "torch":
            plain = self.mode in TORCH_MODES and self.padding_mode in TORCH_PADDINGS
            return "\n".join(
                [
                    "import math",
                    "import torch",
                    "import torch.nn.functional as F" if plain else "import gridsample as gs",
                    "h, w = image.shape[2:]",
                    "y, x = torch.meshgrid(torch.arange(h).double(), torch.arange(w).double(), indexing='ij')",
                    *self._positions("torch"),
                    f"grid = torch.stack([{first}, {second}], dim=-1)[None].to(image)",
                    f"out = {'F' if plain else 'gs'}.grid_sample(image, grid, mode={self.mode!r}, "
                    f"padding_mode={self.padding_mode!r}, {corners})",
                ]
            )
        start = ["import math", "import numpy as np", "import gridsample as gs", "h, w = image.shape[2:]"]
        start += ["y, x = np.mgrid[:h, :w].astype(np.float64)", *self._positions("np")]
        if library == "numpy":
            return "\n".join(
                [
                    *start,
                    f"grid = np.stack([{first}, {second}], axis=-1)[None].astype(np.float32)",
                    f"out = gs.grid_sample(image, grid, {self.mode!r}, {self.padding_mode!r}, {corners})",
                ]
            )
        names = {"bilinear": "linear", "bicubic": "cubic"}
        edge = {"zeros": "zero", "border": "clamp", "reflection": "mirror" if self.align_corners else "reflect"}
        return "\n".join(
            [
                *start,
                "coords = np.stack([px, py], axis=-1)[None].astype(np.float32)  # pixels: nothing to normalise",
                f"out = gs.sample(image, coords, kernel={names.get(self.mode, self.mode)!r}, "
                f"boundary={edge.get(self.padding_mode, self.padding_mode)!r})",
            ]
        )

    def grid(self, image: Array) -> Array:
        """(1, H, W, 2): the grid of the NumPy code, run."""
        lines = self.code("numpy").splitlines()
        names: dict[str, Any] = {"image": np.empty((1, 1, *image.shape[2:]), np.float32)}
        exec("\n".join(lines[:-1]), names)  # our own text, of numbers and names of tables
        return np.asarray(names["grid"])
