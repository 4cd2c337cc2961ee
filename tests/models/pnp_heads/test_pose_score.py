import torch

from epropnp_det.models.pnp_heads.pose_score import monte_carlo_score, score_target
from epropnp_det.pnp import Posterior


def posterior(num_samples: int, num_objects: int, dtype=torch.float64) -> Posterior:
    mode = torch.randn(num_objects, 4, dtype=dtype)
    return Posterior(
        mode=mode,
        covariance=torch.eye(4, dtype=dtype).repeat(num_objects, 1, 1),
        samples=mode + torch.randn(num_samples, num_objects, 4, dtype=dtype),
        log_weights=3 * torch.randn(num_samples, num_objects, dtype=dtype) - 40,
        cost_gt=None,
        valid=torch.ones(num_objects, dtype=torch.bool),
    )


def test_average_over_the_weighted_samples():
    given = posterior(7, 3)
    score = monte_carlo_score(given)
    for i in range(3):
        weights = given.log_weights[:, i].exp() / given.log_weights[:, i].exp().sum()
        expected = 0.0
        for k in range(7):
            x, _, z, _ = given.samples[k, i] - given.mode[i]
            expected += weights[k] * score_target((x**2 + z**2).sqrt())
        torch.testing.assert_close(score[i], expected)


def test_sure_and_unsure_poses():
    sure = posterior(5, 2, torch.float32)
    sure.samples.copy_(sure.mode)
    sure.samples[..., [1, 3]] += 9  # height and yaw do not count
    assert monte_carlo_score(sure).tolist() == [1, 1]
    unsure = posterior(5, 2, torch.float32)
    unsure.samples[..., 0] += 50
    assert monte_carlo_score(unsure).tolist() == [0, 0]
    assert monte_carlo_score(posterior(5, 0)).shape == (0,)
