"""Evaluation of monocular predictions: importing this package registers the metrics."""

from .bop import BOPMetric
from .kitti_mono_metric import KittiMonoMetric
from .nuscenes_mono_metric import NuScenesMonoMetric

__all__ = ["BOPMetric", "KittiMonoMetric", "NuScenesMonoMetric"]
