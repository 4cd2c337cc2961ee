"""A trained detector as a graph: an image and its camera matrix in, objects out."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from mmengine.config import Config
from torch import Tensor, nn

from ..apis import EProPnPDet3DInferencer
from ..datasets.rig import Rig
from ..engine.config_checks import check_detector
from ..errors import UserError
from ..models import EProPnPDet
from ..models.batch import BORDER, Views
from .describe import describe, top_rows
from .fixed_search import FixedSearch
from .onnx_file import write_onnx

LEAST_SIZE = 32
"""Of the part of an image that a network sees, pixels."""


class ExportedObjects(NamedTuple):
    """M objects, those with the best class scores, in no other order.

    Attributes:
        pose: (M, 4) gravity centre (x, y, z) and yaw, camera frame, metres and radians.
        covariance: (M, 4, 4) of the pose.
        size: (M, 3) (l, h, w), metres.
        label: (M,) int64 classes.
        score: (M,) in [0, 1].
        velocity: (M, 2) (vx, vz), camera frame, m/s; (M, 0) where the network does not predict it.
        attribute_scores: (M, A), A can be 0.
        valid: (M,) bool: the object's class score is high enough, and its pose and size mean
            something.
    """

    pose: Tensor
    covariance: Tensor
    size: Tensor
    label: Tensor
    score: Tensor
    velocity: Tensor
    attribute_scores: Tensor
    valid: Tensor


class DetectorGraph(nn.Module):
    """One image through a detector, without the suppression of duplicates.

    Args:
        model: the detector.
        top_rows: rows that are cut off the top of the image.
        max_objects: M.
    """

    def __init__(self, model: EProPnPDet, top_rows: int, max_objects: int) -> None:
        super().__init__()
        self.model = model
        self.top_rows = top_rows
        self.max_objects = max_objects
        self.search = FixedSearch.like(model.bbox_head.pose_predictor.pnp.solver)

    def forward(self, image: Tensor, cam2img: Tensor) -> ExportedObjects:
        """Detect.

        Args:
            image: (H, W, 3) uint8, BGR, as it is stored.
            cam2img: (3, 3) its camera matrix, pixels.
        """
        pixels, views = self._input(image, cam2img)
        feats = self.model.extract_feat(dict(imgs=pixels))
        dense, head = self.model.dense_head, self.model.bbox_head
        outputs = dense(feats)
        top, flat = dense.ranked(outputs, self.max_objects)
        cell, label = dense.cell_and_label(flat[0])
        img_ind = torch.zeros_like(cell)
        objects = dense.objects_at(outputs, img_ind, cell, label)
        pred = head(feats, objects, views)
        solution = self.search(head.problem(pred, img_ind, views))
        found = top[0] >= dense.test_settings.score_thr
        return ExportedObjects(
            pose=solution.pose,
            covariance=solution.covariance,
            size=pred.dims,
            label=label,
            score=objects.score * pred.score_logit.sigmoid(),
            velocity=pred.velocity,
            attribute_scores=F.softmax(pred.attr_logit, dim=-1),
            valid=found & solution.valid & pred.dims.isfinite().all(-1),
        )

    def _input(self, image: Tensor, cam2img: Tensor) -> tuple[Tensor, Views]:
        """The image as the network wants it, (1, 3, H', W'), and its view."""
        processor = self.model.data_preprocessor
        pixels = image[self.top_rows :].permute(2, 0, 1)
        if processor._channel_conversion:
            pixels = pixels.flip(0)
        pixels = pixels.float()
        if processor._enable_normalize:
            pixels = (pixels - processor.mean) / processor.std
        height, width = pixels.shape[1:]
        divisor = processor.pad_size_divisor
        padding = (0, -width % divisor, 0, -height % divisor)
        pixels = F.pad(pixels, padding, value=processor.pad_value)[None]

        size = torch.stack([torch.scalar_tensor(cells) for cells in (width, height)])
        offset = torch.tensor([0.0, self.top_rows])
        bounds = torch.cat([-offset - BORDER, size + BORDER])
        moved = cam2img - F.pad(offset[:, None], (2, 0, 0, 1))
        return pixels, Views(moved[None], size[None], bounds[None])


def export_detector(
    cfg: Config,
    checkpoint: str | Path,
    path: str | Path,
    image_size: tuple[int, int],
    max_objects: int | None = None,
) -> None:
    """Write a trained detector into a file.

    Args:
        cfg: its config.
        checkpoint: file of its weights.
        path: the file to write.
        image_size: (width, height) of the images as they are stored, pixels.
        max_objects: most objects of an image; None for the config's own number.

    Raises:
        UserError: config and checkpoint do not fit together, the network or its pipeline cannot be
            exported, images are too small, or this PyTorch is too old.
    """
    check_detector(cfg)
    rows = top_rows(cfg)
    width, height = image_size
    if min(width, height - rows) < LEAST_SIZE:
        raise UserError(
            f"the network does not see the first {rows} rows, and images of {width} x {height} "
            "pixels have too little else: give the size of the images as they are stored."
        )
    inferencer = EProPnPDet3DInferencer(cfg, checkpoint, "cpu", posterior=False)
    model, meta = inferencer.model, inferencer.model.dataset_meta
    if not isinstance(model, EProPnPDet):
        raise UserError(f"{type(model).__name__} cannot be exported: give an EProPnPDet.")
    if model.bbox_head.pose_predictor.settings.mc_scoring_ratio > 0:
        raise UserError(
            "test_cfg.mc_scoring_ratio asks for samples of the posterior, which no file draws: add "
            "--cfg-options model.test_cfg.mc_scoring_ratio=0."
        )
    count = max_objects or model.dense_head.test_settings.max_per_img
    cam2img = torch.tensor([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1.0]])
    write_onnx(
        path,
        DetectorGraph(model, rows, count).eval(),
        dict(image=torch.zeros(height, width, 3, dtype=torch.uint8), cam2img=cam2img),
        ExportedObjects._fields,
        describe(model, cfg, checkpoint, meta["classes"], image_size, count, Rig.of_metainfo(meta)),
    )
