"""What each cell of the network's map should say of the object."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS
from scipy.spatial.transform import Rotation

from ....errors import UserError
from ..coordinates import SurfaceCaster
from ..crop import cell_pixels


@TRANSFORMS.register_module()
class RenderObjectCoords(BaseTransform):
    """Render the object's coordinates where it is visible, a ray through the pixel of every cell.

    It stands behind :class:`CropObject`, with masks loaded: what hides the object is not rendered,
    the mask says what is visible. Detections of no true object get no targets.

    Args:
        cells: side of the map.
    """

    def __init__(self, cells: int = 64) -> None:
        self.cells = cells
        self._caster = SurfaceCaster()

    def transform(self, results: dict) -> dict | None:
        """Add ``gt_coords`` (3, cells, cells) float32 in units of ``half_size`` and ``gt_mask``
        (cells, cells) float32; None where no cell shows the object."""
        if "gt_pose" not in results:
            return results
        for key, step in (("crop_size", "CropObject"), ("ori_mask_visib", "LoadObjectMasks")):
            if key not in results:
                raise UserError(f"RenderObjectCoords must stand behind {step} in the pipeline")
        pixels = cell_pixels(results["crop_center"], results["crop_size"], self.cells)
        seen = _at_pixels(results["ori_mask_visib"], pixels)
        pose = results["gt_pose"].astype(float)
        points, hit = self._caster.cast(
            results["object_model"],
            Rotation.from_quat(pose[3:], scalar_first=True).as_matrix(),
            pose[:3],
            results["cam2img"],
            pixels[seen],
        )
        coords = np.zeros((self.cells, self.cells, 3), np.float32)
        coords[seen] = points / results["half_size"]
        seen[seen] = hit
        if not seen.any():
            return None
        results["gt_coords"] = np.ascontiguousarray(coords.transpose(2, 0, 1))
        results["gt_mask"] = seen.astype(np.float32)
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(cells={self.cells})"


def _at_pixels(mask: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """A mask (H, W) at the pixels nearest to ``pixels`` (..., 2), False beyond its border, bool."""
    columns, rows = np.moveaxis(np.floor(pixels + 0.5).astype(int), -1, 0)
    height, width = mask.shape
    within = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return within & (mask[rows.clip(0, height - 1), columns.clip(0, width - 1)] > 0)
