"""How often does a perspective-n-point solver find the global optimum?

Random problems of every number of degrees of freedom, share of outliers and pixel noise. Counted is
the share of problems in which the robust cost of the solver's pose is within 1% of the best known:
the least that any solver here found, including a search with 512 proposals and 30 iterations from
two seeds, and 30 iterations from the true pose. OpenCV does not minimise the robust cost, so a
second number says how often 10 Levenberg-Marquardt iterations of ours from the solver's pose lead
there: "as returned / after 10 LM iterations", in per cent.

    python benchmarks/convergence.py
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from opencv_solvers import OPENCV_METHODS, RANSAC_THRESHOLD, solve_opencv
from poses import perturbed
from problems import ProblemSettings, make_problem
from terminaltables import GithubFlavoredMarkdownTable
from torch import Tensor
from tqdm import tqdm

from epropnp_det.pnp import LMSolver, PnPProblem, RandomSampleSolver

DOFS = (4, 6)
OUTLIERS = (0.0, 0.1, 0.3)
NOISES = (1.0, 2.0, 4.0)

TOLERANCE = 1.01
"""How much above the best known cost a cost may be, as a factor."""

SHIFT, DEGREES = 0.1, 45.0
"""Plain LM starts this far from the true pose: shift by depth, rotation at most."""

CHUNK = 64
"""Objects solved at once: the reference search scores 512 poses of each."""

OURS = "RandomSampleSolver"

Solver = Callable[[PnPProblem, Tensor], Tensor]


@dataclass(frozen=True)
class Rates:
    """Shares of problems solved by each solver.

    Attributes:
        returned: by name of the solver, with its pose as it is.
        refined: the same after 10 LM iterations.
    """

    returned: dict[str, float]
    refined: dict[str, float]


def solvers(dof: int, seed: int, compiled: bool) -> dict[str, Solver]:
    """Functions from a problem and its true poses to the poses found, (B, P), by name."""
    generator = torch.Generator().manual_seed(seed)
    rng = np.random.default_rng(seed)
    ours = RandomSampleSolver(dof, refine=LMSolver(10), compile=compiled)
    lm = LMSolver(10)

    def opencv(method: str) -> Solver:
        return lambda problem, true_pose: solve_opencv(problem, method, dof)

    return {
        OURS: lambda problem, true_pose: ours(problem, generator=generator).pose,
        "LM from near the truth": lambda problem, true_pose: (
            lm(problem, perturbed(true_pose, rng, SHIFT, DEGREES)).pose
        ),
        **{name: opencv(name) for name in OPENCV_METHODS},
    }


def reference_costs(problem: PnPProblem, true_pose: Tensor, dof: int, compiled: bool) -> Tensor:
    """Least cost (B,) of a search much longer than any that is judged."""
    refine = LMSolver(30)
    search = RandomSampleSolver(dof, num_proposals=512, refine=refine, compile=compiled)
    poses = [refine(problem, true_pose).pose]
    poses += [search(problem, generator=torch.Generator().manual_seed(s)).pose for s in (1, 2)]
    return cost_of(problem, torch.stack(poses)).amin(0)


def cost_of(problem: PnPProblem, poses: Tensor) -> Tensor:
    """Costs (..., B) of poses (..., B, P); infinite where a solver has found none."""
    return problem.cost(poses).nan_to_num(nan=float("inf"))


def measure(settings: ProblemSettings, compiled: bool, bar: tqdm) -> Rates:
    """Rates on the problems of one cell of the table."""
    problem, true_pose = make_problem(settings)
    candidates = solvers(settings.dof, settings.seed, compiled)
    polish = LMSolver(10)
    solved = []
    for begin in range(0, len(problem), CHUNK):
        part, truth = problem[begin : begin + CHUNK], true_pose[begin : begin + CHUNK]
        found = torch.stack([solve(part, truth) for solve in candidates.values()])
        refined = torch.stack([polish(part, pose).pose for pose in found])
        costs = cost_of(part, torch.stack((found, refined)))
        best = reference_costs(part, truth, settings.dof, compiled)
        best = torch.minimum(best, costs.amin((0, 1)))
        solved.append(costs <= TOLERANCE * best)
        bar.update(len(part))
    returned, refined = torch.cat(solved, dim=-1).double().mean(-1).tolist()
    return Rates(
        dict(zip(candidates, returned, strict=True)), dict(zip(candidates, refined, strict=True))
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", type=int, default=10_000, help="of all cells together")
    parser.add_argument("--points", type=int, default=128, help="of each problem")
    parser.add_argument(
        "--delta", type=float, help="of the Huber cost, in pixel deviations (default: adaptive)"
    )
    parser.add_argument("--compile", action="store_true", help="compile the proposal search")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)

    cells = list(product(DOFS, OUTLIERS, NOISES))
    if args.problems < len(cells):
        parser.error(f"--problems must be at least {len(cells)}, one for each row of the table.")
    rows, behind = [], []
    with tqdm(total=args.problems, unit="problem") as bar:
        for index, (dof, outliers, noise) in enumerate(cells):
            # Problems that do not divide evenly go to the first cells.
            count = args.problems // len(cells) + (index < args.problems % len(cells))
            settings = ProblemSettings(
                num_objects=count,
                num_points=args.points,
                dof=dof,
                noise=noise,
                outliers=outliers,
                delta=args.delta,
                seed=args.seed * len(cells) + index,
            )
            rates = measure(settings, args.compile, bar)
            cell = [f"{dof} DoF", f"{outliers:.0%}", f"{noise:g} px", str(count)]
            rows.append(cell + [_pair(rates, name) for name in rates.returned])
            better = [name for name, rate in rates.returned.items() if rate > rates.returned[OURS]]
            if better:
                behind.append(f"Better at {', '.join(cell[:3])}: {', '.join(better)}.")

    header = ["pose", "outliers", "noise", "problems", *rates.returned]
    print(GithubFlavoredMarkdownTable([header, *rows]).table)
    print(
        "\nPer cent of problems within 1% of the best known robust cost: as returned / after 10\n"
        f"LM iterations. LM starts from the true pose, shifted by {SHIFT:.0%} of the depth and\n"
        f"rotated by up to {DEGREES:g} degrees. RANSAC: inliers within {RANSAC_THRESHOLD:g} px, "
        "OpenCV's other defaults.\n"
        f"Huber cost, delta {'adaptive' if args.delta is None else f'{args.delta:g} deviations'}."
    )
    print("\n".join(behind) or f"{OURS} leads or ties in every row.")


def _pair(rates: Rates, name: str) -> str:
    return f"{100 * rates.returned[name]:.1f} / {100 * rates.refined[name]:.1f}"


if __name__ == "__main__":
    main()
