"""Layers of which networks are made."""

from .deform_conv import GatherDCNv2

__all__ = ["GatherDCNv2"]
