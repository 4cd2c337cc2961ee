"""Objects whose posteriors have several modes, or none that is a normal distribution."""

from __future__ import annotations

import math

import numpy as np
import torch
from problems import FOCAL, ProblemSettings, make_problem
from scipy.spatial.transform import Rotation
from torch import Tensor

from epropnp_det.pnp import CauchyCost, HuberCost, PerspectiveCamera, PnPProblem
from epropnp_det.pnp.pose import rotate

NUM_OBJECTS = 50

NEAR = 800.0
"""Focal length of the camera that looks at things on a table, pixels."""

Objects = tuple[PnPProblem, Tensor]
"""Problem and true poses."""


def ambiguous_cases() -> dict[str, Objects]:
    """All of them by their names."""
    cases = {
        f"flat square, {tilt} degrees, {noise} px": flat(0.0, tilt, noise)
        for tilt, noise in ((20, 1.0), (10, 1.0), (15, 2.0))
    }
    return cases | {
        "near-flat box, 20 degrees, 1 px": flat(0.01, 20, 1.0),
        "board, 4 DoF": board(),
        "two yaws": yaws(2),
        "four yaws": yaws(4),
        "long stick": stick(),
    }


def flat(thickness: float, tilt: float, noise: float) -> Objects:
    """Squares of 0.2 m, 3 m away, tilted by some degrees in any direction (6 DoF).

    Tilted the other way they look nearly the same.

    Args:
        thickness: of the square, metres.
        tilt: of its normal against the line of sight, degrees.
        noise: standard deviation of a pixel coordinate.
    """
    rng = np.random.default_rng(0)
    side = np.linspace(-0.1, 0.1, 4)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    height = thickness * rng.uniform(-0.5, 0.5, (NUM_OBJECTS, len(grid), 1))
    x3d = np.concatenate((np.broadcast_to(grid, (NUM_OBJECTS, *grid.shape)), height), axis=-1)
    direction = rng.uniform(0, 2 * np.pi, NUM_OBJECTS)
    axis = np.stack((np.cos(direction), np.sin(direction), 0 * direction), axis=-1)
    rotation = Rotation.from_rotvec(math.radians(tilt) * axis)
    turn = Rotation.from_euler("z", rng.uniform(0, 2 * np.pi, (NUM_OBJECTS, 1)))
    return _seen(x3d, (0, 0, 3.0), rotation * turn, noise, NEAR, rng)


def stick() -> Objects:
    """Sticks of 0.3 m, 1 cm thick, 1.5 m away, of which little tells the roll (6 DoF)."""
    rng = np.random.default_rng(1)
    x3d = rng.uniform(-0.5, 0.5, (NUM_OBJECTS, 16, 3)) * (0.3, 0.01, 0.01)
    return _seen(x3d, (0, 0, 1.5), Rotation.random(NUM_OBJECTS, rng=rng), 1.0, NEAR, rng)


def board() -> Objects:
    """Upright boards of 5 m x 1.6 m, 25 m away, with yaws of about 10 degrees (4 DoF)."""
    rng = np.random.default_rng(2)
    x3d = rng.uniform(-0.5, 0.5, (NUM_OBJECTS, 24, 3)) * (5.0, 1.6, 0)
    yaw = np.deg2rad(rng.choice((-1, 1), NUM_OBJECTS) * rng.uniform(5, 20, NUM_OBJECTS))
    rotation = Rotation.from_euler("y", yaw[:, None])
    return _seen(x3d, (0, 0, 25.0), rotation, 4.0, FOCAL, rng, dof=4)


def yaws(count: int) -> Objects:
    """Objects that look alike after every ``count``-th of a turn about Y (4 DoF).

    Every pixel is matched to a point and to those that such turns put in its place. The cost is
    robust enough to have a mode at each.
    """
    settings = ProblemSettings(
        NUM_OBJECTS, 32, 4, noise=2.0, depth=(8.0, 40.0), dtype=torch.float64, seed=count
    )
    problem, pose = make_problem(settings)
    turns = [
        rotate(torch.tensor([[0, 0, 0, 2 * math.pi * i / count]]).double(), problem.x3d)
        for i in range(count)
    ]
    x2d, w2d = (torch.cat([t] * count, dim=1) for t in (problem.x2d, problem.w2d))
    return PnPProblem(torch.cat(turns, dim=1), x2d, w2d, problem.camera, CauchyCost(2.0)), pose


def _seen(
    x3d: np.ndarray,
    place: tuple[float, float, float],
    rotation: Rotation,
    noise: float,
    focal: float,
    rng: np.random.Generator,
    dof: int = 6,
) -> Objects:
    """Problem of points (B, N, 3) at a place of the camera's frame, metres."""
    x3d = torch.from_numpy(x3d)
    place = torch.tensor(place, dtype=x3d.dtype).expand(len(x3d), 3)
    if dof == 4:
        turned = torch.from_numpy(rotation.as_rotvec()[:, 1:2])
    else:
        turned = torch.from_numpy(rotation.as_quat(scalar_first=True))
    pose = torch.cat((place, turned), dim=1)
    matrix = torch.tensor([[focal, 0, 0], [0, focal, 0], [0, 0, 1]], dtype=x3d.dtype)
    camera = PerspectiveCamera(matrix.repeat(len(x3d), 1, 1))
    x2d = camera.project(rotate(pose, x3d) + pose[:, None, :3])
    x2d = x2d + noise * torch.from_numpy(rng.standard_normal(x2d.shape))
    return PnPProblem(x3d, x2d, torch.full_like(x2d, 1 / noise), camera, HuberCost(3.0)), pose
