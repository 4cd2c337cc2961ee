"""How good are the samplers of the pose posterior, per sample?

Each row is one case of about a dozen objects, one sampler and one number of samples K in four
rounds. Over all objects and seeds: root-mean-square error and bias of the log-evidence, effective
sample size in per cent of K, and the mean cosine between an object's loss gradient (by x3d, x2d and
w2d together) and that of the default sampler with 16,384 samples.

    python benchmarks/sampling.py

With ``--ambiguous`` the objects are those of ``ambiguous.py``, without their true poses, and the
reference has 65,536 samples around all modes that a longer search finds. Of the modes that hold
more than 5% there the table gives the share that gets less than 1% of the weight, and of those of
objects with several the share whose mass is right to a factor of 1.25.

With ``--golden DIR`` the cases with one mode are the objects of ``public_pnp_{4,6}dof.npz`` there,
and their evidence is that of the file; else random ones, and the evidence is the mean of eight
runs of the default sampler with 16,384 samples, as it is for the other cases.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from ambiguous import ambiguous_cases
from problems import ProblemSettings, make_problem
from terminaltables import GithubFlavoredMarkdownTable
from torch import Tensor
from tqdm import tqdm

from epropnp_det.pnp import (
    EProPnP,
    HuberCost,
    LMSolver,
    PerspectiveCamera,
    PnPProblem,
    Posterior,
    RandomSampleSolver,
    monte_carlo_pose_loss,
)
from epropnp_det.pnp.pose import rotation_matrix
from epropnp_det.pnp.samplers import SAMPLERS

SAMPLES = (128, 512)
REFERENCE_SAMPLES = 16384
REFERENCE_RUNS = 8
AMBIGUOUS_SAMPLES = 65536

WEAK = 0.3
"""Factor of the weights of the case that has little information, and so heavy tails."""

NUM_OBJECTS, NUM_POINTS = 12, 64


@dataclass(frozen=True)
class Case:
    """Objects whose posterior is to be sampled.

    Attributes:
        name: for the table.
        x3d: (B, N, 3).
        x2d: (B, N, 2).
        w2d: (B, N, 2).
        camera: of the objects.
        pose: the true ones, (B, P).
        relative_delta: of the adaptive Huber cost.
        log_evidence: (B,) where it is known.
    """

    name: str
    x3d: Tensor
    x2d: Tensor
    w2d: Tensor
    camera: PerspectiveCamera
    pose: Tensor
    relative_delta: float = 0.5
    log_evidence: Tensor | None = None

    def posterior(self, sampler: str, num_samples: int, seed: int) -> tuple[Posterior, Tensor]:
        """Posterior, and the gradient (B, N * 7) of each object's loss."""
        leaves = [t.clone().requires_grad_() for t in (self.x3d, self.x2d, self.w2d)]
        cost = HuberCost.adaptive(*leaves[1:], self.relative_delta)
        dof = 4 if self.pose.shape[-1] == 4 else 6
        # The true pose is near the mode: few others have to compete with it.
        solver = RandomSampleSolver(dof=dof, num_proposals=4)
        layer = EProPnP(dof=dof, mc_samples=num_samples, sampler=sampler, solver=solver)
        problem = PnPProblem(*leaves, self.camera, cost)
        posterior = layer(problem, self.pose, torch.Generator().manual_seed(seed))
        gradients = torch.autograd.grad(monte_carlo_pose_loss(posterior).sum(), leaves)
        return posterior.detach(), torch.cat([g.flatten(1) for g in gradients], dim=1)


def golden_case(name: str, path: Path) -> Case:
    """Reference objects with their evidence."""
    with np.load(path) as arrays:
        tensors = {key: torch.from_numpy(arrays[key]) for key in arrays}
    camera = PerspectiveCamera.of_image(tensors["cam_mats"], tensors["img_shape"])
    points = (tensors[key] for key in ("x3d", "x2d", "w2d"))
    return Case(name, *points, camera, tensors["pose_gt"], log_evidence=tensors["log_evidence"])


def random_case(name: str, dof: int) -> Case:
    """Objects with one mode."""
    settings = ProblemSettings(
        NUM_OBJECTS, NUM_POINTS, dof, noise=2.0, depth=(8.0, 40.0), dtype=torch.float64
    )
    problem, pose = make_problem(settings)
    return Case(name, problem.x3d, problem.x2d, problem.w2d, problem.camera, pose)


def half_turn_case(name: str) -> Case:
    """Objects that look alike from both sides.

    Every pixel is matched to a point and to the one that half a turn about Y puts in its place, so
    that the cost is the same at every yaw and yaw + pi; it is robust enough to have a mode at each.
    """
    case = random_case(name, 4)
    mirror = torch.tensor([-1.0, 1.0, -1.0], dtype=torch.float64)
    x3d = torch.cat((case.x3d, mirror * case.x3d), dim=1)
    x2d, w2d = (torch.cat((t, t), dim=1) for t in (case.x2d, case.w2d))
    return replace(case, x3d=x3d, x2d=x2d, w2d=0.2 * w2d, relative_delta=0.3)


def make_cases(golden: Path | None) -> list[Case]:
    if golden is None:
        one_mode = [random_case(f"one mode, {dof} DoF", dof) for dof in (4, 6)]
    else:
        one_mode = [
            golden_case(f"one mode, {dof} DoF", golden / f"public_pnp_{dof}dof.npz")
            for dof in (4, 6)
        ]
    weak = [
        replace(
            case,
            name=case.name.replace("one mode", "weak weights"),
            w2d=WEAK * case.w2d,
            log_evidence=None,
        )
        for case in one_mode
    ]
    return [*one_mode, half_turn_case("yaw or yaw + pi"), *weak]


