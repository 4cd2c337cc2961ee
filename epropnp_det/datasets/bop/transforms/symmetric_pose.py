"""One pose of the many that look the same."""

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS
from scipy.spatial.transform import Rotation

from ....errors import UserError

# Model to camera: its x axis to the right, its y axis away from the camera, its z axis up.
_FRONT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@TRANSFORMS.register_module()
class ResolveSymmetry(BaseTransform):
    """Of the poses in which a symmetric object looks the same take the one that is nearest to its
    front view.

    A network that sees the image alone cannot tell which of them the annotation names, and would
    learn the mean of their coordinates. The choice follows Pitteri et al., On Object Symmetries and
    6D Pose Estimation from Images, 3DV 2019, eq. 5, with the turn of the ray to the object taken
    off first, since a crop does not show it. About an axis through the middle of a view that looks
    straight along it from below no choice is continuous.

    It stands anywhere before :class:`RenderObjectCoords`, behind :class:`TurnInPlane`.
    """

    def transform(self, results: dict) -> dict:
        """Edit ``gt_pose`` where the model has ``symmetries``."""
        if "gt_pose" not in results:
            return results
        if "symmetries" not in results:
            raise UserError(
                "ResolveSymmetry needs the symmetries of models: take it out of the pipeline of a "
                "data set without them."
            )
        if "gt_coords" in results:
            raise UserError("ResolveSymmetry must stand before RenderObjectCoords in the pipeline")
        symmetries = results["symmetries"]
        if len(symmetries) > 1:
            pose = results["gt_pose"].astype(float)
            rotation = Rotation.from_quat(pose[3:], scalar_first=True).as_matrix()
            # The trace of a rotation falls as its angle grows.
            front = rotation.T @ _ray_turn(pose[:3]) @ _FRONT
            chosen = (symmetries.rotation * front).sum((1, 2)).argmax()
            turned = Rotation.from_matrix(rotation @ symmetries.rotation[chosen])
            moved = rotation @ symmetries.translation[chosen] + pose[:3]
            results["gt_pose"] = np.array(
                [*moved, *turned.as_quat(scalar_first=True)], results["gt_pose"].dtype
            )
        return results

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _ray_turn(point: np.ndarray) -> np.ndarray:
    """The shortest rotation (3, 3) that maps the optical axis to the ray through a point (3,)."""
    across = np.array([-point[1], point[0], 0.0])
    sine = np.linalg.norm(across)
    angle = np.arctan2(sine, point[2])
    return Rotation.from_rotvec(across * (angle / max(sine, 1e-12))).as_matrix()
