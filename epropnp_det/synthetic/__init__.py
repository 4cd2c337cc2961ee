"""A small simulated world, written out in nuScenes format."""

from .generate import generate
from .plan import Settings

__all__ = ["Settings", "generate"]
