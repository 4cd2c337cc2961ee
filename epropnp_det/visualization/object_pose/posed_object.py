"""An object with its poses, and with what led to them, as the pictures take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from ...datasets.bop import cell_pixels
from ...evaluation.bop import EvaluatedModel, Symmetries
from ...structures import ObjectPoses, ObjectPoseSample
from .correspondence_maps import CorrespondenceMaps

_MM = 1e-3


@dataclass(frozen=True, eq=False)
class PosedObject:
    """An object in an image.

    Attributes:
        name: what it is called.
        cam2img: (3, 3) of the image, pixels; the middle of the top left one is (0, 0).
        window: (4,) left, top, right and bottom of the crop, pixels.
        estimate: its pose, one of one object; None where it is not to be drawn or not valid.
        true_pose: (7,) the true one, metres and quaternion, None where it is not known.
        model: its surface and symmetries, None where there is none.
        maps: coordinates and weights, None where the network did not tell.
    """

    name: str
    cam2img: np.ndarray
    window: np.ndarray
    estimate: ObjectPoses | None = None
    true_pose: np.ndarray | None = None
    model: EvaluatedModel | None = None
    maps: CorrespondenceMaps | None = None

    @classmethod
    def from_sample(
        cls,
        sample: ObjectPoseSample,
        name: str,
        model: EvaluatedModel | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        score_thr: float = 0.0,
    ) -> PosedObject:
        """From what the network makes of a crop.

        Args:
            sample: with a prediction, and maybe maps, posterior and truth.
            name: what the object is called.
            model: its model.
            draw_gt, draw_pred: take the truth, the prediction.
            score_thr: a prediction of lower score is left out.
        """
        sample = sample.cpu()
        center, side = np.asarray(sample.crop_center, float), float(sample.crop_size)
        wanted = draw_pred and sample.pred_valid and sample.pred_score >= score_thr
        truth, maps = None, None
        if draw_gt and "gt_pose" in sample:
            truth = np.asarray(sample.gt_pose, float)
        if wanted and "pred_coords" in sample:
            coords = np.asarray(sample.pred_coords, float).transpose(1, 2, 0)
            maps = CorrespondenceMaps(
                coords * np.asarray(sample.half_size, float),
                np.asarray(sample.pred_weights, float).transpose(1, 2, 0),
                cell_pixels(center, side, len(coords)),
            )
        return cls(
            name,
            np.asarray(sample.cam2img, float),
            np.concatenate([center - side / 2, center + side / 2]),
            ObjectPoses.from_samples([sample]) if wanted else None,
            truth,
            model,
            maps,
        )

    @property
    def symmetries(self) -> Symmetries:
        """The motions that leave it as it looks, the identity alone without a model."""
        return Symmetries.none() if self.model is None else self.model.symmetries

    def true_rotations(self) -> np.ndarray:
        """(S, 3, 3): the true rotation after every symmetry; none where it is not known."""
        if self.true_pose is None:
            return np.zeros((0, 3, 3))
        return _matrix(self.true_pose) @ self.symmetries.rotation

    def drawn_rotations(self) -> tuple[np.ndarray, np.ndarray]:
        """Rotations (K, 3, 3) of the posterior's samples and their weights (K,); K may be 0."""
        if self.estimate is None or not self.estimate.weights.size:
            return np.zeros((0, 3, 3)), np.zeros(0)
        quaternions = self.estimate.samples[0, :, 3:]
        rotations = Rotation.from_quat(quaternions, scalar_first=True).as_matrix()
        return rotations, self.estimate.weights[0]

    def error(self) -> PoseError | None:
        """How far the estimate is from the nearest of the poses that look like the true one.

        None where either is not known.
        """
        if self.true_pose is None or self.estimate is None:
            return None
        rotations = self.true_rotations()
        origins = _matrix(self.true_pose) @ (self.symmetries.translation * _MM).T
        turns = Rotation.from_matrix(self.estimate.rotation @ rotations.transpose(0, 2, 1))
        nearest = int(turns.magnitude().argmin())
        apart = self.estimate.translation[0] - self.true_pose[:3] - origins[:, nearest]
        return PoseError(turns[nearest].as_rotvec(), apart)


class PoseError(NamedTuple):
    """From a true pose to its estimate.

    Attributes:
        turn: (3,) rotation vector about the camera's axes, radians.
        shift: (3,) along the camera's axes, metres.
    """

    turn: np.ndarray
    shift: np.ndarray


def _matrix(pose: np.ndarray) -> np.ndarray:
    return Rotation.from_quat(pose[3:], scalar_first=True).as_matrix()
