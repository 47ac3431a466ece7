# SPDX-License-Identifier: Apache-2.0
"""Panoramas: any camera of the sphere drawn from any other."""

from __future__ import annotations

from typing import Any

from gridsample import api
from gridsample.errors import ArgumentTypeError, ShapeError
from gridsample.maps import arrays, turning
from gridsample.maps.arrays import Array
from gridsample.maps.base import Components, Map
from gridsample.maps.cameras import Camera, Cubemap


class Reprojection(Map):
    """The picture of one camera drawn from the picture of another that stands at the same place.

        x_in = input.pixel(R output.ray(x_out)),   R = R_yaw R_pitch R_roll

    Shapes:
        output, input: `Equirectangular`, `Perspective` or `Cubemap`. Angles: () or (N,), one map for each.

    Convention:
        The angles turn the OUTPUT camera: yaw to the right, pitch up, roll clockwise as seen from behind it (the
        picture turns the other way). What the input does not show is NaN. ``boundary`` says what the input's rim
        needs: a panorama's longitude wraps, ``gs.sample(panorama, view, boundary=view.boundary)``; `gs.warp` does so
        by itself.

    >>> import gridsample as gs
    >>> view = gs.maps.Reprojection(
    ...     gs.maps.Perspective((101, 101), fov_deg=90), gs.maps.Equirectangular((180, 360)), yaw_deg=90
    ... )
    >>> view([[50, 50]]).round(6)  # the middle looks at longitude 90°, latitude 0
    array([[269.5,  89.5]])
    """

    axes = 2

    def __init__(
        self, output: Camera, input: Camera, *, yaw_deg: Any = 0.0, pitch_deg: Any = 0.0, roll_deg: Any = 0.0
    ) -> None:
        if not isinstance(output, Camera) or not isinstance(input, Camera):
            got = f"{type(output).__name__} and {type(input).__name__}"
            raise ArgumentTypeError("Reprojection", "two cameras", got, "see gs.maps.Perspective")
        angles = arrays.together("Reprojection", pitch_deg=pitch_deg, yaw_deg=yaw_deg, roll_deg=roll_deg)
        pitch, yaw, roll = (angle.reshape(-1) for angle in angles)
        self.output, self.input = output, input
        self.size, self.boundary = output.size, input.boundary
        # right, down, ahead are x, y, z: about x a positive angle looks up, about y right, about z clockwise
        xp = arrays.namespace(pitch)
        zero = pitch * 0 + yaw * 0 + roll * 0
        about = [turning.rotation(xp.stack(list(a), axis=-1), 3) for a in _axes(pitch + zero, yaw + zero, roll + zero)]
        self.rotation = xp.matmul(about[1], xp.matmul(about[0], about[2]))  # (N, 3, 3)

    def _at(self, xs: Components) -> list[Array]:
        ray = self.output.ray(xs)
        turned = [
            sum(arrays.raised(self.rotation[:, i, j], ray[0]) * part for j, part in enumerate(ray)) for i in range(3)
        ]
        return self.input.pixel(turned)

    def inverse(self, **_: Any) -> Reprojection:
        """The input's picture drawn from the output's."""
        found = Reprojection(self.input, self.output)
        found.rotation = arrays.namespace(self.rotation).swapaxes(self.rotation, -1, -2)
        return found

    def _details(self) -> str:
        return f"{self.output!r} from {self.input!r}"


def cube_faces(face: int, panorama: Camera) -> Reprojection:
    """The six faces of a cube, in the order of `Cubemap`, one map each, drawn from a panorama.

    >>> import gridsample as gs
    >>> gs.maps.cube_faces(64, gs.maps.Equirectangular((128, 256))).batch
    6
    """
    from gridsample.maps.cameras import Perspective

    yaw, pitch = [0.0, 90.0, 180.0, -90.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 90.0, -90.0]
    return Reprojection(Perspective((face, face), 90.0), panorama, yaw_deg=yaw, pitch_deg=pitch)


def cube_strip(faces: Any, *, border: int = 1) -> Array:
    """Six faces (6, C, n, n) as the strip (1, C, n + 2 border, 6 (n + 2 border)) of a `Cubemap`.

    Each face gets a border read from its neighbours, so that sampling across an edge meets no seam; where three faces
    meet, the corner is the nearest pixel of one of them.

    >>> import numpy as np, gridsample as gs
    >>> gs.maps.cube_strip(np.zeros((6, 3, 8, 8), "float32")).shape
    (1, 3, 10, 60)
    """
    if faces.ndim != 4 or faces.shape[0] != 6 or faces.shape[2] != faces.shape[3]:
        raise ShapeError("cube_strip", "faces (6, C, n, n)", f"{tuple(faces.shape)}", "see FACES for their order")
    xp, n = arrays.namespace(faces), faces.shape[2]
    side_by_side = xp.concatenate(list(faces), axis=-1)[None]
    if border == 0:
        return side_by_side
    bordered, plain = Cubemap(n, border=border), Cubemap(n)
    x = Reprojection(bordered, plain).to(faces).coords()
    # Positions stay between the centres of their face: no tap reads a face that merely lies beside it in the strip.
    face = xp.floor((x[..., 0] + 0.5) / n)
    low = face * n
    across = xp.maximum(xp.minimum(x[..., 0], low + (n - 1)), low)
    return api.sample(side_by_side, arrays.stacked([across, x[..., 1]]), boundary="clamp")


def _axes(pitch: Array, yaw: Array, roll: Array) -> list[tuple[Array, Array, Array]]:
    zero = pitch * 0
    return [(pitch, zero, zero), (zero, yaw, zero), (zero, zero, roll)]
