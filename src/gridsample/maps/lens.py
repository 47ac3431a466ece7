# SPDX-License-Identifier: Apache-2.0
"""Lenses: from the ideal (undistorted) picture to the one the camera took, in OpenCV's models and coefficient order.

u = (x_out - c')/f',   Brown–Conrady:  u_d = u radial(r²) + tangential(u) + prism(r²)
                       fisheye:        u_d = u θ_d / r,  θ = atan r,  θ_d = θ (1 + k1 θ² + k2 θ⁴ + k3 θ⁶ + k4 θ⁸)
x_in = f u_d + c
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from gridsample.errors import MapError, MapWarning, ShapeError, unknown
from gridsample.maps import arrays
from gridsample.maps.affine import Affine
from gridsample.maps.arrays import Array
from gridsample.maps.base import Components, Map, spatial

MODELS = ("brown_conrady", "fisheye")
COUNTS = {"brown_conrady": (0, 4, 5, 8, 12), "fisheye": (0, 4)}


class Lens(Map):
    """Undistortion: each pixel of the ideal picture is looked up in the one that the lens bent.

        radial = (1 + k1 r² + k2 r⁴ + k3 r⁶) / (1 + k4 r² + k5 r⁴ + k6 r⁶)

    Shapes:
        camera: (3, 3) or (N, 3, 3), or (fx, fy, cx, cy) as (4,) or (N, 4), in pixels.
        coefficients: (K,) or (N, K). "brown_conrady": k1 k2 p1 p2 [k3 [k4 k5 k6 [s1 s2 s3 s4]]]; "fisheye": k1 … k4.
        new_camera: of the ideal picture, as camera; by default the same.

    Convention:
        Output: the ideal picture, input: the camera's, as ``cv2.initUndistortRectifyMap`` and its fisheye namesake. The
        inverse draws an ideal picture as the lens would; it is found by iteration. All coefficients 0 with one camera
        is exactly the identity ("fisheye" bends even so).

    Raises:
        ShapeError: another number of coefficients. MapError: a focal length of 0. MapWarning (a warning): numbers that
        look like fractions of the image.

    >>> import gridsample as gs
    >>> gs.maps.Lens((100, 100, 50, 50), (0.1, 0, 0, 0))([[50, 50], [150, 50]])
    array([[ 50.,  50.],
           [160.,  50.]])
    """

    axes = 2

    def __init__(
        self,
        camera: Any,
        coefficients: Any = (),
        *,
        model: str = "brown_conrady",
        new_camera: Any = None,
        size: Sequence[int] | None = None,
    ) -> None:
        if model not in MODELS:
            raise unknown("Lens", "model", model, MODELS)
        camera, coefficients, new_camera = arrays.together(
            "Lens", camera=camera, coefficients=coefficients, new_camera=new_camera
        )
        self.model = model
        self.camera = _four("camera", camera)
        self.new_camera = self.camera if new_camera is None else _four("new_camera", new_camera)
        k = coefficients[None] if coefficients.ndim == 1 else coefficients
        if coefficients.ndim not in (1, 2) or k.shape[1] not in COUNTS[model]:
            expected = f"{' or '.join(map(str, COUNTS[model]))} coefficients for {model!r}"
            got = f"shape {tuple(coefficients.shape)}"
            raise ShapeError("Lens", expected, got, "fill up with zeros, in OpenCV's order")
        self.coefficients = k if k.shape[1] else self.camera * 0  # all models begin with four
        self.size = None if size is None else spatial("Lens", "size", size, 2)

    def _at(self, xs: Components) -> list[Array]:
        ideal = self._start(xs)  # where a lens that bends nothing would have it: exact for one camera
        u = [(x - self._of(self.new_camera, 2 + j, x)) / self._of(self.new_camera, j, x) for j, x in enumerate(xs)]
        extra = self._brown(u) if self.model == "brown_conrady" else self._fisheye(u)
        return [p + self._of(self.camera, j, p) * e for j, (p, e) in enumerate(zip(ideal, extra, strict=True))]

    def _brown(self, u: Components) -> list[Array]:
        """u_d - u."""
        x, y = u
        r2 = x * x + y * y
        names = ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6", "s1", "s2", "s3", "s4")
        k = {name: self._of(self.coefficients, j, r2) for j, name in enumerate(names[: self.coefficients.shape[1]])}
        above = r2 * (k["k1"] + r2 * (k["k2"] + r2 * k.get("k3", 0.0)))
        if "k4" in k:
            below = r2 * (k["k4"] + r2 * (k["k5"] + r2 * k["k6"]))
            above = (above - below) / (1 + below)
        twice = 2 * x * y
        du = x * above + k["p1"] * twice + k["p2"] * (r2 + 2 * x * x)
        dv = y * above + k["p1"] * (r2 + 2 * y * y) + k["p2"] * twice
        if "s1" in k:
            du = du + r2 * (k["s1"] + r2 * k["s2"])
            dv = dv + r2 * (k["s3"] + r2 * k["s4"])
        return [du, dv]

    def _fisheye(self, u: Components) -> list[Array]:
        xp, (x, y) = arrays.namespace(u[0]), u
        r2 = x * x + y * y
        away = r2 > 1e-16
        r = xp.sqrt(xp.where(away, r2, r2 * 0 + 1))
        theta = xp.arctan(r)
        t2 = theta * theta
        k = [self._of(self.coefficients, j, r2) for j in range(4)]
        bent = theta * (1 + t2 * (k[0] + t2 * (k[1] + t2 * (k[2] + t2 * k[3]))))
        longer = xp.where(away, bent / r - 1, r2 * 0)
        return [x * longer, y * longer]

    def _start(self, xs: Components) -> list[Array]:
        """f (x - c')/f' + c, exactly x where the cameras are the same."""
        rows = []
        for j, x in enumerate(xs):
            ratio = self._of(self.camera / self.new_camera, j, x)
            rows.append(ratio * x + (self._of(self.camera, 2 + j, x) - ratio * self._of(self.new_camera, 2 + j, x)))
        return rows

    def inverse(self, **choices: Any) -> Map:
        """By iteration from the map of a lens that bends nothing; see `Inverse`."""
        xp = arrays.namespace(self.camera)
        ratio = self.new_camera[:, :2] / self.camera[:, :2]
        shift = self.new_camera[:, 2:] - ratio * self.camera[:, 2:]
        zero = shift[:, :1] * 0
        rows = [xp.concatenate([ratio[:, :1], zero, shift[:, :1]], axis=1)]
        rows.append(xp.concatenate([zero, ratio[:, 1:], shift[:, 1:]], axis=1))
        choices.setdefault("start", Affine(xp.stack(rows, axis=1)))
        return super().inverse(**choices)

    def _of(self, table: Array, j: int, x: Array) -> Array:
        return arrays.raised(table[:, j], x)

    def _details(self) -> str:
        return f"{self.model}, {self.coefficients.shape[1]} coefficients"


def _four(name: str, camera: Array) -> Array:
    """(N, 4): fx, fy, cx, cy."""
    xp = arrays.namespace(camera)
    if tuple(camera.shape[-2:]) == (3, 3) and camera.ndim in (2, 3):
        m = camera.reshape(-1, 3, 3)
        skew = arrays.concrete(m[:, 0, 1])
        if skew is not None and skew.any():
            raise MapError("Lens", f"{name} without skew", f"skew {skew}", "OpenCV's models have none")
        four = xp.stack([m[:, 0, 0], m[:, 1, 1], m[:, 0, 2], m[:, 1, 2]], axis=-1)
    elif camera.ndim in (1, 2) and camera.shape[-1] == 4:
        four = camera.reshape(-1, 4)
    else:
        do = "give a camera matrix or fx, fy, cx, cy"
        raise ShapeError("Lens", f"{name} (3, 3), (N, 3, 3), (4,) or (N, 4)", f"shape {tuple(camera.shape)}", do)
    numbers = arrays.concrete(four)
    if numbers is not None:
        if not (numbers[:, :2] != 0).all():
            raise MapError("Lens", f"focal lengths in {name} not 0", str(numbers[:, :2]), "give them in pixels")
        if (np.abs(numbers) <= 2).all():
            message = f"Lens: {name} {numbers[0]} looks like fractions of the image; give pixels"
            warnings.warn(message, MapWarning, stacklevel=3)
    return four
