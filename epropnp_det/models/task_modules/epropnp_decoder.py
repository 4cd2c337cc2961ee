"""From object poses to the boxes of each image."""

from __future__ import annotations

from typing import NamedTuple

import torch
from mmcv.ops import batched_nms
from mmdet3d.registry import TASK_UTILS
from mmdet3d.structures import CameraInstance3DBoxes
from mmengine.structures import InstanceData
from torch import Tensor

from epropnp_det.rotated_nms import rotated_bev_nms

from ..batch import Views


class ObjectDetections(NamedTuple):
    """M detected objects.

    Attributes:
        pose: (M, 4) gravity centre (x, y, z) and yaw, camera frame, in metres and radians.
        dims: (M, 3) sizes (l, h, w), in metres.
        score: (M,) final scores in [0, 1].
        label: (M,) classes.
        velocity: (M, 2) (vx, vz), in m/s; (M, 0) if not predicted.
        attr_score: (M, A) probability of each attribute; A can be 0.
        img_ind: (M,) image of each object.
    """

    pose: Tensor
    dims: Tensor
    score: Tensor
    label: Tensor
    velocity: Tensor
    attr_score: Tensor
    img_ind: Tensor


@TASK_UTILS.register_module()
class EProPnPDecoder:
    """Drop duplicates within a class and image, and pack what is left.

    Args:
        nms_2d_thr: IoU of projected boxes above which the lower score is dropped.
        nms_bev_thr: the same for rotated boxes seen from above.
        z_min: depth to which corners behind the camera are moved for projection, in metres.
    """

    def __init__(
        self, nms_2d_thr: float = 0.8, nms_bev_thr: float = 0.25, z_min: float = 0.1
    ) -> None:
        self.nms_2d_thr = nms_2d_thr
        self.nms_bev_thr = nms_bev_thr
        self.z_min = z_min

    def decode(
        self, objects: ObjectDetections, views: Views, extras: dict[str, Tensor] | None = None
    ) -> list[InstanceData]:
        """Boxes of each image, best first.

        Args:
            objects: detections of a whole batch.
            views: the cameras of its images.
            extras: further fields (M, ...) that the boxes are to have.

        Returns:
            Per image ``bboxes_3d`` (:class:`CameraInstance3DBoxes`), ``scores_3d``, ``labels_3d``,
            the extras, and where there are any attributes ``attr_labels`` and ``attr_scores``.
        """
        keep = self._keep(objects, views)
        results = []
        for i in range(len(views.img_size)):
            own = keep[objects.img_ind[keep] == i]
            found = ObjectDetections(*(x[own] for x in objects))
            fields = {name: x[own] for name, x in (extras or {}).items()}
            results.append(box_instances(found, fields))
        return results

    def _keep(self, objects: ObjectDetections, views: Views) -> Tensor:
        """Indices of the objects that survive both suppressions, best first."""
        if len(objects.label) == 0:
            return objects.label  # mmcv's batched_nms refuses an empty batch
        boxes = camera_boxes(objects)
        # Suppression never crosses a class or an image.
        group = objects.img_ind + len(views.img_size) * objects.label
        _, keep = batched_nms(
            self._project(boxes.corners, views, objects.img_ind),
            objects.score,
            group,
            dict(type="nms", iou_threshold=self.nms_2d_thr),
        )
        bev, score, group = (x[keep].cpu().numpy() for x in (boxes.bev, objects.score, group))
        return keep[torch.from_numpy(rotated_bev_nms(bev, score, group, self.nms_bev_thr))]

    def _project(self, corners: Tensor, views: Views, img_ind: Tensor) -> Tensor:
        """Image rectangles (M, 4) around box corners (M, 8, 3), clipped to the image."""
        depth = corners[..., 2:].clamp(min=self.z_min)
        rays = torch.cat([corners[..., :2] / depth, torch.ones_like(depth)], -1)
        pixels = (rays @ views.cam_mats[img_ind].transpose(1, 2))[..., :2]
        pixels = pixels.clamp(min=0).minimum(views.img_size[img_ind][:, None])
        return torch.cat([pixels.amin(1), pixels.amax(1)], -1)


def box_instances(found: ObjectDetections, extras: dict[str, Tensor]) -> InstanceData:
    """The boxes of one image, with the fields that :meth:`EProPnPDecoder.decode` names."""
    fields = dict(extras)
    if found.attr_score.shape[-1]:
        fields["attr_labels"] = found.attr_score.argmax(-1)
        fields["attr_scores"] = found.attr_score
    return InstanceData(
        bboxes_3d=camera_boxes(found), scores_3d=found.score, labels_3d=found.label, **fields
    )


def camera_boxes(objects: ObjectDetections) -> CameraInstance3DBoxes:
    """mmdet3d's camera boxes, with velocity if there is one; bottom-centred, as it keeps them."""
    rows = [objects.pose[:, :3], objects.dims, objects.pose[:, 3:], objects.velocity]
    return CameraInstance3DBoxes(
        torch.cat(rows, dim=-1),
        box_dim=7 + objects.velocity.shape[-1],
        origin=(0.5, 0.5, 0.5),
    )
