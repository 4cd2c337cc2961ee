"""The samplers of the pose posterior, by name."""

from .amis import amis
from .joint_t import joint_t

SAMPLERS = {"joint_t": joint_t, "amis": amis}
"""Functions (cost, mode, covariance, num_samples, num_rounds, generator) -> ``Samples``."""
