"""How long do errors of 6 DoF object poses take, beside the BOP toolkit?

Both measure the same poses in turns, of a bumpy ellipsoid: one that is like no other view of
itself, one with a discrete symmetry, one with a continuous symmetry in BOP's 315 turns. The toolkit
is on no package index: give a checkout of https://github.com/thodan/bop_toolkit. Without one, its
place is taken by the definitions written plainly, pose by pose and symmetry by symmetry, as the
toolkit's functions are. Times are of one thread if OMP_NUM_THREADS=1 is set.

    OMP_NUM_THREADS=1 python benchmarks/bop_errors.py --toolkit ../bop_toolkit
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from terminaltables import GithubFlavoredMarkdownTable
from tqdm import tqdm

from epropnp_det.evaluation import bop

CAM2IMG = np.array([[572.4114, 0, 325.2611], [0, 573.57043, 242.04899], [0, 0, 1]])
KINDS = {
    "none": {},
    "discrete": dict(symmetries_discrete=[[-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]]),
    "continuous": dict(symmetries_continuous=[dict(axis=[0, 0, 1], offset=[0, 0, 0])]),
}
WITH_SYMMETRIES = ("MSSD", "MSPD")


@dataclass(frozen=True)
class Problem:
    """Poses of a model.

    Attributes:
        estimated, true: P poses.
        points: (n, 3) mm.
        symmetries: of the model.
    """

    estimated: bop.Poses
    true: bop.Poses
    points: np.ndarray
    symmetries: bop.Symmetries

    @classmethod
    def random(cls, kind: str, num_points: int, num_poses: int, seed: int = 0) -> Problem:
        """Poses about 6 degrees and 5 mm off, 0.8 m away.

        Args:
            kind: a key of ``KINDS``.
            num_points: n.
            num_poses: P.
            seed: of the random numbers.
        """
        rng = np.random.default_rng(seed)
        points = rng.normal(size=(num_points, 3))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        points *= np.array([50, 40, 60]) * (1 + 0.1 * np.sin(6 * points[:, 2:]))
        rotation = Rotation.random(num_poses, random_state=seed).as_matrix()
        turns = Rotation.from_rotvec(rng.normal(0, 0.06, (num_poses, 3))).as_matrix()
        place = rng.normal(0, 50, (num_poses, 3)) + [0, 0, 800]
        moved = place + rng.normal(0, 3, (num_poses, 3))
        symmetries = bop.Symmetries.of_info(KINDS[kind])
        return cls(
            bop.Poses(rotation @ turns, moved), bop.Poses(rotation, place), points, symmetries
        )


class Plain:
    """The definitions, for one pose at a time; named as in the toolkit's ``pose_error``."""

    @staticmethod
    def add(r_est, t_est, r_gt, t_gt, pts):
        return np.linalg.norm(_moved(pts, r_est, t_est) - _moved(pts, r_gt, t_gt), axis=1).mean()

    @staticmethod
    def adi(r_est, t_est, r_gt, t_gt, pts):
        return cKDTree(_moved(pts, r_est, t_est)).query(_moved(pts, r_gt, t_gt))[0].mean()

    @staticmethod
    def mssd(r_est, t_est, r_gt, t_gt, pts, syms):
        one = _moved(pts, r_est, t_est)
        others = (_moved(pts, r_gt @ s["R"], r_gt @ s["t"] + t_gt) for s in syms)
        return min(np.linalg.norm(one - other, axis=1).max() for other in others)

    @staticmethod
    def mspd(r_est, t_est, r_gt, t_gt, cam2img, pts, syms):
        one = _pixels(pts, r_est, t_est, cam2img)
        others = (_pixels(pts, r_gt @ s["R"], r_gt @ s["t"] + t_gt, cam2img) for s in syms)
        return min(np.linalg.norm(one - other, axis=1).max() for other in others)

    @staticmethod
    def proj(r_est, t_est, r_gt, t_gt, cam2img, pts):
        off = _pixels(pts, r_est, t_est, cam2img) - _pixels(pts, r_gt, t_gt, cam2img)
        return np.linalg.norm(off, axis=1).mean()


