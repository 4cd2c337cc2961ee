"""Levenberg-Marquardt with a trust region per object, trial by trial."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from . import newer_torch
from .kernels import PackedProblem, QuadraticModel, pack_transform, quadratic_model, stored
from .pose import PoseType, finite_poses

RIDGE = 1e-5
"""Added to the diagonal of every normal matrix."""


class State(NamedTuple):
    """Where each object stands.

    Attributes:
        pose: (C, L, P).
        model: quadratic model of the cost there.
        radius: (C, L) of the trust region.
        shrink: (C, L), by which the radius is divided at the next rejection.
        num_accepted: (C, L) int32, steps so far; -1 where not even the start could be accepted.
    """

    pose: Tensor
    model: QuadraticModel
    radius: Tensor
    shrink: Tensor
    num_accepted: Tensor

    def objects(self, index: Tensor) -> State:
        """Of some of the objects, counted row by row: as here, but (B, P) and (..., B)."""
        others = (self.radius, self.shrink, self.num_accepted)
        return State(
            self.pose.flatten(0, 1)[index],
            self.model.objects(index),
            *(part.flatten()[index] for part in others),
        )


class Trial(NamedTuple):
    """A step to be judged.

    Attributes:
        pose: (C, L, P), where it leads.
        predicted: (C, L) decrease of the cost.
    """

    pose: Tensor
    predicted: Tensor


def minimise(
    kind: PoseType,
    problem: PackedProblem,
    pose: Tensor,
    num_iter: int,
    radius: float,
    min_decrease: float,
) -> State:
    """Levenberg-Marquardt, of a fixed number of trials.

    Args:
        kind: pose type.
        problem: packed objects.
        pose: (C, L, P) to begin with; what is no pose is replaced.
        num_iter: trials.
        radius: of the trust region at the beginning.
        min_decrease: share of the predicted decrease that a step must achieve.
    """
    state = start(kind, pose, radius)
    if not newer_torch.is_traced():
        for _ in range(num_iter + 1):
            state = iterate(kind, problem, state, min_decrease)
        return state

    # A graph holds a single trial, for any number of them.
    def go_on(count: Tensor, state: State) -> tuple[Tensor, State]:
        return count + 1, iterate(kind, problem, state, min_decrease)

    count = torch.zeros((), dtype=torch.long, device="cpu")  # to be read without waiting for a GPU
    return newer_torch.while_loop(lambda count, _: count <= num_iter, go_on, (count, state))[1]


def start(kind: PoseType, pose: Tensor, radius: float) -> State:
    """A state worse than any at the poses to begin with, from where no step leads away.

    So the first trial looks at these poses. It is taken for better than predicted, which widens the
    trust region threefold: it begins with a third. It does not count as a step.
    """
    # One plane a coordinate, as later states have it.
    pose = finite_poses(pose)[0].movedim(-1, 0).contiguous().movedim(0, -1)
    each = torch.ones_like(pose[..., 0])
    worst = 0.5 * torch.finfo(pose.dtype).max * each
    entries = kind.dof * (kind.dof + 1) // 2
    flat = (pose.new_zeros(size, *each.shape) for size in (kind.dof, entries))
    num_accepted = torch.full_like(each, -1, dtype=torch.int)
    return State(pose, QuadraticModel(worst, *flat), radius / 3 * each, 2 * each, num_accepted)


def iterate(kind: PoseType, problem: PackedProblem, state: State, min_decrease: float) -> State:
    """One trial."""
    trial = next_trial(kind, state)
    model = quadratic_model(kind, problem, pack_transform(trial.pose))
    return judge(state, trial, model, min_decrease)


def next_trial(kind: PoseType, state: State) -> Trial:
    """The minimum of the damped model: H + diag(clamp(diag H, 1e-6, 1e32) / radius + 1e-5)."""
    diagonal = state.model.diagonal()
    damping = list(diagonal.clamp(1e-6, 1e32) / state.radius + RIDGE)
    step = solve(state.model, damping)
    slope = sum(g * s for g, s in zip(state.model.gradient.unbind(), step, strict=True))
    # (H + D) d = -g makes the predicted decrease -g.d - d.Hd/2 = (d.Dd - g.d)/2.
    damped = sum(d * s * s for d, s in zip(damping, step, strict=True))
    pose = kind.retract(state.pose, torch.stack(step).movedim(0, -1))
    return Trial(pose, 0.5 * (damped - slope))


def judge(state: State, trial: Trial, model: QuadraticModel, min_decrease: float) -> State:
    """Accept or reject a trial whose model is known, and adapt the trust region."""
    ratio = (state.model.cost - model.cost) / trial.predicted
    at_start = state.num_accepted < 0  # whose first trial predicts no decrease
    # A comparison with NaN is False: a step that is not finite is never accepted.
    accept = (ratio >= min_decrease) & ((trial.predicted > 0) | at_start)
    grown = state.radius / (1 - (2 * ratio - 1) ** 3).clamp(min=1 / 3)

    def chosen(new: Tensor, old: Tensor) -> Tensor:
        if not newer_torch.is_compiling():
            return torch.where(accept, new, old)
        # Plane by plane: all other loops give a thread the same objects, but this one a compiler
        # would split by planes, whose numbers would then go from core to core and back.
        pairs = zip(new.unbind(), old.unbind(), strict=True)
        return torch.stack([torch.where(accept, *pair) for pair in pairs])

    pose = chosen(trial.pose.movedim(-1, 0), state.pose.movedim(-1, 0)).movedim(0, -1)
    return State(
        pose,
        QuadraticModel(
            torch.where(accept, model.cost, state.model.cost),
            chosen(model.gradient, state.model.gradient),
            chosen(model.hessian, state.model.hessian),
        ),
        torch.where(accept, grown, state.radius / state.shrink).clamp(1e-5, 1e16),
        torch.where(accept, torch.full_like(state.shrink, 2.0), 2 * state.shrink),
        state.num_accepted + accept,
    )


def solve(model: QuadraticModel, damping: list[Tensor] | float) -> list[Tensor]:
    """The step to the minimum of a damped model, by an unrolled L D L^T factorisation.

    Args:
        model: of objects (...) with dof parameters.
        damping: what is added to the diagonal, dof times (...), or one number.

    Returns:
        dof times (...); not finite where there is no minimum.
    """
    size = len(model.gradient)
    added = [damping] * size if isinstance(damping, float) else damping
    lower: list[list[Tensor]] = []
    pivots: list[Tensor] = []
    half_solved: list[Tensor] = []
    for i in range(size):
        row: list[Tensor] = []  # L_ij D_j
        for j in range(i):
            row.append(stored(model.entry(i, j) - _dot(row, lower[j])))
        lower.append([entry / pivot for entry, pivot in zip(row, pivots, strict=True)])
        pivots.append(stored(model.entry(i, i) + added[i] - _dot(row, lower[i])))
        half_solved.append(stored(-model.gradient[i] - _dot(lower[i], half_solved)))
    step = [half / pivot for half, pivot in zip(half_solved, pivots, strict=True)]
    for i in reversed(range(size)):
        column = [lower[k][i] for k in range(i + 1, size)]
        step[i] = stored(step[i] - _dot(column, step[i + 1 :]))
    return step


def _dot(a: list[Tensor], b: list[Tensor]) -> Tensor | int:
    return sum(x * y for x, y in zip(a, b, strict=True))
