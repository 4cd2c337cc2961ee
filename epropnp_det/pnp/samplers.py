"""The samplers of the pose posterior, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .amis import amis
from .backend import Backend
from .joint_t import joint_t
from .monte_carlo import Samples

SAMPLERS = {"joint_t": joint_t, "amis": amis}
"""Functions (cost, modes, num_samples, num_rounds, generator) -> ``Samples``."""


def select_sampler(name: str, backend: Backend) -> Callable[..., Samples]:
    """The sampler of this name, with the loops of this backend if it has some there."""
    if name == "joint_t":
        return partial(joint_t, first_round=backend.first_round, next_round=backend.next_round)
    return SAMPLERS[name]
