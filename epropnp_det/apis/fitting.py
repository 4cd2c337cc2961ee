"""Making images such as those that a network was trained on."""

from __future__ import annotations

from collections.abc import Sequence

import mmcv
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose

from ..datasets import CropTopRows, ResizeMono3D
from ..datasets.transforms.pixel_map import move_pixels
from ..engine.training_view import fit_to_view, view_of


class FitTrainingView(BaseTransform):
    """Scale an image with its camera, and cut or add rows at its top, as a training saw them.

    Boxes stay as they are: the camera changes with the image, and the world does not. An image such
    as the training's passes untouched.

    Args:
        trained: ``training_view["image"]`` of a checkpoint; see
            :mod:`~epropnp_det.engine.training_view`.
    """

    def __init__(self, trained: dict[str, Sequence[float]]) -> None:
        self.trained = trained

    def transform(self, results: dict) -> dict:
        """Change ``img`` (H, W, C), ``img_shape`` and ``cam2img``; added rows are black."""
        view = view_of(results["img_shape"], results["cam2img"])
        factor, rows = fit_to_view(view, self.trained)
        if factor != 1:
            results = ResizeMono3D(factor=factor)(results)
        if rows > 0:
            results = CropTopRows(rows)(results)
        elif rows < 0:
            results["img"] = mmcv.impad(results["img"], padding=(0, -rows, 0, 0))
            results["img_shape"] = results["img"].shape[:2]
            move_pixels(results, (1, 1), (0, -rows))
        return results


def fitting_pipeline(pipeline: Compose, trained: dict[str, Sequence[float]]) -> Compose:
    """A pipeline whose images are fitted as soon as they are loaded.

    Args:
        pipeline: of an inferencer, the loader first.
        trained: as :class:`FitTrainingView` takes it.
    """
    loader, *others = pipeline.transforms
    return Compose([loader, FitTrainingView(trained), *others])
