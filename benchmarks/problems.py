"""Random perspective-n-point problems like those of a car that looks at cars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from poses import pose_of
from scipy.spatial.transform import Rotation
from torch import Tensor

from epropnp_det.pnp import HuberCost, PerspectiveCamera, PnPProblem

FOCAL = 1260.0
"""Focal length of the front camera of nuScenes in pixels, to the nearest ten."""

IMAGE = np.array([1600.0, 900.0])
"""Width and height in pixels; the principal point is the middle."""

BOX = np.array([4.0, 1.6, 1.8])
"""Length, height and width of an object in metres."""


@dataclass(frozen=True)
class ProblemSettings:
    """What problems to draw.

    Attributes:
        num_objects: B.
        num_points: N, uniform in the object's box.
        dof: 4 (uniform yaw) or 6 (uniform rotation).
        noise: standard deviation of a pixel coordinate; every weight is its inverse.
        outliers: share of an object's points whose pixel is uniform over the image instead.
        depth: range of the depth of the nearest point in metres, uniform.
        delta: of the Huber cost, in standard deviations of a pixel; None for the adaptive one.
        seed: of the random numbers.
        dtype: of the tensors; the numbers are drawn in float64, the same for every dtype.
    """

    num_objects: int
    num_points: int = 128
    dof: int = 4
    noise: float = 1.0
    outliers: float = 0.0
    depth: tuple[float, float] = (3.0, 60.0)
    delta: float | None = None
    seed: int = 0
    dtype: torch.dtype = torch.float32


def make_problem(settings: ProblemSettings) -> tuple[PnPProblem, Tensor]:
    """Draw problems whose objects lie inside the image and in front of the camera.

    Returns:
        The problem, and the true poses (B, P).
    """
    rng = np.random.default_rng(settings.seed)
    # At least one pass, so that no objects have shapes as well.
    passes = [_draw_visible(settings, settings.num_objects, rng)]
    while (missing := settings.num_objects - sum(len(part[0]) for part in passes)) > 0:
        passes.append(_draw_visible(settings, missing, rng))
    x3d, pixels, translation, quaternion = map(np.concatenate, zip(*passes, strict=True))

    x2d = pixels + settings.noise * rng.standard_normal(pixels.shape)
    num_outliers = round(settings.outliers * settings.num_points)
    # Points come in no order, so the first ones are as good as any.
    x2d[:, :num_outliers] = rng.uniform(0, IMAGE, x2d[:, :num_outliers].shape)

    rotation = Rotation.from_quat(quaternion)
    pose = pose_of(translation, rotation, settings.dof).to(settings.dtype)
    x3d, x2d = (torch.from_numpy(array).to(settings.dtype) for array in (x3d, x2d))
    w2d = torch.full_like(x2d, 1 / settings.noise)
    return problem_of(x3d, x2d, w2d, settings.delta), pose


def problem_of(x3d: Tensor, x2d: Tensor, w2d: Tensor, delta: float | None = None) -> PnPProblem:
    """Problem of the benchmark's camera and cost, on the device of the correspondences."""
    batch = len(x3d)
    intrinsics = [[FOCAL, 0.0, IMAGE[0] / 2], [0.0, FOCAL, IMAGE[1] / 2], [0.0, 0.0, 1.0]]
    camera = PerspectiveCamera.of_image(
        x3d.new_tensor(intrinsics).repeat(batch, 1, 1), IMAGE[::-1].tolist()
    )
    cost = HuberCost.adaptive(x2d, w2d) if delta is None else HuberCost(delta)
    return PnPProblem(x3d, x2d, w2d, camera, cost)


def _draw_visible(
    settings: ProblemSettings, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points, pixels, translations and quaternions of those of ``count`` draws that fit."""
    x3d = BOX * rng.uniform(-0.5, 0.5, (count, settings.num_points, 3))
    rotation = (
        Rotation.from_euler("y", rng.uniform(-np.pi, np.pi, (count, 1)))
        if settings.dof == 4
        else Rotation.random(count, rng=rng)
    )
    rotated = x3d @ rotation.as_matrix().transpose(0, 2, 1)
    depth = rng.uniform(*settings.depth, count) - rotated[..., 2].min(axis=1)
    # Where the object may be at that depth: every point keeps it between two sides of the image.
    reach = (rotated[..., 2] + depth[:, None])[..., None] * IMAGE / (2 * FOCAL)
    low = (-reach - rotated[..., :2]).max(axis=1)
    high = (reach - rotated[..., :2]).min(axis=1)
    lateral = low + (high - low) * rng.random((count, 2))
    translation = np.concatenate((lateral, depth[:, None]), axis=1)

    seen = rotated + translation[:, None]
    pixels = FOCAL * seen[..., :2] / seen[..., 2:] + IMAGE / 2
    fits = (low < high).all(axis=1)
    return x3d[fits], pixels[fits], translation[fits], rotation.as_quat()[fits]
