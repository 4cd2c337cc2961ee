"""Masks of an object, as the BOP benchmark gives them."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from ....errors import UserError


@TRANSFORMS.register_module()
class LoadObjectMasks(BaseTransform):
    """Load the masks of a true object: ``mask``, all of its silhouette, and ``mask_visib``.

    It stands behind the image loader. Detections of no true object have no masks.

    Args:
        whole: whether to load ``mask`` too, for transforms of one's own.

    Raises:
        UserError: a file is missing, unreadable or of another size than the image.
    """

    def __init__(self, whole: bool = False) -> None:
        self.whole = whole
        self.keys = ("mask", "mask_visib") if whole else ("mask_visib",)

    def transform(self, results: dict) -> dict:
        """Add ``mask_visib`` and, where wanted, ``mask``: (H, W) uint8, 1 within."""
        for key in self.keys:
            if f"{key}_path" in results:
                results[key] = _read(results[f"{key}_path"], results["img"].shape[:2])
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(whole={self.whole})"


def _read(path: str, shape: tuple[int, int]) -> np.ndarray:
    mask = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise UserError(
            f"the mask {path} is missing or unreadable: unpack the masks of the split again."
        )
    if mask.shape != shape:
        raise UserError(
            f"the mask {path} is {mask.shape[1]} x {mask.shape[0]} and its image {shape[1]} x "
            f"{shape[0]}: they must be of the same pixels."
        )
    return (mask > 0).astype(np.uint8)