def _moved(points: np.ndarray, rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    return points @ rotation.T + translation.T


def _pixels(
    points: np.ndarray, rotation: np.ndarray, translation: np.ndarray, cam2img: np.ndarray
) -> np.ndarray:
    image = _moved(points, rotation, translation) @ cam2img.T
    return image[:, :2] / image[:, 2:]


def theirs(problem: Problem, functions: object) -> dict[str, Callable[[], np.ndarray]]:
    """What measures each error, pose by pose.

    Args:
        problem: the poses.
        functions: the toolkit's ``pose_error``, or :class:`Plain`.
    """
    symmetries = problem.symmetries
    motions = zip(symmetries.rotation, symmetries.translation, strict=True)
    syms = [dict(R=rotation, t=translation[:, None]) for rotation, translation in motions]
    sides = (problem.estimated, problem.true)
    columns = [c for s in sides for c in (s.rotation, s.translation[..., None])]
    poses, points = list(zip(*columns, strict=True)), problem.points

    def each(function: Callable[..., float], *more: object) -> Callable[[], np.ndarray]:
        return lambda: np.array([function(*pose, *more) for pose in poses])

    return {
        "ADD": each(functions.add, points),
        "ADD-S": each(functions.adi, points),
        "reprojection": each(functions.proj, CAM2IMG, points),
        "MSSD": each(functions.mssd, points, syms),
        "MSPD": each(functions.mspd, CAM2IMG, points, syms),
    }


def ours(problem: Problem) -> dict[str, Callable[[], np.ndarray]]:
    """What measures each error, of all poses together; a model is prepared at the first call."""
    pair, symmetries = (problem.estimated, problem.true), problem.symmetries
    model = bop.ModelPoints(problem.points)

    return {
        "ADD": lambda: bop.add(*pair, model),
        "ADD-S": lambda: bop.add_s(*pair, model),
        "reprojection": lambda: bop.reprojection_error(*pair, model, CAM2IMG),
        "MSSD": lambda: bop.mssd(*pair, model, symmetries),
        "MSPD": lambda: bop.mspd(*pair, model, symmetries, CAM2IMG),
    }


def preparation(points: np.ndarray) -> float:
    """Milliseconds that everything takes that is made of a model (n, 3) once."""
    start = time.perf_counter()
    model = bop.ModelPoints(points)
    for made in ("rows", "hull_rows", "tree"):
        getattr(model, made)
    return 1e3 * (time.perf_counter() - start)


def measure(problem: Problem, functions: object, repeats: int, names: list[str]) -> list[list[str]]:
    """Rows of the table: error, symmetries, ms a pose of both, their ratio, and the difference."""
    rows = []
    slow, fast = theirs(problem, functions), ours(problem)
    for name in tqdm(names, leave=False):
        fast[name]()  # is compiled at the first call
        times, values = ([], []), [None, None]
        for _ in range(repeats):
            for index, run in enumerate((slow[name], fast[name])):
                start = time.perf_counter()
                values[index] = run()
                times[index].append(1e3 * (time.perf_counter() - start) / len(problem.true))
        before, after = map(median, times)
        off = np.abs(values[1] / values[0] - 1).max()
        count = str(len(problem.symmetries)) if name in WITH_SYMMETRIES else "-"
        rows.append([name, count, f"{before:.3g}", f"{after:.3g}", f"{before / after:.1f}"])
        rows[-1].append(f"{off:.0e}")
    return rows


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--toolkit", type=Path, help="a checkout of the BOP toolkit")
    parser.add_argument("--points", type=int, default=5000, help="of the model")
    parser.add_argument("--poses", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args(argv)
    functions, name = Plain, "plain definitions"
    if args.toolkit:
        sys.path.insert(0, str(args.toolkit))
        from bop_toolkit_lib import pose_error as functions

        name = "BOP toolkit"
    header = ["error", "symmetries", f"{name}, ms/pose", "ours, ms/pose", "times", "difference"]
    rows = [header]
    for kind in KINDS:
        problem = Problem.random(kind, args.points, args.poses)
        names = list(ours(problem)) if kind == "none" else list(WITH_SYMMETRIES)
        rows += measure(problem, functions, args.repeats, names)
    print(GithubFlavoredMarkdownTable(rows).table)
    prepared = median(preparation(problem.points) for _ in range(args.repeats))
    print(
        f"\nOurs prepares a model once, in {prepared:.0f} ms.\n"
        f"{args.points} points, {args.poses} poses, medians of {args.repeats} runs in turns; "
        f"{platform.machine()}, {os.environ.get('OMP_NUM_THREADS', 'any number of')} thread(s)."
    )


if __name__ == "__main__":
    main()
