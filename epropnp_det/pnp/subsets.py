"""Random subsets of an object's points, and a first guess of the pose from each."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from . import newer_torch
from .kernels import PackedProblem, cost, pack_transform, stored
from .pose import PoseType, rotate

MOST_RANKED = 256
"""Of more numbers compiled code finds the least by a sort."""


class Subsets(NamedTuple):
    """Which points of its object each of S subsets takes, looked up when they are wanted.

    Attributes:
        points: (B, places), indices of points in ascending order, with repetition.
        places: (n, S), where in ``points`` those of a subset are; ascending along n.
    """

    points: Tensor
    places: Tensor

    def spread(self, count: int) -> Tensor:
        """About that many points of each subset, from all its parts: indices (B, ~count, S)."""
        places = self.places[:: max(len(self.places) // count, 1)]
        every = places.flatten().expand(self.points.shape[0], -1)
        return self._looked_up(every).unflatten(1, places.shape)

    def chosen(self, index: Tensor) -> Tensor:
        """All points of some subsets: of (B, K) of them, indices (B, n, K)."""
        of_all = index[:, None].expand(-1, len(self.places), -1)
        places = self.places.expand(index.shape[0], -1, -1).gather(2, of_all)
        return self._looked_up(places.flatten(1)).unflatten(1, places.shape[1:])

    def _looked_up(self, places: Tensor) -> Tensor:
        return self.points.gather(1, places)  # five times index_select's speed


class SubsetNoise(NamedTuple):
    """Random numbers by which points are drawn, the same for all objects.

    Attributes:
        offset: () in [0, 1).
        order: (n, S), of n points a permutation of the S subsets each.
    """

    offset: Tensor
    order: Tensor

    @classmethod
    def draw(
        cls,
        num_points: int,
        num_subsets: int,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> SubsetNoise:
        """For n points of each of S subsets, from a generator on the device."""
        like = {"generator": generator, "dtype": dtype, "device": device}
        offset = torch.rand((), **like)
        return cls(offset, torch.rand(num_points, num_subsets, **like).argsort(-1))


def draw_points(weight: Tensor, noise: SubsetNoise) -> Subsets:
    """Choose the points of each subset by their weight.

    The chances of a point to be drawn add up to n over an object. Along their running sum every
    subset takes one point from each unit interval, so that no heavy point can fill a subset; and of
    S equal parts of an interval each goes to one subset, so that all subsets together are spread
    evenly (a Latin hypercube sample).

    Args:
        weight: (B, N), not negative.
        noise: for n points of each of S subsets, of which all N are taken if there are no more.
    """
    (batch, count), (num_points, num_subsets) = weight.shape, noise.order.shape
    if count <= num_points:
        everything = torch.arange(count, device=weight.device)
        return Subsets(everything.expand(batch, -1), everything[:, None].expand(-1, num_subsets))
    # A little for all, so that there are enough points to draw whatever the weights are.
    weight = weight + 1e-3 * weight.mean(-1, keepdim=True) + torch.finfo(weight.dtype).tiny
    parts = num_points * num_subsets
    edges = inclusion(weight, num_points).cumsum(-1) * num_subsets - noise.offset
    # The point at a place is the number of edges before it; behind the last edge there is none.
    behind = edges[:, :-1].ceil().clamp(0, parts).nan_to_num(nan=float(parts)).long()
    edges_at = torch.zeros(batch, parts + 1, dtype=torch.long, device=weight.device)
    points = edges_at.scatter_add_(1, behind, torch.ones_like(behind)).cumsum(-1)
    first = num_subsets * torch.arange(num_points, device=weight.device)
    return Subsets(points, first[:, None] + noise.order)


def inclusion(weight: Tensor, count: int) -> Tensor:
    """Chances (B, N), at most one, proportional to weights (B, N) otherwise, that sum to count.

    The heaviest j points get a chance of one, with the smallest j that leaves the others less.
    """
    heaviest, index = weight.topk(min(count, weight.shape[-1]), dim=-1)
    rest = weight.scatter(-1, index, 0).sum(-1, keepdim=True)
    rest = rest + heaviest.flip(-1).cumsum(-1).flip(-1)
    taken = torch.arange(heaviest.shape[-1], dtype=weight.dtype, device=weight.device)
    factor = (count - taken) / rest
    fits = factor * heaviest <= 1
    first = fits.byte().argmax(dim=-1, keepdim=True)
    return (weight * factor.gather(-1, first)).clamp(max=1)


def gather(problem: PackedProblem, points: Tensor) -> PackedProblem:
    """Problems of some points of each object, with an object in a row and a subset in a lane.

    What belongs to the object still has a single lane.

    Args:
        problem: B objects in rows.
        points: indices (B, n, S).
    """
    index = points.flatten(1).expand(problem.points.shape[0], -1, -1)
    planes = problem.points.squeeze(-1)
    if newer_torch.is_exporting():
        chosen = torch.gather(planes, 2, index).unflatten(2, points.shape[1:])
    else:  # not a view of what is gathered: compilers treat views as a case of their own
        chosen = planes.new_empty(planes.shape[0], *points.shape)
        torch.gather(planes, 2, index, out=chosen.flatten(2))
    return problem._replace(points=chosen)


def guess(
    kind: PoseType, problem: PackedProblem, uniform: Tensor, num_kept: int
) -> tuple[Tensor, Tensor]:
    """The mean point on the mean bearing, at the depth that fits their spreads.

    Args:
        kind: pose type.
        problem: packed objects.
        uniform: random numbers in [0, 1) for the rotation, (dof - 3, L).
        num_kept: S, how many to keep of each row, those with the least cost.

    Returns:
        Which lanes are kept, (C, min(S, L)), and their poses, (C, min(S, L), P).
    """
    count = max(problem.x3d.shape[-2], 1)
    bearings = stored(torch.stack(problem.camera.bearings(list(problem.x2d))))
    mean = problem.x3d.sum(-2) / count
    # Any closer, the object would reach behind the camera, where no step leads out.
    size = (problem.x3d - mean[..., None, :]).square().sum(0).sqrt().sum(-2) / count
    nearest = size + problem.camera.z_min.squeeze(-2)
    depth = kind.guess_depth(problem.x3d, bearings)
    depth = torch.where(depth.isfinite(), depth, nearest).maximum(nearest)
    ray = bearings.sum(-2) / count
    centre = torch.cat((ray * depth, depth[None])).movedim(0, -1)
    rotation = kind.uniform_rotation(uniform.mT).expand(centre.shape[0], -1, -1)
    pose = torch.cat((centre, rotation), dim=-1)
    offset = rotate(pose, mean.movedim(0, -1)[..., None, :])[..., 0, :]
    pose = torch.cat((centre - offset, rotation), dim=-1)
    best = least(cost(kind, problem, pack_transform(pose)), num_kept)
    return best, take(pose, best)


def least(cost: Tensor, count: int) -> Tensor:
    """Which of the costs (B, S) are the least, in ascending order, NaN last: (B, min(count, S))."""
    count = min(count, cost.shape[1])
    if not newer_torch.is_compiling() or cost.shape[1] > MOST_RANKED:
        return cost.topk(count, largest=False).indices
    # What a sort does next hangs on every comparison, which a CPU cannot foresee. Ranks take S^2
    # comparisons, but all at once.
    cost = stored(torch.where(cost == cost, cost, torch.inf))
    number = stored(torch.arange(cost.shape[1], dtype=cost.dtype, device=cost.device))
    theirs, earlier = cost[:, :, None], number[:, None] < number
    before = (theirs < cost[:, None]) | ((theirs == cost[:, None]) & earlier)
    rank = before.to(cost.dtype).sum(1)
    at_rank = rank[:, :, None] == number[:count]
    return torch.where(at_rank, number[:, None], 0.0).sum(1).long()


def take(poses: Tensor, index: Tensor) -> Tensor:
    """Poses (B, S, P) at indices (B, K): (B, K, P)."""
    return poses.gather(1, index[..., None].expand(-1, -1, poses.shape[-1]))
