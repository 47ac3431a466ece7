# SPDX-License-Identifier: Apache-2.0
"""Grid sampling: images, volumes and feature maps read at arbitrary real coordinates, differentiably and fast.

    import gridsample as gs

Public names are exported here by hand; everything else is private. Importing this loads NumPy and nothing heavier.
"""

from typing import Any

from gridsample.api import affine_grid, grid_sample, sample, sample_grad, splat
from gridsample.errors import GridSampleError
from gridsample.threads import get_num_threads, set_num_threads

__version__: str

__all__ = [
    "GridSampleError",
    "__version__",
    "affine_grid",
    "get_num_threads",
    "grid_sample",
    "sample",
    "sample_grad",
    "set_num_threads",
    "splat",
]


# Rooms loaded when first asked for: `gs.maps` and the like cost nothing, and need nothing, until used.
_ROOMS: tuple[str, ...] = ("export",)


def __getattr__(name: str) -> Any:
    if name == "__version__":  # read when asked for: the reader of metadata takes longer to load than this package
        from importlib.metadata import version

        return version("gridsample")
    if name in _ROOMS:
        from importlib import import_module

        return import_module(f"gridsample.{name}")
    raise AttributeError(f"module 'gridsample' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})
