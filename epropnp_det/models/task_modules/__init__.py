"""Coders and decoders between network outputs and boxes."""

from .dim_coder import MultiClassLogDimCoder
from .epropnp_decoder import EProPnPDecoder, ObjectDetections
from .rotated_nms import rotated_bev_nms

__all__ = ["EProPnPDecoder", "MultiClassLogDimCoder", "ObjectDetections", "rotated_bev_nms"]
