# SPDX-License-Identifier: Apache-2.0
"""The B-spline prefilter in elementary operations: along each axis a product with the inverse of a banded matrix.

c = A^-1 image along every axis of a spline, A being what the taps of points on the pixels' centres weigh; see
`backends.portable.prefilter`. The matrix is a constant of the model: n x n numbers for each axis of n pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gridsample.backends.portable.prefilter import coefficients
from gridsample.errors import OptionError
from gridsample.export.ops import Size
from gridsample.frameworks.numpy import space
from gridsample.spec.kernels import find

Array = np.ndarray[Any, np.dtype[Any]]


def matrices(where: str, rules: str, sizes: Sequence[Size], adjoint: bool) -> Iterator[tuple[int, Array]]:
    """For each axis d that is filtered: d, counted in ``sizes``, and the float32 matrix that its pixels multiply.

    rules: "kernel,boundary" of each axis, as `gridsample::prefilter` takes them.
    """
    for d, (rule, n) in enumerate(zip(rules.split(" "), sizes, strict=True)):
        kernel, boundary = rule.split(",")
        row = find(kernel)
        if row is None or not row.prefilter:
            continue
        if not isinstance(n, int):
            do = "fix the image's sizes, prefilter the image before it enters the model and pass prefilter=False, or"
            raise OptionError(
                where, f"an image of fixed sizes for {kernel}", f"a size {n}", f"{do} take another kernel"
            )
        unit = np.eye(n)  # whose row i becomes the coefficients of pixel i alone
        yield d, coefficients(space, unit, (kernel,), (boundary,), 0.0, adjoint).astype(np.float32)
