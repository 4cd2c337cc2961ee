"""The EPro-PnP layer: probabilistic perspective-n-points in plain PyTorch."""

from .camera import PerspectiveCamera
from .cost import CauchyCost, HuberCost
from .layer import EProPnP
from .lm_result import LMResult
from .lm_solver import LMSolver, gauss_newton_step
from .loss import monte_carlo_pose_loss
from .modes import Modes
from .monte_carlo import Posterior
from .opencv_camera import OpenCVCamera
from .problem import PnPProblem
from .random_sample import RandomSampleSolver

__all__ = [
    "CauchyCost",
    "EProPnP",
    "HuberCost",
    "LMResult",
    "LMSolver",
    "Modes",
    "OpenCVCamera",
    "PerspectiveCamera",
    "PnPProblem",
    "Posterior",
    "RandomSampleSolver",
    "gauss_newton_step",
    "monte_carlo_pose_loss",
]
