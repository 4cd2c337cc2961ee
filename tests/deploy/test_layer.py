"""The exported layer beside the one in PyTorch."""

import numpy as np
import pytest
import torch

from epropnp_det.deploy import DeployedLayer
from epropnp_det.errors import UserError
from epropnp_det.export import PoseGraph
from epropnp_det.pnp import PerspectiveCamera, RandomSampleSolver
from epropnp_det.pnp.pose import QuaternionPose, rotate


def objects(batch: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Correspondences of objects that nobody could take for another pose, and their poses."""
    rng = torch.Generator().manual_seed(1)
    x3d = torch.rand(batch, 20, 3, generator=rng) - 0.5
    place = torch.rand(batch, 3, generator=rng) * torch.tensor([1.0, 1.0, 3.0])
    rotation = QuaternionPose.uniform_rotation(torch.rand(batch, 3, generator=rng))
    pose = torch.cat((place + torch.tensor([-0.5, -0.5, 3.0]), rotation), dim=1)
    cam_mats = torch.tensor([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]).repeat(batch, 1, 1)
    x2d = PerspectiveCamera(cam_mats).project(rotate(pose, x3d) + pose[:, None, :3])
    x2d = x2d + torch.randn(x2d.shape, generator=rng) / 2
    return dict(x3d=x3d, x2d=x2d, w2d=torch.full_like(x2d, 0.5), cam_mats=cam_mats), pose


@pytest.mark.parametrize("batch", [0, 1, 7])
def test_same_poses_for_any_number_of_objects(layer_file, runtime, batch):
    numbers, true = objects(batch)
    expected = PoseGraph(RandomSampleSolver(dof=6))(**numbers)
    found = DeployedLayer(layer_file, runtime, threads=1)(
        **{name: each.numpy() for name, each in numbers.items()}
    )
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-3, atol=1e-4)
    assert found.valid.all()
    # Each quaternion stands for a rotation that its negative has, too.
    aligned = (found.pose[:, 3:] * true[:, 3:].numpy()).sum(1)
    assert (abs(aligned) > 0.999).all()
    assert (abs(found.pose[:, :3] - true[:, :3].numpy()) < 0.1).all()


def test_objects_that_mean_nothing(layer_file, runtime):
    numbers, _ = objects(4)
    numbers["w2d"][1] = 0
    numbers["x2d"][2, 3] = torch.nan
    found = DeployedLayer(layer_file, runtime, threads=1)(
        **{name: each.numpy() for name, each in numbers.items()}
    )
    assert found.valid.tolist() == [True, False, False, True]
    assert np.isfinite(found.pose).all()


def test_shapes_that_do_not_fit(layer_file):
    numbers = {name: each.numpy() for name, each in objects(3)[0].items()}
    layer = DeployedLayer(layer_file, threads=1)
    for name, wrong in (("x3d", (3, 20, 2)), ("w2d", (2, 20, 2)), ("cam_mats", (3, 3))):
        with pytest.raises(UserError) as error:
            layer(**(numbers | {name: np.zeros(wrong, dtype=np.float32)}))
        assert f"{name} has the shape {wrong}: give (3, " in str(error.value)
