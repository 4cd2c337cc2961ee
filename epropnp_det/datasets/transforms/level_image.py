"""Images of tilted cameras turned level."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from ...errors import UserError
from ..levelling import turn_image


@TRANSFORMS.register_module()
class LevelImage(BaseTransform):
    """Turn an image as its info file says that a level camera took it.

    :class:`NuScenesMonoDataset` has it behind the image loader where the file was made with
    ``tools/create_data.py --level``. Images without ``homography`` stay as they are.

    Raises:
        UserError: the image has another size than the file says, or was changed already.
    """

    def transform(self, results: dict) -> dict:
        """Turn ``img`` (H, W, C)."""
        (image,) = results["images"].values()
        if "homography" not in image:
            return results
        size = image["height"], image["width"]
        if results["img"].shape[:2] != size:
            raise UserError(
                f"{image['img_path']} is {results['img'].shape[1::-1]} where its info file says "
                f"{size[::-1]}: LevelImage must stand directly behind the image loader."
            )
        results["img"] = turn_image(results["img"], np.array(image["homography"]))
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
