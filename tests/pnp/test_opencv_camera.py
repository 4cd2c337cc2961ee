import dataclasses

import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import (
    EProPnP,
    HuberCost,
    LMSolver,
    OpenCVCamera,
    PerspectiveCamera,
    PnPProblem,
    RandomSampleSolver,
    monte_carlo_pose_loss,
)
from epropnp_det.pnp.pose import rotate

cv2 = pytest.importorskip("cv2")
np = pytest.importorskip("numpy")

CAM_MATS = torch.tensor([[[600.0, 0, 640], [0, 610, 360], [0, 0, 1]]], dtype=torch.float64)
BOUNDS = torch.tensor([[-200, -200, 1480, 920]])
LENSES = {
    "four": [-0.095, 0.002, 0.002, -0.003],
    "five": [-0.35, 0.15, -0.001, 0.002, -0.02],
    "rational": [0.4, 0.1, 0.001, -0.001, 0.01, 0.7, 0.2, 0.02],
    "pincushion": [0.2, 0.05, 0.001, 0.001],
}


def lens(name, batch=1, dtype=torch.float64, **settings):
    distortion = torch.tensor(LENSES[name], dtype=dtype).repeat(batch, 1)
    return OpenCVCamera(CAM_MATS.to(dtype).repeat(batch, 1, 1), distortion=distortion, **settings)


def points_in_view(batch=1, num_points=20, dtype=torch.float64):
    scale = torch.tensor([1.2, 0.8, 3.0], dtype=torch.float64)
    points = (torch.rand(batch, num_points, 3, dtype=torch.float64) - 0.5) * scale
    return (points + torch.tensor([0, 0, 2.7], dtype=torch.float64)).to(dtype)


