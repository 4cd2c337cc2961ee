"""What passes between the rooms: samples of data, with what is known and what was predicted."""

from .object_pose_sample import ObjectPoseSample
from .object_poses import ObjectPoses

__all__ = ["ObjectPoseSample", "ObjectPoses"]
