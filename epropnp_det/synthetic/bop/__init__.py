"""A small simulated dataset of known objects in the format of the BOP benchmark."""

from .generate import generate
from .settings import Settings

__all__ = ["Settings", "generate"]
