"""No data, however wild, raises or reaches another object of the batch."""

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from epropnp_det.pnp import (
    EProPnP,
    HuberCost,
    PerspectiveCamera,
    PnPProblem,
    gauss_newton_step,
    monte_carlo_pose_loss,
)

LAYER = EProPnP(mc_samples=8)
factors = st.sampled_from([0.0, 1e-30, 1e-12, 1e-3, 1.0, -1.0, 1e5, 1e12, 1e30, torch.inf])
places = st.integers(0, 5)
spoils = st.lists(
    st.tuples(
        st.sampled_from(["x3d", "x2d", "w2d", "focal", "depth"]),
        places,
        st.one_of(factors, st.just(torch.nan)),
        st.booleans(),
    ),
    max_size=3,
)


def run(make_problem, dtype, changes):
    """Loss, posterior and gradients of a batch of two whose first object is spoiled."""
    problem, pose = make_problem(batch=2, num_points=6, dtype=dtype)
    values = {"x3d": problem.x3d, "x2d": problem.x2d, "w2d": problem.w2d}
    cam_mats = problem.camera.cam_mats
    for name, place, factor, whole in changes:
        if name == "focal":
            cam_mats[0, :2, :2] *= factor
        elif name == "depth":
            pose[0, 2] *= factor
        else:
            values[name][0, slice(None) if whole else place] *= factor
    leaves = [tensor.requires_grad_() for tensor in values.values()]
    camera = PerspectiveCamera(cam_mats, problem.camera.img_shape)
    problem = PnPProblem(*leaves, camera, HuberCost.adaptive(values["x2d"], values["w2d"]))
    posterior = LAYER(problem, pose, torch.Generator().manual_seed(0))
    loss = monte_carlo_pose_loss(posterior)
    plus = gauss_newton_step(problem, posterior.mode)
    return posterior, plus, torch.autograd.grad(loss.sum() + plus.sum(), leaves)


@given(changes=spoils, dtype=st.sampled_from([torch.float32, torch.float64]))
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_spoiled_object_stays_alone(make_problem, changes, dtype):
    posterior, plus, gradients = run(make_problem, dtype, changes)
    healthy, healthy_plus, healthy_gradients = run(make_problem, dtype, [])
    for tensor in (posterior.mode, posterior.covariance, posterior.samples, plus):
        assert tensor.isfinite().all()
    assert posterior.log_weights.isfinite().all() and posterior.cost_gt.isfinite().all()
    assert healthy.valid.all() and posterior.valid[1]
    assert torch.equal(posterior.log_weights[:, 1], healthy.log_weights[:, 1])
    assert torch.equal(plus[1], healthy_plus[1])
    for ours, expected in zip(gradients, healthy_gradients, strict=True):
        assert torch.equal(ours[1], expected[1])
        assert not ours[0].isnan().any()
