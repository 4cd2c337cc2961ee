"""Other backgrounds behind an object, so that a network does not learn the one in its images."""

import os
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet3d.registry import TRANSFORMS

from ....errors import UserError

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}


@TRANSFORMS.register_module()
class ReplaceBackground(BaseTransform):
    """Put a part of another image behind what is visible of the object.

    It stands behind :class:`CropObject`, with masks loaded. Beyond the border of the original image
    the crop stays black, as in a test. A crop without a mask stays as it is.

    Args:
        folder: of images, also in folders within it.
        prob: probability; 0.5 is usual for real images, and 1 for objects rendered on black.
        smallest: least side of the part that is taken, by the shorter side of its image.

    Raises:
        UserError: the folder is missing or has no image, or an image cannot be read.
    """

    def __init__(self, folder: str, prob: float = 0.5, smallest: float = 0.3) -> None:
        if not 0 <= prob <= 1 or not 0 < smallest <= 1:
            raise UserError(
                f"ReplaceBackground: prob is {prob} and smallest {smallest}, give some up to 1"
            )
        self.folder = folder
        self.prob = prob
        self.smallest = smallest
        # Before the first step, and not in every worker.
        if prob:
            _ = self._names

    @cached_property
    def _names(self) -> list[str]:
        """The images within the folder, in an order that does not depend on the disk."""
        names = sorted(
            os.path.relpath(Path(where, name), self.folder)
            for where, _, files in os.walk(self.folder)
            for name in files
            if Path(name).suffix.lower() in _SUFFIXES
        )
        if not names:
            raise UserError(
                f"ReplaceBackground: {self.folder} is no folder with images: set folder to one of "
                "photographs without the objects, or prob=0 to train on the original backgrounds."
            )
        return names

    @cache_randomness
    def _draw(self) -> np.ndarray:
        return np.random.rand(5)

    def transform(self, results: dict) -> dict:
        """Edit ``img`` (S, S, 3) where ``mask_visib`` is zero and ``in_image`` is True."""
        chance, which, share, *place = self._draw()
        if chance >= self.prob or "gt_pose" not in results:
            return results
        if "mask_visib" not in results or "in_image" not in results:
            raise UserError(
                "ReplaceBackground must stand behind LoadObjectMasks and CropObject in the pipeline"
            )
        image = results["img"]
        behind = self._part(
            self._names[int(which * len(self._names))], share, place, image.shape[0]
        )
        replaced = results["in_image"] & (results["mask_visib"] == 0)
        results["img"] = np.where(replaced[..., None], behind.astype(image.dtype), image)
        return results

    def _part(self, name: str, share: float, place: list[float], out: int) -> np.ndarray:
        """A square part of an image, (out, out, 3)."""
        path = str(Path(self.folder, name))
        image = cv2.imread(path, cv2.IMREAD_COLOR)
        if image is None:
            raise UserError(f"the background {path} is not a readable image: remove it.")
        shorter = min(image.shape[:2])
        side = max(int(shorter * (self.smallest + share * (1 - self.smallest))), 1)
        top, left = (int(p * (n - side + 1)) for p, n in zip(place, image.shape[:2], strict=True))
        part = image[top : top + side, left : left + side]
        return cv2.resize(part, (out, out), interpolation=cv2.INTER_AREA)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(folder={self.folder!r}, prob={self.prob})"
