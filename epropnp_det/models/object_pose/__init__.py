"""6 DoF object pose: one crop of one known object in, one pose out."""

from .coordinate_head import CoordinateHead, CoordinateMaps
from .epropnp_6dof import EProPnP6DoF
from .object_pose_head import ObjectPoseHead
from .predictions import PosePredictions

__all__ = [
    "CoordinateHead",
    "CoordinateMaps",
    "EProPnP6DoF",
    "ObjectPoseHead",
    "PosePredictions",
]
