"""Drawings of 6 DoF object poses: outlines, correspondences, densities of rotations."""

from .correspondence_maps import CorrespondenceMaps, draw_coordinates, draw_weights
from .models import drawable_models
from .outlines import draw_axes, draw_crop, draw_outline
from .page import object_pose_page
from .posed_object import PosedObject, PoseError
from .rotation_close_up import draw_rotation_close_up
from .rotation_sphere import draw_rotation_density
from .silhouette import silhouette

__all__ = [
    "CorrespondenceMaps",
    "PoseError",
    "PosedObject",
    "draw_axes",
    "draw_coordinates",
    "draw_crop",
    "draw_outline",
    "draw_rotation_close_up",
    "draw_rotation_density",
    "draw_weights",
    "drawable_models",
    "object_pose_page",
    "silhouette",
]
