"""nuScenes evaluation of monocular predictions: importing this package registers the metric."""

from .nuscenes_mono_metric import NuScenesMonoMetric

__all__ = ["NuScenesMonoMetric"]
