# SPDX-License-Identifier: Apache-2.0
"""Which lattice a grid was built on, read off its numbers, and the affine maps on top of it."""

from __future__ import annotations

import numpy as np

from gridsample.diagnose.case import Case, Fit
from gridsample.diagnose.intake import Array

LATTICES = ("corners", "edges", "by_n")


def line(kind: str, i: Array, n: int) -> Array:
    """Output i of n, as the lattice of that name has it."""
    return {"corners": 2 * i / max(n - 1, 1) - (n > 1), "edges": (2 * i + 1) / n - 1, "by_n": 2 * i / n - 1}[kind]


def recognised(case: Case) -> str:
    """The lattice that many outputs lie on exactly, identity but for what was added elsewhere; or nothing.

    The three differ by half a pixel of the output at most, and near the middle by less, so a share of exact hits is
    only believed if it is far above the other two's.
    """
    if not case.finite or all(n < 2 for n in case.sizes_out):
        return ""
    tolerance = 0.002 + 2 * case.resolution_px
    shares = {}
    for kind in LATTICES:
        hit = np.ones(case.grid.shape[:-1], bool)
        for k, (i, n) in enumerate(zip(case.index, case.sizes_out, strict=True)):
            if n > 1:
                hit &= np.abs(case.grid[..., k] - line(kind, i, n)) * max(case.sizes_in[k], n) / 2 < tolerance
        shares[kind] = float(hit.mean())
    order = sorted(shares, key=lambda kind: shares[kind], reverse=True)
    best, second = order[0], order[1]
    return best if shares[best] > 0.1 and shares[best] > 2.5 * shares[second] else ""


def theta(case: Case, fit: Fit, corners: bool) -> Array:
    """The matrix affine_grid would have been given, with align_corners=``corners``."""
    return np.asarray(fit.matrix / case.stretch[None, :] if corners else fit.matrix)


def of_theta(case: Case, matrices: list[Array], shifts: list[Array]) -> Array:
    """The grid of affine maps under this Case's align_corners: affine_grid, on the thinned outputs."""
    base = case.identity()
    return np.stack([base @ a.T + b for a, b in zip(matrices, shifts, strict=True)])


def thetas(case: Case) -> tuple[list[Array], list[Array]]:
    """One matrix and shift for every element of the grid."""
    return [theta(case, fit, case.align_corners) for fit in case.fits], [fit.shift for fit in case.fits]


def plain(case: Case, fit: Fit, corners: bool) -> bool:
    """Whether a map has numbers that people write: scales of simple size along the axes, or a rotation."""
    a, b = theta(case, fit, corners), fit.shift
    near = 2e-5 + 4 * case.resolution_px / max(case.scale.max(), 1.0)
    simple = np.abs(a * 20 - np.rint(a * 20)).max() < 20 * near and np.abs(b * 20 - np.rint(b * 20)).max() < 20 * near
    diagonal = np.abs(a - np.diag(np.diag(a))).max() < near
    if diagonal and simple:
        return True
    turned = [a, pixel_matrix(case, a, corners)]
    return any(np.abs(m @ m.T - np.eye(case.axes)).max() < 4 * near for m in turned) and not diagonal


def half_sizes(sizes: tuple[int, ...], corners: bool) -> Array:
    return np.array([max(n - corners, 1) / 2 for n in sizes])


def pixel_matrix(case: Case, a: Array, corners: bool) -> Array:
    """A matrix of normalised coordinates as one of pixels, input per output."""
    return np.asarray(a * half_sizes(case.sizes_in, corners)[:, None] / half_sizes(case.sizes_out, corners)[None, :])


def similarity(a: Array, tolerance: float) -> float | None:
    """The scale of a rotation times a scale, mirrored or not, or None."""
    square = a @ a.T
    scale = float(np.trace(square)) / len(a)
    return scale**0.5 if scale > 0 and np.abs(square / scale - np.eye(len(a))).max() < tolerance else None
