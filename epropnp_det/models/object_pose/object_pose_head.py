"""From the maps of a crop to the pose of its object."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor

from epropnp_det.errors import UserError
from epropnp_det.pnp import (
    EProPnP,
    HuberCost,
    LMSolver,
    PnPProblem,
    Posterior,
    RandomSampleSolver,
    gauss_newton_step,
)

from ...structures import ObjectPoseSample
from .coordinate_head import CoordinateMaps
from .crops import Crops
from .point_weights import WEIGHTINGS
from .predictions import PosePredictions
from .settings import PoseTestSettings, PoseTrainSettings

_POINTS = 16
"""Points of a subset from which the solver guesses a pose."""


@MODELS.register_module()
class ObjectPoseHead(BaseModule):
    """Solves for the pose, and learns through its posterior (EPro-PnP, arXiv 2203.13254).

    A loss that is None is not computed; only that of the pose always is. Without ``loss_coords`` no
    3D model is needed: then the coordinates are what the network makes of its objects.

    Args:
        weighting: how logits become weights: ``v1`` by their mean, ``v2`` by a softmax over the
            cells, in units of a cell.
        relative_delta: threshold of the Huber cost, relative to the spread of the cells.
        z_min: smallest depth, metres.
        border: how many cells outside the crop a projection may lie in training.
        loss_pose: see :class:`MonteCarloPoseLoss`.
        loss_reg_pos: derivative regularisation, of the distance in metres.
        loss_reg_orient: the same of the rotation, see :class:`QuaternionLoss`.
        loss_coords: of coordinates on the visible object, in units of ``half_size``.
        train_cfg, test_cfg: see :class:`PoseTrainSettings` and :class:`PoseTestSettings`.

    Raises:
        UserError: there is no such weighting, or a setting is wrong.
    """

    def __init__(
        self,
        weighting: str = "v2",
        relative_delta: float = 0.1,
        z_min: float = 0.01,
        border: float = 30.0,
        loss_pose: dict | None = None,
        loss_reg_pos: dict | None = None,
        loss_reg_orient: dict | None = None,
        loss_coords: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        if weighting not in WEIGHTINGS:
            known = " or ".join(WEIGHTINGS)
            raise UserError(f"pose_head.weighting is {weighting!r}: give {known}.")
        self.point_weights = WEIGHTINGS[weighting]
        self.relative_delta = relative_delta
        self.z_min = z_min
        self.border = border
        train, test = PoseTrainSettings(**(train_cfg or {})), PoseTestSettings(**(test_cfg or {}))
        self.num_points = train.num_points
        self.test_settings = test
        self.pnp, self.test_pnp = _layer(train), _layer(test)
        losses = dict(
            loss_pose=loss_pose or dict(type="MonteCarloPoseLoss"),
            loss_reg_pos=loss_reg_pos,
            loss_reg_orient=loss_reg_orient,
            loss_coords=loss_coords,
        )
        for name, loss in losses.items():
            setattr(self, name, loss and MODELS.build(loss))

    def problem(
        self,
        maps: CoordinateMaps,
        crops: Crops,
        cells: Tensor | None = None,
        border: float | None = None,
    ) -> PnPProblem:
        """The PnP problem of each crop.

        Args:
            maps: of B crops.
            crops: where they lie.
            cells: (B, N) the cells to take, counted row by row; None for all.
            border: how many cells outside the crop a projection may lie; None for any number.
        """
        coords, logit = (x.flatten(2).mT for x in (maps.coords, maps.weight_logit))
        x2d = crops.pixels()
        if cells is not None:
            coords, logit, x2d = (_taken(x, cells) for x in (coords, logit, x2d))
        w2d = self.point_weights(logit, maps.scale, crops.cell)
        return PnPProblem(
            coords * crops.half_size[:, None],
            x2d,
            w2d,
            crops.cameras(self.z_min, border),
            HuberCost.adaptive(x2d, w2d, relative_delta=self.relative_delta),
        )

    def loss(self, maps: CoordinateMaps, samples: Sequence[ObjectPoseSample]) -> dict[str, Tensor]:
        """Losses of B crops.

        Args:
            maps: of the crops.
            samples: their ground truth.

        Returns:
            The loss terms. A crop that does not determine a pose adds nothing to those of the pose.

        Raises:
            UserError: a sample has no ground truth, or its maps are of another size.
        """
        size = maps.coords.shape[-1]
        truth = _stacked(samples, "gt_pose", (7,)).to(maps.coords)
        with torch.autocast(maps.coords.device.type, enabled=False):
            crops = Crops.from_samples(samples, size, maps.coords)
            cells = _random_cells(len(samples), size**2, self.num_points, maps.coords.device)
            problem = self.problem(maps, crops, cells, self.border)
            posterior = self.pnp(problem, truth)
            losses = dict(
                loss_pose=self.loss_pose(posterior, maps.scale, torch.ones_like(crops.cell))
            )
            if self.loss_reg_pos or self.loss_reg_orient:
                losses |= self._regularisation(problem, posterior, truth)
            if self.loss_coords:
                coords = _stacked(samples, "gt_coords", (3, size, size)).to(maps.coords)
                mask = _stacked(samples, "gt_mask", (size, size)).to(maps.coords)
                weight = mask[:, None].expand_as(coords)
                losses["loss_coords"] = self.loss_coords(maps.coords, coords, weight)
        return losses

    def _regularisation(
        self, problem: PnPProblem, posterior: Posterior, truth: Tensor
    ) -> dict[str, Tensor]:
        """Of the derivatives of the solver's optimum."""
        plus, usable = gauss_newton_step(problem, posterior.mode), posterior.valid.to(truth)
        losses = {}
        if self.loss_reg_pos:
            distance = (plus[:, :3] - truth[:, :3]).norm(dim=-1)
            losses["loss_reg_pos"] = self.loss_reg_pos(
                distance, torch.zeros_like(distance), usable, avg_factor=max(len(usable), 1)
            )
        if self.loss_reg_orient:
            losses["loss_reg_orient"] = self.loss_reg_orient(plus[:, 3:], truth[:, 3:], usable)
        return losses

    @torch.no_grad()
    def predict(self, maps: CoordinateMaps, samples: Sequence[ObjectPoseSample]) -> PosePredictions:
        """Poses of B crops, from all of their cells and without an initial pose.

        With ``test_cfg.return_posterior`` they have samples of their posteriors.
        """
        with torch.autocast(maps.coords.device.type, enabled=False):
            crops = Crops.from_samples(samples, maps.coords.shape[-1], maps.coords)
            problem = self.problem(maps, crops)
            weights = problem.w2d.mT.unflatten(-1, maps.coords.shape[-2:])
            # The same crop gives the same pose, in whatever batch, order and process it comes.
            generator = torch.Generator(problem.device).manual_seed(0)
            if not self.test_settings.return_posterior:
                found = self.test_pnp.solver(problem, generator=generator)
                return PosePredictions(
                    found.pose, found.covariance, found.cost, found.valid, weights
                )
            posterior = self.test_pnp(problem, generator=generator)
            return PosePredictions(
                posterior.mode,
                posterior.covariance,
                problem.cost(posterior.mode),
                posterior.valid,
                weights,
                posterior.samples.transpose(0, 1),
                posterior.log_weights.log_softmax(dim=0).mT,
            )


