import pytest
import torch
from torch.testing import assert_close

from epropnp_det.pnp import PerspectiveCamera
from epropnp_det.pnp.pose import YawPose

SKEWED = torch.tensor([[[1000.0, 3, 640], [0, 900, 360], [0, 0, 1]]], dtype=torch.float64)
SIZE = torch.tensor([[720, 1280]])


@pytest.mark.parametrize("at", ["gt", "init"])
def test_golden_projection(golden, golden_problem, at):
    problem, pose = golden_problem(), golden[f"pose_{at}"]
    points = YawPose.rotate(pose, problem.x3d) + pose[:, None, :3]
    pixels = problem.camera.project(points)
    assert_close(pixels, golden[f"x2d_proj_{at}"], rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_projection_is_that_of_homogeneous_coordinates(dtype):
    points = torch.rand(3, 1, 7, 3, dtype=dtype) + torch.tensor([-0.5, -0.5, 2.0], dtype=dtype)
    pixels = PerspectiveCamera(SKEWED.to(dtype), SIZE).project(points)
    homogeneous = points @ SKEWED[0].to(dtype).mT
    assert pixels.dtype == dtype
    assert_close(pixels, homogeneous[..., :2] / homogeneous[..., 2:])


def test_clamps_at_depth_and_border():
    camera = PerspectiveCamera(SKEWED, SIZE)
    points = torch.tensor([[[0.01, 0.02, -5.0], [50, -50, 1], [-50, 50, 1]]], dtype=torch.float64)
    expected = torch.tensor([[[640 + 100.6, 360 + 180], [1480, -200], [-200, 920]]])
    assert_close(camera.project(points), expected.double())


def test_jacobian_agrees_with_autograd_and_is_zero_where_clamped():
    camera = PerspectiveCamera(SKEWED, SIZE)
    points = torch.tensor(
        [[[0.3, 0.2, 2], [0.01, 0.02, -5], [50, 0.1, 1], [0.1, 50, 1], [0.1, 0.2, 0.1]]],
        dtype=torch.float64,
    )
    pixels, jacobian = camera.project_with_jacobian(points)
    assert_close(pixels, camera.project(points))
    dense = torch.autograd.functional.jacobian(lambda p: camera.project(p)[0], points)[..., 0, :, :]
    for index in (0, 2, 3):
        assert_close(jacobian[0, index], dense[index, :, index])
    assert not jacobian[0, [1, 4]].any()  # depth clamped
    assert not jacobian[0, 2, 0].any() and jacobian[0, 2, 1].any()  # u clamped, v not
    assert not jacobian[0, 3, 1].any() and jacobian[0, 3, 0].any()


def test_normalise_inverts_projection():
    camera = PerspectiveCamera(SKEWED)
    points = torch.rand(1, 5, 3, dtype=torch.float64) + 1
    bearings = camera.normalise(camera.project(points))
    assert_close(bearings, points[..., :2] / points[..., 2:])


def test_empty_batch():
    camera = PerspectiveCamera(torch.empty(0, 3, 3), torch.empty(0, 2))
    pixels, jacobian = camera.project_with_jacobian(torch.empty(0, 4, 3))
    assert pixels.shape == (0, 4, 2) and jacobian.shape == (0, 4, 2, 3)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match="cam_mats"):
        PerspectiveCamera(torch.eye(3))
    with pytest.raises(ValueError, match="img_shape"):
        PerspectiveCamera(torch.eye(3)[None], torch.ones(2, 2))
    with pytest.raises(ValueError, match="img_shape is on meta"):
        PerspectiveCamera(torch.eye(3)[None], torch.ones(1, 2, device="meta"))
