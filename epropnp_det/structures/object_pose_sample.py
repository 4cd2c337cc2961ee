"""One crop of one object, with what is known and what was predicted of its pose."""

from __future__ import annotations

from mmengine.structures import BaseDataElement
from torch import Tensor


class ObjectPoseSample(BaseDataElement):
    """One crop of one object (6 DoF object pose): metainfo, ground truth and prediction.

    Poses take the model's frame to the camera's: [x, y, z, w, i, j, k], metres and a unit
    quaternion. Cell (column i, row j) of a map of s x s cells stands for the pixel
    ``crop_center - crop_size / 2 + (i, j) * crop_size / s`` of the original image.

    Metainfo:
        scene_id, im_id, obj_id: int, as BOP counts them.
        label: int, index into the dataset's ``metainfo["classes"]``.
        box: (4,) x, y, width, height of the object's 2D box in original pixels.
        score: float, of the detection; 1.0 for boxes of the ground truth.
        time: float, seconds that the detection took, -1 where unknown.
        img_path: str.
        ori_shape, img_shape: (height, width) of the original image and of the crop, in pixels.
        cam2img: (3, 3) float64, intrinsics of the original image, in pixels.
        crop_center: (2,) x and y in original pixels, whole numbers.
        crop_size: float, side of the square crop in original pixels, a whole number.
        half_size: (3,) metres by which normalised coordinates are multiplied, ones without a model.
        gt_index: int, position in the image's list of true poses, -1 where there is none.

    Attributes:
        gt_pose: true pose (7,) float32.
        gt_coords: true coordinates (3, s, s) float32 in the model's frame, in units of
            ``half_size``; absent where there is no model.
        gt_mask: (s, s) float32, 1 where this object is visible, else 0; absent likewise.
        pred_pose: predicted pose (7,).
        pred_cov: its covariance (6, 6): metres, and steps d of the quaternion, which turn by 2 d
            radians, as in :class:`~epropnp_det.pnp.Posterior`.
        pred_cost: float, negative log-likelihood of the predicted pose.
        pred_score: float, that of the detection; 0 where the crop does not determine a pose.
        pred_valid: bool, whether the crop determines a pose.
        pred_coords: predicted coordinates (3, s, s), in units of ``half_size``; where
            ``test_cfg.return_correspondences`` asks for them.
        pred_weights: weights of the cells (2, s, s), of u and v, in 1 / pixel; likewise.
        pose_samples: samples of the posterior (K, 7); where ``test_cfg.return_posterior`` asks for
            them.
        pose_log_weights: their log weights (K,), whose exponentials add up to 1; likewise.
    """

    gt_pose: Tensor
    gt_coords: Tensor
    gt_mask: Tensor
    pred_pose: Tensor
    pred_cov: Tensor
    pred_cost: float
    pred_score: float
    pred_valid: bool
    pred_coords: Tensor
    pred_weights: Tensor
    pose_samples: Tensor
    pose_log_weights: Tensor
