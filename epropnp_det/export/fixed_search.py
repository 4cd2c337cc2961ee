"""A search whose random numbers are constants of the graph."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch

from epropnp_det.pnp import RandomSampleSolver
from epropnp_det.pnp.random_sample import SearchNoise


@dataclass(frozen=True)
class FixedSearch(RandomSampleSolver):
    """A solver that always draws the same.

    Attributes:
        numbers: what it draws; None to be drawn from seed 0, as the detector does at test time.
    """

    numbers: SearchNoise | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.numbers is None:
            object.__setattr__(self, "numbers", super().noise(torch.Generator().manual_seed(0)))

    @classmethod
    def like(cls, solver: RandomSampleSolver) -> FixedSearch:
        """With the settings of another solver."""
        return cls(**{field.name: getattr(solver, field.name) for field in fields(solver)})

    def noise(self, generator: torch.Generator | None = None, *like: object) -> SearchNoise:
        """The constants."""
        return self.numbers
