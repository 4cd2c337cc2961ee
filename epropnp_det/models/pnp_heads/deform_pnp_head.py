"""Deformable correspondence head: 2D-3D correspondences of each object, and its pose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from mmcv.cnn import Scale
from mmdet.utils import reduce_mean
from mmdet3d.registry import MODELS, TASK_UTILS
from mmengine.model import BaseModule, normal_init
from mmengine.structures import InstanceData
from torch import Tensor, nn

from epropnp_det.pnp import (
    EProPnP,
    HuberCost,
    LMSolver,
    PerspectiveCamera,
    PnPProblem,
    RandomSampleSolver,
    gauss_newton_step,
)

from ..batch import ObjectTruth, Views
from ..objects import ObjectQueries
from ..settings import TestSettings, TrainSettings
from ..targets import SampledObjects
from ..task_modules import ObjectDetections
from .deformable_sampler import DeformableSampler
from .dense_features import DenseFeatures
from .point_transformer import PointTransformer
from .sine_encoding import sine_encoding


@dataclass(frozen=True)
class ObjectPredictions:
    """What the network says of each of M objects, each with N correspondences.

    Attributes:
        x3d: (M, N, 3) object coordinates along (l, h, w), in metres.
        x2d: (M, N, 2) image points (u, v), in network-input pixels.
        w2d: (M, N, 2) weights, >= 0, in 1 / pixels.
        scale: (M, 2) global scales of the weights.
        dim_code: (M, 3) size codes of the object's class.
        dims: (M, 3) sizes (l, h, w), in metres.
        score_logit: (M,) logits of the 3D score.
        velocity: (M, 2) (vx, vz) in the camera frame, in m/s.
        attr_logit: (M, num_attrs).
    """

    x3d: Tensor
    x2d: Tensor
    w2d: Tensor
    scale: Tensor
    dim_code: Tensor
    dims: Tensor
    score_logit: Tensor
    velocity: Tensor
    attr_logit: Tensor


def score_target(error: Tensor) -> Tensor:
    """3D score of a translation error seen from above, in metres: 1 below 0.35, 0 above 5.66."""
    return ((2.5 - error.clamp(min=1e-6).log2()) / 4).clamp(0, 1)


@MODELS.register_module()
class DeformPnPHead(BaseModule):
    """Samples points of each object, turns them into correspondences, and solves for the pose.

    Args:
        num_classes: number of foreground classes.
        dim_coder: size coder, see :class:`MultiClassLogDimCoder`.
        in_channels: channels of the feature maps.
        channels: channels of object embeddings, keys and values.
        num_heads: attention heads.
        num_points: points a head; an object has num_heads * num_points correspondences.
        num_attrs: number of attributes.
        features: further arguments of :class:`DenseFeatures`.
        point_sampler: further arguments of :class:`DeformableSampler`.
        point_transformer: further arguments of :class:`PointTransformer`.
        num_proposals: random proposals of the initial pose.
        relative_delta: threshold of the Huber cost, relative to the spread of the object's points.
        decoder: see :class:`EProPnPDecoder`.
        loss_pose, loss_dim, loss_score, loss_reg_pos, loss_velocity, loss_attr: loss modules.
        loss_reg_orient_weight: weight of the orientation part of the derivative regularisation.
        train_cfg, test_cfg: see :class:`TrainSettings` and :class:`TestSettings`.
    """

    def __init__(
        self,
        num_classes: int,
        dim_coder: dict,
        in_channels: int = 256,
        channels: int = 256,
        num_heads: int = 8,
        num_points: int = 16,
        num_attrs: int = 9,
        features: dict | None = None,
        point_sampler: dict | None = None,
        point_transformer: dict | None = None,
        num_proposals: int = 64,
        relative_delta: float = 0.5,
        decoder: dict | None = None,
        loss_pose: dict | None = None,
        loss_dim: dict | None = None,
        loss_score: dict | None = None,
        loss_reg_pos: dict | None = None,
        loss_reg_orient_weight: float = 0.05,
        loss_velocity: dict | None = None,
        loss_attr: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        self.relative_delta = relative_delta
        self.loss_reg_orient_weight = loss_reg_orient_weight
        self.dim_coder = TASK_UTILS.build(dim_coder)
        self.decoder = TASK_UTILS.build(decoder or dict(type="EProPnPDecoder"))

        self.features = DenseFeatures(in_channels, channels=channels, **(features or {}))
        self.point_sampler = DeformableSampler(
            channels, num_heads, num_points, self.features.stride, **(point_sampler or {})
        )
        self.point_transformer = PointTransformer(channels, num_heads, **(point_transformer or {}))
        self.class_embedding = nn.Parameter(torch.zeros(num_classes, channels))
        self.query_scale = Scale(0.1)
        self.query_proj = nn.Linear(channels, channels)
        self.fc = nn.Sequential(
            nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels), nn.ReLU()
        )
        self.scale_branch = nn.Linear(channels, 2)
        self.score_branch = nn.Linear(channels, 1)
        self.dim_branch = nn.Linear(channels, 3 * num_classes)
        self.velocity_branch = nn.Linear(channels, 2)
        self.attr_branch = nn.Linear(channels, num_attrs)

        train, test = TrainSettings(**(train_cfg or {})), TestSettings(**(test_cfg or {}))

        def solver(num_iter: int) -> RandomSampleSolver:
            return RandomSampleSolver(num_proposals=num_proposals, refine=LMSolver(num_iter))

        self.pnp = EProPnP(
            mc_samples=train.mc_samples,
            num_iter=train.mc_rounds,
            solver=solver(train.solver_iters),
        )
        self.test_solver = solver(test.solver_iters)

        smooth_l1 = dict(type="mmdet.SmoothL1Loss", beta=1.0)
        self.loss_pose = MODELS.build(loss_pose or dict(type="MonteCarloPoseLoss", loss_weight=0.5))
        self.loss_dim = MODELS.build(loss_dim or smooth_l1)
        self.loss_score = MODELS.build(
            loss_score or dict(type="mmdet.CrossEntropyLoss", use_sigmoid=True)
        )
        self.loss_reg_pos = MODELS.build(loss_reg_pos or dict(smooth_l1, loss_weight=0.05))
        self.loss_velocity = MODELS.build(loss_velocity or dict(smooth_l1, loss_weight=0.05))
        self.loss_attr = MODELS.build(
            loss_attr or dict(type="mmdet.CrossEntropyLoss", loss_weight=0.5)
        )

    def init_weights(self) -> None:
        """Initialise; sizes start at the class means and weight scales at 1."""
        super().init_weights()
        nn.init.normal_(self.class_embedding)
        for module in (self.query_proj, self.fc[0], self.fc[2]):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
        branches = (self.scale_branch, self.score_branch, self.dim_branch)
        for branch in (*branches, self.velocity_branch, self.attr_branch):
            normal_init(branch, std=0.01)

    def forward(
        self, feats: Sequence[Tensor], objects: ObjectQueries, views: Views
    ) -> ObjectPredictions:
        """Predict correspondences and attributes.

        Args:
            feats: (B, C, H_l, W_l) maps, finest first.
            objects: M objects with their classes.
            views: the cameras of the B images.

        Returns:
            Predictions of the M objects, in single precision.
        """
        key, value = self.features(feats, views.img_size)
        embedding = objects.embedding + self.class_embedding[objects.label]
        position = sine_encoding(
            objects.center, views.img_size[objects.img_ind], embedding.shape[-1] // 2
        )
        query = self.query_proj(self.query_scale(embedding) + position)
        points = self.point_sampler(query, embedding, objects, views.img_size, key, value)
        coordinates, weights = self.point_transformer(points)

        scale = self.scale_branch(points.embedding).float().exp()
        hidden = self.fc(points.embedding)
        codes = self.dim_branch(hidden).float().unflatten(-1, (-1, 3))
        dim_code = codes[torch.arange(len(codes), device=codes.device), objects.label]
        dims = self.dim_coder.decode(dim_code, objects.label)
        return ObjectPredictions(
            x3d=coordinates.float() * dims[:, None],
            x2d=points.x2d.float(),
            w2d=weights.float() * scale[:, None],
            scale=scale,
            dim_code=dim_code,
            dims=dims,
            score_logit=self.score_branch(points.embedding).float().squeeze(-1),
            velocity=self.velocity_branch(hidden).float(),
            attr_logit=self.attr_branch(hidden).float(),
        )

    def problem(self, pred: ObjectPredictions, img_ind: Tensor, views: Views) -> PnPProblem:
        """The PnP problem of each object (EPro-PnP-Det, arXiv 2303.12787)."""
        camera = PerspectiveCamera(views.cam_mats[img_ind], views.img_size[img_ind].flip(-1))
        cost = HuberCost.adaptive(pred.x2d, pred.w2d, relative_delta=self.relative_delta)
        return PnPProblem(pred.x3d, pred.x2d, pred.w2d, camera, cost)

    def loss(
        self,
        feats: Sequence[Tensor],
        objects: ObjectQueries,
        samples: SampledObjects,
        truth: ObjectTruth,
        views: Views,
    ) -> dict[str, Tensor]:
        """Losses of S sampled objects (EPro-PnP-Det, arXiv 2303.12787).

        Args:
            feats: (B, C, H_l, W_l) maps, finest first.
            objects: the sampled objects with their true classes.
            samples: their weights.
            truth: their ground truth.
            views: the cameras of the B images.

        Returns:
            The loss terms; all zero, with zero gradient, where S = 0.
        """
        pred = self(feats, objects, views)
        weight, num = samples.weight, max(len(samples), 1)
        with torch.autocast(weight.device.type, enabled=False):
            problem = self.problem(pred, objects.img_ind, views)
            posterior = self.pnp(problem, truth.pose)
            plus = gauss_newton_step(problem, posterior.mode)
        usable = weight * posterior.valid

        distance = (plus[:, :3] - truth.pose[:, :3]).norm(dim=-1)
        turn = 1 - (plus[:, 3] - truth.pose[:, 3]).cos()
        bev_error = (posterior.mode - truth.pose)[:, [0, 2]].norm(dim=-1)
        known = truth.velocity.isfinite().all(-1)
        sum_known = reduce_mean((weight * known).sum()).clamp(min=1)
        velocity = torch.where(known[:, None], truth.velocity, 0.0)
        return dict(
            loss_pose=self.loss_pose(posterior, pred.scale, weight),
            loss_dim=self.loss_dim(
                pred.dim_code,
                self.dim_coder.encode(truth.dims, truth.label),
                weight[:, None].expand(-1, 3),
                avg_factor=3 * num,
            ),
            loss_score=self.loss_score(
                pred.score_logit,
                score_target(bev_error),
                samples.uniform_weight * posterior.valid,
                avg_factor=num,
            ),
            loss_reg_pos=self.loss_reg_pos(
                distance, torch.zeros_like(distance), usable, avg_factor=num
            ),
            loss_reg_orient=self.loss_reg_orient_weight * (usable * turn).sum() / num,
            loss_velocity=self.loss_velocity(
                pred.velocity,
                velocity,
                (weight * known)[:, None].expand(-1, 2),
                avg_factor=2 * sum_known,
            ),
            loss_attr=self.loss_attr(pred.attr_logit, truth.attribute, weight, avg_factor=num),
        )

    def predict(
        self, feats: Sequence[Tensor], objects: ObjectQueries, views: Views
    ) -> list[InstanceData]:
        """Boxes of each image, see :class:`EProPnPDecoder`."""
        pred = self(feats, objects, views)
        # The same image gives the same boxes, in whatever order and process it comes.
        generator = torch.Generator(pred.x3d.device).manual_seed(0)
        with torch.autocast(pred.x3d.device.type, enabled=False):
            problem = self.problem(pred, objects.img_ind, views)
            solution = self.test_solver(problem, generator=generator)
            found = ObjectDetections(
                pose=solution.pose,
                dims=pred.dims,
                score=objects.score * pred.score_logit.sigmoid(),
                label=objects.label,
                velocity=pred.velocity,
                attr_score=F.softmax(pred.attr_logit, dim=-1),
                img_ind=objects.img_ind,
            )
            sound = solution.valid & pred.dims.isfinite().all(-1)
            return self.decoder.decode(ObjectDetections(*(x[sound] for x in found)), views)