@pytest.mark.parametrize("name", LENSES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.float64, 1e-10)])
def test_projects_as_opencv(name, dtype, tolerance):
    points = points_in_view(dtype=dtype)
    expected, _ = cv2.projectPoints(
        points[0].double().numpy(),
        np.zeros(3),
        np.zeros(3),
        CAM_MATS[0].numpy(),
        np.array(LENSES[name]),
    )
    pixels = lens(name, dtype=dtype).project(points)
    assert pixels.dtype == dtype
    assert_close(pixels[0].double(), torch.from_numpy(expected[:, 0]), rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", LENSES)
def test_normalises_as_opencv(name):
    camera = lens(name)
    pixels = camera.project(points_in_view())
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 500, 1e-14)
    matrix, coefficients = CAM_MATS[0].numpy(), np.array(LENSES[name])
    # The function that takes criteria takes them by position alone.
    expected = cv2.undistortPointsIter(
        pixels[0].numpy(), matrix, coefficients, np.eye(3), np.eye(3), criteria
    )
    assert_close(camera.normalise(pixels)[0].numpy(), expected[:, 0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", LENSES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_normalise_inverts_projection_up_to_the_edge(name, dtype):
    camera = lens(name, dtype=dtype)
    radius = camera.max_radius.clamp(max=1.5)
    angle = torch.linspace(0, 6.28, 40, dtype=dtype)
    bearings = torch.stack((angle.cos(), angle.sin()), -1)[None] * radius
    bearings = torch.cat([share * bearings for share in (0, 0.1, 0.5, 0.9)], dim=1)
    points = torch.cat((bearings, torch.ones_like(bearings[..., :1])), dim=-1)
    assert_close(camera.normalise(camera.project(points)), bearings, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", LENSES)
def test_jacobian_agrees_with_autograd_inside_and_outside_the_range(name):
    camera = lens(name)
    points = points_in_view().requires_grad_()
    points = torch.cat((points, points * torch.tensor([40, 30, 1.0])), dim=1)
    pixels, jacobian = camera.project_with_jacobian(points)
    assert_close(pixels, camera.project(points))
    dense = torch.autograd.functional.jacobian(lambda p: camera.project(p)[0], points)[..., 0, :, :]
    index = torch.arange(points.shape[1])
    assert_close(jacobian[0], dense[index, :, index], rtol=1e-9, atol=1e-9)
    assert jacobian[0].abs().amax((1, 2)).min() > 0


@pytest.mark.parametrize("count", [4, 5, 8])
def test_no_distortion_is_exactly_a_pinhole(count):
    points = torch.cat((points_in_view(), 1e6 * points_in_view(), -points_in_view()), dim=1)
    pinhole = PerspectiveCamera(CAM_MATS, BOUNDS)
    camera = OpenCVCamera(CAM_MATS, BOUNDS, distortion=CAM_MATS.new_zeros(1, count))
    for ours, theirs in zip(
        camera.project_with_jacobian(points), pinhole.project_with_jacobian(points), strict=True
    ):
        assert torch.equal(ours, theirs)
    pixels = pinhole.project(points)
    assert torch.equal(camera.project(points), pixels)
    assert torch.equal(camera.normalise(pixels), pinhole.normalise(pixels))


def test_range_ends_where_the_radial_part_stops_growing():
    # r (1 - 0.3 r^2) grows until 1 - 0.9 r^2 = 0.
    coefficients = torch.tensor([[-0.3, 0, 0, 0], [0.3, 0, 0, 0], [torch.nan, 0, 0, 0]])
    camera = OpenCVCamera(CAM_MATS.float().repeat(3, 1, 1), distortion=coefficients)
    radius = camera.max_radius
    assert 0.97 * 0.9**-0.5 < radius[0] <= 0.9**-0.5
    assert radius[1] > 1e9
    assert camera.usable().tolist() == [True, True, False]
    # Without the limit this point would appear at r = 1.8 * (1 - 0.3 * 1.8^2) = 0.05.
    beside = torch.tensor([[[1.8, 0, 1]]])
    u = camera[0].project(beside)[0, 0, 0]
    assert_close(u, 640 + 600 * radius[0] * (1 - 0.3 * radius[0] ** 2))


def test_rational_range_ends_before_the_pole():
    # 1 / (1 - r^2 / 4) has its pole at 2.
    coefficients = torch.tensor([[0, 0, 0, 0, 0, -0.25, 0, 0]], dtype=torch.float64)
    camera = OpenCVCamera(CAM_MATS, distortion=coefficients)
    assert 1.9 < camera.max_radius < 2


@pytest.mark.parametrize("name", ["four", "five"])
def test_no_point_outside_the_range_appears_inside_the_image(name):
    camera = lens(name)
    angle = torch.linspace(0, 6.28, 60, dtype=torch.float64)
    ring = torch.stack((angle.cos(), angle.sin()), -1)
    bearings = torch.cat(
        [1.01 * camera.max_radius * factor * ring for factor in (1, 2, 10, 1e3, 1e9)]
    )
    points = torch.cat((bearings, torch.ones_like(bearings[:, :1])), dim=-1)[None]
    u, v = camera.project(points).unbind(-1)
    assert not ((u > 0) & (u < 1280) & (v > 0) & (v < 720)).any()


def test_pixels_beyond_the_range_normalise_to_its_edge():
    camera = lens("four")
    bearings = camera.normalise(torch.tensor([[[1e5, 360.0], [640, -1e5]]], dtype=torch.float64))
    assert_close(bearings.norm(dim=-1), camera.max_radius.expand(1, 2))
    assert bearings[0, 0, 0] > 0 and bearings[0, 1, 1] < 0


@pytest.fixture
def make_lens_problem():
    def make(dof, batch=12, dtype=torch.float64, requires_grad=False):
        rng = torch.Generator().manual_seed(dof)
        uniform = torch.rand(batch, 8, generator=rng, dtype=torch.float64)
        z = 3 + 5 * uniform[:, :1]
        centre = torch.cat(((uniform[:, 1:2] - 0.5) * z, 0.5 * (uniform[:, 2:3] - 0.5) * z, z), 1)
        turn = (
            6 * uniform[:, 3:4] if dof == 4 else torch.nn.functional.normalize(uniform[:, 4:] - 0.5)
        )
        pose = torch.cat((centre, turn), dim=1).to(dtype)
        x3d = torch.rand(batch, 24, 3, generator=rng, dtype=torch.float64).to(dtype) - 0.5
        camera = lens("five", batch, dtype, bounds=BOUNDS.repeat(batch, 1))
        x2d = camera.project(rotate(pose, x3d) + pose[:, None, :3])
        x3d, x2d, w2d = (t.requires_grad_(requires_grad) for t in (x3d, x2d, torch.ones_like(x2d)))
        return PnPProblem(x3d, x2d, w2d, camera, HuberCost.adaptive(x2d.detach())), pose

    return make


@pytest.mark.parametrize("dof", [4, 6])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-3), (torch.float64, 1e-6)])
def test_solvers_recover_poses(make_lens_problem, dof, dtype, tolerance):
    problem, pose = make_lens_problem(dof, dtype=dtype)
    near = pose + 0.05 * torch.cos(torch.arange(pose.shape[1])).to(dtype)
    generator = torch.Generator().manual_seed(0)
    for result in (
        LMSolver(num_iter=20)(problem, near),
        RandomSampleSolver(dof=dof, refine=LMSolver(20))(problem, generator=generator),
    ):
        assert result.valid.all()
        assert_close(result.pose[:, :3], pose[:, :3], rtol=0, atol=tolerance)
        assert_close(
            rotate(result.pose, problem.x3d), rotate(pose, problem.x3d), rtol=0, atol=tolerance
        )


def test_the_lens_matters(make_lens_problem):
    problem, pose = make_lens_problem(4)
    pinhole = PerspectiveCamera(problem.camera.cam_mats, problem.camera.bounds)
    without = dataclasses.replace(problem, camera=pinhole)
    error = LMSolver()(without, pose).pose - pose
    assert error[:, :3].norm(dim=-1).median() > 0.1


