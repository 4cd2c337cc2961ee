"""OpenCV's perspective-n-point solvers on a batch of objects, one after the other."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from poses import pose_of
from scipy.spatial.transform import Rotation
from torch import Tensor

from epropnp_det.pnp import PnPProblem

RANSAC_THRESHOLD = 8.0
"""Reprojection error of an inlier in pixels, OpenCV's default; so are its other parameters."""

Solution = tuple[bool, np.ndarray, np.ndarray]


def _iterative(x3d: np.ndarray, x2d: np.ndarray, camera: np.ndarray) -> Solution:
    return cv2.solvePnP(x3d, x2d, camera, None, flags=cv2.SOLVEPNP_ITERATIVE)


def _sqpnp(x3d: np.ndarray, x2d: np.ndarray, camera: np.ndarray) -> Solution:
    return cv2.solvePnP(x3d, x2d, camera, None, flags=cv2.SOLVEPNP_SQPNP)


def _ransac(x3d: np.ndarray, x2d: np.ndarray, camera: np.ndarray) -> Solution:
    return cv2.solvePnPRansac(x3d, x2d, camera, None, reprojectionError=RANSAC_THRESHOLD)[:3]


OPENCV_METHODS: dict[str, Callable[..., Solution]] = {
    "OpenCV ITERATIVE": _iterative,
    "OpenCV SQPNP": _sqpnp,
    "OpenCV RANSAC": _ransac,
}


def solve_opencv(problem: PnPProblem, method: str, dof: int) -> Tensor:
    """Poses (B, P) by one of ``OPENCV_METHODS``, NaN where it finds none.

    OpenCV knows neither weights nor 4 DoF: the answer has 6, from which 4 are kept at the end.

    Args:
        problem: B objects.
        method: key of ``OPENCV_METHODS``.
        dof: 4 or 6.
    """
    arrays = (problem.x3d, problem.x2d, problem.camera.cam_mats)
    translation, rotvec = np.full((2, len(problem), 3), np.nan)
    objects = zip(*(array.detach().cpu().numpy() for array in arrays), strict=True)
    for index, correspondences in enumerate(objects):
        try:
            found, rotation, shift = OPENCV_METHODS[method](*correspondences)
        except cv2.error:  # a linear system inside was singular
            continue
        if found:
            rotvec[index], translation[index] = rotation[:, 0], shift[:, 0]
    found = np.isfinite(rotvec).all(axis=1)
    rotation = Rotation.from_rotvec(np.where(found[:, None], rotvec, 0.0))
    return pose_of(np.where(found[:, None], translation, np.nan), rotation, dof).to(problem.x3d)
