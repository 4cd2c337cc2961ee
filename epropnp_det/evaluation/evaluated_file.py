"""The info file of the images that are evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..datasets.info_file import read_info_file
from ..errors import UserError
from .camera_views import CameraViews
from .listed_truth import ListedTruth


@dataclass(frozen=True)
class EvaluatedFile:
    """What a metric needs of an info file, ours or stock mmdet3d's.

    Attributes:
        version: nuScenes version that it was made from; None if it does not say.
        categories: class by category of the tables, where it takes some of its own for them.
        attributes_checked: whether whoever made it has looked at the attributes.
        views: its images.
        truth: its objects.
    """

    version: str | None
    categories: Mapping[str, str]
    attributes_checked: bool
    views: CameraViews
    truth: ListedTruth

    @classmethod
    def read(
        cls, path: str, class_range: Mapping[str, float], backend_args: dict | None = None
    ) -> EvaluatedFile:
        """Read it.

        Args:
            path: the .pkl file.
            class_range: by class, how far from the vehicle an object may be to count, metres.
            backend_args: where mmengine reads it from, as in the stock metric.

        Raises:
            UserError: the file is missing or no such info file.
        """
        content = read_info_file(path, backend_args)
        meta, frames = content["metainfo"], content["data_list"]
        try:
            return cls(
                version=meta.get("version"),
                categories=meta.get("mapped_categories") or {},
                attributes_checked=meta.get("attributes_checked", False),
                views=CameraViews.of(frames),
                truth=ListedTruth.of(frames, class_range),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"info file {path} is not in mmdet3d v2 format ({type(error).__name__}: {error}): "
                "make it with tools/create_data.py"
            ) from error
