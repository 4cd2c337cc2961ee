"""What both samplers must do, on posteriors of known evidence."""

import math
from dataclasses import dataclass

import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import EProPnP, HuberCost, LMSolver, PerspectiveCamera, PnPProblem, Posterior
from epropnp_det.pnp.modes import Modes
from epropnp_det.pnp.pose import pose_type_of
from epropnp_det.pnp.samplers import SAMPLERS

F64 = torch.float64
each_sampler = pytest.mark.parametrize("sampler", list(SAMPLERS))
each_dof = pytest.mark.parametrize("dof", [4, 6])


@dataclass
class ChartNormal:
    """A posterior that is normal in the chart of a pose: its evidence is known in closed form."""

    mean: torch.Tensor
    covariance: torch.Tensor

    def __call__(self, pose: torch.Tensor) -> torch.Tensor:
        kind = pose_type_of(self.mean)
        d = kind.chart_inverse(self.mean, pose[..., 3:])
        _, log_volume = kind.chart(self.mean, d)
        offset = torch.cat((pose[..., :3] - self.mean[:, :3], d), dim=-1)
        precision = self.covariance.inverse()
        return 0.5 * torch.einsum("kbi,bij,kbj->kb", offset, precision, offset) + log_volume

    @property
    def log_evidence(self) -> torch.Tensor:
        return 0.5 * torch.logdet(2 * math.pi * self.covariance)


@pytest.fixture(params=[4, 6])
def normal(request) -> ChartNormal:
    """One object, 20 m away, with correlated translation and rotation."""
    dof = request.param
    rng = torch.Generator().manual_seed(dof)
    deviation = torch.tensor([0.1, 0.1, 2.0, 0.1, 0.15, 0.1], dtype=F64)[:dof]
    mixing = torch.eye(dof, dtype=F64) + 0.3 * torch.randn(dof, dof, generator=rng, dtype=F64)
    covariance = deviation[:, None] * (mixing @ mixing.mT) * deviation
    rotation = [3.1] if dof == 4 else [0.5, -0.5, 0.1, 0.7]
    mean = torch.tensor([[1.0, 2.0, 20.0, *rotation]], dtype=F64)
    return ChartNormal(pose_type_of(mean).normalised(mean), covariance[None])


def posterior_of(sampler, cost, mode, covariance, num_samples, num_rounds=4, seed=0) -> Posterior:
    rng = torch.Generator().manual_seed(seed)
    modes = Modes.single(mode, covariance)
    pose, cost, log_density = SAMPLERS[sampler](cost, modes, num_samples, num_rounds, rng)
    assert pose.shape == (num_samples, *mode.shape)
    valid = torch.ones(len(mode), dtype=torch.bool)
    return Posterior(mode, covariance, pose, -cost - log_density, None, valid)


def standard_error(posterior: Posterior) -> torch.Tensor:
    return (1 / posterior.effective_sample_size - 1 / len(posterior.samples)).sqrt()


@each_sampler
def test_known_posterior_from_a_poor_start(normal, sampler):
    step = normal.covariance.diagonal(dim1=-2, dim2=-1).sqrt()
    start = pose_type_of(normal.mean).retract(normal.mean, step)
    posterior = posterior_of(sampler, normal, start, 2 * normal.covariance, 8192)
    error = posterior.log_evidence - normal.log_evidence
    assert (error.abs() < 4 * standard_error(posterior)).all()
    assert posterior.effective_sample_size > 0.15 * 8192
    weights = posterior.log_weights.softmax(0)[..., None]
    mean = (weights * posterior.samples[..., :3]).sum(0)
    assert_close(mean, normal.mean[:, :3], rtol=0, atol=0.15)


def test_two_equal_modes(normal):
    """An object that looks alike after half a turn about its Y axis has twice the evidence."""
    if normal.mean.shape[-1] == 4:
        turned = normal.mean + torch.tensor([0, 0, 0, math.pi], dtype=F64)
    else:
        w, i, j, k = normal.mean[:, 3:].unbind(-1)
        turned = torch.cat((normal.mean[:, :3], torch.stack((-j, -k, w, i), dim=-1)), dim=-1)
    second = ChartNormal(turned, normal.covariance)

    def cost(pose):
        return -torch.logaddexp(-normal(pose), -second(pose))

    posterior = posterior_of("joint_t", cost, normal.mean, normal.covariance, 4096)
    error = posterior.log_evidence - normal.log_evidence - math.log(2)
    assert (error.abs() < 4 * standard_error(posterior)).all()
    assert posterior.effective_sample_size > 0.05 * 4096


@each_sampler
def test_same_seed_same_samples(normal, sampler):
    one, same, other = (
        posterior_of(sampler, normal, normal.mean, normal.covariance, 64, seed=seed)
        for seed in (0, 0, 1)
    )
    assert torch.equal(one.log_weights, same.log_weights)
    assert not torch.equal(one.samples, other.samples)


