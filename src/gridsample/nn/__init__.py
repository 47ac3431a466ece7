# SPDX-License-Identifier: Apache-2.0
"""torch modules made of maps and sampling: what the field's papers use, without a grid built by hand."""

from gridsample.nn.attention import DeformableAttention2d, deformable_attention
from gridsample.nn.augment import Augment, Augmented
from gridsample.nn.crops import AttendedCrops
from gridsample.nn.deform import DeformConv2d, DeformSample2d
from gridsample.nn.supersampling import supersampled
from gridsample.nn.transformer import HEADS, SpatialTransformer
from gridsample.nn.transforms import (
    Elastic,
    Flip,
    Perspective,
    RandomCrop,
    Resize,
    Rotate,
    Scale,
    Shear,
    Transform,
    Translate,
)
from gridsample.nn.warps import FlowWarp, Warp

__all__ = [
    "HEADS",
    "AttendedCrops",
    "Augment",
    "Augmented",
    "DeformConv2d",
    "DeformSample2d",
    "DeformableAttention2d",
    "Elastic",
    "Flip",
    "FlowWarp",
    "Perspective",
    "RandomCrop",
    "Resize",
    "Rotate",
    "Scale",
    "Shear",
    "SpatialTransformer",
    "Transform",
    "Translate",
    "Warp",
    "deformable_attention",
    "supersampled",
]
