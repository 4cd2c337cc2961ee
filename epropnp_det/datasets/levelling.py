"""Level cameras in the place of tilted ones.

A box has a yaw about its camera's vertical alone. Of a camera that is pitched or rolled by 12
degrees, as on a mast, every box would lean by as much. The image of a camera that is turned about
its centre is a homography of the image: with R from the old camera frame to the new one, a pixel
goes to K' R K^-1 times itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..errors import UserError

NOTICEABLE_TILT = 5.0
"""Degrees from which a tilt is told; nuScenes' cameras are within two."""

# Between the optical axis and the vertical, degrees: nearer, there is no horizontal view.
_STEEPEST = 80.0


def tilt(camera2ego: np.ndarray) -> float:
    """Angle between a camera's down axis and the vehicle's, degrees.

    Args:
        camera2ego: (4, 4); the vehicle's z axis is up.
    """
    return float(np.degrees(np.arccos(np.clip(-camera2ego[2, 1], -1, 1))))


def tilted_camera(pitch: float, roll: float) -> np.ndarray:
    """Pose (4, 4) of a camera that looks ahead, in a frame of x ahead, y left and z up.

    Args:
        pitch: how far it looks down, degrees.
        roll: how far it is turned clockwise about where it looks, degrees.
    """
    pitch, roll = np.radians([pitch, roll])
    level = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    nod = np.array(
        [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
    )
    turn = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    pose = np.eye(4)
    pose[:3, :3] = level @ nod @ turn
    return pose


@dataclass(frozen=True)
class LevelView:
    """A level camera that stands where a tilted one does, and looks the same way.

    Attributes:
        camera2ego: (4, 4) its pose.
        cam2img: (3, 3) its matrix: the focal length is kept, and the principal point moved so that
            the centre of the image stays where it is.
        homography: (3, 3) from pixels of the image that was taken to those of its own.
    """

    camera2ego: np.ndarray
    cam2img: np.ndarray
    homography: np.ndarray

    @classmethod
    def of(cls, camera2ego: np.ndarray, cam2img: np.ndarray, size: tuple[int, int]) -> LevelView:
        """The level camera of a tilted one.

        Args:
            camera2ego: (4, 4) pose of the tilted camera.
            cam2img: (3, 3) its matrix.
            size: (width, height) of its image, pixels.

        Raises:
            UserError: the camera looks up or down so steeply that it has no horizontal view.
        """
        forward = camera2ego[:3, 2]
        steepness = np.degrees(np.arcsin(np.clip(abs(forward[2]), 0, 1)))
        if steepness > _STEEPEST:
            raise UserError(
                f"a camera that looks up or down by {steepness:.0f} degrees has no level view: "
                "leave it out."
            )
        ahead = np.array([forward[0], forward[1], 0]) / np.hypot(*forward[:2])
        down = np.array([0.0, 0, -1])
        level = np.eye(4)
        level[:3, :3] = np.stack([np.cross(down, ahead), down, ahead], axis=1)
        level[:3, 3] = camera2ego[:3, 3]
        turned = level[:3, :3].T @ camera2ego[:3, :3] @ np.linalg.inv(cam2img)
        center = np.array([size[0] / 2, size[1] / 2, 1])
        pixel = cam2img @ turned @ center
        moved = np.array(cam2img, dtype=np.float64)
        moved[:2, 2] += center[:2] - pixel[:2] / pixel[2]
        return cls(level, moved, moved @ turned)


def turn_image(image: np.ndarray, homography: np.ndarray) -> np.ndarray:
    """The image that a level camera would have taken; what the tilted one did not see is black.

    Args:
        image: (H, W, C).
        homography: (3, 3), as of :class:`LevelView`; the top left pixel covers [0, 1) x [0, 1).
    """
    center = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    matrix = np.linalg.inv(center) @ homography @ center
    return cv2.warpPerspective(image, matrix, image.shape[1::-1], flags=cv2.INTER_LINEAR)
