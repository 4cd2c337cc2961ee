"""A camera turned about its optical axis."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmdet3d.registry import TRANSFORMS
from scipy.spatial.transform import Rotation

from ....errors import UserError


@TRANSFORMS.register_module()
class TurnInPlane(BaseTransform):
    """Turn the camera about its optical axis by a random angle, and the pose with it.

    The image and masks are those that the turned camera takes, of the same size and intrinsics,
    black where the original does not reach. The box becomes that of the turned visible mask. It
    stands behind :class:`LoadObjectMasks` and before :class:`CropObject`.

    Args:
        angle: greatest angle to either side, degrees.
        prob: probability.
    """

    def __init__(self, angle: float = 180.0, prob: float = 0.5) -> None:
        if not 0 <= prob <= 1 or not 0 <= angle <= 180:
            raise UserError(
                f"TurnInPlane: prob is {prob} and angle {angle}, give some up to 1 and 180"
            )
        self.angle = angle
        self.prob = prob

    @cache_randomness
    def _draw(self) -> float | None:
        chance, angle = np.random.uniform(size=2)
        return None if chance >= self.prob else np.deg2rad(self.angle) * (2 * angle - 1)

    def transform(self, results: dict) -> dict | None:
        """Edit ``img``, masks, ``box`` and ``gt_pose``; None where the object leaves the image."""
        angle = self._draw()
        if angle is None or "gt_pose" not in results:
            return results
        if "mask_visib" not in results or "crop_size" in results:
            raise UserError(
                "TurnInPlane must stand behind LoadObjectMasks, before CropObject in the pipeline"
            )
        turn = Rotation.from_rotvec([0, 0, angle])
        camera = results["cam2img"]
        pixel_map = camera @ turn.as_matrix() @ np.linalg.inv(camera)
        size = results["img"].shape[1::-1]
        results["img"] = cv2.warpPerspective(results["img"], pixel_map, size)
        for key in ("mask", "mask_visib"):
            if key in results:
                results[key] = cv2.warpPerspective(
                    results[key], pixel_map, size, flags=cv2.INTER_NEAREST
                )
        results["gt_pose"] = _turned(results["gt_pose"], turn)
        box = cv2.boundingRect(results["mask_visib"])
        results["box"] = np.array(box, float)
        return results if min(box[2:]) > 0 else None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(angle={self.angle}, prob={self.prob})"


def _turned(pose: np.ndarray, turn: Rotation) -> np.ndarray:
    """A pose (7,), x, y, z, w, i, j, k, in the frame that a rotation of the camera's leads to."""
    turned = turn * Rotation.from_quat(pose[3:], scalar_first=True)
    return np.array([*turn.apply(pose[:3]), *turned.as_quat(scalar_first=True)], pose.dtype)