def _layer(settings: PoseTrainSettings | PoseTestSettings) -> EProPnP:
    solver = RandomSampleSolver(
        dof=6,
        num_proposals=settings.num_proposals,
        num_points=_POINTS,
        refine=LMSolver(settings.solver_iters),
    )
    return EProPnP(
        dof=6, mc_samples=settings.mc_samples, num_iter=settings.mc_rounds, solver=solver
    )


def _random_cells(batch: int, total: int, count: int, device: torch.device) -> Tensor:
    """(B, min(count, total)) different cells of each crop."""
    return torch.rand(batch, total, device=device).topk(min(count, total), dim=1).indices


def _taken(points: Tensor, index: Tensor) -> Tensor:
    """(B, N, D) at ``index`` (B, M): (B, M, D)."""
    return points.gather(1, index[..., None].expand(-1, -1, points.shape[-1]))


def _stacked(samples: Sequence[ObjectPoseSample], name: str, shape: tuple[int, ...]) -> Tensor:
    """A field of B samples: (B, *shape).

    Raises:
        UserError: one has none, or of another shape.
    """
    fields = [sample.get(name) for sample in samples]
    for sample, value in zip(samples, fields, strict=True):
        where = f"object {sample.get('gt_index')} of {sample.get('img_path')}"
        if value is None:
            raise UserError(
                f"{where} comes without {name}, from which a loss learns: train on boxes of the "
                "ground truth with a pipeline that loads it, or set that loss to None."
            )
        if value.shape != shape:
            raise UserError(
                f"{where} has {name} of the shape {tuple(value.shape)}, but the network's maps ask "
                f"for {shape}: set the size of the target maps to {shape[-1]}."
            )
    return torch.stack(fields) if fields else torch.zeros(0, *shape)
