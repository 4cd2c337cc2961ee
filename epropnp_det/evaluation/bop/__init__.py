"""Evaluation of 6 DoF object poses as the BOP benchmark does it (https://bop.felk.cvut.cz)."""

from ...datasets.bop.symmetries import Symmetries
from .estimates import Estimates, read_estimates, write_estimates
from .evaluate import evaluate_estimates, evaluate_file
from .metric import BOPMetric
from .models import EvaluatedModel, read_evaluated_models
from .pose_errors import (
    ModelPoints,
    Poses,
    add,
    add_s,
    mspd,
    mssd,
    reprojection_error,
    rotation_error,
    translation_error,
)
from .protocol import Protocol
from .scores import Scores
from .truth import Question, Truth, read_truth
from .visible_surface import vsd

__all__ = [
    "BOPMetric",
    "Estimates",
    "EvaluatedModel",
    "ModelPoints",
    "Poses",
    "Protocol",
    "Question",
    "Scores",
    "Symmetries",
    "Truth",
    "add",
    "add_s",
    "evaluate_estimates",
    "evaluate_file",
    "mspd",
    "mssd",
    "read_estimates",
    "read_evaluated_models",
    "read_truth",
    "reprojection_error",
    "rotation_error",
    "translation_error",
    "vsd",
    "write_estimates",
]
