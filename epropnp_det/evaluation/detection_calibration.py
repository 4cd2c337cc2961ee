"""Calibration of a detector: the levels of the true poses of the objects that it found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from mmdet3d.structures import CameraInstance3DBoxes, Det3DDataSample
from mmengine.model import BaseModel

from ..errors import UserError
from ..models.batch import Views
from ..models.pnp_heads import DeformPnPHead
from .calibration import NOMINAL, Coverage, PoseLevels, pose_levels
from .matching import match_by_distance

_NEEDED = ("x3d", "x2d", "w2d", "pose_samples", "pose_log_weights")


def detection_levels(
    head: DeformPnPHead, samples: Iterable[Det3DDataSample], score_thr: float = 0.0
) -> tuple[PoseLevels, int]:
    """Credible levels of the true poses of detected objects.

    Detections and objects are matched in the camera frame of each image, in which the detector
    works, by :func:`match_by_distance` on x and z. So an object that two cameras show counts twice,
    and what was missed, or found elsewhere by 2 m or more, does not count: the levels say how far
    the posterior of a detection can be trusted, given that it is one.

    Args:
        head: the detector's head, which knows the cost of a pose.
        samples: images with the detector's ``pred_instances_3d``, made without flip testing and
            with ``test_cfg.return_posterior`` and ``test_cfg.return_correspondences``, and with
            ground truth in ``eval_ann_info`` (as datasets with ``test_mode`` give it) or in
            ``gt_instances_3d``.
        score_thr: detections of lower score are left out.

    Returns:
        Levels of the M matched objects on the CPU, and the number of all objects.

    Raises:
        UserError: a sample has no ground truth, posterior or correspondences.
    """
    levels, num_objects = [], 0
    for sample in samples:
        true_boxes, true_labels = _truth(sample)
        found = sample.pred_instances_3d
        if absent := [name for name in _NEEDED if name not in found]:
            raise UserError(
                f"predictions have no {', '.join(absent)}: set model.test_cfg.return_posterior and "
                "return_correspondences to True."
            )
        found = found[found.scores_3d >= score_thr]
        pose = torch.cat([true_boxes.gravity_center, true_boxes.yaw[:, None]], 1)
        matched, objects = match_by_distance(
            found.bboxes_3d.tensor[:, [0, 2]].cpu().numpy(),
            found.scores_3d.cpu().numpy(),
            found.labels_3d.cpu().numpy(),
            pose[:, [0, 2]].numpy(),
            np.asarray(true_labels),
        )
        num_objects += len(pose)
        found = found[torch.from_numpy(matched).to(found.x3d.device)]
        views = Views.from_samples([sample], found.x3d.device)
        problem = head.problem(found, torch.zeros_like(found.labels_3d), views)
        true_pose = pose[torch.from_numpy(objects)].to(found.x3d)
        levels.append(pose_levels(problem, found.pose_samples, found.pose_log_weights, true_pose))
    columns = zip(*levels, strict=True) if levels else [[torch.zeros(0)]] * len(PoseLevels._fields)
    return PoseLevels(*(torch.cat(column).cpu() for column in columns)), num_objects


@torch.no_grad()
def predictions(model: BaseModel, batches: Iterable[dict]) -> Iterator[Det3DDataSample]:
    """The images of some batches, as a data loader gives them, with the model's detections."""
    for batch in batches:
        yield from model.test_step(batch)


def coverage_table(levels: PoseLevels, num_objects: int) -> str:
    """Shares of true poses in regions of 50, 80 and 95 %, as text for people."""
    rows = [f"{len(levels.pose)} of {num_objects} objects found; the truth lies in the region of"]
    rows.append(" " * 8 + "".join(f"{mass:>16.0%}" for mass in NOMINAL))
    for name, column in levels._asdict().items():
        shares = Coverage.of(column).observed
        rows.append(f"{name:<8}" + "".join(f"{share:>16.1%}" for share in shares))
    low, high = Coverage.of(levels.pose).band
    bands = (f"{a:.1%}..{b:.1%}" for a, b in zip(low, high, strict=True))
    rows.append(f"{'honest':<8}" + "".join(f"{band:>16}" for band in bands))
    return "\n".join(rows)


def _truth(sample: Det3DDataSample) -> tuple[CameraInstance3DBoxes, np.ndarray]:
    """True boxes, camera frame, and their classes."""
    truth = sample.get("eval_ann_info")
    if truth is not None:
        return truth["gt_bboxes_3d"], truth["gt_labels_3d"]
    truth = sample.get("gt_instances_3d", {})
    if "bboxes_3d" not in truth:
        raise UserError(
            "the images have no ground truth: evaluate a split with annotations, with test_mode."
        )
    return truth.bboxes_3d.to("cpu"), truth.labels_3d.cpu().numpy()