def reference(case: Case, progress: tqdm) -> tuple[Tensor, Tensor]:
    """Log-evidence (B,) and loss gradients of the default sampler with many samples."""
    evidences, gradients = [], []
    for seed in range(REFERENCE_RUNS):
        posterior, gradient = case.posterior("joint_t", REFERENCE_SAMPLES, 10**6 + seed)
        evidences.append(posterior.log_evidence)
        gradients.append(gradient)
        progress.update()
    known = torch.stack(evidences).logsumexp(0) - math.log(REFERENCE_RUNS)
    if case.log_evidence is not None:
        known = case.log_evidence
    return known, gradients[0]


def measure(
    case: Case, sampler: str, num_samples: int, seeds: int, known: Tensor, gradient: Tensor
) -> list[str]:
    """Cells of a row, after the case, the sampler and K."""
    errors, sizes, cosines = [], [], []
    for seed in range(seeds):
        posterior, of_seed = case.posterior(sampler, num_samples, seed)
        errors.append(posterior.log_evidence - known)
        sizes.append(posterior.effective_sample_size / num_samples)
        cosines.append(torch.cosine_similarity(of_seed, gradient))
    error, size, cosine = map(torch.stack, (errors, sizes, cosines))
    return [
        f"{error.square().mean().sqrt():.3f}",
        f"{error.mean():+.3f}",
        f"{100 * size.mean():.0f}",
        f"{cosine.mean():.4f}",
    ]


def shares(posterior: Posterior, modes: Tensor) -> Tensor:
    """Weight (B, M) of the samples that are turned nearest to each of some modes (B, M, P)."""
    nearness = torch.einsum(
        "kbij,bmij->kbm", rotation_matrix(posterior.samples), rotation_matrix(modes)
    )
    nearest, weight = nearness.argmax(-1), posterior.log_weights.softmax(0)
    each = [(weight * (nearest == m)).sum(0) for m in range(modes.shape[1])]
    return torch.stack(each, dim=1)


def ambiguous_reference(problem: PnPProblem, dof: int) -> tuple[Tensor, Tensor, Tensor]:
    """Log-evidence (B,), modes (B, M, P) and their masses (B, M)."""
    search = RandomSampleSolver(
        dof, num_proposals=128, num_solved=32, num_finalists=8, refine=LMSolver(20)
    )
    layer = EProPnP(dof, AMBIGUOUS_SAMPLES, solver=search)
    parts = []
    for first in range(0, len(problem), 10):
        posterior = layer(
            problem[first : first + 10], generator=torch.Generator().manual_seed(10**6)
        )
        modes = posterior.modes.pose
        parts.append((posterior.log_evidence, modes, shares(posterior, modes)))
    return tuple(torch.cat(part) for part in zip(*parts, strict=True))


def measure_ambiguous(
    problem: PnPProblem, dof: int, sampler: str, num_samples: int, seeds: int, known: tuple
) -> list[str]:
    """Cells of a row, after the case, the sampler and K."""
    evidence, modes, mass = known
    big = mass > 0.05
    several = big & (big.sum(1, keepdim=True) > 1)
    layer = EProPnP(dof, num_samples, sampler=sampler)
    errors, sizes, lost, right = [], [], [], []
    for seed in range(seeds):
        posterior = layer(problem, generator=torch.Generator().manual_seed(seed))
        found = shares(posterior, modes)
        errors.append(posterior.log_evidence - evidence)
        sizes.append(posterior.effective_sample_size / num_samples)
        lost.append(found[big] < 0.01)
        right.append((found / mass)[several].log().abs() < math.log(1.25))
    error, size, lost, right = map(torch.stack, (errors, sizes, lost, right))
    return [
        f"{error.square().mean().sqrt():.3f}",
        f"{error.mean():+.3f}",
        f"{100 * size.mean():.0f}",
        f"{100 * lost.double().mean():.1f}",
        f"{100 * right.double().mean():.0f}" if several.any() else "",
    ]


def ambiguous_table(seeds: int) -> list[list[str]]:
    """Rows for each case and sampler, behind their header."""
    rows = [["case", "sampler", "K", "RMSE", "bias", "ESS %", "modes lost %", "masses right %"]]
    for name, (problem, pose) in tqdm(ambiguous_cases().items(), unit="case"):
        dof = 4 if pose.shape[-1] == 4 else 6
        known = ambiguous_reference(problem, dof)
        for sampler in SAMPLERS:
            cells = measure_ambiguous(problem, dof, sampler, SAMPLES[0], seeds, known)
            rows.append([name, sampler, str(SAMPLES[0]), *cells])
    return rows


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=100, help="runs of each row (default 100)")
    parser.add_argument("--golden", type=Path, help="folder of public_pnp_{4,6}dof.npz")
    parser.add_argument("--ambiguous", action="store_true", help="objects with several modes")
    args = parser.parse_args(arguments)
    if args.seeds < 1:
        parser.error(f"--seeds must be at least 1, got {args.seeds}.")

    if args.ambiguous:
        print(GithubFlavoredMarkdownTable(ambiguous_table(args.seeds)).table)
        return
    cases = make_cases(args.golden)
    settings = list(product(SAMPLERS, SAMPLES))
    rows = []
    with tqdm(total=len(cases) * (REFERENCE_RUNS + len(settings)), unit="run") as progress:
        for case in cases:
            known, gradient = reference(case, progress)
            for sampler, num_samples in settings:
                cells = measure(case, sampler, num_samples, args.seeds, known, gradient)
                rows.append([case.name, sampler, str(num_samples), *cells])
                progress.update()
    header = ["case", "sampler", "K", "RMSE", "bias", "ESS %", "gradient cosine"]
    print(GithubFlavoredMarkdownTable([header, *rows]).table)


if __name__ == "__main__":
    main()
