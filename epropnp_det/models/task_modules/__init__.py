"""Coders and decoders between network outputs and boxes."""

from .dim_coder import MultiClassLogDimCoder
from .epropnp_decoder import EProPnPDecoder, ObjectDetections

__all__ = ["EProPnPDecoder", "MultiClassLogDimCoder", "ObjectDetections"]
