import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import EProPnP, HuberCost, LMResult, LMSolver, PnPProblem, Posterior
from epropnp_det.pnp.monte_carlo import sample_posterior


class GaussianProblem:
    """Stands for a problem whose posterior is a known normal density in [x, y, z, yaw]."""

    def __init__(self, mean: torch.Tensor, covariance: torch.Tensor) -> None:
        self.mean, self.precision = mean, covariance.inverse()

    def __len__(self) -> int:
        return len(self.mean)

    def cost(self, pose: torch.Tensor) -> torch.Tensor:
        offset = pose - self.mean
        yaw = torch.atan2(offset[..., 3:].sin(), offset[..., 3:].cos())
        offset = torch.cat((offset[..., :3], yaw), dim=-1)
        return 0.5 * torch.einsum("kbi,bij,kbj->kb", offset, self.precision, offset)


def test_known_posterior_from_a_poor_start():
    covariance = torch.diag(torch.tensor([0.01, 0.01, 4.0, 0.02], dtype=torch.float64))[None]
    covariance[:, 0, 2] = covariance[:, 2, 0] = 0.15
    mean = torch.tensor([[1.0, 2.0, 20.0, 3.1]], dtype=torch.float64)
    start = LMResult(
        mean + torch.tensor([0.1, 0.1, 2.0, 0.2]),
        torch.zeros(1, dtype=torch.float64),
        2 * covariance,
        torch.ones(1, dtype=torch.bool),
        torch.zeros(1, dtype=torch.long),
    )
    samples, cost, log_proposal = sample_posterior(
        GaussianProblem(mean, covariance), start, 8192, 4, torch.Generator().manual_seed(0)
    )
    posterior = Posterior(mean, covariance, samples, -cost - log_proposal, None, start.valid)
    exact = 0.5 * torch.logdet(2 * math.pi * covariance)
    error = (1 / posterior.effective_sample_size - 1 / 8192).sqrt()
    assert (posterior.log_evidence - exact).abs() < 4 * error
    assert posterior.effective_sample_size > 0.2 * 8192
    weights = posterior.log_weights.softmax(0)[..., None]
    assert_close((weights * samples[..., :3]).sum(0), mean[:, :3], rtol=0, atol=0.15)


def test_golden_evidence_and_mean(golden, golden_problem):
    with torch.no_grad():
        posterior = EProPnP(mc_samples=4096)(golden_problem(), golden["pose_gt"])
    variance = 1 / posterior.effective_sample_size - 1 / 4096
    error = (variance + golden["log_evidence_stderr"] ** 2).sqrt()
    assert ((posterior.log_evidence - golden["log_evidence"]).abs() < 4 * error).all()

    weights = posterior.log_weights.softmax(0)[..., None]
    translation = posterior.samples[..., :3]
    mean = (weights * translation).sum(0)
    variance = (weights**2 * (translation - mean) ** 2).sum(0)
    error = (variance + golden["posterior_mean_translation_stderr"] ** 2).sqrt()
    assert ((mean - golden["posterior_mean_translation"]).abs() < 4 * error).all()


def dense_log_evidence(problem: PnPProblem, result: LMResult, half_width: float, steps: int):
    """Integral of exp(-cost) on a grid along the axes of the covariance, in plain numpy."""
    x3d, x2d, w2d = (t[0].numpy() for t in (problem.x3d, problem.x2d, problem.w2d))
    intrinsics = problem.camera.cam_mats[0].numpy()
    delta = problem.robust_cost.delta[0].item()
    axes = np.linalg.cholesky(result.covariance[0].numpy())
    line = np.linspace(-half_width, half_width, steps)
    total = 0.0
    for first in line:  # one slice at a time keeps the memory low
        rest = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
        white = np.concatenate((np.full((len(rest), 1), first), rest), axis=1)
        x, y, z, yaw = (white @ axes.T + result.pose[0].numpy()).T[..., None]
        px = np.cos(yaw) * x3d[:, 0] + np.sin(yaw) * x3d[:, 2] + x
        py = x3d[:, 1] + y
        pz = -np.sin(yaw) * x3d[:, 0] + np.cos(yaw) * x3d[:, 2] + z
        u = intrinsics[0, 0] * px / pz + intrinsics[0, 2] - x2d[:, 0]
        v = intrinsics[1, 1] * py / pz + intrinsics[1, 2] - x2d[:, 1]
        error = np.hypot(w2d[:, 0] * u, w2d[:, 1] * v)
        cost = np.where(error <= delta, error**2 / 2, delta * error - delta**2 / 2).sum(-1)
        total += np.exp(result.cost.item() - cost).sum()
    cell = (line[1] - line[0]) ** 4 * np.prod(np.diag(axes))
    return math.log(total * cell) - result.cost.item()


def test_evidence_agrees_with_dense_integration(make_problem):
    problem, pose = make_problem(batch=1, num_points=12, depth=(8.0, 9.0))
    w2d = 4 * problem.w2d  # a peaked posterior, so that a grid can hold it
    robust = HuberCost.adaptive(problem.x2d, w2d)
    problem = PnPProblem(problem.x3d, problem.x2d, w2d, problem.camera, robust)
    result = LMSolver(30)(problem, pose)
    coarse, fine = (dense_log_evidence(problem, result, 6.5, steps) for steps in (19, 23))
    assert coarse == pytest.approx(fine, abs=1e-3)
    posterior = EProPnP(mc_samples=16384)(problem, pose)
    error = (1 / posterior.effective_sample_size - 1 / 16384).sqrt().item()
    assert posterior.log_evidence.item() == pytest.approx(fine, abs=4 * error + 1e-3)


def test_effective_sample_size_of_equal_and_single_weights():
    flat = torch.zeros(10, 1)
    single = torch.full((10, 1), -torch.inf)
    single[3] = 0
    for log_weights, expected in ((flat, 10), (single, 1)):
        rest = (torch.zeros(1, 4), torch.eye(4)[None], torch.zeros(10, 1, 4))
        posterior = Posterior(*rest, log_weights, None, torch.ones(1, dtype=torch.bool))
        assert posterior.effective_sample_size.item() == pytest.approx(expected)
