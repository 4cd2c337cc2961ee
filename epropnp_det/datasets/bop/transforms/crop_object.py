"""The crop of one object that the network sees."""

from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS

from ....errors import UserError
from ..crop import MARGIN, box_window, crop_window, cut_crop, inside_image


@TRANSFORMS.register_module()
class CropObject(BaseTransform):
    """Cut the square around the object's box out of the image and of its masks.

    ``cam2img`` and ``gt_pose`` stay those of the original image: ``crop_center`` and ``crop_size``
    say where the crop lies in it.

    Args:
        size: side of the crop that the network sees, pixels.
        margin: side of the crop in the image by the longer side of the box.
    """

    def __init__(self, size: int = 256, margin: float = MARGIN) -> None:
        if size < 1 or margin <= 0:
            raise UserError(
                f"CropObject: give positive numbers for size={size} and margin={margin}"
            )
        self.size = size
        self.margin = margin

    def transform(self, results: dict) -> dict:
        """Crop ``img`` and masks to (size, size), and add ``crop_center`` (2,), ``crop_size``,
        ``in_image`` (size, size), False where the crop hangs over the border, and the mask before
        the crop as ``ori_mask_visib``."""
        image = results["img"]
        center, side = crop_window(*box_window(results["box"], self.margin), image.shape)
        results["crop_center"], results["crop_size"] = center, side
        results["ori_shape"] = image.shape[:2]
        results["in_image"] = inside_image(center, side, image.shape, self.size)
        results["img"] = cut_crop(image, center, side, self.size)
        results["img_shape"] = results["img"].shape[:2]
        if "mask_visib" in results:
            results["ori_mask_visib"] = results["mask_visib"]
        for key in ("mask", "mask_visib"):
            if key in results:
                # By the same weights as the image, so that neither sees more of the object.
                shares = cut_crop(results[key] * 255, center, side, self.size)
                results[key] = (shares > 127).astype(results[key].dtype)
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, margin={self.margin})"
