"""Crop, resize and flip that edit the camera with the image.

Each leaves the image, 2D boxes, projected centres, 3D boxes, velocities, LiDAR points and camera
matrix describing one consistent world; all work without annotations. See
:mod:`~epropnp_det.datasets.transforms.pixel_map` for the convention of pixel coordinates.
"""

from collections.abc import Iterable

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet3d.registry import TRANSFORMS
from mmengine.config import ConfigDict

from ...errors import UserError
from .pixel_map import keep_instances, move_pixels, points_in_image


@TRANSFORMS.register_module()
class CropTopRows(BaseTransform):
    """Cut rows off the top of the image.

    2D boxes are cut to what remains, and objects of whose box nothing remains are removed; an
    object stays when its projected centre alone is cut off.

    Args:
        rows: Number of rows to cut, pixels.

    Raises:
        UserError: The image has no more than ``rows`` rows, or ``rows`` is negative.
    """

    def __init__(self, rows: int) -> None:
        if rows < 0:
            raise UserError(f"CropTopRows: rows is {rows}, give at least 0")
        self.rows = rows

    def transform(self, results: dict) -> dict:
        """Crop ``img`` (H, W, C) to (H - rows, W, C) and what lies in it."""
        height, width = results["img"].shape[:2]
        if self.rows >= height:
            raise UserError(f"CropTopRows: an image of {height} rows has no {self.rows} to cut off")
        results["img"] = results["img"][self.rows :]
        results["img_shape"] = (height - self.rows, width)
        move_pixels(results, (1, 1), (0, -self.rows))
        if "gt_bboxes" in results:
            boxes = results["gt_bboxes"]
            boxes[:, 1::2] = boxes[:, 1::2].clip(min=0)
            keep_instances(results, boxes[:, 3] > boxes[:, 1])
        if "points" in results:
            results["points"] = points_in_image(results["points"], results)
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(rows={self.rows})"


def rows_cut_off(pipeline: Iterable[ConfigDict]) -> int:
    """How many rows the steps of a config's pipeline cut off the top of an image."""
    names = (CropTopRows, CropTopRows.__name__)
    return sum(step.rows for step in pipeline if step.type in names)


@TRANSFORMS.register_module()
class ResizeMono3D(BaseTransform):
    """Resize the image to a size or by a factor.

    The camera is scaled by the ratio of the sizes in whole pixels. Depths stay metric.

    Args:
        scale: (width, height) to resize to, pixels; the aspect ratio may change.
        factor: Factor for both axes; exactly one of the two is given.

    Raises:
        UserError: Neither or both are given.
    """

    def __init__(self, scale: tuple[int, int] | None = None, factor: float | None = None) -> None:
        if (scale is None) == (factor is None):
            raise UserError("ResizeMono3D: give either scale=(width, height) or factor")
        self.scale = scale
        self.factor = factor

    def transform(self, results: dict) -> dict:
        """Resize ``img`` (H, W, C) and what lies in it; ``scale_factor`` is (width, height)."""
        height, width = results["img"].shape[:2]
        size = self.scale or (max(1, round(s * self.factor)) for s in (width, height))
        new_width, new_height = size
        ratio = new_width / width, new_height / height
        results["img"] = mmcv.imresize(results["img"], (new_width, new_height))
        results["img_shape"] = (new_height, new_width)
        before = results.get("scale_factor", (1.0, 1.0))
        results["scale_factor"] = (before[0] * ratio[0], before[1] * ratio[1])
        move_pixels(results, ratio, (0, 0))
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(scale={self.scale}, factor={self.factor})"


@TRANSFORMS.register_module()
class RandomFlipMono3D(BaseTransform):
    """Mirror the image and the world left to right: u -> W - u, x -> -x.

    The principal point goes to W - cx with the focal length kept, a yaw to pi - yaw and a velocity
    (vx, vz) to (-vx, vz), so the network sees an ordinary camera in a mirrored world.

    Args:
        prob: Probability of a flip.
    """

    def __init__(self, prob: float = 0.5) -> None:
        if not 0 <= prob <= 1:
            raise UserError(f"RandomFlipMono3D: prob is {prob}, give one between 0 and 1")
        self.prob = prob

    @cache_randomness
    def _draw(self) -> bool:
        return bool(np.random.rand() < self.prob)

    def transform(self, results: dict) -> dict:
        """Flip or not; ``flip`` tells whether ``img`` is mirrored."""
        flip = self._draw()
        results["flip"] = results.get("flip", False) != flip
        results["flip_direction"] = "horizontal" if results["flip"] else None
        if not flip:
            return results
        results["img"] = mmcv.imflip(results["img"])
        move_pixels(results, (-1, 1), (results["img_shape"][1], 0))
        results["cam2img"][:, 0] *= -1
        if "gt_bboxes_3d" in results:
            results["gt_bboxes_3d"].flip("horizontal")
        if "points" in results:
            results["points"].flip("horizontal")
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(prob={self.prob})"
