"""The info file of the images that are evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nuscenes.eval.detection.data_classes import DetectionConfig

from ..datasets.info_file import read_info_file
from ..datasets.rig import Rig
from ..errors import UserError
from .camera_views import CameraViews
from .devkit_eval import evaluation_config
from .listed_truth import ListedTruth


@dataclass(frozen=True)
class EvaluatedFile:
    """What a metric needs of an info file, ours or stock mmdet3d's.

    Attributes:
        rig: dataset that it was made from.
        version: version that it was made from; None if it does not say.
        categories: class by category of the tables, where it takes some of its own for them.
        attributes_checked: whether whoever made it has looked at the attributes.
        views: its images.
        config: the devkit's ``DetectionConfig``, with the ranges of the rig.
        truth: its objects.
    """

    rig: Rig
    version: str | None
    categories: Mapping[str, str]
    attributes_checked: bool
    views: CameraViews
    config: DetectionConfig
    truth: ListedTruth

    @classmethod
    def read(
        cls, path: str, eval_version: str | None = None, backend_args: dict | None = None
    ) -> EvaluatedFile:
        """Read it.

        Args:
            path: the .pkl file.
            eval_version: name of the devkit's configuration; None for its usual one.
            backend_args: where mmengine reads it from, as in the stock metric.

        Raises:
            UserError: the file is missing or no such info file, or the devkit lacks the
                configuration.
        """
        content = read_info_file(path, backend_args)
        meta, frames = content["metainfo"], content["data_list"]
        rig = Rig.of_metainfo(meta)
        config = evaluation_config(rig, eval_version)
        try:
            return cls(
                rig=rig,
                version=meta.get("version"),
                categories=meta.get("mapped_categories") or {},
                attributes_checked=meta.get("attributes_checked", False),
                views=CameraViews.of(frames),
                config=config,
                truth=ListedTruth.of(frames, rig.classes, config.class_range),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"info file {path} is not in mmdet3d v2 format ({type(error).__name__}: {error}): "
                "make it with tools/create_data.py"
            ) from error
