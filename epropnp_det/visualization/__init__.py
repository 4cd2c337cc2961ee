"""Drawings of boxes in images and from above."""

from .bev import FieldOfView, draw_bev
from .boxes import BoxSet
from .image import draw_boxes_on_image
from .overview import save_overview

__all__ = ["BoxSet", "FieldOfView", "draw_bev", "draw_boxes_on_image", "save_overview"]
