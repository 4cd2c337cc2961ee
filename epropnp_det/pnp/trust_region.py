"""Levenberg-Marquardt with a trust region per object, trial by trial."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .kernels import PackedProblem, QuadraticModel, cost, pack_transform, quadratic_model
from .pose import PoseType, finite_poses

RIDGE = 1e-5
"""Added to the diagonal of every normal matrix."""


class State(NamedTuple):
    """Where each of M objects stands.

    Attributes:
        pose: (M, P).
        model: quadratic model of the cost there.
        radius: (M,) of the trust region.
        shrink: (M,), by which the radius is divided at the next rejection.
        num_accepted: (M,) int32, steps so far; -1 where not even the start could be accepted.
    """

    pose: Tensor
    model: QuadraticModel
    radius: Tensor
    shrink: Tensor
    num_accepted: Tensor

    def take(self, index: Tensor) -> State:
        """Some of the objects."""
        return State(
            self.pose[index],
            QuadraticModel(*(part[..., index] for part in self.model)),
            *(part[index] for part in (self.radius, self.shrink, self.num_accepted)),
        )


class Trial(NamedTuple):
    """A step to be judged.

    Attributes:
        pose: (M, P), where it leads.
        transform: the same, packed, (3, 4, C, 1, L).
        predicted: (M,) decrease of the cost.
    """

    pose: Tensor
    transform: Tensor
    predicted: Tensor


def start(
    kind: PoseType, pose: Tensor, grid: tuple[int, int], radius: float
) -> tuple[State, Trial]:
    """A state worse than any, and the poses to begin with as its first trial.

    The trial is judged as good as predicted, which widens the trust region threefold: it begins
    with a third. It does not count as a step.

    Args:
        kind: pose type.
        pose: (M, P); what is no pose is replaced.
        grid: C and L of the problem, which make M.
        radius: of the trust region where the poses are.
    """
    pose = finite_poses(pose)[0].mT.contiguous().mT
    each = torch.ones_like(pose[:, 0])
    worst = 0.5 * torch.finfo(pose.dtype).max * each
    entries = kind.dof * (kind.dof + 1) // 2
    model = QuadraticModel(
        worst, pose.new_zeros(kind.dof, len(pose)), pose.new_zeros(entries, len(pose))
    )
    num_accepted = torch.full_like(each, -1, dtype=torch.int)
    state = State(pose, model, radius / 3 * each, 2 * each, num_accepted)
    # Tensors of their own, or a compiler would make an ``iterate`` for those that are the same.
    return state, Trial(pose.clone(), pack_transform(pose, grid), worst.clone())


def next_trial(kind: PoseType, state: State, grid: tuple[int, int]) -> Trial:
    """The minimum of the damped model: H + diag(clamp(diag H, 1e-6, 1e32) / radius + 1e-5)."""
    diagonal = state.model.diagonal()
    damping = list(diagonal.clamp(1e-6, 1e32) / state.radius + RIDGE)
    step = solve(state.model, damping)
    slope = sum(g * s for g, s in zip(state.model.gradient, step, strict=True))
    # (H + D) d = -g makes the predicted decrease -g.d - d.Hd/2 = (d.Dd - g.d)/2.
    damped = sum(d * s * s for d, s in zip(damping, step, strict=True))
    pose = kind.retract(state.pose, torch.stack(step).mT)
    return Trial(pose, pack_transform(pose, grid), 0.5 * (damped - slope))


def judge(state: State, trial: Trial, model: QuadraticModel, min_decrease: float) -> State:
    """Accept or reject a trial whose model is known, and adapt the trust region."""
    ratio = (state.model.cost - model.cost) / trial.predicted
    # A comparison with NaN is False: a step that is not finite is never accepted.
    accept = (ratio >= min_decrease) & (trial.predicted > 0)
    grown = state.radius / (1 - (2 * ratio - 1) ** 3).clamp(min=1 / 3)
    return State(
        torch.where(accept[:, None], trial.pose, state.pose),
        QuadraticModel(
            *(torch.where(accept, *pair) for pair in zip(model, state.model, strict=True))
        ),
        torch.where(accept, grown, state.radius / state.shrink).clamp(1e-5, 1e16),
        torch.where(accept, torch.full_like(state.shrink, 2.0), 2 * state.shrink),
        state.num_accepted + accept,
    )


def iterate(
    kind: PoseType, problem: PackedProblem, state: State, trial: Trial, min_decrease: float
) -> tuple[State, Trial]:
    """Judge a trial and make the next one."""
    model = quadratic_model(kind, problem, trial.transform)
    state = judge(state, trial, model, min_decrease)
    return state, next_trial(kind, state, problem.grid)


def conclude(
    kind: PoseType, problem: PackedProblem, state: State, trial: Trial, min_decrease: float
) -> State:
    """Judge the last trial."""
    return judge(state, trial, quadratic_model(kind, problem, trial.transform), min_decrease)


def conclude_by_cost(
    problem: PackedProblem, state: State, trial: Trial, min_decrease: float
) -> State:
    """Judge the last trial; only its pose and its cost belong together afterwards."""
    model = state.model._replace(cost=cost(problem, trial.transform).flatten())
    return judge(state, trial, model, min_decrease)


def solve(model: QuadraticModel, damping: list[Tensor] | float) -> list[Tensor]:
    """The step to the minimum of a damped model, by an unrolled L D L^T factorisation.

    Args:
        model: of M objects with dof parameters.
        damping: what is added to the diagonal, dof times (M,), or one number.

    Returns:
        dof times (M,); not finite where there is no minimum.
    """
    size = len(model.gradient)
    added = [damping] * size if isinstance(damping, float) else damping
    lower: list[list[Tensor]] = []
    pivots: list[Tensor] = []
    half_solved: list[Tensor] = []
    for i in range(size):
        row: list[Tensor] = []  # L_ij D_j
        for j in range(i):
            row.append(model.entry(i, j) - sum(row[k] * lower[j][k] for k in range(j)))
        lower.append([entry / pivot for entry, pivot in zip(row, pivots, strict=True)])
        pivots.append(
            model.entry(i, i) + added[i] - sum(a * b for a, b in zip(row, lower[i], strict=True))
        )
        half_solved.append(
            -model.gradient[i] - sum(a * b for a, b in zip(lower[i], half_solved, strict=True))
        )
    step = [half / pivot for half, pivot in zip(half_solved, pivots, strict=True)]
    for i in reversed(range(size)):
        step[i] = step[i] - sum(lower[k][i] * step[k] for k in range(i + 1, size))
    return step
