import pytest
import torch
from scipy.spatial.transform import Rotation

from epropnp_det.models.losses import QuaternionLoss


def quaternions(num: int, dtype=torch.float64) -> torch.Tensor:
    torch.manual_seed(num)
    return torch.nn.functional.normalize(torch.randn(num, 4, dtype=dtype), dim=-1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_is_one_minus_the_cosine_of_the_angle(dtype):
    pred, target = quaternions(5, dtype), quaternions(7, dtype)[:5]
    weight = torch.rand(5, dtype=dtype)
    loss = QuaternionLoss(loss_weight=0.5)(pred, target, weight)
    # SciPy has the scalar last; angles do not mind, as long as both are alike.
    angle = (
        Rotation.from_quat(pred.numpy()) * Rotation.from_quat(target.numpy()).inv()
    ).magnitude()
    expected = 0.5 * (weight * (1 - torch.from_numpy(angle).to(dtype).cos())).sum() / 5
    assert loss.dtype == dtype
    torch.testing.assert_close(loss, expected)


def test_sign_does_not_matter():
    pred, target, weight = quaternions(4), quaternions(5)[:4], torch.ones(4)
    loss = QuaternionLoss()
    torch.testing.assert_close(loss(pred, target, weight), loss(-pred, target, weight))
    assert loss(pred, -pred, weight).item() == pytest.approx(0, abs=1e-12)


def test_gradient():
    pred, weight = quaternions(3).requires_grad_(), torch.rand(3, dtype=torch.float64)
    target = quaternions(4)[:3]
    assert torch.autograd.gradcheck(lambda x: QuaternionLoss(2.0)(x, target, weight), [pred])


def test_batch_is_the_mean_of_its_elements():
    pred, target, weight = quaternions(3), quaternions(4)[:3], torch.rand(3)
    loss = QuaternionLoss()
    alone = [loss(*(x[i : i + 1] for x in (pred, target, weight))) for i in range(3)]
    torch.testing.assert_close(loss(pred, target, weight), torch.stack(alone).mean())


def test_nothing_to_learn_from():
    pred = quaternions(3)[:0].requires_grad_()
    loss = QuaternionLoss()(pred, pred.detach(), torch.ones(0))
    loss.backward()
    assert loss.item() == 0
