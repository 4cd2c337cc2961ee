"""Heads that predict for every cell of the feature maps."""

from .fcos_emb_head import DenseOutputs, DenseTargets, FCOSEmbHead

__all__ = ["DenseOutputs", "DenseTargets", "FCOSEmbHead"]
