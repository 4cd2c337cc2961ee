"""Process groups for distributed runs on CPU."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.config import Config
from mmengine.device import get_device
from torch import distributed

from ..errors import UserError


@contextmanager
def process_group(cfg: Config) -> Iterator[None]:
    """Join the processes of `torchrun` by gloo where there is no GPU, and part at the end.

    mmengine's own start-up and its default wrapper name a CUDA device even where there is none, but
    leave an initialised process group and a configured wrapper alone. With a GPU, or without a
    launcher, nothing is done.

    Args:
        cfg: the run's config; `launcher` is read, and `model_wrapper_cfg` set on CPU.

    Raises:
        UserError: if `--launcher pytorch` was given without `torchrun`, or another launcher on CPU.
    """
    if cfg.launcher == "pytorch" and "RANK" not in os.environ:
        raise UserError(
            "--launcher pytorch needs processes that torchrun started: say "
            "`torchrun --nproc_per_node 2 tools/... --launcher pytorch`."
        )
    if cfg.launcher == "none" or get_device() != "cpu":
        yield
        return
    if cfg.launcher != "pytorch":
        raise UserError(f"--launcher {cfg.launcher} needs a GPU: use --launcher pytorch instead.")
    cfg.model_wrapper_cfg = {
        "broadcast_buffers": False,
        "find_unused_parameters": cfg.get("find_unused_parameters", False),
        **cfg.get("model_wrapper_cfg", {}),
        "device_ids": None,
    }
    distributed.init_process_group("gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()
