"""Pose of an object from known keypoints: no network, no learned weights, no initial pose.

A detector has found twelve keypoints of a car, a few pixels off, and has confused some of them.
Where is the car, and how sure is that? OpenCV answers the first question, the layer both.

    python examples/pose_from_keypoints.py --noise 1 --wrong 2
"""

from __future__ import annotations

import argparse

import cv2
import numpy as np
import torch
from scipy.spatial.transform import Rotation

from epropnp_det.pnp import HuberCost, PerspectiveCamera, PnPProblem, RandomSampleSolver

# Of the car's left side in metres: x forward, y down, z sideways. Wheels, lights, roof corners.
LEFT = [
    (1.3, 0.4, 0.8),
    (-1.3, 0.4, 0.8),
    (2, 0, 0.7),
    (-2, 0, 0.7),
    (0.4, -0.7, 0.6),
    (-1.2, -0.7, 0.6),
]
KEYPOINTS = np.array([[x, y, side * z] for x, y, z in LEFT for side in (1, -1)])
CAMERA = np.array([[1260.0, 0, 800], [0, 1260, 450], [0, 0, 1]])
TRANSLATION, ROTATION = np.array([-2.0, 1.0, 14.0]), Rotation.from_euler("yxz", [0.7, 0.1, 0.05])


def detect(noise: float, num_wrong: int, rng: np.random.Generator) -> np.ndarray:
    """Pixels (12, 2) of the keypoints as a detector finds them, some of them somewhere else."""
    points = ROTATION.apply(KEYPOINTS) + TRANSLATION
    pixels = points @ CAMERA[:2].T / points[:, 2:] + noise * rng.standard_normal((len(points), 2))
    wrong = rng.choice(len(points), num_wrong, replace=False)
    pixels[wrong] = rng.uniform(pixels.min(0), pixels.max(0), (num_wrong, 2))
    return pixels


def solve(pixels: np.ndarray, noise: float) -> tuple[np.ndarray, Rotation, np.ndarray]:
    """The layer's answer: translation, rotation, and their standard deviations (6,)."""
    x3d, x2d, cam_mats = (torch.from_numpy(array)[None] for array in (KEYPOINTS, pixels, CAMERA))
    # No weights are ones, so that errors count in pixels: quadratically up to twice the noise.
    problem = PnPProblem(x3d, x2d, None, PerspectiveCamera(cam_mats), HuberCost(2 * noise))
    result = RandomSampleSolver(dof=6, num_points=6)(problem)
    x, y, z, w, i, j, k = result.pose[0].numpy()
    # The covariance is that of errors of one pixel. A step d of the quaternion turns by 2 d.
    deviation = noise * result.covariance[0].diagonal().sqrt().numpy() * [1, 1, 1, 2, 2, 2]
    return np.array([x, y, z]), Rotation.from_quat([i, j, k, w]), deviation


def solve_opencv(pixels: np.ndarray, robust: bool) -> tuple[np.ndarray, Rotation]:
    """OpenCV's answer from all keypoints, or from those on which most agree (RANSAC)."""
    solver = cv2.solvePnPRansac if robust else cv2.solvePnP
    _, rotation, translation, *_ = solver(KEYPOINTS, pixels, CAMERA, None)
    return translation[:, 0], Rotation.from_rotvec(rotation[:, 0])


def row(name: str, position: list[str], translation: np.ndarray, rotation: Rotation) -> str:
    off = 100 * np.linalg.norm(translation - TRANSLATION)
    turned = np.degrees((rotation * ROTATION.inv()).magnitude())
    return f"{name:18}" + "".join(f"{cell:>16}" for cell in position) + f"{off:9.1f}{turned:12.2f}"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--noise", type=float, default=1.0, help="of the detections, in pixels")
    parser.add_argument(
        "--wrong", type=int, default=2, choices=range(5), help="how many are confused"
    )
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    if args.noise <= 0:
        parser.error("--noise must be positive: it is the unit of the robust cost.")
    torch.manual_seed(args.seed)

    pixels = detect(args.noise, args.wrong, np.random.default_rng(args.seed))
    translation, rotation, deviation = solve(pixels, args.noise)
    titles = (f"{axis} (m)" for axis in "xyz")
    print(f"{'':18}" + "".join(f"{title:>16}" for title in titles) + " off (cm)  turned (°)")
    print(row("truth", [f"{t:.3f}" for t in TRANSLATION], TRANSLATION, ROTATION))
    cells = [f"{t:.3f} ± {s:.3f}" for t, s in zip(translation, deviation, strict=False)]
    print(row("EPro-PnP", cells, translation, rotation))
    for name, robust in (("OpenCV solvePnP", False), ("OpenCV RANSAC", True)):
        answer = solve_opencv(pixels, robust)
        print(row(name, [f"{t:.3f}" for t in answer[0]], *answer))
    off, turned = 100 * np.linalg.norm(deviation[:3]), np.degrees(np.linalg.norm(deviation[3:]))
    print(f"\nEPro-PnP expects to be off by {off:.1f} cm and turned by {turned:.2f}°.")


if __name__ == "__main__":
    main()
