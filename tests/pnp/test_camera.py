import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import PerspectiveCamera
from epropnp_det.pnp.pose import rotate

SKEWED = torch.tensor([[[1000.0, 3, 640], [0, 900, 360], [0, 0, 1]]], dtype=torch.float64)
BOUNDS = torch.tensor([[-200, -200, 1480, 920]])


@pytest.mark.parametrize("at", ["gt", "init"])
def test_golden_projection(golden_dof, golden_problem, at):
    _, golden = golden_dof
    problem, pose = golden_problem(arrays=golden), golden[f"pose_{at}"]
    points = rotate(pose, problem.x3d) + pose[:, None, :3]
    pixels = problem.camera.project(points)
    assert_close(pixels, golden[f"x2d_proj_{at}"], rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_projection_is_that_of_homogeneous_coordinates(dtype):
    points = torch.rand(3, 1, 7, 3, dtype=dtype) + torch.tensor([-0.5, -0.5, 2.0], dtype=dtype)
    pixels = PerspectiveCamera(SKEWED.to(dtype), BOUNDS).project(points)
    homogeneous = points @ SKEWED[0].to(dtype).mT
    assert pixels.dtype == dtype
    assert_close(pixels, homogeneous[..., :2] / homogeneous[..., 2:])


def test_clamps_at_depth_and_bounds():
    camera = PerspectiveCamera(SKEWED, BOUNDS, z_min=0.1)
    points = torch.tensor([[[0.01, 0.02, -5.0], [50, -50, 1], [-50, 50, 1]]], dtype=torch.float64)
    expected = torch.tensor([[[640 + 100.6, 360 + 180], [1480, -200], [-200, 920]]])
    assert_close(camera.project(points), expected.double())


def test_bounds_need_not_be_those_of_an_image():
    bounds = torch.tensor([[700, 300, 800, 350]])
    points = torch.tensor([[[0.1, -0.05, 1.0], [0, 0, 1], [1, -1, 1]]], dtype=torch.float64)
    expected = torch.tensor([[[739.85, 315], [700, 350], [800, 300]]], dtype=torch.float64)
    assert_close(PerspectiveCamera(SKEWED, bounds).project(points), expected)


@pytest.mark.parametrize("img_shape", [(720, 1280), torch.tensor([[720, 1280]] * 2)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bounds_of_an_image(img_shape, dtype):
    cam_mats = SKEWED.to(dtype).repeat(2, 1, 1)
    camera = PerspectiveCamera.of_image(cam_mats, img_shape, z_min=0.5)
    assert torch.equal(camera.bounds, BOUNDS.to(dtype).repeat(2, 1)) and camera.z_min == 0.5
    narrow = PerspectiveCamera.of_image(cam_mats, img_shape, border=0)
    assert narrow.bounds.tolist() == [[0, 0, 1280, 720]] * 2


def test_jacobian_agrees_with_autograd(make_camera):
    camera = make_camera(SKEWED.repeat(2, 1, 1), BOUNDS.repeat(2, 1))
    points = torch.rand(2, 5, 3, dtype=torch.float64) + torch.tensor([-0.5, -0.5, 2.0])
    points[0, 0, 2] = -5  # depth clamped
    points[0, 1, 0] = 50  # u clamped, and v not
    points[0, 2, 1] = 50  # v clamped, and u not
    pixels, jacobian = camera.project_with_jacobian(points)
    assert_close(pixels, camera.project(points))
    leaf = points.clone().requires_grad_()
    for axis in (0, 1):
        (slope,) = torch.autograd.grad(camera.project(leaf)[..., axis].sum(), leaf)
        slope[0, 0] = 0  # a point behind the camera does not pull
        assert_close(jacobian[..., axis, :], slope)


def test_clamped_coordinates_have_no_derivative():
    points = torch.tensor(
        [[[0.01, 0.02, -5], [50, 0.1, 1], [0.1, 50, 1], [0.1, 0.2, 0.1]]], dtype=torch.float64
    )
    _, jacobian = PerspectiveCamera(SKEWED, BOUNDS, z_min=0.1).project_with_jacobian(points)
    assert not jacobian[0, [0, 3]].any()
    assert not jacobian[0, 1, 0].any() and jacobian[0, 1, 1].any()
    assert not jacobian[0, 2, 1].any() and jacobian[0, 2, 0].any()


def test_points_of_no_object_are_projected_in_any_unit():
    """Without a given least depth whatever is before the camera has its pixel."""
    points = torch.rand(1, 7, 3, dtype=torch.float64) + torch.tensor([-0.5, -0.5, 2.0])
    camera = PerspectiveCamera(SKEWED)
    for factor in (1e-3, 1e3):
        assert_close(camera.project(factor * points), camera.project(points))
    behind = torch.tensor([[[1.0, 2.0, -5.0]]], dtype=torch.float64)
    assert camera.project(behind).isfinite().all()
    assert not camera.project_with_jacobian(behind)[1].any()


def test_matrices_up_to_scale(make_camera):
    points = torch.rand(3, 5, 3, dtype=torch.float64) + torch.tensor([-0.5, -0.5, 2.0])
    plain = make_camera(SKEWED.repeat(3, 1, 1), BOUNDS.repeat(3, 1))
    scales = torch.tensor([2.0, -0.5, 1.0], dtype=torch.float64)[:, None, None]
    scaled = make_camera(SKEWED * scales, BOUNDS.repeat(3, 1))
    assert_close(scaled.cam_mats, plain.cam_mats)
    assert torch.equal(scaled.cam_mats[2], plain.cam_mats[2]) and scaled.usable().all()
    assert_close(scaled.project(points), plain.project(points))


@pytest.mark.parametrize("row", [(0.0, 0, 0), (1e-3, 0, 1), (0, -2, 1), (0, 0, float("nan"))])
def test_what_is_no_matrix_of_a_pinhole_is_not_read_as_one(make_camera, row):
    cam_mats = SKEWED.repeat(2, 1, 1)
    cam_mats[0, 2] = torch.tensor(row)
    camera = make_camera(cam_mats, BOUNDS.repeat(2, 1))
    assert camera.usable().tolist() == [False, True]
    # Its pixels are no numbers, where nothing clamps them.
    points = torch.rand(2, 5, 3, dtype=torch.float64) + 1
    pixels = make_camera(cam_mats).project(points)
    assert not pixels[0].isfinite().any() and pixels[1].isfinite().all()


def test_normalise_inverts_projection(make_camera):
    camera = make_camera(SKEWED)
    points = torch.rand(3, 1, 5, 3, dtype=torch.float64) + torch.tensor([-0.5, -0.5, 2.0])
    bearings = camera.normalise(camera.project(points))
    assert_close(bearings, points[..., :2] / points[..., 2:], rtol=1e-5, atol=1e-6)


def test_objects_are_independent(make_camera):
    cam_mats = SKEWED.repeat(3, 1, 1) * torch.tensor([[[1.0]], [[1.1]], [[1.2]]])
    cam_mats[:, 2, 2] = 1
    camera = make_camera(cam_mats, BOUNDS.repeat(3, 1))
    points = torch.rand(3, 4, 3, dtype=torch.float64) + 1
    pixels, jacobian = camera.project_with_jacobian(points)
    for b in range(3):
        alone = camera[b].project_with_jacobian(points[b : b + 1])
        assert_close(alone[0][0], pixels[b])
        assert_close(alone[1][0], jacobian[b])


def test_empty_batch(make_camera):
    camera = make_camera(torch.empty(0, 3, 3), torch.empty(0, 4))
    pixels, jacobian = camera.project_with_jacobian(torch.empty(0, 4, 3))
    assert pixels.shape == (0, 4, 2) and jacobian.shape == (0, 4, 2, 3)
    assert camera.normalise(pixels).shape == (0, 4, 2)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="cam_mats"):
        PerspectiveCamera(torch.eye(3))
    with pytest.raises(ValueError, match="bounds"):
        PerspectiveCamera(torch.eye(3)[None], torch.ones(2, 4))
    with pytest.raises(ValueError, match="bounds is on meta"):
        PerspectiveCamera(torch.eye(3)[None], torch.ones(1, 4, device="meta"))
    with pytest.raises(ValueError, match="img_shape"):
        PerspectiveCamera.of_image(torch.eye(3)[None], torch.ones(2, 2))
    with pytest.raises(ValueError, match="img_shape"):
        PerspectiveCamera.of_image(torch.eye(3)[None], (3, 4, 3))
