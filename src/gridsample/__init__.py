# SPDX-License-Identifier: Apache-2.0
"""Grid sampling: images, volumes and feature maps read at arbitrary real coordinates, differentiably and fast.

    import gridsample as gs

Public names are exported here by hand; everything else is private. Importing this loads NumPy and nothing heavier.
"""

import os
from typing import TYPE_CHECKING, Any

from gridsample.api import (
    affine_grid,
    grid_sample,
    multiscale_deformable_attention,
    sample,
    sample_grad,
    splat,
)
from gridsample.errors import GridSampleError
from gridsample.masks import valid_mask
from gridsample.threads import get_num_threads, set_num_threads

if TYPE_CHECKING:
    from gridsample.diagnose import why
    from gridsample.warping import flow_warp, pixels, warp

__version__: str

__all__ = [
    "GridSampleError",
    "__version__",
    "affine_grid",
    "flow_warp",
    "get_num_threads",
    "grid_sample",
    "multiscale_deformable_attention",
    "pixels",
    "sample",
    "sample_grad",
    "set_num_threads",
    "splat",
    "valid_mask",
    "warp",
    "why",
]


# Rooms loaded when first asked for: `gs.maps` and the like cost nothing, and need nothing, until used.
_ROOMS: tuple[str, ...] = ("dialects", "export", "maps", "nn", "torch")
# Public functions loaded with their room when first asked for: name to room.
_LATER: dict[str, str] = {"flow_warp": "warping", "pixels": "warping", "warp": "warping", "why": "diagnose"}


def __getattr__(name: str) -> Any:
    if name == "__version__":  # read when asked for: the reader of metadata takes longer to load than this package
        from importlib.metadata import version

        return version("gridsample")
    if name in _ROOMS:
        from importlib import import_module

        return import_module(f"gridsample.{name}")
    if name in _LATER:
        from importlib import import_module

        return getattr(import_module(f"gridsample.{_LATER[name]}"), name)
    raise AttributeError(f"module 'gridsample' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS, *_LATER})


if os.environ.get("GRIDSAMPLE_ACCELERATE"):
    from gridsample.autostart import watch

    watch()
    del watch
