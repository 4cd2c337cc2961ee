"""Which robust cost stands wrong matches?

Objects of 60 matches, 2 to 6 m away, of which a share lies anywhere in the image. Printed is the
error of the position in cm, median / ninth decile, of one solver with three costs, and of OpenCV's
RANSAC.

    python benchmarks/raw_matches.py
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from opencv_solvers import solve_opencv
from problems import ProblemSettings, make_problem
from terminaltables import GithubFlavoredMarkdownTable
from torch import Tensor
from tqdm import tqdm

from epropnp_det.pnp import HuberCost, PnPProblem, RandomSampleSolver

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
NOISE = 1.0


def _ours(problem: PnPProblem) -> Tensor:
    return RandomSampleSolver(dof=6)(problem).pose


def _with_cost(cost: Callable[[Tensor], HuberCost]) -> Callable[[PnPProblem], Tensor]:
    def solve(problem: PnPProblem) -> Tensor:
        x3d, x2d = problem.x3d, problem.x2d
        return _ours(PnPProblem(x3d, x2d, None, problem.camera, cost(x2d)))

    return solve


SOLVERS: dict[str, Callable[[PnPProblem], Tensor]] = {
    "from_matches": lambda problem: _ours(
        PnPProblem.from_matches(problem.x3d, problem.x2d, problem.camera, NOISE)
    ),
    "HuberCost(2 px)": _with_cost(lambda _: HuberCost(2 * NOISE)),
    "HuberCost.adaptive": _with_cost(HuberCost.adaptive),
    "OpenCV RANSAC": lambda problem: solve_opencv(problem, "OpenCV RANSAC", 6),
}


def errors(num_objects: int, share: float, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Median and ninth decile of the position error in cm of every solver, inf where none is found.

    Args:
        num_objects: B.
        share: of wrong matches.
        seed: of the problems.
    """
    settings = ProblemSettings(
        num_objects, 60, 6, noise=NOISE, outliers=share, depth=(2.0, 6.0), seed=seed
    )
    problem, truth = make_problem(settings)
    found = {}
    for name, solve in SOLVERS.items():
        error = (solve(problem)[:, :3] - truth[:, :3]).norm(dim=-1).nan_to_num(float("inf"))
        found[name] = tuple(100 * error.quantile(q).item() for q in (0.5, 0.9))
    return found


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=200)
    args = parser.parse_args(argv)
    torch.manual_seed(0)
    rows = [["wrong matches", *SOLVERS]]
    for share in tqdm(SHARES, unit="share"):
        found = errors(args.objects, share).values()
        rows.append([f"{share:.0%}", *(f"{median:.2f} / {tail:.2f}" for median, tail in found)])
    print(GithubFlavoredMarkdownTable(rows).table)


if __name__ == "__main__":
    main()