@pytest.mark.parametrize("dof", [4, 6])
def test_gradients(make_lens_problem, dof):
    problem, pose = make_lens_problem(dof, batch=2, requires_grad=True)
    leaves = (problem.x3d, problem.x2d, problem.w2d)
    pose[:, :3] += 0.05

    def cost(x3d, x2d, w2d):
        return dataclasses.replace(problem, x3d=x3d, x2d=x2d, w2d=w2d).cost(pose)

    assert torch.autograd.gradcheck(cost, leaves)
    posterior = EProPnP(dof=dof, mc_samples=32)(problem, pose)
    loss = monte_carlo_pose_loss(posterior).sum()
    gradients = torch.autograd.grad(loss, leaves)
    # The same by autograd through the cost: its values at the samples are what carries a gradient.
    weights = posterior.log_weights.detach().softmax(0)
    by_autograd = problem.cost(pose) - (weights * problem.cost(posterior.samples)).sum(0)
    for ours, theirs in zip(gradients, torch.autograd.grad(by_autograd.sum(), leaves), strict=True):
        assert_close(ours, theirs, rtol=1e-6, atol=1e-8)


def test_distortion_carries_a_gradient():
    distortion = torch.tensor([LENSES["rational"]], dtype=torch.float64, requires_grad=True)
    points = points_in_view(num_points=3)
    assert torch.autograd.gradcheck(
        lambda k: OpenCVCamera(CAM_MATS, distortion=k).project(points), (distortion,)
    )


def test_batch_is_its_elements_one_by_one_and_packs():
    names = ("four", "pincushion")
    camera = OpenCVCamera.cat([lens(name) for name in names])
    points = points_in_view(batch=2, num_points=7)
    pixels, jacobian = camera.project_with_jacobian(points)
    for i, name in enumerate(names):
        assert_close(pixels[i : i + 1], lens(name).project(points[i : i + 1]))
        assert torch.equal(camera[i].project(points[i : i + 1]), pixels[i : i + 1])
        assert torch.equal(camera[i].max_radius, lens(name).max_radius)
    assert_close(
        camera[torch.tensor([False, True])].project_with_jacobian(points[1:])[1], jacobian[1:]
    )
    moved = camera.to(torch.float32)
    assert moved.distortion.dtype == moved.max_radius.dtype == torch.float32
    assert_close(moved.project(points.float()), pixels.float(), rtol=1e-5, atol=1e-3)


def test_degenerate_lenses_leave_the_others_alone(make_lens_problem):
    problem, pose = make_lens_problem(6, batch=5)
    distortion = problem.camera.distortion.clone()
    distortion[0, 0] = torch.nan
    distortion[1, 1] = torch.inf
    distortion[2] = -1e30
    distortion[3] = 1e200
    camera = OpenCVCamera(CAM_MATS.repeat(5, 1, 1), BOUNDS.repeat(5, 1), distortion=distortion)
    broken = dataclasses.replace(problem, camera=camera)
    posterior = EProPnP(dof=6, mc_samples=16)(broken, pose, torch.Generator().manual_seed(0))
    assert posterior.mode.isfinite().all() and monte_carlo_pose_loss(posterior).isfinite().all()
    assert posterior.valid.tolist()[:2] == [False, False] and posterior.valid[4]
    healthy = EProPnP(dof=6, mc_samples=16)(problem, pose, torch.Generator().manual_seed(0))
    assert torch.equal(posterior.samples[:, 4], healthy.samples[:, 4])


def test_empty_batch():
    camera = OpenCVCamera(torch.empty(0, 3, 3), distortion=torch.empty(0, 5))
    pixels, jacobian = camera.project_with_jacobian(torch.empty(0, 4, 3))
    assert pixels.shape == (0, 4, 2) and jacobian.shape == (0, 4, 2, 3)
    assert camera.normalise(pixels).shape == (0, 4, 2)


@pytest.mark.parametrize(
    ("distortion", "message"),
    [
        (torch.zeros(4), r"distortion must have shape \(B, 4\), \(B, 5\) or \(B, 8\)"),
        (torch.zeros(1, 6), "distortion must have shape"),
        (torch.zeros(2, 4), r"distortion must have shape \(1, 4\)"),
        (torch.zeros(1, 4), "distortion has dtype torch.float32, but cam_mats has torch.float64"),
        (torch.zeros(1, 4, dtype=torch.float64, device="meta"), "distortion has device meta"),
    ],
)
def test_what_does_not_fit_is_named(distortion, message):
    with pytest.raises(ValueError, match=message):
        OpenCVCamera(CAM_MATS, distortion=distortion)
    with pytest.raises(ValueError, match="max_radius"):
        OpenCVCamera(CAM_MATS, distortion=CAM_MATS.new_zeros(1, 4), max_radius=torch.ones(2))
