# SPDX-License-Identifier: Apache-2.0
"""Coordinate maps: from "I have a transformation" to coordinates, without touching one by hand.

Every map takes OUTPUT positions to INPUT positions, in pixels and x first, and says so when printed:

    out[n, c, o] = image[n, c, map(o)]

``gs.sample(image, map, size=...)`` and ``gs.warp(picture, map)`` take any of them. Numbers may be NumPy's, torch's
or JAX's; results can be differentiated by them. ``a @ b`` composes, ``map.inverse()`` inverts.
"""

from gridsample.maps.affine import Affine
from gridsample.maps.annotations import boxes, inside, points
from gridsample.maps.base import Map
from gridsample.maps.bspline import BSplineField
from gridsample.maps.cameras import FACES, Camera, Cubemap, Equirectangular, Perspective
from gridsample.maps.composed import Composed, compose
from gridsample.maps.crop import Crop
from gridsample.maps.derivatives import determinant, fold_fraction, jacobian
from gridsample.maps.fields import Displacement, Positions, Velocity
from gridsample.maps.framed import Framed, from_grid, to_grid
from gridsample.maps.homography import Homography
from gridsample.maps.inverse import Inverse
from gridsample.maps.lens import Lens
from gridsample.maps.polar import Polar, Unpolar
from gridsample.maps.saliency import Saliency
from gridsample.maps.sphere import Reprojection, cube_faces, cube_strip
from gridsample.maps.tps import ThinPlateSpline

__all__ = [
    "FACES",
    "Affine",
    "BSplineField",
    "Camera",
    "Composed",
    "Crop",
    "Cubemap",
    "Displacement",
    "Equirectangular",
    "Framed",
    "Homography",
    "Inverse",
    "Lens",
    "Map",
    "Perspective",
    "Polar",
    "Positions",
    "Reprojection",
    "Saliency",
    "ThinPlateSpline",
    "Unpolar",
    "Velocity",
    "boxes",
    "compose",
    "cube_faces",
    "cube_strip",
    "determinant",
    "fold_fraction",
    "from_grid",
    "inside",
    "jacobian",
    "points",
    "to_grid",
]
