"""A trained network from its config and its checkpoint."""

from __future__ import annotations

import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from torch import nn

from ..engine.checkpoint import check_checkpoint, check_fit
from ..errors import UserError


def check_device(device: str | None) -> None:
    """Make sure that there is a device.

    Args:
        device: as PyTorch names it, None for whichever is best.

    Raises:
        UserError: there is none of that name.
    """
    if device is None:
        return
    try:
        known = torch.device(device)
    except RuntimeError as error:
        raise UserError(f"there is no device {device!r}: give cpu or cuda.") from error
    if known.type == "meta":
        raise UserError("the device meta computes no values: give cpu or cuda.")
    if known.type == "cuda" and (known.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"PyTorch finds {torch.cuda.device_count()} GPUs and so no {device}: give another "
            "device, or none."
        )


def load_network(cfg: Config, weights: str) -> tuple[nn.Module, dict]:
    """Build the network of a config with the weights of a checkpoint.

    Args:
        cfg: the config.
        weights: path of the checkpoint, which is not trusted.

    Returns:
        The network, on the CPU, and the checkpoint's ``meta``.

    Raises:
        UserError: the checkpoint is missing, broken or of another network.
    """
    checkpoint = check_checkpoint(weights)
    model = MODELS.build(cfg.model)
    check_fit(model, checkpoint, weights)
    load_checkpoint(model, weights, map_location="cpu")
    return model, checkpoint.get("meta", {})
