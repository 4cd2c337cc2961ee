"""Testing on several views of an image."""

from .epropnp_tta import EProPnPTTA

__all__ = ["EProPnPTTA"]
