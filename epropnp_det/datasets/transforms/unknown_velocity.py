"""Unknown velocities for heads that cannot tell them from known ones."""

from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ZeroUnknownVelocity(BaseTransform):
    """Make unknown velocities zero, as mmdet3d's own dataset has them.

    :class:`NuScenesMonoDataset` marks them NaN, which would spread through the losses of
    mmdet3d's heads, such as ``FCOSMono3DHead``.
    """

    def transform(self, results: dict) -> dict:
        """Edit the last two columns of ``gt_bboxes_3d`` (N, 9)."""
        boxes = results["gt_bboxes_3d"]
        boxes.tensor[:, 7:] = boxes.tensor[:, 7:].nan_to_num(nan=0.0)
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
