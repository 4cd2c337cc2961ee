"""Drawings of boxes, poses, posteriors and what a network sees, all in one look.

``draw_*`` functions draw on an axes that the caller made; ``*_page`` functions make whole pictures;
``save_*`` functions write them. ``EProPnPVisualizer`` draws them for mmengine.
"""

from .bev import LEVEL_CAMERA, FieldOfView, Window, draw_bev
from .boxes import BoxSet
from .correspondences import Correspondences, draw_correspondences
from .depth import draw_depth_map, draw_points_on_image
from .heat_map import center_heat, draw_heat_map
from .image import draw_boxes_on_image, draw_image
from .network_tap import NetworkTap
from .object_pose import PosedObject, object_pose_page
from .overview import save_overview
from .pages import correspondence_page, depth_page, detection_page, heat_page
from .polar import draw_yaw_density
from .posterior import PoseSamples, plane_density, yaw_density
from .style import pixels_of, save_figure
from .surround import CameraScene, Surround, surround_page
from .visualizer import EProPnPVisualizer, sample_pages

__all__ = [
    "LEVEL_CAMERA",
    "BoxSet",
    "CameraScene",
    "Correspondences",
    "EProPnPVisualizer",
    "FieldOfView",
    "NetworkTap",
    "PoseSamples",
    "PosedObject",
    "Surround",
    "Window",
    "center_heat",
    "correspondence_page",
    "depth_page",
    "detection_page",
    "draw_bev",
    "draw_boxes_on_image",
    "draw_correspondences",
    "draw_depth_map",
    "draw_heat_map",
    "draw_image",
    "draw_points_on_image",
    "draw_yaw_density",
    "heat_page",
    "object_pose_page",
    "pixels_of",
    "plane_density",
    "sample_pages",
    "save_figure",
    "save_overview",
    "surround_page",
    "yaw_density",
]
