"""What an exported detector has to tell of itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from ..datasets import CropTopRows
from ..datasets.rig import NUSCENES, Rig
from ..datasets.transforms import rows_cut_off
from ..deploy import DetectorDescription
from ..errors import UserError
from ..evaluation.attributes import choose_attributes
from ..models import EProPnPDet
from ..zoo.download import sha256
from .onnx_file import versions

EXPORTED = ("LoadImageFromFileMono3D", CropTopRows.__name__, CropTopRows, "Pack3DDetInputs")
"""Steps of a pipeline that a graph, or whoever gives it an image, takes over."""


def top_rows(cfg: Config) -> int:
    """How many rows the test pipeline of a config cuts off at the top.

    Raises:
        UserError: it does something else with images, which no graph here does.
    """
    if cfg.get("test_dataloader") is None:
        raise UserError("the config has no test_dataloader, whose pipeline makes the images.")
    pipeline = cfg.test_dataloader.dataset.pipeline
    for step in pipeline:
        if step.type not in EXPORTED:
            raise UserError(
                f"the test pipeline has {step.type}, which cannot be exported: leave it to whoever "
                f"makes the images, and {CropTopRows.__name__} alone in the config."
            )
    return rows_cut_off(pipeline)


def describe(
    model: EProPnPDet,
    cfg: Config,
    checkpoint: str | Path,
    classes: Sequence[str],
    image_size: tuple[int, int],
    max_objects: int,
    rig: Rig = NUSCENES,
) -> DetectorDescription:
    """Of a network, for images of a size (width, height) in pixels.

    Args:
        model: the network.
        cfg: its config.
        checkpoint: file of its weights.
        classes: names by label.
        image_size: of the images as they are stored.
        max_objects: how many the outputs tell.
        rig: of the data set whose attributes it learnt.
    """
    decoder, processor = model.bbox_head.pose_predictor.decoder, model.data_preprocessor
    predicted = model.bbox_head.attr_branch is not None
    fitting = [
        [rig.attributes.index(a) for a in rig.kit.fitting_attributes(name) if a in rig.attributes]
        for name in classes
    ]
    defaults = choose_attributes(classes, range(len(classes)), rig=rig)
    normalised = processor._enable_normalize
    rgb = processor._channel_conversion
    return DetectorDescription(
        image_size=tuple(image_size),
        max_objects=max_objects,
        classes=tuple(classes),
        attributes=tuple(rig.attributes) if predicted else (),
        class_attributes=tuple(map(tuple, fitting)) if predicted else ((),) * len(classes),
        default_attributes=tuple(name or None for name in defaults),
        nms_2d_thr=decoder.nms_2d_thr,
        nms_bev_thr=decoder.nms_bev_thr,
        z_min=decoder.z_min,
        top_rows=top_rows(cfg),
        mean=tuple(processor.mean.flatten().tolist()) if normalised else (0.0,) * 3,
        std=tuple(processor.std.flatten().tolist()) if normalised else (1.0,) * 3,
        channels="RGB" if rgb else "BGR",
        config=Path(cfg.filename).name,
        checkpoint=Path(checkpoint).name,
        checkpoint_sha256=sha256(checkpoint),
        versions=versions(),
    )
