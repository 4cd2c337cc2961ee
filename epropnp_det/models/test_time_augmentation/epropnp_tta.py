"""Test-time augmentation by flips: the views of an image share one PnP problem an object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.model import BaseTTAModel
from torch import Tensor

from ...errors import UserError
from ..batch import Views
from ..dense_heads import DenseOutputs
from .mirroring import merge_predictions, mirror_predictions, mirrored_cells


@dataclass(frozen=True)
class _View:
    """One view of a batch of B images.

    Attributes:
        feats: feature maps.
        cameras: cameras of the images as the view shows them.
        dense: what the dense head finds.
        cells: (B, P) cells of this view that correspond to those of the plain one.
        mirrored: (B,) whether an image is mirrored.
    """

    feats: Sequence[Tensor]
    cameras: Views
    dense: DenseOutputs
    cells: Tensor
    mirrored: Tensor


@MODELS.register_module()
class EProPnPTTA(BaseTTAModel):
    """Plain and mirrored views of each image, merged before the pose is solved for.

    Class and centerness logits of corresponding cells are averaged, objects are selected from
    them, each view gives its correspondences of them, and one PnP problem takes all; scores, sizes,
    velocities and attributes are averaged (EPro-PnP-Det, arXiv 2303.12787).

    In a config, as ``--tta`` of ``tools/test.py`` expects it::

        tta_model = dict(type="EProPnPTTA")
        tta_pipeline = [..., dict(type="TestTimeAug", transforms=[
            [dict(type="RandomFlipMono3D", prob=p) for p in (0.0, 1.0)],
            [dict(type="Pack3DDetInputs", keys=["img"])],
        ])]

    Args:
        module: the detector, an :class:`EProPnPDet`.
        data_preprocessor: see mmengine.
    """

    @torch.no_grad()
    def test_step(self, data: dict) -> list[Det3DDataSample]:
        """Detections of a batch, added to the data samples of its plain view.

        Args:
            data: ``inputs`` and ``data_samples``, each a list with one batch a view; the first view
                is the plain one.

        Raises:
            UserError: the first view is mirrored, or another is neither the same nor its mirror
                image.
        """
        batches = [
            self.module.data_preprocessor(dict(inputs=inputs, data_samples=samples), False)
            for inputs, samples in zip(data["inputs"], data["data_samples"], strict=True)
        ]
        views = [self._view(batch) for batch in batches]
        self._check(views)
        samples, plain = batches[0]["data_samples"], views[0]
        dense_head, bbox_head = self.module.dense_head, self.module.bbox_head

        merged = plain.dense._replace(
            cls_logit=self._mean([view.dense.cls_logit for view in views], views),
            centerness_logit=self._mean([view.dense.centerness_logit for view in views], views),
        )
        img_ind, cell, label = dense_head.select_cells(merged)
        preds = []
        for view in views:
            objects = dense_head.objects_at(view.dense, img_ind, view.cells[img_ind, cell], label)
            pred = bbox_head(view.feats, objects, view.cameras)
            width = view.cameras.img_size[img_ind, 0]
            preds.append(mirror_predictions(pred, view.mirrored[img_ind], width))
        objects = dense_head.objects_at(merged, img_ind, cell, label)
        boxes = bbox_head.boxes(merge_predictions(preds), objects, plain.cameras)
        return self.module.add_pred_to_datasample(samples, boxes)

    def merge_preds(self, data_samples_list: list) -> list[Det3DDataSample]:
        """Not used: boxes would come too late to be merged."""
        raise NotImplementedError("EProPnPTTA merges correspondences, in test_step")

    def _view(self, batch: dict) -> _View:
        samples = batch["data_samples"]
        feats = self.module.extract_feat(batch["inputs"])
        cameras = Views.from_samples(samples, feats[0].device)
        mirrored = [bool(sample.metainfo.get("flip")) for sample in samples]
        mirrored = torch.tensor(mirrored, device=feats[0].device)
        dense = self.module.dense_head(feats)
        strides = self.module.dense_head.strides
        sizes = [feat.shape[-2:] for feat in feats[-len(strides) :]]
        cells = mirrored_cells(sizes, strides, cameras.img_size[:, 0])
        same = torch.arange(cells.shape[1], device=cells.device)
        return _View(feats, cameras, dense, torch.where(mirrored[:, None], cells, same), mirrored)

    @staticmethod
    def _mean(maps: Sequence[Tensor], views: Sequence[_View]) -> Tensor:
        """Mean over the views of (B, P, ...) maps, at the cells of the plain view."""
        aligned = [
            values[torch.arange(len(values), device=values.device)[:, None], view.cells]
            for values, view in zip(maps, views, strict=True)
        ]
        return torch.stack(aligned).mean(0)

    @staticmethod
    def _check(views: Sequence[_View]) -> None:
        plain = views[0]
        if plain.mirrored.any():
            raise UserError(
                "the first view of tta_pipeline is mirrored: let its first flip have prob=0."
            )
        for view in views[1:]:
            cam_mats = view.cameras.cam_mats.clone()
            center = view.cameras.img_size[:, 0] - cam_mats[:, 0, 2]
            cam_mats[:, 0, 2] = torch.where(view.mirrored, center, cam_mats[:, 0, 2])
            if not (
                torch.equal(view.cameras.img_size, plain.cameras.img_size)
                and torch.allclose(cam_mats, plain.cameras.cam_mats, atol=1e-2)
            ):
                raise UserError(
                    "EProPnPTTA merges an image and its mirror image: move what crops or resizes "
                    "out of TestTimeAug in tta_pipeline."
                )
