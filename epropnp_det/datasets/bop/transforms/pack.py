"""A crop as the network takes it."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from ....structures import ObjectPoseSample

_KEYS = (
    "scene_id",
    "im_id",
    "obj_id",
    "label",
    "box",
    "score",
    "time",
    "img_path",
    "ori_shape",
    "img_shape",
    "cam2img",
    "crop_center",
    "crop_size",
    "half_size",
    "gt_index",
)
_TRUTH = ("gt_pose", "gt_coords", "gt_mask")


@TRANSFORMS.register_module()
class PackObjectPose(BaseTransform):
    """Pack a crop and what is known of its object; see the sample for what that is."""

    def transform(self, results: dict) -> dict:
        """``inputs``: (3, S, S), BGR from 0 to 255, uint8 or float32; ``data_samples``: an
        ``ObjectPoseSample``."""
        image = results["img"]
        if image.dtype != np.uint8:
            # Distortions of colours do not stop at what a camera can give.
            image = np.clip(image, 0, 255)
        sample = ObjectPoseSample(metainfo={key: results[key] for key in _KEYS})
        for key in _TRUTH:
            if key in results:
                setattr(sample, key, torch.from_numpy(results[key]))
        inputs = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
        return {"inputs": inputs, "data_samples": sample}

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
