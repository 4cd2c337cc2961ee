"""Deformable correspondence head: 2D-3D correspondences of each object, and its pose."""

from __future__ import annotations

from collections.abc import Sequence

import torch
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
    PnPProblem,
    RandomSampleSolver,
    gauss_newton_step,
)

from ..batch import AuxiliaryTruth, ObjectTruth, Views
from ..objects import ObjectQueries
from ..settings import TestSettings, TrainSettings
from ..targets import SampledObjects
from .deformable_sampler import DeformableSampler, SampledPoints
from .dense_features import DenseFeatures
from .point_transformer import PointTransformer
from .pose_predictor import PosePredictor
from .pose_score import score_target
from .predictions import ObjectPredictions
from .sine_encoding import sine_encoding


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
        num_attrs: number of attributes; 0 for data without, such as KITTI.
        pred_velocity: predict velocities; False for data without.
        class_embedding: add a learned embedding of its class to an object's embedding.
        features: further arguments of :class:`DenseFeatures`.
        point_sampler: further arguments of :class:`DeformableSampler`.
        point_transformer: further arguments of :class:`PointTransformer`.
        num_proposals: random proposals of the initial pose.
        relative_delta: threshold of the Huber cost, relative to the spread of the object's points.
        decoder: see :class:`EProPnPDecoder`.
        loss_pose, loss_dim, loss_score, loss_reg_pos, loss_velocity, loss_attr: loss modules.
        loss_reg_orient_weight: weight of the orientation part of the derivative regularisation.
        auxiliary: further arguments of :class:`AuxiliaryHead`; None for no auxiliary losses.
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
        pred_velocity: bool = True,
        class_embedding: bool = True,
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
        auxiliary: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        self.relative_delta = relative_delta
        self.loss_reg_orient_weight = loss_reg_orient_weight
        self.dim_coder = TASK_UTILS.build(dim_coder)

        self.features = DenseFeatures(in_channels, channels=channels, **(features or {}))
        self.point_sampler = DeformableSampler(
            channels, num_heads, num_points, self.features.stride, **(point_sampler or {})
        )
        self.point_transformer = PointTransformer(channels, num_heads, **(point_transformer or {}))
        self.class_embedding = (
            nn.Parameter(torch.zeros(num_classes, channels)) if class_embedding else None
        )
        self.query_scale = Scale(0.1)
        self.query_proj = nn.Linear(channels, channels)
        self.fc = nn.Sequential(
            nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels), nn.ReLU()
        )
        self.scale_branch = nn.Linear(channels, 2)
        self.score_branch = nn.Linear(channels, 1)
        self.dim_branch = nn.Linear(channels, 3 * num_classes)
        self.velocity_branch = nn.Linear(channels, 2) if pred_velocity else None
        self.attr_branch = nn.Linear(channels, num_attrs) if num_attrs else None

        train, test = TrainSettings(**(train_cfg or {})), TestSettings(**(test_cfg or {}))

        self.pnp = EProPnP(
            mc_samples=train.mc_samples,
            num_iter=train.mc_rounds,
            solver=RandomSampleSolver(
                num_proposals=num_proposals, refine=LMSolver(train.solver_iters)
            ),
        )
        self.pose_predictor = PosePredictor(
            test, num_proposals, TASK_UTILS.build(decoder or dict(type="EProPnPDecoder"))
        )

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
        shared = dict(channels=channels, num_heads=num_heads, stride=self.features.stride)
        self.auxiliary = auxiliary and MODELS.build(dict(auxiliary, **shared))

    def init_weights(self) -> None:
        """Initialise; sizes start at the class means and weight scales at 1."""
        super().init_weights()
        if self.class_embedding is not None:
            nn.init.normal_(self.class_embedding)
        for module in (self.query_proj, self.fc[0], self.fc[2]):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
        branches = (self.scale_branch, self.score_branch, self.dim_branch)
        for branch in (*branches, self.velocity_branch, self.attr_branch):
            if branch is not None:
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
        _, _, points = self.attend(feats, objects, views)
        return self.read_out(points, objects)

    def attend(
        self, feats: Sequence[Tensor], objects: ObjectQueries, views: Views
    ) -> tuple[Tensor, Tensor, SampledPoints]:
        """Key and value maps, (B, channels, H, W) each, and the points sampled from them."""
        key, value = self.features(feats, views.img_size)
        embedding = objects.embedding
        if self.class_embedding is not None:
            embedding = embedding + self.class_embedding[objects.label]
        position = sine_encoding(
            objects.center, views.img_size[objects.img_ind], embedding.shape[-1] // 2
        )
        query = self.query_proj(self.query_scale(embedding) + position)
        points = self.point_sampler(query, embedding, objects, views.img_size, key, value)
        return key, value, points

    def read_out(self, points: SampledPoints, objects: ObjectQueries) -> ObjectPredictions:
        """What the sampled points and the attended embeddings say of each object."""
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
            velocity=_columns(self.velocity_branch, hidden),
            attr_logit=_columns(self.attr_branch, hidden),
        )

    def problem(
        self, pred: ObjectPredictions | InstanceData, img_ind: Tensor, views: Views
    ) -> PnPProblem:
        """The PnP problem of each object (EPro-PnP-Det, arXiv 2303.12787).

        Args:
            pred: predictions of M objects, or boxes with ``test_cfg.return_correspondences``.
            img_ind: (M,) the image of each.
            views: the cameras of the images.
        """
        cost = HuberCost.adaptive(pred.x2d, pred.w2d, relative_delta=self.relative_delta)
        return PnPProblem(pred.x3d, pred.x2d, pred.w2d, views.cameras(img_ind), cost)

    def loss(
        self,
        feats: Sequence[Tensor],
        objects: ObjectQueries,
        samples: SampledObjects,
        truth: ObjectTruth,
        views: Views,
        auxiliary_truth: AuxiliaryTruth | None = None,
    ) -> dict[str, Tensor]:
        """Losses of S sampled objects (EPro-PnP-Det, arXiv 2303.12787).

        Args:
            feats: (B, C, H_l, W_l) maps, finest first.
            objects: the sampled objects with their true classes.
            samples: their weights.
            truth: their ground truth.
            views: the cameras of the B images.
            auxiliary_truth: what the auxiliary losses learn from, where the head has any.

        Returns:
            The loss terms; all zero, with zero gradient, where S = 0.

        Raises:
            UserError: an auxiliary loss learns from LiDAR points, but none were loaded.
        """
        key, value, points = self.attend(feats, objects, views)
        pred = self.read_out(points, objects)
        weight, num = samples.weight, max(len(samples), 1)
        with torch.autocast(weight.device.type, enabled=False):
            problem = self.problem(pred, objects.img_ind, views)
            posterior = self.pnp(problem, truth.pose)
            plus = gauss_newton_step(problem, posterior.mode)
        usable = weight * posterior.valid

        distance = (plus[:, :3] - truth.pose[:, :3]).norm(dim=-1)
        turn = 1 - (plus[:, 3] - truth.pose[:, 3]).cos()
        bev_error = (posterior.mode - truth.pose)[:, [0, 2]].norm(dim=-1)
        losses = dict(
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
        )
        if self.velocity_branch is not None:
            known = truth.velocity.isfinite().all(-1)
            sum_known = reduce_mean((weight * known).sum()).clamp(min=1)
            losses["loss_velocity"] = self.loss_velocity(
                pred.velocity,
                torch.where(known[:, None], truth.velocity, 0.0),
                (weight * known)[:, None].expand(-1, 2),
                avg_factor=2 * sum_known,
            )
        if self.attr_branch is not None:
            losses["loss_attr"] = self.loss_attr(
                pred.attr_logit, truth.attribute, weight, avg_factor=num
            )
        if self.auxiliary:
            losses |= self.auxiliary.loss(
                key, value, points.query, pred.dims, weight, auxiliary_truth, views
            )
        return losses

    def predict(
        self, feats: Sequence[Tensor], objects: ObjectQueries, views: Views
    ) -> list[InstanceData]:
        """Boxes of each image from (B, C, H_l, W_l) maps, see :class:`PosePredictor`."""
        return self.boxes(self(feats, objects, views), objects, views)

    def boxes(
        self, pred: ObjectPredictions, objects: ObjectQueries, views: Views
    ) -> list[InstanceData]:
        """Boxes of each image from predictions, see :class:`PosePredictor`."""
        with torch.autocast(pred.x3d.device.type, enabled=False):
            problem = self.problem(pred, objects.img_ind, views)
            return self.pose_predictor(pred, problem, objects, views)


def _columns(branch: nn.Linear | None, hidden: Tensor) -> Tensor:
    """What a branch says of M objects, in single precision; (M, 0) without a branch."""
    return hidden[:, :0].float() if branch is None else branch(hidden).float()
