"""The arithmetic floor: operations that the layer cannot do without, and the machine's rate.

Floating-point operations of one point at one pose; a comparison, a division and a root count as
one, a multiplication with an addition as two. Cameras have no skew; terms per pose are left out.

                                                               4 DoF   6 DoF
    cost              rotate, translate                            9      18
                      project, clamp depth and pixel              12      12
                      error, its weight, its squared norm          7       7
                      Huber cost, sum over points                  8       8
                                                                  36      45
    normal equations  cost                                        36      45
                      Huber weight                                 1       1
                      Jacobian by the translation                  8       8
                      Jacobian by the rotation                     4      13
                      Jacobian times root of Huber weight          6      10
                      J^T J, one triangle, without the zeros      24      60
                      J^T f                                       12      20
                                                                  91     157
    backward          Huber weight times incoming gradient         2       2
                      by error, weight and pixel                  10      10
                      by point in the camera frame                 9       9
                      rotate back, sum over poses                  9      18
                                                                  30      39
"""

from __future__ import annotations

import time

import torch

from epropnp_det.pnp import RandomSampleSolver
from epropnp_det.pnp.random_sample import GUESS_POINTS

COST = {4: 36, 6: 45}
NORMAL_EQUATIONS = {4: 91, 6: 157}
BACKWARD = {4: 30, 6: 39}

NUM_PROPOSALS, NUM_POINTS = 64, 16
"""Subsets of the random-sample solver and points in each."""


def solver_operations(dof: int, num_points: int, refine_iter: int) -> int:
    """Operations of the random-sample solver for an object, with its default settings."""
    solver = RandomSampleSolver(dof)
    guesses = NUM_PROPOSALS * GUESS_POINTS * COST[dof]
    subsets = solver.num_solved * _search_operations(dof, NUM_POINTS, solver.num_iter)
    scoring = solver.num_solved * num_points * COST[dof]
    finalists = solver.num_finalists * lm_operations(dof, num_points, refine_iter)
    return guesses + subsets + scoring + finalists


def _search_operations(dof: int, num_points: int, num_iter: int) -> int:
    """As ``lm_operations``, where the end needs its cost alone."""
    spared = num_points * (NORMAL_EQUATIONS[dof] - COST[dof])
    return lm_operations(dof, num_points, num_iter) - spared


def lm_operations(dof: int, num_points: int, num_iter: int) -> int:
    """Operations of Levenberg-Marquardt for an object; each step is one Cholesky solve."""
    models = (num_iter + 1) * num_points * NORMAL_EQUATIONS[dof]
    return models + num_iter * (dof**3 // 3 + 2 * dof**2)


def monte_carlo_operations(dof: int, num_points: int, mc_samples: int) -> int:
    """Operations of the cost of an object's samples and of its gradient."""
    return mc_samples * num_points * (COST[dof] + BACKWARD[dof])


def peak_rate(device: str, size: int = 2048, repeats: int = 10) -> float:
    """Operations a second of the fastest of some float32 matrix products."""
    a, b = torch.rand(2, size, size, device=device)
    fastest = float("inf")
    for _ in range(repeats):
        synchronise(device)
        begin = time.perf_counter()
        a @ b
        synchronise(device)
        fastest = min(fastest, time.perf_counter() - begin)
    return 2 * size**3 / fastest


def synchronise(device: str) -> None:
    """Wait until a device has done what it was asked for."""
    if device != "cpu":
        torch.cuda.synchronize(device)
