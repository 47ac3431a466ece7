# SPDX-License-Identifier: Apache-2.0
"""Saliency zoom: what matters is drawn larger, the rest smaller, the whole picture stays in view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gridsample.errors import MapError, RankError
from gridsample.maps import arrays
from gridsample.maps.arrays import Array
from gridsample.maps.base import Components, Map, spatial
from gridsample.maps.fields import lattice_entries, read_field, read_slopes


class Saliency(Map):
    """Every output pixel is drawn towards what is salient near it.

        x_in(g) = Σ_k s_k K(g - g_k) g_k / Σ_k s_k K(g - g_k),   K a Gaussian of ``spread`` of the image's longer side

    Shapes:
        saliency: (N or 1, h, w) or (N or 1, 1, h, w), not negative. size: of the output; input_size: of the image.

    Convention:
        g runs over the picture in fractions; saliency is continued beyond its rim as on it, and where it is
        constant the map is the plain resizing. Evaluated at the pixels of
        the saliency map and linear in between. Recasens et al. 2018, "Learning to Zoom", with replicated saliency
        around the image.

    Raises:
        RankError; MapError: saliency that is negative or 0 everywhere.

    >>> import numpy as np, gridsample as gs
    >>> s = np.ones((1, 31, 31)); s[0, 10, 10] = 50
    >>> zoom = gs.maps.Saliency(s, size=(64, 64), input_size=(64, 64))
    >>> bool(gs.maps.determinant(zoom)[0, 21, 21] < 0.8)  # fewer pixels of input for one of output: enlarged
    True
    """

    axes = 2

    def __init__(self, saliency: Any, size: Sequence[int], input_size: Sequence[int], *, spread: float = 1 / 6) -> None:
        s = arrays.one("Saliency", "saliency", saliency)
        if s.ndim == 4 and s.shape[1] == 1:
            s = s[:, 0]
        if s.ndim == 2:
            s = s[None]
        if s.ndim != 3:
            got = f"shape {tuple(s.shape)}"
            raise RankError("Saliency", "saliency (N, h, w) or (N, 1, h, w)", got, "one map for each image")
        numbers = arrays.concrete(s)
        if numbers is not None and (numbers.min() < 0 or not (numbers.max(axis=(1, 2)) > 0).all()):
            got = f"from {numbers.min():.3g} to {numbers.max():.3g}"
            raise MapError("Saliency", "saliency ≥ 0 and not 0 everywhere", got, "apply a softmax, or add a constant")
        self.size = spatial("Saliency", "size", size, 2)
        self.input_size = spatial("Saliency", "input_size", input_size, 2)
        self.saliency, self.spread = s, float(spread)
        self.pull = self._pull()  # (N, 2, h, w): towards where, in fractions of the picture

    def _pull(self) -> Array:
        xp, s = arrays.namespace(self.saliency), self.saliency
        h, w = s.shape[1:]
        longer = max(self.size or (1, 1))
        height, width = (n / longer for n in self.size or (1, 1))
        (ky, dy), (kx, dx) = self._kernel(h, height), self._kernel(w, width)
        total = xp.matmul(ky, xp.matmul(s, kx.T))
        along_x = xp.matmul(ky, xp.matmul(s, dx.T)) / total
        along_y = xp.matmul(dy, xp.matmul(s, kx.T)) / total
        return xp.stack([along_x, along_y], axis=1)

    def _kernel(self, n: int, length: float) -> tuple[Array, Array]:
        """(n, n): how saliency pixel k acts on place i, and the same times their distance; replicas folded in."""
        radius = int(np.ceil(3 * self.spread / length * n))
        offsets = np.arange(-radius, radius + 1)
        bell = np.exp(-0.5 * (offsets / n * length / self.spread) ** 2)
        strength, moment = np.zeros((n, n)), np.zeros((n, n))
        for offset, weight in zip(offsets, bell, strict=True):
            from_ = np.clip(np.arange(n) + offset, 0, n - 1)
            np.add.at(strength, (np.arange(n), from_), weight)
            np.add.at(moment, (np.arange(n), from_), weight * offset / n)
        dtype = np.dtype(arrays.dtype_name(self.saliency))
        return tuple(arrays.like(m.astype(dtype), self.saliency) for m in (strength, moment))  # type: ignore[return-value]

    def _at(self, xs: Components) -> list[Array]:
        outer, inner = self.size or (1, 1), self.input_size
        pull = read_field(self.pull, arrays.stacked(self._places(xs)))
        rows = []
        for j, x in enumerate(xs):
            ratio = inner[1 - j] / outer[1 - j]
            rows.append(x * ratio + (ratio - 1) / 2 + pull[:, j] * inner[1 - j])
        return rows

    def _places(self, xs: Components) -> list[Array]:
        """Pixels of the saliency map for pixels of the output."""
        h, w = self.saliency.shape[1:]
        return [(x + 0.5) * (n / m) - 0.5 for x, n, m in zip(xs, (w, h), reversed(self.size or (1, 1)), strict=True)]

    def _entries(self, xs: Components) -> list[list[Array]]:
        return lattice_entries(self, xs)

    def _slopes(self, xs: Components) -> list[list[Array]]:
        slopes = read_slopes(self.pull, self._places(xs))
        outer, inner, small = ([n[1], n[0]] for n in (self.size or (1, 1), self.input_size, self.saliency.shape[1:]))
        return [
            [
                slopes[:, i, ..., j] * (inner[i] * small[j] / outer[j]) + (inner[i] / outer[i] if i == j else 0.0)
                for j in (0, 1)
            ]
            for i in (0, 1)
        ]

    def _details(self) -> str:
        return f"spread {self.spread:.3g}, input {'×'.join(map(str, self.input_size))}"
