"""From the network's predictions to boxes, at test time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData

from epropnp_det.pnp import EProPnP, LMSolver, PnPProblem, RandomSampleSolver

from ..batch import Views
from ..objects import ObjectQueries
from ..settings import TestSettings
from ..task_modules import EProPnPDecoder, ObjectDetections
from .pose_posterior import posterior_fields
from .pose_score import monte_carlo_score
from .predictions import ObjectPredictions


class PosePredictor:
    """Solves for the poses of all objects of a batch and makes boxes of them.

    The boxes of an image have the fields that :class:`EProPnPDecoder` gives. With
    ``test_cfg.return_correspondences`` each also has its N correspondences, in pixels of the
    network input (with flip testing those of all views):

    - ``x3d`` (M, N, 3) in metres along (l, h, w);
    - ``x2d`` (M, N, 2) in pixels and ``w2d`` (M, N, 2) in 1 / pixel.

    With ``test_cfg.return_posterior`` it has the posterior of its pose (x, y, z of the gravity
    centre, yaw; camera frame, in metres and radians) from K = ``test_cfg.mc_samples`` samples:

    - ``pose_samples`` (M, K, 4) and ``pose_log_weights`` (M, K), normalised;
    - ``pose_covariance`` (M, 4, 4) at the mode;
    - ``yaw_density`` (M, 72) in 1 / radian, in bins of 5 degrees from -pi.

    Args:
        settings: of the test.
        num_proposals: random proposals of the initial pose.
        decoder: makes boxes of the poses.
    """

    def __init__(self, settings: TestSettings, num_proposals: int, decoder: EProPnPDecoder) -> None:
        self.settings = settings
        self.decoder = decoder
        self.pnp = EProPnP(
            mc_samples=settings.mc_samples,
            num_iter=settings.mc_rounds,
            solver=RandomSampleSolver(
                num_proposals=num_proposals, refine=LMSolver(settings.solver_iters)
            ),
        )

    def __call__(
        self, pred: ObjectPredictions, problem: PnPProblem, objects: ObjectQueries, views: Views
    ) -> list[InstanceData]:
        """Boxes of each image, best first.

        Args:
            pred: predictions of M objects.
            problem: their PnP problems, in single precision.
            objects: the objects, for their classes, class scores and images.
            views: the cameras of the batch.
        """
        # The same image gives the same boxes, in whatever batch, order and process it comes.
        generator = torch.Generator(problem.device).manual_seed(0)
        score, extras = pred.score_logit.sigmoid(), {}
        ratio = self.settings.mc_scoring_ratio
        if ratio > 0 or self.settings.return_posterior:
            posterior = self.pnp(problem, generator=generator)
            pose, valid = posterior.mode, posterior.valid
        else:
            solution = self.pnp.solver(problem, generator=generator)
            pose, valid = solution.pose, solution.valid
        if ratio > 0:
            score = torch.lerp(score, monte_carlo_score(posterior), ratio)
        if self.settings.return_posterior:
            extras.update(posterior_fields(posterior))
        if self.settings.return_correspondences:
            extras.update(x3d=pred.x3d, x2d=pred.x2d, w2d=pred.w2d)
        found = ObjectDetections(
            pose=pose,
            dims=pred.dims,
            score=objects.score * score,
            label=objects.label,
            velocity=pred.velocity,
            attr_score=F.softmax(pred.attr_logit, dim=-1),
            img_ind=objects.img_ind,
        )
        sound = valid & pred.dims.isfinite().all(-1)
        return self.decoder.decode(
            ObjectDetections(*(x[sound] for x in found)),
            views,
            {name: x[sound] for name, x in extras.items()},
        )
