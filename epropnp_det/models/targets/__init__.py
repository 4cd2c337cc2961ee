"""Training targets: which cells, where their centres are, and which of them are sampled."""

from .lidar_targets import mean_by_cell, points_in_boxes
from .object_sampler import ObjectSampler, SampledObjects
from .point_assigner import CenterPointAssigner, PointAssignment
from .volume_center import VolumeCenter

__all__ = [
    "CenterPointAssigner",
    "ObjectSampler",
    "PointAssignment",
    "SampledObjects",
    "VolumeCenter",
    "mean_by_cell",
    "points_in_boxes",
]