@each_sampler
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_no_mode_or_covariance_breaks_it(normal, sampler, dtype):
    """And no object sees what its neighbours are."""
    dof = normal.covariance.shape[-1]
    mode, identity = normal.mean.to(dtype), torch.eye(dof, dtype=dtype)
    ones = torch.ones(dof, dof, dtype=dtype)
    spoilt = [0 * ones, ones, -ones, torch.nan * ones, 1e-12 * identity, 1e8 * identity]
    spoilt += [identity + (1 - 1e-7) * (ones - identity), normal.covariance[0].to(dtype)]
    covariance = torch.stack(spoilt)
    modes = mode.repeat(len(spoilt), 1)
    modes[0, :3] = 1e12

    def run(modes, covariance):
        def cost(pose):
            return (pose - mode).square().sum(-1)

        rng = torch.Generator().manual_seed(0)
        return SAMPLERS[sampler](cost, Modes.single(modes, covariance), 32, 4, rng)

    result = run(modes, covariance)
    assert all(tensor.isfinite().all() and tensor.dtype == dtype for tensor in result)
    alike = run(modes[-1:].expand(len(spoilt), -1), covariance[-1:].expand(len(spoilt), -1, -1))
    for ours, expected in zip(result, alike, strict=True):
        assert torch.equal(ours[:, -1], expected[:, -1])


@each_sampler
@pytest.mark.parametrize(
    ("num_samples", "num_rounds"), [(1, 1), (4, 4), (16, 16), (12, 3), (64, 1)]
)
def test_few_samples_and_no_objects(normal, sampler, num_samples, num_rounds):
    posterior = posterior_of(
        sampler, normal, normal.mean, normal.covariance, num_samples, num_rounds
    )
    assert posterior.log_weights.isfinite().all()
    empty = ChartNormal(normal.mean[:0], normal.covariance[:0])
    posterior = posterior_of(sampler, empty, empty.mean, empty.covariance, num_samples, num_rounds)
    assert posterior.log_evidence.shape == (0,)


def golden_problem(golden_dir, dof: int) -> tuple[dict[str, torch.Tensor], PnPProblem]:
    np = pytest.importorskip("numpy")
    with np.load(golden_dir / f"public_pnp_{dof}dof.npz") as arrays:
        golden = {name: torch.from_numpy(arrays[name]) for name in arrays}
    camera = PerspectiveCamera.of_image(golden["cam_mats"], golden["img_shape"])
    robust = HuberCost.adaptive(golden["x2d"], golden["w2d"])
    return golden, PnPProblem(golden["x3d"], golden["x2d"], golden["w2d"], camera, robust)


@each_sampler
@each_dof
def test_golden_evidence_and_mean(golden_dir, sampler, dof):
    golden, problem = golden_problem(golden_dir, dof)
    layer = EProPnP(dof=dof, mc_samples=4096, sampler=sampler)
    posterior = layer(problem, golden["pose_gt"], torch.Generator().manual_seed(0))
    error = (standard_error(posterior) ** 2 + golden["log_evidence_stderr"] ** 2).sqrt()
    assert ((posterior.log_evidence - golden["log_evidence"]).abs() < 4 * error).all()

    weights = posterior.log_weights.softmax(0)[..., None]
    translation = posterior.samples[..., :3]
    mean = (weights * translation).sum(0)
    variance = (weights**2 * (translation - mean) ** 2).sum(0)
    error = (variance + golden["posterior_mean_translation_stderr"] ** 2).sqrt()
    assert ((mean - golden["posterior_mean_translation"]).abs() < 4 * error).all()


@pytest.mark.parametrize(("dof", "bound"), [(4, 0.05), (6, 0.07)])
def test_default_sampler_is_accurate_with_few_samples(golden_dir, dof, bound):
    golden, problem = golden_problem(golden_dir, dof)
    seeds = 40
    repeated = PnPProblem.cat([problem] * seeds)  # each copy draws its own samples
    layer = EProPnP(dof=dof, mc_samples=128)
    pose = golden["pose_gt"].repeat(seeds, 1)
    posterior = layer(repeated, pose, torch.Generator().manual_seed(0))
    error = posterior.log_evidence - golden["log_evidence"].repeat(seeds)
    assert error.square().mean().sqrt() < bound
    assert posterior.effective_sample_size.mean() > 0.7 * 128


def dense_log_evidence(problem: PnPProblem, result, half_width: float, steps: int) -> float:
    """Integral of exp(-cost) on a grid along the axes of the covariance, in plain numpy."""
    np = pytest.importorskip("numpy")
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
    error = standard_error(posterior).item()
    assert posterior.log_evidence.item() == pytest.approx(fine, abs=4 * error + 1e-3)


def test_effective_sample_size_of_equal_and_single_weights():
    flat = torch.zeros(10, 1)
    single = torch.full((10, 1), -torch.inf)
    single[3] = 0
    for log_weights, expected in ((flat, 10), (single, 1)):
        rest = (torch.zeros(1, 4), torch.eye(4)[None], torch.zeros(10, 1, 4))
        posterior = Posterior(*rest, log_weights, None, torch.ones(1, dtype=torch.bool))
        assert posterior.effective_sample_size.item() == pytest.approx(expected)
