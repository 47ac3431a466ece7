# SPDX-License-Identifier: Apache-2.0
"""Grid sampling: images, volumes and feature maps read at arbitrary real coordinates, differentiably and fast.

    import gridsample as gs

Public names are exported here by hand; everything else is private. Importing this loads NumPy and nothing heavier.
"""

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


def __getattr__(name: str) -> str:
    if name == "__version__":  # read when asked for: the reader of metadata takes longer to load than this package
        from importlib.metadata import version

        return version("gridsample")
    raise AttributeError(f"module 'gridsample' has no attribute {name!r}")
